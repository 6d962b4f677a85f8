/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing to qcow2 through the driver: what the disk shows, that the tables are
 * sound, and that clusters lie where the real programs put them.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "profile/profile.h"
#include "tests/qcow2-guest.h"

#define OPERATIONS 24u

/* Kinds of images; what is written to them comes from the seed. */
static const char *const kinds[] = {
    "",
    "cluster_size=512",
    "cluster_size=1024,refcount_bits=64",
    "cluster_size=4096",
    "cluster_size=4096,compat=0.10",
    "cluster_size=512,refcount_bits=1",
    "cluster_size=4096,backing_file=base,backing_fmt=raw",
    "cluster_size=4096,compat=0.10,backing_file=base,backing_fmt=raw",
    "extended_l2=on,cluster_size=16384",
    "extended_l2=on,backing_file=base,backing_fmt=raw",
    "cluster_size=1024,preallocation=metadata",
    "cluster_size=4096,preallocation=falloc",
    "extended_l2=on,preallocation=metadata,cluster_size=16384",
    "cluster_size=4096,lazy_refcounts=on",
    "cluster_size=4096,data_file=d",
    "cluster_size=4096,data_file=d,data_file_raw=on",
    "extended_l2=on,data_file=d,data_file_raw=on",
    "cluster_size=2097152",
    "cluster_size=512,refcount_bits=64",
};
#define SEEDS 6u

typedef struct {
    const char *options;
    guint seed;
} Case;

enum { WRITE, ZERO, ZERO_UNMAP, DISCARD, CODED };

typedef struct {
    guint what;
    guint64 offset, length;
    guint8 byte;
} Operation;

static guint64 cluster_size(const char *options)
{
    const char *at = strstr(options, "cluster_size=");

    return at == NULL ? 65536 : g_ascii_strtoull(at + strlen("cluster_size="), NULL, 10);
}

static guint64 disk_size(const char *options, GRand *rand)
{
    guint64 size = cluster_size(options);

    return size > 65536 ? 5 * size : size * (guint64)g_rand_int_range(rand, 20, 200) + 512;
}

/* Some operation on a disk; coded: compressed clusters may be asked for. */
static Operation some(GRand *rand, guint64 cluster, guint64 disk, gboolean coded)
{
    static const guint whats[] = { WRITE, WRITE, WRITE, ZERO, ZERO_UNMAP, DISCARD, CODED, CODED };
    Operation op = { .what = whats[g_rand_int_range(rand, 0, coded ? 8 : 6)],
                     .byte = (guint8)g_rand_int_range(rand, 1, 256) };
    guint64 piece = g_rand_boolean(rand) ? 512 : 2048;
    guint64 unit = g_rand_boolean(rand) ? cluster : MIN(cluster, piece);
    gint32 most = g_rand_boolean(rand) ? 2 : 60;

    op.offset = (guint64)g_rand_int_range(rand, 0, (gint32)(disk / unit)) * unit;
    op.length = (guint64)g_rand_int_range(rand, 1, most * (gint32)(cluster / unit) + 1) * unit;
    op.length = MIN(op.length, disk - op.offset);
    if (op.what == CODED) {
        op.offset = op.offset / cluster * cluster;
        op.length = (guint64)g_rand_int_range(rand, 1, (gint32)(cluster * 3 / 4));
    }
    return op;
}

static gboolean run(Guest *guest, const Operation *op)
{
    switch (op->what) {
    case WRITE:
        return guest_write(guest, op->offset, op->length, op->byte);
    case ZERO:
    case ZERO_UNMAP:
        return guest_zero(guest, op->offset, op->length, op->what == ZERO_UNMAP);
    case DISCARD:
        return guest_discard(guest, op->offset, op->length);
    default:
        return guest_write_coded(guest, op->offset, op->length);
    }
}

/* ---- what the disk shows ------------------------------------------------------------------ */

static void test_random(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(GRand) rand = g_rand_new_with_seed(c->seed);
    guint64 disk = disk_size(c->options, rand);
    gboolean coded = strstr(c->options, "data_file") == NULL;
    Guest guest;

    g_assert_true(guest_create(&guest, c->options, disk));
    for (guint i = 0; i < OPERATIONS; i++) {
        Operation op = some(rand, cluster_size(c->options), disk, coded);

        if (!run(&guest, &op)) {
            /* coded bytes never replace what is stored */
            g_assert_cmpint(op.what, ==, CODED);
            g_assert_cmpint(guest.status, ==, FMT_E_IO);
            g_assert_cmpuint(mem_env_result(guest.mem)->io_errno, ==, 5);
        }
        if (g_rand_int_range(rand, 0, 6) == 0) {
            g_assert_true(guest_close(&guest));
            guest_check(&guest, NULL);
            g_assert_true(guest_open(
                &guest, ABI_OPEN_WRITE | (g_rand_boolean(rand) ? ABI_OPEN_DISCARD_UNMAP : 0)));
        }
    }
    guest_verify(&guest);
    g_assert_true(guest_close(&guest));
    guest_check(&guest, NULL);
    g_assert_true(guest_open(&guest, 0));
    guest_verify(&guest);
    guest_clear(&guest);
}

/* ---- where it lies --------------------------------------------------------------------------- */

static char *real_output(const char *const *argv)
{
    g_autoptr(GError) error = NULL;
    char *out = NULL;
    gint status;

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                 NULL, &out, NULL, &status, &error);
    g_assert_no_error(error);
    return out;
}

static gboolean no_real(void)
{
    g_autofree char *img = g_find_program_in_path("qemu-img");
    g_autofree char *io = g_find_program_in_path("qemu-io");

    if (img == NULL || io == NULL) {
        g_test_skip("qemu-img or qemu-io is not installed");
        return TRUE;
    }
    return FALSE;
}

static void real_operation(GPtrArray *argv, const Operation *op)
{
    static const char *const words[] = { "write -P", "write -z", "write -zu", "discard" };
    g_autofree char *pattern = op->what == WRITE ? g_strdup_printf(" %u", op->byte) : g_strdup("");

    g_ptr_array_add(argv, g_strdup("-c"));
    g_ptr_array_add(argv, g_strdup_printf("%s%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                                          words[op->what], pattern, op->offset, op->length));
}

/* A snapshot of both images by the real program: what is written then is shared. */
static void take_snapshot(Guest *guest)
{
    g_autofree char *bytes = NULL;
    gsize length;
    int fd = mem_env_fd(guest->mem, 0);

    guest_save(guest, "ours");
    for (guint i = 0; i < 2; i++) {
        const char *snapshot[] = { "qemu-img", "snapshot", "-c", "s", i ? "ours" : "real", NULL };

        g_free(real_output(snapshot));
    }
    g_assert_true(g_file_get_contents("ours", &bytes, &length, NULL));
    g_assert_cmpint(ftruncate(fd, 0), ==, 0);
    g_assert_cmpint(pwrite(fd, bytes, length, 0), ==, (gssize)length);
}

/* The image at path has every guest byte where ours has it. */
static void same_places(Guest *guest, const char *path)
{
    static struct abi_extent ours[4096], theirs[4096];
    g_autofree char *bytes = NULL;
    guint64 end = guest->disk->len, next;
    guint32 n_ours, n_theirs;
    gsize length;
    Guest other = { .mem = mem_env_new(0),
                    .disk = g_byte_array_new(),
                    .data_handle = guest->data_handle };

    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    mem_env_add(other.mem, bytes, length);
    if (other.data_handle != 0) {
        mem_env_add(other.mem, "", 0);
    }
    g_assert_true(guest_open(guest, 0));
    g_assert_true(guest_open(&other, 0));
    g_assert_cmpint(qcow2_extents(&guest->im, 0, end, 0, ours, 4096, &n_ours, &next), ==, FMT_OK);
    g_assert_cmpuint(next, ==, end);
    g_assert_cmpint(qcow2_extents(&other.im, 0, end, 0, theirs, 4096, &n_theirs, &next), ==,
                    FMT_OK);
    for (guint32 i = 0; i < MIN(n_ours, n_theirs); i++) {
        g_assert_cmpuint(ours[i].guest_offset, ==, theirs[i].guest_offset);
        g_assert_cmpuint(ours[i].length, ==, theirs[i].length);
        g_assert_cmpuint(ours[i].kind, ==, theirs[i].kind);
        g_assert_cmpuint(ours[i].flags, ==, theirs[i].flags);
        g_assert_cmpuint(ours[i].file_offset, ==, theirs[i].file_offset);
    }
    g_assert_cmpuint(n_ours, ==, n_theirs);
    g_assert_cmpuint(mem_env_size(guest->mem, 0), ==, length);
    guest_clear(&other);
    g_assert_true(guest_close(guest));
}

/* The same operations by qemu-io: the tables and counters of both images are the same. Without
 * compressed clusters, whose sizes are the compressor's. */
static void test_places(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(GRand) rand = g_rand_new_with_seed(c->seed + 1000);
    guint64 disk = disk_size(c->options, rand);
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, disk);
    g_autofree char *none = g_strnfill(disk, (char)GUEST_BACKING);
    const char *create[] = { "qemu-img", "create", "-q", "-u",
                             "-f",       "qcow2",  "-o", *c->options ? c->options : "compat=1.1",
                             "real",     size,     NULL };
    char *told[2];
    Guest guest;

    if (no_real()) {
        return;
    }
    g_assert_true(g_file_set_contents("base", none, (gssize)disk, NULL));
    g_free(real_output(create));
    g_assert_true(guest_create(&guest, c->options, disk));
    g_assert_true(guest_close(&guest));
    for (guint session = 0; session < 2; session++) {
        g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);

        g_assert_true(guest_open(&guest, ABI_OPEN_WRITE | ABI_OPEN_DISCARD_UNMAP));
        for (const char *const *word =
                 (const char *[]){ "qemu-io", "-f", "qcow2", "-d", "unmap", NULL };
             *word != NULL; word++) {
            g_ptr_array_add(argv, g_strdup(*word));
        }
        for (guint i = 0; i < OPERATIONS / 2; i++) {
            Operation op = some(rand, cluster_size(c->options), disk, FALSE);

            real_operation(argv, &op);
            g_assert_true(run(&guest, &op));
        }
        g_ptr_array_add(argv, g_strdup("real"));
        g_ptr_array_add(argv, NULL);
        g_free(real_output((const char *const *)argv->pdata));
        guest_verify(&guest);
        g_assert_true(guest_close(&guest));
        if (session == 0 && c->seed % 2 && guest.data_handle == 0 &&
            strstr(c->options, "refcount_bits=1") == NULL) {
            take_snapshot(&guest);
        }
    }
    guest_save(&guest, "ours");
    same_places(&guest, "real");
    if (guest.data_handle != 0) {
        g_assert_cmpint(rename("ours.data", "d"), ==, 0);
    }
    for (guint i = 0; i < 2; i++) {
        const char *check[] = { "qemu-img", "check", "--output=json", i ? "ours" : "real", NULL };

        told[i] = real_output(check);
    }
    char *at = strstr(told[1], "\"ours\"");
    g_assert_nonnull(at);
    memcpy(at, "\"real\"", 6);
    g_assert_cmpstr(told[1], ==, told[0]);
    g_free(told[0]);
    g_free(told[1]);
    guest_clear(&guest);
}

/* ---- many questions at once ------------------------------------------------------------- */

static struct abi_extent in[ABI_MAX_EXTENTS], out[ABI_MAX_EXTENTS];

static void question(guint i, guint16 kind, guint64 offset, guint64 length)
{
    in[i] = (struct abi_extent){ .guest_offset = offset, .length = length, .kind = kind };
}

/* A gigabyte in questions of 2 MiB: one job, few requests, one step a question. */
static void test_batch(void)
{
    guint32 n, taken;
    Guest guest;

    g_assert_true(guest_create(&guest, "", G_GUINT64_CONSTANT(1) << 30));
    guint64 before = mem_env_io_count(guest.mem);
    for (guint i = 0; i < 512; i++) {
        question(i, ABI_EXT_DATA, (guint64)i << 21, 2u << 20);
    }
    g_assert_cmpint(qcow2_write(&guest.im, in, 512, out, ABI_MAX_EXTENTS, &n, &taken), ==, FMT_OK);
    g_assert_cmpuint(taken, ==, 512);
    g_assert_cmpuint(n, ==, 512);
    for (guint i = 0; i < n; i++) {
        g_assert_cmpuint(out[i].guest_offset, ==, (guint64)i << 21);
        out[i].kind = ABI_EXT_LINK;
    }
    /* instead of writing all of it */
    g_assert_cmpint(
        ftruncate(mem_env_fd(guest.mem, 0), (off_t)(out[n - 1].file_offset + out[n - 1].length)),
        ==, 0);
    memcpy(in, out, n * sizeof *in);
    g_assert_cmpint(qcow2_write(&guest.im, in, n, out, ABI_MAX_EXTENTS, &n, &taken), ==, FMT_OK);
    g_assert_true(guest_close(&guest));
    g_assert_cmpuint(mem_env_io_count(guest.mem) - before, <, 20);
    guest_check(&guest, NULL);
    guest_clear(&guest);
}

/* Pieces of one cluster asked for in one job are put together; what lies between is filled. */
static void test_pieces(gconstpointer options)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    guint32 n, taken;
    Guest guest;

    g_assert_true(guest_create(&guest, options, 8u << 20));
    for (guint round = 0; round < 12; round++) {
        guint asked = 0;
        for (guint64 at = 0; at + 12288 < guest.disk->len && asked < 300;) {
            guint64 length = 512 * (guint64)g_rand_int_range(rand, 1, 24);

            at += 512 * (guint64)g_rand_int_range(rand, 0, 60);
            length = MIN(length, guest.disk->len - MIN(at, guest.disk->len));
            if (length == 0) {
                break;
            }
            question(asked++, g_rand_int_range(rand, 0, 8) ? ABI_EXT_DATA : ABI_EXT_ZERO, at,
                     length);
            at += length;
        }
        for (guint done = 0; done < asked; done += taken) {
            struct abi_extent *q = in + done;

            g_assert_cmpint(
                qcow2_write(&guest.im, q, asked - done, out, ABI_MAX_EXTENTS, &n, &taken), ==,
                FMT_OK);
            g_assert_cmpuint(taken, >, 0);
            guest_do_steps(&guest, out, n, (guint8)(round + 1), NULL);
            for (guint i = 0; i < taken; i++) {
                memset(guest.disk->data + q[i].guest_offset,
                       q[i].kind == ABI_EXT_ZERO ? 0 : (int)(round + 1), q[i].length);
            }
            /* one half of the links first, from the back */
            for (guint half = 0; half < 2; half++) {
                static struct abi_extent links[ABI_MAX_EXTENTS];
                guint32 k = 0, steps, linked;

                for (guint i = n; i > 0; i--) {
                    if (i % 2 == half) {
                        links[k] = out[i - 1];
                        links[k++].kind = ABI_EXT_LINK;
                    }
                }
                static struct abi_extent none[ABI_MAX_EXTENTS];
                g_assert_cmpint(
                    qcow2_write(&guest.im, links, k, none, ABI_MAX_EXTENTS, &steps, &linked), ==,
                    FMT_OK);
                g_assert_cmpuint(linked, ==, k);
            }
        }
        guest_verify(&guest);
    }
    g_assert_true(guest_close(&guest));
    guest_check(&guest, NULL);
    guest_clear(&guest);
}

/* Nothing shows before it is linked; what is aborted never does, its clusters are free again. */
static void test_abort(void)
{
    guint32 n, taken;
    Guest guest;

    g_assert_true(guest_create(&guest, "cluster_size=4096", 1u << 20));
    g_assert_true(guest_write(&guest, 0, 65536, 1));
    question(0, ABI_EXT_DATA, 131072, 65536);
    question(1, ABI_EXT_DATA, 262144, 1024);
    g_assert_cmpint(qcow2_write(&guest.im, in, 2, out, ABI_MAX_EXTENTS, &n, &taken), ==, FMT_OK);
    g_assert_cmpuint(taken, ==, 2);
    guint64 first = out[0].file_offset;
    guest_do_steps(&guest, out, n, 2, NULL);
    guest_verify(&guest);
    /* the clusters are promised: whoever asks for them again must wait */
    question(0, ABI_EXT_DATA, 131072, 512);
    struct abi_extent steps[8];
    g_assert_cmpuint(n, <=, G_N_ELEMENTS(steps));
    memcpy(steps, out, n * sizeof *out);
    guint32 none;
    g_assert_cmpint(qcow2_write(&guest.im, in, 1, out, ABI_MAX_EXTENTS, &none, &taken), ==, FMT_OK);
    g_assert_cmpuint(taken, ==, 0);
    for (guint i = 0; i < n; i++) {
        steps[i].kind = ABI_EXT_ABORT;
    }
    g_assert_cmpint(qcow2_write(&guest.im, steps, n, out, ABI_MAX_EXTENTS, &n, &taken), ==, FMT_OK);
    guest_verify(&guest);
    question(0, ABI_EXT_DATA, 524288, 4096);
    g_assert_cmpint(qcow2_write(&guest.im, in, 1, out, ABI_MAX_EXTENTS, &n, &taken), ==, FMT_OK);
    g_assert_cmpuint(out[0].file_offset, ==, first);
    /* never linked: closing gives it back */
    g_assert_true(guest_close(&guest));
    guest_check(&guest, NULL);
    g_assert_true(guest_open(&guest, 0));
    guest_verify(&guest);
    guest_clear(&guest);
}

/* An image that may not be written, questions that cannot be asked. */
static void test_refused(void)
{
    const struct abi_extent bad[] = {
        { .kind = ABI_EXT_DATA, .guest_offset = 1u << 20, .length = 512 },
        { .kind = ABI_EXT_DATA, .guest_offset = G_MAXUINT64 - 100, .length = 512 },
        { .kind = ABI_EXT_DATA, .guest_offset = 0, .length = 0 },
        { .kind = ABI_EXT_COOKED, .guest_offset = 512, .length = 65536, .stored_length = 10 },
        { .kind = ABI_EXT_COOKED, .guest_offset = 0, .length = 65536, .stored_length = 65536 },
        { .kind = ABI_EXT_COOKED, .guest_offset = 0, .length = 65536, .stored_length = 0 },
        { .kind = ABI_EXT_HOLE, .guest_offset = 0, .length = 65536 },
        { .kind = 99, .guest_offset = 0, .length = 65536 },
        { .kind = ABI_EXT_LINK, .guest_offset = G_MAXUINT64, .length = G_MAXUINT64 },
    };
    guint32 n, taken;
    Guest guest;

    g_assert_true(guest_create(&guest, "", 1u << 20));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_cmpint(qcow2_write(&guest.im, &bad[i], 1, out, ABI_MAX_EXTENTS, &n, &taken), ==,
                        FMT_E_BAD_JOB);
    }
    g_assert_true(guest_close(&guest));
    g_assert_true(guest_open(&guest, 0));
    g_assert_false(guest_write(&guest, 0, 512, 1));
    g_assert_cmpint(guest.status, ==, FMT_E_READ_ONLY);
    guest_clear(&guest);
}

/* Lazy counts: the dirty bit is on disk from the first change until the image is closed. */
static void test_dirty_bit(void)
{
    guint8 byte;
    Guest guest;

    g_assert_true(guest_create(&guest, "lazy_refcounts=on", 1u << 20));
    g_assert_true(guest_close(&guest));
    g_assert_true(guest_open(&guest, ABI_OPEN_WRITE));
    g_assert_true(guest_write(&guest, 0, 512, 1));
    g_assert_cmpint(pread(mem_env_fd(guest.mem, 0), &byte, 1, QCOW2_H_INCOMPATIBLE + 7), ==, 1);
    g_assert_cmpint(byte, ==, QCOW2_INCOMPAT_DIRTY);
    g_assert_true(guest_close(&guest));
    g_assert_cmpint(pread(mem_env_fd(guest.mem, 0), &byte, 1, QCOW2_H_INCOMPATIBLE + 7), ==, 1);
    g_assert_cmpint(byte, ==, 0);
    guest_clear(&guest);
}

/* A feature bit that says "clear me unless you know me". */
static void test_autoclear(void)
{
    const struct {
        guint32 flags;
        gboolean writes, cleared;
    } rows[] = {
        { 0, FALSE, FALSE },
        { ABI_OPEN_WRITE, TRUE, TRUE },
        { ABI_OPEN_WRITE, FALSE, TRUE },
        { ABI_OPEN_WRITE | ABI_OPEN_INACTIVE, FALSE, FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        guint8 byte = 0x20;
        Guest guest;

        g_assert_true(guest_create(&guest, "", 1u << 20));
        g_assert_true(guest_close(&guest));
        g_assert_cmpint(pwrite(mem_env_fd(guest.mem, 0), &byte, 1, QCOW2_H_AUTOCLEAR + 7), ==, 1);
        g_assert_true(guest_open(&guest, rows[i].flags));
        if (rows[i].writes) {
            g_assert_true(guest_write(&guest, 0, 512, 1));
        }
        g_assert_true(guest_close(&guest));
        g_assert_cmpint(pread(mem_env_fd(guest.mem, 0), &byte, 1, QCOW2_H_AUTOCLEAR + 7), ==, 1);
        g_assert_cmpint(byte, ==, rows[i].cleared ? 0 : 0x20);
        guest_clear(&guest);
    }
}

int main(int argc, char **argv)
{
    static Case cases[G_N_ELEMENTS(kinds) * SEEDS];
    static const char *const pieces[] = {
        "",
        "cluster_size=4096",
        "extended_l2=on",
        "extended_l2=on,preallocation=metadata",
        "cluster_size=4096,backing_file=base,backing_fmt=raw",
        "extended_l2=on,backing_file=base,backing_fmt=raw",
        "data_file=d",
    };

    g_test_init(&argc, &argv, NULL);
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *options = kinds[i / SEEDS];
        const char *name = *options ? options : "defaults";

        cases[i] = (Case){ options, i };
        g_autofree char *random = g_strdup_printf("/qcow2/write/random/%s/%u", name, i % SEEDS);
        g_autofree char *places = g_strdup_printf("/qcow2/write/places/%s/%u", name, i % SEEDS);
        g_test_add_data_func(random, &cases[i], test_random);
        g_test_add_data_func(places, &cases[i], test_places);
    }
    for (guint i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_autofree char *path =
            g_strdup_printf("/qcow2/write/pieces/%s", *pieces[i] ? pieces[i] : "defaults");
        g_test_add_data_func(path, pieces[i], test_pieces);
    }
    g_test_add_func("/qcow2/write/batch", test_batch);
    g_test_add_func("/qcow2/write/abort", test_abort);
    g_test_add_func("/qcow2/write/refused", test_refused);
    g_test_add_func("/qcow2/write/dirty-bit", test_dirty_bit);
    g_test_add_func("/qcow2/write/autoclear", test_autoclear);
    return g_test_run();
}
