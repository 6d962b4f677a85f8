/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bitmaps are changed while the n-th request or allocation fails, for every n: the image is sound
 * but for leaks, what the disk shows is not touched, and each bitmap is as it was before, or as one
 * of the steps leaves it, or marked as one that nobody must rely on. The program ends at the
 * failure, or closes the image as it does after any error; where only an "add" failed, all is
 * exactly as the steps before it left it.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "profile/profile.h"
#include "tests/bitmap-guest.h"
#include "tests/testutil.h"

#define STEPS 5u

typedef struct {
    const char *name, *options;
    guint64 disk;
    gboolean write; /* the guest writes as well, first */
    BitmapAsk steps[STEPS];
} Row;

static const guint8 pattern[] = { 0x01, 0x80, 0xff, 0, 0, 0x3c, 0, 0x11 };

#define BITS .bits = pattern, .n = sizeof pattern
/* What a row writes, where nothing was. */
#define WRITTEN (2u << 20)
#define WRITTEN_LENGTH 5000u

#define SMALL "cluster_size=512"
#define DISK (4u << 20) /* at granularity 512 a bitmap has two clusters of 512 bytes */

/* The image holds three: "a" (512 bytes a bit, records), "b" (4096, does not), "c" (512, not). */
static const Row rows[] = {
    { "none", SMALL, DISK, FALSE, { { "list" }, { "find", "b" } } },
    { "write", SMALL, DISK, TRUE, { { "list" } } },
    { "add", SMALL, DISK, FALSE, { { "add", "n", 4096, .enabled = TRUE } } },
    { "add-dry", SMALL, DISK, FALSE, { { "add", "n", 4096, .dry_run = TRUE } } },
    { "add-set",
      SMALL,
      DISK,
      TRUE,
      { { "add", "n", 512 }, { "set", "n", .at = 700, BITS }, { "store" } } },
    { "add-two",
      SMALL,
      DISK,
      FALSE,
      { { "add", "n", 512 },
        { "add", "m", 1024 }, /* if it fails, the empty "n" stands, as with qemu-img */
        { "set", "m", .at = 400, BITS },
        { "set", "n", .at = 3, BITS } } },
    { "add-drop",
      SMALL,
      DISK,
      FALSE,
      { { "add", "n", 512 }, { "set", "n", .at = 700, BITS }, { "drop" } } },
    { "remove-first", SMALL, DISK, FALSE, { { "remove", "a" } } },
    { "remove-last", SMALL, DISK, TRUE, { { "remove", "c" } } },
    { "remove-all",
      SMALL,
      DISK,
      FALSE,
      { { "remove", "a" }, { "remove", "b" }, { "remove", "c" } } },
    { "remove-add", SMALL, DISK, FALSE, { { "remove", "b" }, { "add", "b", 512 } } },
    { "add-remove", SMALL, DISK, FALSE, { { "add", "n", 512 }, { "remove", "n" } } },
    { "clear", SMALL, DISK, FALSE, { { "clear", "a" } } },
    { "record", SMALL, DISK, TRUE, { { "record", "a" }, { "record", "b", .enabled = TRUE } } },
    { "merge", SMALL, DISK, FALSE, { { "merge", "b", 4096, .at = 30, BITS } } },
    { "merge-finer", SMALL, DISK, TRUE, { { "merge", "b", 512, .at = 900, BITS } } },
    { "merge-coarser",
      SMALL,
      DISK,
      FALSE,
      { { "merge", "a", 65536, .at = 1, .bits = pattern, .n = 2 },
        { "merge", "a", 65536, .at = 4, .bits = pattern, .n = 3 } } },
    { "clear-merge",
      SMALL,
      DISK,
      FALSE,
      { { "clear", "c" },
        { "read", "a", .at = 1 },
        { "merge", "c", 512, .at = 1, BITS },
        { "store" } } },
    { "refcounts",
      SMALL ",refcount_bits=64",
      DISK,
      TRUE,
      { { "add", "n", 512 }, { "clear", "c" } } },
    { "large", "cluster_size=65536", DISK, TRUE, { { "merge", "b", 512, .at = 900, BITS } } },
};

static void make(Guest *guest, const Row *row)
{
    static const BitmapAsk asks[] = {
        { "add", "c", 512 },
        { "add", "b", 4096 },
        { "add", "a", 512, .enabled = TRUE },
        { "set", "c", .at = 600, BITS },
        { "set", "b", .at = 100, BITS },
    };

    g_assert_true(guest_create(guest, row->options, row->disk));
    g_assert_true(guest_write(guest, 5000, 3000, 17));
    for (guint i = 0; i < G_N_ELEMENTS(asks); i++) {
        g_assert_true(bitmap_guest_ask(guest, &asks[i], NULL));
    }
    g_assert_true(guest_close(guest));
    g_assert_true(guest_open(guest, ABI_OPEN_WRITE));
    g_assert_true(guest_write(guest, 3u << 20, 9000, 3));
    g_assert_true(guest_close(guest));
}

/* What stands in the image. *ret_written (may be NULL): the disk shows something of what the row
 * writes, which may be there or not. */
static GPtrArray *look(Guest *guest, gboolean *ret_written)
{
    guint8 *shown = guest->disk->data + WRITTEN;
    GPtrArray *states;

    g_assert_true(guest_open(guest, 0));
    states = bitmap_guest_states(guest);
    g_assert_nonnull(states);
    g_assert_true(guest_read(guest, WRITTEN, shown, WRITTEN_LENGTH));
    if (ret_written != NULL) {
        *ret_written = FALSE;
        for (guint i = 0; i < WRITTEN_LENGTH; i++) {
            *ret_written |= shown[i] != 0;
        }
    }
    guest_verify(guest);
    qcow2_free(&guest->im);
    guest->open = FALSE;
    return states;
}

/* So many steps has the row. */
static guint steps_of(const Row *row)
{
    guint n = 0;

    while (n < STEPS && row->steps[n].action != NULL) {
        n++;
    }
    return n;
}

/* The first n steps. *ret_done: so many were done; *ret_closed: the image was closed as well. */
static gboolean run(Guest *guest, const Row *row, guint n, gboolean crash, guint *ret_done,
                    gboolean *ret_closed)
{
    gboolean ok = guest_open(guest, ABI_OPEN_WRITE);

    *ret_done = 0;
    *ret_closed = FALSE;
    if (!ok) {
        return FALSE;
    }
    if (row->write) {
        ok = guest_write(guest, WRITTEN, WRITTEN_LENGTH, 44);
    }
    for (guint i = 0; ok && i < n; i++) {
        const BitmapAsk *step = &row->steps[i];

        ok = bitmap_guest_ask(guest, step, NULL);
        *ret_done += ok;
        if (!ok && !crash &&
            (g_str_equal(step->action, "set") || g_str_equal(step->action, "merge"))) {
            /* as the host does it */
            gboolean merge = g_str_equal(step->action, "merge");
            bitmap_guest_ask(guest, &(BitmapAsk){ "drop", merge ? step->name : NULL }, NULL);
        }
    }
    if (ok || !crash) {
        *ret_closed = guest_close(guest);
    }
    if (guest->open) {
        qcow2_free(&guest->im);
        guest->open = FALSE;
    }
    return ok && *ret_closed;
}

/* A write that failed may be recorded all the same. */
static gboolean holds_more(const BitmapState *s, const BitmapState *least)
{
    gboolean more = s->granularity == least->granularity && s->bits->len == least->bits->len;

    for (guint i = 0; more && i < s->bits->len; i++) {
        more = (least->bits->data[i] & ~s->bits->data[i]) == 0;
    }
    return more;
}

/* Is s as it was before, or as one of the steps leaves it? One that records knows of what was
 * written. */
static gboolean is_known(const Row *row, const BitmapState *s, GPtrArray *stages, gboolean written)
{
    for (guint i = 0; i < stages->len; i++) {
        const BitmapState *at = bitmap_states_find(stages->pdata[i], s->name);
        gboolean writes = row->write && i == 0 && at != NULL && at->enabled;

        if (at != NULL &&
            (s->inconsistent || (!(writes && written) && bitmap_state_equal(s, at)) ||
             (row->write && at->enabled && (i > 0 || !written) && holds_more(s, at)))) {
            return TRUE;
        }
    }
    return FALSE;
}

/* stages: before, after the guest's write, after the first step, and so on. */
static void compare(const Row *row, GPtrArray *now, GPtrArray *stages, gboolean written)
{
    gboolean may_go = strstr(row->name, "remove") != NULL;
    GPtrArray *before = stages->pdata[0];

    for (guint i = 0; i < now->len; i++) {
        const BitmapState *s = now->pdata[i];

        if (!is_known(row, s, stages, written)) {
            g_test_message("bitmap %s is as no step leaves it, its first byte 0x%02x", s->name,
                           s->bits->data[0]);
            g_test_fail();
        }
    }
    for (guint i = 0; i < before->len; i++) {
        const BitmapState *old = before->pdata[i];

        if (!may_go && bitmap_states_find(now, old->name) == NULL) {
            g_test_message("bitmap %s is lost", old->name);
            g_test_fail();
        }
    }
}

/* The same bitmaps, and each the same? */
static void expect(GPtrArray *now, GPtrArray *want)
{
    g_assert_cmpuint(now->len, ==, want->len);
    for (guint i = 0; i < now->len; i++) {
        const BitmapState *s = now->pdata[i], *w = bitmap_states_find(want, s->name);

        g_assert_nonnull(w);
        g_assert_cmpint(s->inconsistent, ==, w->inconsistent);
        g_assert_true(bitmap_state_equal(s, w));
    }
}

/* FALSE: there are not so many. */
static gboolean try(const Row *row, GPtrArray *stages, guint64 io, guint64 alloc, gboolean crash)
{
    g_autoptr(GPtrArray) now = NULL;
    guint64 ios, allocs, leaks;
    Guest guest;
    gboolean ok, closed, written;
    guint done, n = steps_of(row);

    g_random_set_seed(1);
    make(&guest, row);
    ios = mem_env_io_count(guest.mem);
    allocs = mem_env_alloc_count(guest.mem);
    mem_env_fail_io(guest.mem, io, ENOSPC);
    mem_env_fail_alloc(guest.mem, alloc);
    ok = run(&guest, row, n, crash, &done, &closed);
    ios = mem_env_io_count(guest.mem) - ios;
    allocs = mem_env_alloc_count(guest.mem) - allocs;
    mem_env_fail_io(guest.mem, 0, 0);
    mem_env_fail_alloc(guest.mem, 0);
    g_test_message("request %" G_GUINT64_FORMAT ", allocation %" G_GUINT64_FORMAT
                   ": %s%s after %u steps, status %d",
                   io, alloc, ok ? "passed" : "failed", crash ? ", ended there" : "", done,
                   guest.status);
    guest_check(&guest, &leaks);
    if (ok) {
        g_assert_cmpuint(leaks, ==, 0);
    }
    now = look(&guest, &written);
    compare(row, now, stages, written);
    if (closed && !row->write && (ok || g_str_equal(row->steps[done].action, "add"))) {
        expect(now, stages->pdata[done + 1]);
    }
    guest_clear(&guest);
    return io ? io <= ios : alloc <= allocs;
}

/* What stands before, after what the guest writes, and after each of the steps. */
static GPtrArray *stages_of(const Row *row)
{
    GPtrArray *stages = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    gboolean closed;
    guint done;
    Guest guest;

    g_random_set_seed(1);
    make(&guest, row);
    g_ptr_array_add(stages, look(&guest, NULL));
    guest_clear(&guest);
    for (guint n = 0; n <= steps_of(row); n++) {
        g_random_set_seed(1);
        make(&guest, row);
        g_assert_true(run(&guest, row, n, FALSE, &done, &closed));
        g_ptr_array_add(stages, look(&guest, NULL));
        guest_clear(&guest);
    }
    return stages;
}

static void test_io(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(GPtrArray) stages = stages_of(row);
    guint64 n = 1;

    for (; try(row, stages, n, 0, FALSE); n++) {
        try(row, stages, n, 0, TRUE);
    }
    g_test_message("%" G_GUINT64_FORMAT " requests", n - 1);
    g_assert_cmpuint(n, >, 3);
}

static void test_alloc(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(GPtrArray) stages = stages_of(row);
    guint64 n = 1;

    for (; try(row, stages, 0, n, FALSE); n++) {
        try(row, stages, 0, n, TRUE);
    }
    g_test_message("%" G_GUINT64_FORMAT " allocations", n - 1);
    g_assert_cmpuint(n, >, 3);
}

/* A store that stays full, from more and more bytes on. */
static void test_full(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(GPtrArray) stages = stages_of(row);
    gboolean ok = FALSE;

    for (guint64 room = 0; !ok; room += 1024) {
        g_autoptr(GPtrArray) now = NULL;
        guint64 leaks;
        gboolean closed, written;
        guint done;
        Guest guest;

        g_random_set_seed(1);
        make(&guest, row);
        mem_env_limit(guest.mem, mem_env_size(guest.mem, 0) + room);
        ok = run(&guest, row, steps_of(row), FALSE, &done, &closed);
        guest_check(&guest, &leaks);
        now = look(&guest, &written);
        compare(row, now, stages, written);
        guest_clear(&guest);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *io = g_strdup_printf("/qcow2/bitmap-faults/io/%s", rows[i].name);
        g_autofree char *alloc = g_strdup_printf("/qcow2/bitmap-faults/alloc/%s", rows[i].name);
        g_autofree char *full = g_strdup_printf("/qcow2/bitmap-faults/full/%s", rows[i].name);

        g_test_add_data_func(io, &rows[i], test_io);
        g_test_add_data_func(alloc, &rows[i], test_alloc);
        g_test_add_data_func(full, &rows[i], test_full);
    }
    return g_test_run();
}
