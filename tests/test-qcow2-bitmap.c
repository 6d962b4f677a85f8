/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ABI_CALL_BITMAP of the qcow2 driver: against a model, and asked what makes no sense. */
#include "config.h"

#include <string.h>

#include "profile/profile.h"
#include "tests/bitmap-guest.h"

/* ---- merging, against a model ---------------------------------------------------------------- */

typedef struct {
    const char *options;
    guint64 disk, source, target; /* bytes; granularities */
    gboolean is_new;              /* the target was added in the same session */
    gboolean cleared;
} MergeRow;

static const MergeRow merges[] = {
    { "cluster_size=512", 1u << 20, 512, 512, FALSE, FALSE },
    { "cluster_size=512", 8u << 20, 512, 512, FALSE, FALSE },
    { "cluster_size=512", 8u << 20, 512, 512, TRUE, FALSE },
    { "cluster_size=512", 8u << 20, 512, 512, FALSE, TRUE },
    { "cluster_size=512", 8u << 20, 512, 4096, FALSE, FALSE },
    { "cluster_size=512", 8u << 20, 4096, 512, FALSE, FALSE },
    { "cluster_size=512", 8u << 20, 1u << 20, 512, FALSE, FALSE },
    { "cluster_size=512", 8u << 20, 1u << 31, 512, FALSE, FALSE },
    { "cluster_size=512", 8u << 20, 512, 1u << 31, FALSE, FALSE },
    { "cluster_size=512", (8u << 20) - 512, 512, 1024, FALSE, FALSE },
    { "cluster_size=512", (8u << 20) - 3 * 512, 65536, 512, TRUE, FALSE },
    { "cluster_size=4096", 40u << 20, 512, 512, FALSE, FALSE },
    { "cluster_size=65536", 60u << 20, 1024, 512, FALSE, FALSE },
};

static void random_bits(guint8 *bits, guint64 n)
{
    guint64 at = 0;

    memset(bits, 0, (gsize)((n + 7) / 8));
    while (at < n) {
        guint64 run = 1 + (guint64)g_random_int_range(0, 5) * (guint64)g_random_int_range(0, 900);
        guint64 end = MIN(n, at + run);
        gboolean set = g_random_boolean();

        for (; at < end; at++) {
            bits[at / 8] |= (guint8)(set << at % 8);
        }
    }
}

static void model_merge(guint8 *target, guint64 target_granularity, const guint8 *source,
                        guint64 source_granularity, guint64 disk)
{
    for (guint64 at = 0; at < disk; at += 512) {
        guint64 from = at / source_granularity, to = at / target_granularity;

        if (source[from / 8] >> from % 8 & 1) {
            target[to / 8] |= (guint8)(1u << to % 8);
        }
    }
}

static guint64 bits_of(guint64 disk, guint64 granularity)
{
    return (disk + granularity - 1) / granularity;
}

/* Feed bits in parts of odd lengths, as "merge" or "set". */
static void feed(Guest *guest, const char *action, const char *name, guint64 granularity,
                 const guint8 *bits, guint64 bytes)
{
    for (guint64 at = 0; at < bytes;) {
        guint some = (guint)g_random_int_range(1, 3000);
        guint n = (guint)MIN(bytes - at, some);

        g_assert_true(bitmap_guest_ask(guest,
                                       &(BitmapAsk){ action, name, .granularity = granularity,
                                                     .at = at, .bits = bits + at, .n = n },
                                       NULL));
        at += n;
    }
}

static void test_merge(gconstpointer data)
{
    const MergeRow *row = data;
    guint64 n_source = bits_of(row->disk, row->source), n_target = bits_of(row->disk, row->target);
    g_autofree guint8 *source = g_malloc0((gsize)n_source / 8 + 1);
    g_autofree guint8 *target = g_malloc0((gsize)n_target / 8 + 1);
    g_autoptr(GPtrArray) states = NULL;
    const BitmapState *state;
    Guest guest;

    g_random_set_seed(7);
    random_bits(source, n_source);
    random_bits(target, n_target);
    g_assert_true(guest_create(&guest, row->options, row->disk));
    g_assert_true(bitmap_guest_ask(&guest, &(BitmapAsk){ "add", "other", 512 }, NULL));
    g_assert_true(bitmap_guest_ask(&guest, &(BitmapAsk){ "add", "t", row->target }, NULL));
    feed(&guest, "set", "t", 0, target, (n_target + 7) / 8);
    if (!row->is_new) {
        g_assert_true(guest_close(&guest));
        g_assert_true(guest_open(&guest, ABI_OPEN_WRITE));
    }
    if (row->cleared) {
        g_assert_true(bitmap_guest_ask(&guest, &(BitmapAsk){ "clear", "t" }, NULL));
        memset(target, 0, (gsize)n_target / 8 + 1);
    }
    if (row->is_new) { /* its content was given already: no second turn */
        g_assert_true(guest_close(&guest));
        g_assert_true(guest_open(&guest, ABI_OPEN_WRITE));
        g_assert_true(bitmap_guest_ask(&guest, &(BitmapAsk){ "add", "n", row->target }, NULL));
        memset(target, 0, (gsize)n_target / 8 + 1);
    }
    feed(&guest, "merge", row->is_new ? "n" : "t", row->source, source, (n_source + 7) / 8);
    model_merge(target, row->target, source, row->source, row->disk);
    g_assert_true(guest_close(&guest));
    guest_check(&guest, NULL);
    g_assert_true(guest_open(&guest, 0));
    states = bitmap_guest_states(&guest);
    state = bitmap_states_find(states, row->is_new ? "n" : "t");
    g_assert_nonnull(state);
    g_assert_cmpmem(state->bits->data, state->bits->len, target, (n_target + 7) / 8);
    guest_clear(&guest);
}

/* Parts of the disk: what lies outside of them is left out. */
static void test_merge_part(void)
{
    static const guint8 all[64] = { [0 ... 63] = 0xff };
    g_autoptr(GPtrArray) states = NULL;
    const BitmapState *state;
    Guest guest;

    g_assert_true(guest_create(&guest, "cluster_size=512", 1u << 20));
    g_assert_true(bitmap_guest_ask(&guest, &(BitmapAsk){ "add", "t", 512 }, NULL));
    for (guint i = 0; i < 2; i++) {
        BitmapAsk ask = { "merge",
                          "t",
                          4096,
                          .bits = all,
                          .n = 32,
                          .from = 8192 + i * 65536,
                          .to = 16384 + i * 65536 };
        g_assert_true(bitmap_guest_ask(&guest, &ask, NULL));
    }
    g_assert_true(guest_close(&guest));
    g_assert_true(guest_open(&guest, 0));
    states = bitmap_guest_states(&guest);
    state = states->pdata[0];
    for (guint i = 0; i < state->bits->len * 8; i++) {
        guint64 at = i * 512u % 65536;
        gboolean want = i * 512u < 131072 && at >= 8192 && at < 16384;

        g_assert_cmpint(state->bits->data[i / 8] >> i % 8 & 1, ==, want);
    }
    guest_clear(&guest);
}

/* ---- what is answered --------------------------------------------------------------------------- */

static void make(Guest *guest)
{
    static const guint8 bits[] = { 0x0f, 0xf0 };

    g_assert_true(guest_create(guest, "cluster_size=512", 4u << 20));
    g_assert_true(bitmap_guest_ask(guest, &(BitmapAsk){ "add", "b", 4096 }, NULL));
    g_assert_true(bitmap_guest_ask(guest, &(BitmapAsk){ "add", "a", 512, .enabled = TRUE }, NULL));
    g_assert_true(bitmap_guest_ask(
        guest, &(BitmapAsk){ "set", "a", .at = 5, .bits = bits, .n = sizeof bits }, NULL));
    g_assert_true(guest_close(guest));
    g_assert_true(guest_open(guest, ABI_OPEN_WRITE));
}

static guint answer_length(Guest *guest, const BitmapAsk *ask)
{
    g_autoptr(GByteArray) answer = g_byte_array_new();

    g_assert_true(bitmap_guest_ask(guest, ask, answer));
    return answer->len;
}

/* Before and after the directory on the disk says that all are in use. */
static void test_find(void)
{
    Guest guest;
    guint none;

    make(&guest);
    none = answer_length(&guest, &(BitmapAsk){ "find", "zz" });
    for (guint i = 0; i < 2; i++) {
        g_assert_cmpuint(answer_length(&guest, &(BitmapAsk){ "find", "a" }), >, none);
        g_assert_cmpuint(answer_length(&guest, &(BitmapAsk){ "find", "b" }), >, none);
        g_assert_cmpuint(answer_length(&guest, &(BitmapAsk){ "find", "ab" }), ==, none);
        g_assert_cmpuint(answer_length(&guest, &(BitmapAsk){ "read", "a" }), >, 0);
        g_assert_cmpuint(answer_length(&guest, &(BitmapAsk){ "read", "a", .at = 600 }), ==, 0);
        g_assert_cmpuint(answer_length(&guest, &(BitmapAsk){ "read", "b" }), ==, 0);
        g_assert_true(
            bitmap_guest_ask(&guest, &(BitmapAsk){ "record", "b", .enabled = TRUE }, NULL));
    }
    g_assert_true(bitmap_guest_ask(&guest, &(BitmapAsk){ "add", "n", 512 }, NULL));
    g_assert_cmpuint(answer_length(&guest, &(BitmapAsk){ "find", "n" }), >, none);
    g_assert_cmpuint(answer_length(&guest, &(BitmapAsk){ "read", "n" }), ==, 0);
    guest_clear(&guest);
}

/* The last one takes the directory and the header's extension with it. */
static void test_remove_all(void)
{
    g_autoptr(GPtrArray) states = NULL;
    Guest guest;

    make(&guest);
    g_assert_true(bitmap_guest_ask(&guest, &(BitmapAsk){ "remove", "a" }, NULL));
    g_assert_true(bitmap_guest_ask(&guest, &(BitmapAsk){ "remove", "b" }, NULL));
    g_assert_cmpuint(qcow2_state(&guest.im)->bitmaps.n, ==, 0);
    g_assert_cmphex(qcow2_state(&guest.im)->header.autoclear, ==, 0);
    g_assert_true(guest_close(&guest));
    guest_check(&guest, NULL);
    g_assert_true(guest_open(&guest, 0));
    states = bitmap_guest_states(&guest);
    g_assert_cmpuint(states->len, ==, 0);
    guest_clear(&guest);
}

/* ---- questions that make no sense ------------------------------------------------------------------ */

static const guint8 two[2] = { 1, 1 };

typedef struct {
    const char *name;
    BitmapAsk first, ask; /* first: may be nothing */
    int status;
} WrongRow;

static const WrongRow wrongs[] = {
    { "action", { NULL }, { "frobnicate" }, FMT_E_BAD_JOB },
    { "action-empty", { NULL }, { "" }, FMT_E_BAD_JOB },
    { "remove-missing", { NULL }, { "remove", "zz" }, FMT_E_BAD_JOB },
    { "remove-nameless", { NULL }, { "remove" }, FMT_E_BAD_JOB },
    { "clear-missing", { NULL }, { "clear", "zz" }, FMT_E_BAD_JOB },
    { "record-missing", { NULL }, { "record", "zz" }, FMT_E_BAD_JOB },
    { "read-missing", { NULL }, { "read", "zz" }, FMT_E_BAD_JOB },
    { "read-entry", { NULL }, { "read", .entry = 17 }, FMT_E_BAD_JOB },
    { "merge-missing", { NULL }, { "merge", "zz", 512, .bits = two, .n = 2 }, FMT_E_BAD_JOB },
    { "merge-granularity", { NULL }, { "merge", "a", 513, .bits = two, .n = 2 }, FMT_E_BAD_JOB },
    { "merge-fine", { NULL }, { "merge", "a", 256, .bits = two, .n = 2 }, FMT_E_BAD_JOB },
    { "merge-coarse",
      { NULL },
      { "merge", "a", G_GUINT64_CONSTANT(1) << 32, .bits = two, .n = 2 },
      FMT_E_BAD_JOB },
    { "merge-behind",
      { NULL },
      { "merge", "a", 512, .at = 1023, .bits = two, .n = 2 },
      FMT_E_BAD_JOB },
    { "merge-far",
      { NULL },
      { "merge", "a", 512, .at = G_MAXUINT64, .bits = two, .n = 2 },
      FMT_E_BAD_JOB },
    { "merge-back",
      { "merge", "a", 512, .at = 800, .bits = two, .n = 2 },
      { "merge", "a", 512, .at = 2, .bits = two, .n = 2 },
      FMT_E_BAD_JOB },
    { "merge-back-coarse",
      { "merge", "a", 512, .at = 800, .bits = two, .n = 2 },
      { "merge", "a", 4096, .at = 2, .bits = two, .n = 2 },
      FMT_E_BAD_JOB },
    { "merge-after-turn",
      { "merge", "b", 512, .at = 800, .bits = two, .n = 2 },
      { "merge", "a", 512, .at = 900, .bits = two, .n = 2 },
      FMT_E_BAD_JOB },
    { "clear-in-turn",
      { "merge", "a", 512, .at = 800, .bits = two, .n = 2 },
      { "clear", "a" },
      FMT_E_BAD_JOB },
    { "remove-in-turn",
      { "merge", "a", 512, .at = 800, .bits = two, .n = 2 },
      { "remove", "b" },
      FMT_E_BAD_JOB },
    { "set-old", { NULL }, { "set", "a", .bits = two, .n = 2 }, FMT_E_BAD_JOB },
    { "add-taken", { NULL }, { "add", "a", 512 }, QCOW2_E_BITMAP_EXISTS },
    { "add-nameless", { NULL }, { "add", .granularity = 512 }, FMT_E_BAD_JOB },
    { "add-odd", { NULL }, { "add", "n", 768 }, FMT_E_BAD_JOB },
};

static void test_wrong(gconstpointer data)
{
    const WrongRow *row = data;
    Guest guest;

    make(&guest);
    if (row->first.action != NULL) {
        g_assert_true(bitmap_guest_ask(&guest, &row->first, NULL));
    }
    g_assert_false(bitmap_guest_ask(&guest, &row->ask, NULL));
    g_assert_cmpint(guest.status, ==, row->status);
    g_assert_true(bitmap_guest_ask(&guest, &(BitmapAsk){ "drop" }, NULL));
    g_assert_true(guest_close(&guest));
    guest_check(&guest, NULL);
    guest_clear(&guest);
}

/* Of a wrong type, and a stream that is cut. */
static void test_stream(void)
{
    guint8 in[128], out[1024];
    Guest guest;

    make(&guest);
    for (guint i = 0; i < 3; i++) {
        struct props_writer w = { .base = in, .size = sizeof in };
        struct props_writer a = { .base = out, .size = sizeof out };

        if (i == 0) {
            props_u64(&w, "action", 5);
        } else {
            props_string(&w, "action", "find");
            props_string(&w, i == 1 ? "granularity" : "nonsense", "a");
        }
        struct props_reader reader = { .base = in, .size = i == 2 ? w.used - 8 : w.used };
        g_assert_cmpint(qcow2_call(&guest.im, ABI_CALL_BITMAP, reader, &a), ==, FMT_E_BAD_JOB);
    }
    guest_clear(&guest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(merges); i++) {
        g_autofree char *path =
            g_strdup_printf("/qcow2/bitmap/merge/%s/%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
                            "-%" G_GUINT64_FORMAT "%s%s",
                            merges[i].options, merges[i].disk, merges[i].source, merges[i].target,
                            merges[i].is_new ? "/new" : "", merges[i].cleared ? "/cleared" : "");
        g_test_add_data_func(path, &merges[i], test_merge);
    }
    g_test_add_func("/qcow2/bitmap/merge-part", test_merge_part);
    g_test_add_func("/qcow2/bitmap/find", test_find);
    g_test_add_func("/qcow2/bitmap/remove-all", test_remove_all);
    for (guint i = 0; i < G_N_ELEMENTS(wrongs); i++) {
        g_autofree char *path = g_strdup_printf("/qcow2/bitmap/wrong/%s", wrongs[i].name);
        g_test_add_data_func(path, &wrongs[i], test_wrong);
    }
    g_test_add_func("/qcow2/bitmap/stream", test_stream);
    return g_test_run();
}
