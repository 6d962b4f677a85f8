/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver of LUKS: volumes made and opened, key slots, failing requests, hostile headers. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "format/luks-amend.h"
#include "image/words.h"
#include "tests/mem-env.h"
#include "tests/testutil.h"

#define M (1024u * 1024u)

extern const struct fmt_driver luks_driver;

static guint8 table[ABI_TABLE_SIZE];

typedef struct {
    MemEnv *mem;
    struct fmt_image im;
    struct abi_facts facts;
    int status;
} Volume;

static void volume_clear(Volume *v)
{
    mem_env_free(v->mem);
}

static char *words(Volume *v)
{
    return words_of_result(mem_env_result(v->mem));
}

static struct props_reader reader(const struct props_writer *w)
{
    return (struct props_reader){ w->base, w->used, 0, 0 };
}

static void begin(Volume *v, const void *bytes, gsize length, guint32 flags)
{
    *v = (Volume){ .mem = mem_env_new(0) };
    mem_env_add(v->mem, bytes, length);
    v->im =
        (struct fmt_image){ .env = mem_env_env(v->mem), .driver = &luks_driver, .flags = flags };
}

/* options: words "key=value" with commas between. io, allocation: the n-th fails. */
static void volume_create(Volume *v, const char *options, const char *secret, guint64 io,
                          guint64 allocation)
{
    struct abi_create req = { { sizeof req, ABI_JOB_CREATE, ABI_VERSION }, ABI_FORMAT_LUKS, 0, M };
    struct props_writer names = { .base = table, .size = sizeof table };
    guint8 stream[1024], seed[CRYPT_SEED] = { 42 };
    struct props_writer w = { .base = stream, .size = sizeof stream };
    g_auto(GStrv) given = g_strsplit(options, ",", -1);

    for (char **word = given; *word != NULL; word++) {
        g_auto(GStrv) pair = g_strsplit(*word, "=", 2);
        if (pair[0] != NULL && pair[1] != NULL) {
            props_string(&w, pair[0], pair[1]);
        }
    }
    props_u64(&w, "iter-time", 1);
    if (secret != NULL) {
        props_string(&w, "secret", secret);
    }
    props_bytes(&w, "seed", seed, sizeof seed);
    begin(v, "", 0, ABI_OPEN_WRITE);
    mem_env_fail_io(v->mem, io, ENOSPC);
    mem_env_fail_alloc(v->mem, allocation);
    v->status = luks_driver.create(&v->im, &req, reader(&w), &v->facts, &names);
}

static void volume_open(Volume *v, GBytes *bytes, const char *secret, guint64 io,
                        guint64 allocation)
{
    struct props_writer names = { .base = table, .size = sizeof table };

    begin(v, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), ABI_OPEN_WRITE);
    mem_env_fail_io(v->mem, io, EIO);
    mem_env_fail_alloc(v->mem, allocation);
    v->status = luks_driver.open(&v->im, &v->facts, &names);
    if (!v->status && secret != NULL) {
        v->status = luks_driver.unlock(&v->im, (const guint8 *)secret, (guint32)strlen(secret));
    }
}

static GBytes *made(const char *options)
{
    Volume v;

    volume_create(&v, options, "hunter2", 0, 0);
    g_assert_cmpint(v.status, ==, FMT_OK);
    GBytes *bytes = mem_env_bytes(v.mem, 0);
    volume_clear(&v);
    return bytes;
}

/* ---- volumes --------------------------------------------------------------------------- */

static const char *const kinds[] = {
    "",
    "cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=essiv,hash-alg=sha1",
    "cipher-alg=aes-192,cipher-mode=xts,hash-alg=sha512",
    "cipher-alg=aes-192,cipher-mode=cbc",
    "cipher-alg=serpent-256,hash-alg=ripemd160",
    "cipher-alg=twofish-192,cipher-mode=ctr,ivgen-alg=plain,hash-alg=md5",
    "cipher-alg=cast5-128,cipher-mode=cbc,hash-alg=sha384",
    "cipher-alg=aes-256,cipher-mode=ecb,hash-alg=sha224",
};

/* What was written is read again with the secret, and not without. */
static void test_kind(gconstpointer data)
{
    g_autoptr(GBytes) bytes = made(data);
    guint8 sector[512] = "what is to be kept secret", coded[512];
    Volume v, other;

    volume_open(&v, bytes, "hunter2", 0, 0);
    g_assert_cmpint(v.status, ==, FMT_OK);
    g_assert_cmpuint(v.facts.virtual_size, ==, M);
    crypt_run(v.im.env->crypt, true, 5, sector, coded, sizeof coded);
    volume_open(&other, bytes, "hunter2", 0, 0);
    crypt_run(other.im.env->crypt, false, 5, coded, coded, sizeof coded);
    g_assert_cmpmem(coded, sizeof coded, sector, sizeof sector);
    volume_clear(&other);
    volume_open(&other, bytes, "hunter3", 0, 0);
    g_assert_cmpint(other.status, ==, LUKS_E_PASSWORD);
    g_assert_cmpuint(other.im.env->crypt->ready, ==, 0);
    volume_clear(&other);
    volume_clear(&v);
}

/* One extent, and steps that say they are to be encrypted. */
static void test_extents(void)
{
    g_autoptr(GBytes) bytes = made("");
    struct abi_extent e, ask = { .kind = ABI_EXT_ZERO, .guest_offset = 512, .length = 1024 };
    guint32 n = 0, taken = 0;
    guint64 next = 0;
    Volume v;

    volume_open(&v, bytes, NULL, 0, 0);
    g_assert_cmpint(luks_driver.extents(&v.im, 0, M, 0, &e, 1, &n, &next), ==, FMT_E_BAD_JOB);
    g_assert_cmpint(luks_driver.write(&v.im, &ask, 1, &e, 1, &n, &taken), ==, FMT_E_BAD_JOB);
    volume_clear(&v);
    volume_open(&v, bytes, "hunter2", 0, 0);
    g_assert_cmpint(luks_driver.extents(&v.im, 4096, 2 * M, 0, &e, 1, &n, &next), ==, FMT_OK);
    g_assert_cmpuint(n, ==, 1);
    g_assert_cmpuint(next, ==, M);
    g_assert_cmpuint(e.length, ==, M - 4096);
    g_assert_cmpuint(e.file_offset, ==, 2068480 + 4096);
    g_assert_cmpuint(e.codec, ==, ABI_CODEC_CIPHER_GUEST);
    g_assert_cmpint(luks_driver.write(&v.im, &ask, 1, &e, 1, &n, &taken), ==, FMT_OK);
    g_assert_cmpuint(e.kind, ==, ABI_EXT_FILL_ZERO);
    g_assert_cmpuint(e.codec, ==, ABI_CODEC_CIPHER_GUEST);
    ask.guest_offset = M;
    g_assert_cmpint(luks_driver.write(&v.im, &ask, 1, &e, 1, &n, &taken), ==, FMT_E_BAD_JOB);
    volume_clear(&v);
}

typedef struct {
    const char *path, *options, *words;
} RefusedRow;

static const RefusedRow refused[] = {
    { "/luks/refused/cipher", "cipher-alg=x", "Parameter 'cipher-alg' does not accept value 'x'" },
    { "/luks/refused/mode", "cipher-mode=x", "Parameter 'cipher-mode' does not accept value 'x'" },
    { "/luks/refused/ivgen", "ivgen-alg=x", "Parameter 'ivgen-alg' does not accept value 'x'" },
    { "/luks/refused/hash", "hash-alg=x", "Parameter 'hash-alg' does not accept value 'x'" },
    { "/luks/refused/des", "cipher-alg=des", "Algorithm 'des' not supported" },
    { "/luks/refused/cast5-xts", "cipher-alg=cast5-128", "Unsupported cipher mode xts" },
    { "/luks/refused/essiv-sha1", "ivgen-alg=essiv,ivgen-hash-alg=sha1",
      "No AES cipher with key size 20 available" },
    { "/luks/refused/preallocation", "preallocation=x", "invalid parameter value: x" },
};

static void test_refused(gconstpointer data)
{
    const RefusedRow *row = data;
    Volume v;

    volume_create(&v, row->options, "hunter2", 0, 0);
    g_assert_cmpint(v.status, <, 0);
    g_autofree char *said = words(&v);
    g_assert_cmpstr(said, ==, row->words);
    volume_clear(&v);
}

/* ---- failures --------------------------------------------------------------------------- */

static void test_create_fails(void)
{
    Volume v;

    volume_create(&v, "", "hunter2", 0, 0);
    g_assert_cmpint(v.status, ==, FMT_OK);
    guint64 requests = mem_env_io_count(v.mem), allocations = mem_env_alloc_count(v.mem);
    volume_clear(&v);
    for (guint64 n = 1; n <= requests; n++) {
        volume_create(&v, "", "hunter2", n, 0);
        g_assert_cmpint(v.status, <, 0);
        g_assert_cmpuint(mem_env_result(v.mem)->io_errno, ==, ENOSPC);
        volume_clear(&v);
    }
    for (guint64 n = 1; n <= allocations; n++) {
        volume_create(&v, "", "hunter2", 0, n);
        g_assert_cmpint(v.status, ==, FMT_E_NO_MEMORY);
        volume_clear(&v);
    }
    g_assert_cmpuint(requests, >=, 3);
    g_assert_cmpuint(allocations, >=, 3);
}

static void test_open_fails(void)
{
    g_autoptr(GBytes) bytes = made("");
    Volume v;

    volume_open(&v, bytes, "hunter2", 0, 0);
    g_assert_cmpint(v.status, ==, FMT_OK);
    guint64 requests = mem_env_io_count(v.mem), allocations = mem_env_alloc_count(v.mem);
    volume_clear(&v);
    guint failures = 0;
    for (guint64 n = 1; n <= requests; n++) {
        volume_open(&v, bytes, "hunter2", n, 0);
        failures += v.status < 0;
        volume_clear(&v);
    }
    /* the size is asked for twice, and only the second answer counts */
    g_assert_cmpuint(failures, ==, requests - 1);
    for (guint64 n = 1; n <= allocations; n++) {
        volume_open(&v, bytes, "hunter2", 0, n);
        g_assert_cmpint(v.status, ==, FMT_E_NO_MEMORY);
        volume_clear(&v);
    }
}

/* ---- hostile headers --------------------------------------------------------------------- */

typedef struct {
    const char *path;
    guint at;
    guint32 value;
    const char *words; /* NULL: any */
} HostileRow;

#define SLOT(n, field) (LUKS_F_SLOTS + (n)*LUKS_SLOT_SIZE + (field))
static const HostileRow hostile[] = {
    { "/luks/hostile/slot-iterations", SLOT(0, LUKS_S_ITERATIONS), G_MAXUINT32, NULL },
    { "/luks/hostile/digest-iterations", LUKS_F_ITERATIONS, G_MAXUINT32, NULL },
    { "/luks/hostile/no-iterations", SLOT(0, LUKS_S_ITERATIONS), 0,
      "Keyslot 0 iteration count is zero" },
    { "/luks/hostile/stripes", SLOT(0, LUKS_S_STRIPES), G_MAXUINT32,
      "Keyslot 0 is corrupted (stripes -1 != 4000)" },
    { "/luks/hostile/no-stripes", SLOT(3, LUKS_S_STRIPES), 0,
      "Keyslot 3 is corrupted (stripes 0 != 4000)" },
    { "/luks/hostile/overlap", SLOT(1, LUKS_S_KEY_OFFSET), 8,
      "Keyslots 0 and 1 are overlapping in the header" },
    { "/luks/hostile/in-header", SLOT(0, LUKS_S_KEY_OFFSET), 7,
      "Keyslot 0 is overlapping with the LUKS header" },
    { "/luks/hostile/in-payload", SLOT(7, LUKS_S_KEY_OFFSET), 100000,
      "Keyslot 7 is overlapping with the encrypted payload" },
    { "/luks/hostile/far-slot", SLOT(0, LUKS_S_KEY_OFFSET), G_MAXUINT32 - 400, NULL },
    { "/luks/hostile/key-bytes", LUKS_F_KEY_BYTES, G_MAXUINT32, NULL },
    { "/luks/hostile/no-key", LUKS_F_KEY_BYTES, 0, NULL },
    { "/luks/hostile/payload", LUKS_F_PAYLOAD, G_MAXUINT32, NULL },
    { "/luks/hostile/state", SLOT(0, LUKS_S_ACTIVE), 1,
      "Keyslot 0 state (active/disable) is corrupted" },
    { "/luks/hostile/cipher", LUKS_F_CIPHER_NAME, 0x78787878, NULL },
    { "/luks/hostile/mode", LUKS_F_CIPHER_MODE, 0x2d2d2d2d, NULL },
};

/* Refused, and at once: nothing is derived from what takes minutes. */
static void test_hostile(gconstpointer data)
{
    const HostileRow *row = data;
    g_autoptr(GBytes) bytes = made("");
    gsize size;
    g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(bytes, &size), g_bytes_get_size(bytes));
    gint64 start = g_get_monotonic_time();
    Volume v;

    be32_store(copy + row->at, row->value);
    g_autoptr(GBytes) changed = g_bytes_new(copy, size);
    volume_open(&v, changed, "hunter2", 0, 0);
    g_assert_cmpint(v.status, <, 0);
    g_autofree char *said = words(&v);
    if (row->words != NULL) {
        g_assert_cmpstr(said, ==, row->words);
    } else {
        g_assert_cmpuint(strlen(said), >, 10);
    }
    g_assert_cmpint(g_get_monotonic_time() - start, <, 20 * G_USEC_PER_SEC);
    volume_clear(&v);
}

/* Each byte of the header set to something else: an answer, and nothing worse. */
static void test_header_bytes(void)
{
    g_autoptr(GBytes) bytes = made("cipher-alg=aes-128");
    gsize size;
    g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(bytes, &size), g_bytes_get_size(bytes));
    guint8 *header = g_memdup2(copy, LUKS_HEADER_SIZE);

    for (guint i = 0; i < LUKS_HEADER_SIZE; i++) {
        Volume v;
        copy[i] ^= 0xff;
        g_autoptr(GBytes) changed = g_bytes_new(copy, LUKS_HEADER_SIZE + M);
        volume_open(&v, changed, NULL, 0, 0);
        volume_clear(&v);
        copy[i] = header[i];
    }
    g_free(header);
}

/* ---- key slots ---------------------------------------------------------------------------- */

static int amend(Volume *v, const char *question)
{
    static guint8 number;
    guint8 stream[1024], seed[CRYPT_SEED] = { 17, ++number }; /* salts differ, as they do live */
    struct props_writer w = { .base = stream, .size = sizeof stream };
    struct props_writer out = { .base = table, .size = sizeof table };
    g_auto(GStrv) given = g_strsplit(question, ",", -1);

    props_bytes(&w, "seed", seed, sizeof seed);
    for (char **word = given; *word != NULL; word++) {
        g_auto(GStrv) pair = g_strsplit(*word, "=", 2);
        if (g_str_equal(pair[0], "keyslot") || g_str_equal(pair[0], "iter-time")) {
            props_u64(&w, pair[0], g_ascii_strtoull(pair[1], NULL, 10));
        } else if (g_str_equal(pair[0], "force")) {
            props_bool(&w, "force", true);
        } else {
            props_string(&w, pair[0], pair[1]);
        }
    }
    return luks_driver.call(&v->im, ABI_CALL_AMEND, reader(&w), &out);
}

typedef struct {
    const char *path, *question;
    const char *words; /* NULL: it is done */
} AmendRow;

#define KEY "secret=hunter2,"
static const AmendRow amends[] = {
    { "/luks/amend/add", KEY "state=active,iter-time=1,new-secret=n,new=other", NULL },
    { "/luks/amend/add-at", KEY "state=active,iter-time=1,keyslot=7,new-secret=n,new=other", NULL },
    { "/luks/amend/no-state", KEY "keyslot=1", "Parameter 'state' is missing" },
    { "/luks/amend/state", KEY "state=x", "Parameter 'state' does not accept value 'x'" },
    { "/luks/amend/no-new", KEY "state=active", "'new-secret' is required to activate a keyslot" },
    { "/luks/amend/slot-8", KEY "state=active,keyslot=8,new-secret=n,new=x",
      "Invalid keyslot 8 specified, must be between 0 and 7" },
    { "/luks/amend/in-use", KEY "state=active,keyslot=0,new-secret=n,new=x",
      "Refusing to overwrite active keyslot 0 - please erase it first" },
    { "/luks/amend/wrong-key", "secret=x,state=active,new-secret=n,new=x",
      "Failed to retrieve the master key, old keyslot password is wrong" },
    { "/luks/amend/erase-which", KEY "state=inactive",
      "To erase keyslot(s), either explicit keyslot index or the password currently contained in "
      "them must be given" },
    { "/luks/amend/erase-last", KEY "state=inactive,keyslot=0",
      "Attempt to erase the only active keyslot 0 which will erase all the data in the image "
      "irreversibly - refusing operation" },
    { "/luks/amend/erase-all", KEY "state=inactive,old-secret=o,old=hunter2",
      "All the active keyslots match the (old) password that was given and erasing them will "
      "erase all the data in the image irreversibly - refusing operation" },
    { "/luks/amend/erase-none", KEY "state=inactive,old-secret=o,old=x",
      "No keyslots match given (old) password for erase operation" },
    { "/luks/amend/erased", KEY "state=inactive,keyslot=4",
      "Given keyslot 4 is already erased (inactive) " },
};

static void test_amend(gconstpointer data)
{
    const AmendRow *row = data;
    g_autoptr(GBytes) bytes = made("cipher-alg=aes-128");
    Volume v;

    volume_open(&v, bytes, "hunter2", 0, 0);
    int status = amend(&v, row->question);
    g_autoptr(GBytes) after = mem_env_bytes(v.mem, 0);
    if (row->words == NULL) {
        g_assert_cmpint(status, ==, FMT_OK);
    } else {
        g_autofree char *said = words(&v);
        g_assert_cmpint(status, <, 0);
        g_assert_cmpstr(said, ==, row->words);
        g_assert_true(g_bytes_equal(bytes, after));
    }
    volume_clear(&v);
    volume_open(&v, after, "hunter2", 0, 0);
    g_assert_cmpint(v.status, ==, FMT_OK);
    volume_clear(&v);
    volume_open(&v, after, "other", 0, 0);
    g_assert_cmpint(v.status, ==, row->words == NULL ? FMT_OK : LUKS_E_PASSWORD);
    volume_clear(&v);
}

/* Each request of adding and of erasing a slot fails once: the old secret opens it all the same. */
static void test_amend_fails(gconstpointer question)
{
    g_autoptr(GBytes) first = made("cipher-alg=aes-128");
    Volume v;

    volume_open(&v, first, "hunter2", 0, 0);
    g_assert_cmpint(amend(&v, KEY "state=active,iter-time=1,new-secret=n,new=other"), ==, FMT_OK);
    g_autoptr(GBytes) bytes = mem_env_bytes(v.mem, 0);
    volume_clear(&v);
    for (guint64 n = 1;; n++) {
        volume_open(&v, bytes, "hunter2", 0, 0);
        mem_env_fail_io(v.mem, n, EIO);
        int status = amend(&v, question);
        g_autoptr(GBytes) after = mem_env_bytes(v.mem, 0);
        volume_clear(&v);
        volume_open(&v, after, "hunter2", 0, 0);
        g_assert_cmpint(v.status, ==, FMT_OK);
        volume_clear(&v);
        if (status == FMT_OK) {
            g_assert_cmpuint(n, >, 3);
            return;
        }
    }
}

/* ---- a slot in use gets another secret ------------------------------------------------------ */

static int opens(GBytes *bytes, const char *secret)
{
    Volume v;

    volume_open(&v, bytes, secret, 0, 0);
    int status = v.status;
    volume_clear(&v);
    return status;
}

static GBytes *amended(GBytes *bytes, const char *question, guint64 io, guint64 allocation,
                       int *ret_status)
{
    Volume v;

    volume_open(&v, bytes, NULL, 0, 0);
    g_assert_cmpint(v.status, ==, FMT_OK);
    mem_env_fail_io(v.mem, io, EIO);
    mem_env_fail_alloc(v.mem, allocation);
    *ret_status = amend(&v, question);
    GBytes *after = mem_env_bytes(v.mem, 0);
    volume_clear(&v);
    return after;
}

typedef struct {
    const char *path;
    guint
        slots[LUKS_SLOTS + 1]; /* in use, all with "hunter2"; the first gets "other"; ends with 9 */
    gboolean full;             /* there is no free one */
} ReplaceRow;

static const ReplaceRow replaces[] = {
    { "only-slot", { 0, 9 }, FALSE },
    { "last-slot", { 7, 9 }, FALSE },
    /* its place in the header lies across a boundary of sectors */
    { "slot-in-two-sectors", { 6, 9 }, FALSE },
    { "free-one-in-other-sector", { 5, 0, 1, 2, 3, 4, 9 }, FALSE },
    { "free-one-in-two-sectors", { 0, 1, 2, 3, 4, 5, 7, 9 }, FALSE },
    { "all-in-use", { 0, 1, 2, 3, 4, 5, 6, 7, 9 }, TRUE },
};

static GBytes *with_slots(const guint *slots)
{
    GBytes *bytes = made("cipher-alg=aes-128");
    gboolean has_first = FALSE;
    int status;

    for (; *slots != 9; slots++) {
        g_autofree char *question = g_strdup_printf(
            KEY "state=active,iter-time=1,keyslot=%u,new-secret=n,new=hunter2", *slots);
        if (*slots == 0) {
            has_first = TRUE; /* made with it */
            continue;
        }
        GBytes *next = amended(bytes, question, 0, 0, &status);
        g_assert_cmpint(status, ==, FMT_OK);
        g_bytes_unref(bytes);
        bytes = next;
    }
    if (!has_first) {
        GBytes *next = amended(bytes, KEY "state=inactive,keyslot=0", 0, 0, &status);
        g_assert_cmpint(status, ==, FMT_OK);
        g_bytes_unref(bytes);
        bytes = next;
    }
    return bytes;
}

/* Nothing but what belongs to slot has changed: qemu-img leaves just that. */
static void check_outside(GBytes *before, GBytes *after, guint slot)
{
    const guint8 *a = g_bytes_get_data(before, NULL), *b = g_bytes_get_data(after, NULL);
    gsize length = g_bytes_get_size(before);
    gsize entry = LUKS_F_SLOTS + slot * LUKS_SLOT_SIZE;
    gsize at = (gsize)be32_load(a + entry + LUKS_S_KEY_OFFSET) * LUKS_SECTOR;
    gsize end = at + 4000 * 32;

    g_assert_cmpuint(g_bytes_get_size(after), ==, length);
    for (gsize i = 0; i < length; i++) {
        gboolean of_slot = (i >= entry + LUKS_S_ITERATIONS && i < entry + LUKS_S_KEY_OFFSET) ||
                           (i >= at && i < end);
        if (!of_slot && a[i] != b[i]) {
            g_test_message("byte %" G_GSIZE_FORMAT " has changed", i);
            g_assert_cmpuint(b[i], ==, a[i]);
        }
    }
    g_assert_true(memcmp(a + at, b + at, end - at) != 0);
}

static void test_replace(gconstpointer data)
{
    const ReplaceRow *row = data;
    g_autoptr(GBytes) bytes = with_slots(row->slots);
    g_autofree char *question = g_strdup_printf(
        KEY "state=active,iter-time=1,keyslot=%u,force=on,new-secret=n,new=other", row->slots[0]);
    gboolean only = row->slots[1] == 9;
    int status;

    g_autoptr(GBytes) whole = amended(bytes, question, 0, 0, &status);
    g_assert_cmpint(status, ==, FMT_OK);
    check_outside(bytes, whole, row->slots[0]);
    g_assert_cmpint(opens(whole, "other"), ==, FMT_OK);
    g_assert_cmpint(opens(whole, "hunter2"), ==, only ? LUKS_E_PASSWORD : FMT_OK);
    for (guint64 n = 1;; n++) {
        g_autoptr(GBytes) cut = amended(bytes, question, n, 0, &status);
        gboolean old = opens(cut, "hunter2") == FMT_OK, new = opens(cut, "other") == FMT_OK;

        g_assert_true(old || new);
        if (status == FMT_OK) {
            g_assert_cmpuint(n, >, row->full ? 4 : 10);
            break;
        }
        if (old) {
            g_autoptr(GBytes) again = amended(cut, question, 0, 0, &status);
            g_assert_cmpint(status, ==, FMT_OK);
            g_assert_cmpint(opens(again, "other"), ==, FMT_OK);
            g_assert_cmpint(opens(again, "hunter2"), ==, only && !new ? LUKS_E_PASSWORD : FMT_OK);
        }
    }
    for (guint64 n = 1;; n++) {
        g_autoptr(GBytes) cut = amended(bytes, question, 0, n, &status);

        if (status == FMT_OK) {
            break;
        }
        g_assert_cmpint(status, ==, FMT_E_NO_MEMORY);
        g_assert_cmpint(opens(cut, "hunter2"), ==, FMT_OK);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *path = g_strdup_printf("/luks/kind/%s", *kinds[i] ? kinds[i] : "default");
        g_test_add_data_func(path, kinds[i], test_kind);
    }
    g_test_add_func("/luks/extents", test_extents);
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_test_add_data_func(refused[i].path, &refused[i], test_refused);
    }
    g_test_add_func("/luks/fails/create", test_create_fails);
    g_test_add_func("/luks/fails/open", test_open_fails);
    for (guint i = 0; i < G_N_ELEMENTS(hostile); i++) {
        g_test_add_data_func(hostile[i].path, &hostile[i], test_hostile);
    }
    g_test_add_func("/luks/hostile/each-byte", test_header_bytes);
    for (guint i = 0; i < G_N_ELEMENTS(amends); i++) {
        g_test_add_data_func(amends[i].path, &amends[i], test_amend);
    }
    g_test_add_data_func("/luks/fails/add", KEY "state=active,iter-time=1,new-secret=n,new=third",
                         test_amend_fails);
    g_test_add_data_func("/luks/fails/erase", KEY "state=inactive,old-secret=o,old=other",
                         test_amend_fails);
    for (guint i = 0; i < G_N_ELEMENTS(replaces); i++) {
        g_autofree char *path = g_strdup_printf("/luks/replace/%s", replaces[i].path);
        g_test_add_data_func(path, &replaces[i], test_replace);
    }
    return g_test_run();
}
