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
#include "tests/testutil.h"

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
    char *out = NULL;

    test_spawn(argv, &out, NULL);
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

int main(int argc, char **argv)
{
    static Case cases[G_N_ELEMENTS(kinds) * SEEDS];

    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
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
    return g_test_run();
}
