/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vmdk while the n-th request or allocation fails, for every n: what was there
 * stays, whether the program ends there or goes on, and both directories' tables
 * lead to grains in the file.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "profile/profile.h"
#include "tests/vmdk-disk.h"

#define GRAIN (64u << 10)
#define SIZE (16u * GRAIN + 1024)

static const char *const rows[] = { "plain", "zeroed_grain", "backing", "zeroed_grain,backing" };

typedef struct {
    guint64 start, length;
    gboolean zero;
} Act;

static const Act acts[] = {
    { 0, 3 * GRAIN, FALSE },
    { GRAIN + 512, 1024, FALSE },
    { 5 * GRAIN + 512, 2 * GRAIN, FALSE },
    { GRAIN, GRAIN, TRUE },
    { 5 * GRAIN, 4 * GRAIN, TRUE },
    { 6 * GRAIN + 4096, 512, FALSE },
    { 10 * GRAIN + 512, 512, TRUE },
    { 16 * GRAIN, 1024, FALSE },
};

static void mark(guint8 *may_differ, const Act *act)
{
    guint64 first = act->start / GRAIN * GRAIN;
    guint64 end = MIN((act->start + act->length + GRAIN - 1) / GRAIN * GRAIN, SIZE);

    memset(may_differ + first, 1, end - first);
}

/* Of a grain that may differ each byte is old or new, or the act failed on the way. */
static void compare(Disk *disk, const guint8 *before, const guint8 *may_differ)
{
    g_autofree guint8 *bytes = g_malloc(SIZE);

    g_assert_true(disk_read(disk, 0, bytes, SIZE));
    for (guint i = 0; i < SIZE; i++) {
        const guint8 must = disk->shown->data[i];

        if (bytes[i] != must && !may_differ[i]) {
            g_test_message("byte %u", i);
            g_assert_cmphex(bytes[i], ==, must);
        }
    }
    /* what was there before anything failed, and is not written to, is there in any case */
    for (guint i = 12 * GRAIN; i < 13 * GRAIN; i++) {
        g_assert_cmphex(bytes[i], ==, before[i]);
    }
}

static void check(Disk *disk)
{
    static guint8 table[ABI_TABLE_SIZE];
    struct props_writer messages = { .base = table, .size = sizeof table };
    struct abi_check ret = { .flags = 0 };

    g_assert_cmpint(vmdk_driver.check(&disk->im, 0, &ret, &messages), ==, FMT_OK);
}

/* FALSE: there are not so many. crash: nothing more is done once something failed. */
static gboolean try(const char *options, guint64 io, guint64 allocation, gboolean crash)
{
    g_autofree guint8 *may_differ = g_malloc0(SIZE), *before = NULL;
    gboolean failed = FALSE;
    Disk disk;

    disk_make(&disk, options, SIZE);
    g_assert_true(disk_open(&disk, ABI_OPEN_WRITE));
    g_assert_true(disk_write(&disk, 12 * GRAIN, GRAIN, 0x77));
    g_assert_true(disk_write(&disk, 2 * GRAIN, GRAIN, 0x78));
    g_assert_true(disk_close(&disk));
    before = g_memdup2(disk.shown->data, SIZE);
    guint64 ios = mem_env_io_count(disk.mem), allocations = mem_env_alloc_count(disk.mem);
    mem_env_fail_io(disk.mem, io, ENOSPC);
    mem_env_fail_alloc(disk.mem, allocation);
    mem_env_stop_at_failure(disk.mem, crash);
    failed = !disk_open(&disk, ABI_OPEN_WRITE);
    for (guint i = 0; i < G_N_ELEMENTS(acts) && disk.open && !(failed && crash); i++) {
        gboolean ok = acts[i].zero
                          ? disk_zero(&disk, acts[i].start, acts[i].length)
                          : disk_write(&disk, acts[i].start, acts[i].length, (guint8)(i + 1));

        if (!ok || crash) { /* what is not flushed may be lost with the program */
            mark(may_differ, &acts[i]);
        }
        failed |= !ok;
    }
    if (disk.open && !(failed && crash) && !disk_close(&disk)) {
        g_assert_true(failed || io || allocation);
        for (guint i = 0; i < G_N_ELEMENTS(acts); i++) {
            mark(may_differ, &acts[i]);
        }
        failed = TRUE;
    }
    ios = mem_env_io_count(disk.mem) - ios;
    allocations = mem_env_alloc_count(disk.mem) - allocations;
    mem_env_fail_io(disk.mem, 0, 0);
    mem_env_fail_alloc(disk.mem, 0);
    mem_env_stop_at_failure(disk.mem, FALSE);
    disk_drop(&disk);
    g_assert_true(disk_open(&disk, 0));
    check(&disk);
    compare(&disk, before, may_differ);
    disk_clear(&disk);
    return io ? io <= ios : allocation <= allocations;
}

static void test_io(gconstpointer options)
{
    guint64 n = 1;

    while (try(options, n, 0, FALSE)) {
        try(options, n, 0, TRUE);
        n++;
    }
    g_test_message("%" G_GUINT64_FORMAT " requests", n - 1);
    g_assert_cmpuint(n, >, 8);
}

static void test_alloc(gconstpointer options)
{
    guint64 n = 1;

    while (try(options, 0, n, FALSE)) {
        try(options, 0, n, TRUE);
        n++;
    }
    g_assert_cmpuint(n, >, 5);
}

/* A new image whose n-th request or allocation fails is no image, or a whole one. */
static gboolean try_create(guint64 io, guint64 allocation)
{
    Disk disk;

    disk_take(&disk, "", 0);
    mem_env_fail_io(disk.mem, io, ENOSPC);
    mem_env_fail_alloc(disk.mem, allocation);
    gboolean ok = disk_create(&disk, "backing", SIZE);
    gboolean hit =
        io ? io <= mem_env_io_count(disk.mem) : allocation <= mem_env_alloc_count(disk.mem);
    g_assert_cmpint(ok, ==, !hit);
    if (!ok && io) {
        g_autofree char *words = disk_words(&disk);
        g_assert_cmpstr(words, ==, "No space left on device");
        g_assert_false(disk_open(&disk, 0));
    } else if (!ok) {
        g_assert_cmpint(disk.status, ==, FMT_E_NO_MEMORY);
    }
    disk_clear(&disk);
    return hit;
}

static void test_create(void)
{
    guint64 n;

    for (n = 1; try_create(n, 0); n++) {}
    g_assert_cmpuint(n, >, 3);
    for (n = 1; try_create(0, n); n++) {}
    g_assert_cmpuint(n, >, 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *io = g_strdup_printf("/vmdk/faults/io/%s", rows[i]);
        g_autofree char *alloc = g_strdup_printf("/vmdk/faults/alloc/%s", rows[i]);

        g_test_add_data_func(io, rows[i], test_io);
        g_test_add_data_func(alloc, rows[i], test_alloc);
    }
    g_test_add_func("/vmdk/faults/create", test_create);
    return g_test_run();
}
