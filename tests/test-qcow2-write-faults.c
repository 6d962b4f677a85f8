/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing to qcow2 while the n-th request or allocation fails, for every n: what
 * is on disk is sound but for leaks, whether the program ends there or goes on,
 * and what was written before and elsewhere is still there.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "profile/profile.h"
#include "tests/qcow2-guest.h"
#include "tests/testutil.h"

typedef struct {
    const char *options;
    guint64 disk;
    guint64 big; /* bytes of one large write, which needs more refcounts */
} Row;

static const Row rows[] = {
    { "cluster_size=4096", 256u << 10, 64u << 10 },
    { "cluster_size=512", 1u << 20, 200u << 10 },
    { "cluster_size=512,refcount_bits=64", 4u << 20, 2200u << 10 },
    { "cluster_size=4096,compat=0.10", 256u << 10, 64u << 10 },
    { "cluster_size=16384,extended_l2=on", 1u << 20, 128u << 10 },
    { "cluster_size=4096,lazy_refcounts=on", 256u << 10, 64u << 10 },
    { "cluster_size=4096,backing_file=base,backing_fmt=raw", 256u << 10, 64u << 10 },
    { "cluster_size=4096,data_file=d", 256u << 10, 64u << 10 },
};

/* The part of the disk that the operation writes that may be lost. */
typedef struct {
    guint64 start, end;
} Span;

/* The n-th of these operations; FALSE: there are no more. *ret_span is what it touches. */
static gboolean operate(Guest *guest, const Row *row, guint n, Span *ret_span, gboolean *ret_ok)
{
    guint64 size = qcow2_state(&guest->im)->cluster_size;
    gboolean coded = guest->data_handle == 0;
    Span spans[] = {
        { 0, 10 * size },         { 3 * size + 512, 3 * size + 1024 },
        { 0, row->big },          { 2 * size, 6 * size },
        { 4 * size, 5 * size },   { 20 * size, 21 * size },
        { 21 * size, 22 * size }, { 20 * size, 22 * size },
        { size, 3 * size },       { 0, 3 * size },
        { 22 * size, 23 * size },
    };

    if (n == G_N_ELEMENTS(spans)) {
        return FALSE;
    }
    *ret_span = spans[n];
    guint64 length = spans[n].end - spans[n].start;
    switch (n) {
    case 3:
        *ret_ok = guest_zero(guest, spans[n].start, length, TRUE);
        break;
    case 8:
        *ret_ok = guest_discard(guest, spans[n].start, length);
        break;
    case 5:
    case 6:
    case 10:
        /* behind what the large write took: compressed, then overwritten */
        *ret_span = (Span){ row->big + n * size, row->big + (n + 1) * size };
        *ret_ok = coded ? guest_write_coded(guest, ret_span->start, size / 3)
                        : guest_write(guest, ret_span->start, size, 9);
        break;
    case 7:
        *ret_span = (Span){ row->big + 5 * size, row->big + 7 * size };
        *ret_ok = guest_write(guest, ret_span->start, 2 * size, 8);
        break;
    default:
        *ret_ok = guest_write(guest, spans[n].start, length, (guint8)(n + 1));
    }
    return TRUE;
}

/* Where may what the disk shows differ from what it must? */
static void compare(Guest *guest, const guint8 *may_differ)
{
    g_autofree guint8 *bytes = g_malloc(guest->disk->len);

    g_assert_true(guest_read(guest, 0, bytes, guest->disk->len));
    for (guint i = 0; i < guest->disk->len; i++) {
        if (bytes[i] != guest->disk->data[i] && !may_differ[i / 512]) {
            g_test_message("guest byte %u", i);
            g_assert_cmphex(bytes[i], ==, guest->disk->data[i]);
        }
    }
}

/* Make the image with something on it, then go on while a request (or an allocation) fails; FALSE:
 * there are not so many. crash: nothing more is done once something failed. */
static gboolean try(const Row *row, guint64 io, guint64 allocation, gboolean crash)
{
    g_autofree guint8 *may_differ = g_malloc0((row->disk >> 9) + 1);
    gboolean failed = FALSE, ok = TRUE;
    guint64 leaks;
    Span span;
    Guest guest;

    g_random_set_seed(1);
    g_assert_true(guest_create(&guest, row->options, row->disk));
    g_assert_true(guest_write(&guest, row->disk / 2, 1000, 99));
    g_assert_true(guest_close(&guest));
    g_assert_true(guest_open(&guest, ABI_OPEN_WRITE | ABI_OPEN_DISCARD_UNMAP));
    guint64 ios = mem_env_io_count(guest.mem), allocations = mem_env_alloc_count(guest.mem);
    mem_env_fail_io(guest.mem, io, ENOSPC);
    mem_env_fail_alloc(guest.mem, allocation);
    for (guint n = 0; !(failed && crash) && operate(&guest, row, n, &span, &ok); n++) {
        /* what is not flushed may be lost when the program ends */
        if (!ok || crash) {
            guint64 unit = qcow2_state(&guest.im)->cluster_size;
            guint64 first = span.start / unit * unit, end = (span.end + unit - 1) / unit * unit;

            memset(may_differ + (first >> 9), 1, (MIN(end, row->disk) - first) >> 9);
        }
        failed |= !ok;
    }
    if (!(failed && crash) && !guest_close(&guest)) {
        failed = TRUE;
        memset(may_differ, 1, row->disk >> 9);
    }
    ios = mem_env_io_count(guest.mem) - ios;
    allocations = mem_env_alloc_count(guest.mem) - allocations;
    guest_end_faults(&guest);
    guest_check(&guest, &leaks);
    if (!failed) {
        g_assert_cmpuint(leaks, ==, 0);
    }
    g_assert_true(guest_open(&guest, ABI_OPEN_CHECK));
    compare(&guest, may_differ);
    guest_clear(&guest);
    return io ? io <= ios : allocation <= allocations;
}

static void test_io(gconstpointer data)
{
    guint64 n = 1;

    while (try(data, n, 0, FALSE)) {
        try(data, n, 0, TRUE);
        n++;
    }
    g_test_message("%" G_GUINT64_FORMAT " requests", n - 1);
    g_assert_cmpuint(n, >, 5);
}

static void test_alloc(gconstpointer data)
{
    guint64 n = 1;

    while (try(data, 0, n, FALSE)) {
        try(data, 0, n, TRUE);
        n++;
    }
    g_assert_cmpuint(n, >, 3);
}

/* A store that stays full. */
static void test_full(gconstpointer data)
{
    const Row *row = data;
    Guest guest;

    for (guint64 room = 0;; room += 3 * 512) {
        gboolean failed = FALSE, ok;
        guint64 leaks;
        Span span;

        g_random_set_seed(1);
        g_assert_true(guest_create(&guest, row->options, row->disk));
        g_assert_true(guest_close(&guest));
        g_assert_true(guest_open(&guest, ABI_OPEN_WRITE));
        mem_env_limit(guest.mem, mem_env_size(guest.mem, 0) + room * (row->disk >> 18));
        for (guint n = 0; operate(&guest, row, n, &span, &ok); n++) {
            failed |= !ok;
        }
        failed |= !guest_close(&guest);
        guest_check(&guest, &leaks);
        guest_clear(&guest);
        if (!failed) {
            return;
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *io = g_strdup_printf("/qcow2/write-faults/io/%s", rows[i].options);
        g_autofree char *alloc = g_strdup_printf("/qcow2/write-faults/alloc/%s", rows[i].options);
        g_autofree char *full = g_strdup_printf("/qcow2/write-faults/full/%s", rows[i].options);

        g_test_add_data_func(io, &rows[i], test_io);
        g_test_add_data_func(alloc, &rows[i], test_alloc);
        g_test_add_data_func(full, &rows[i], test_full);
    }
    return g_test_run();
}
