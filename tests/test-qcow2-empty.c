/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image is emptied, or gets another backing file, while the n-th request or allocation fails,
 * for every n, whether the program ends there or goes on: what is on disk is sound but for leaks,
 * each sector shows what it showed or what the backing file has, and a second try succeeds.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "format/qcow2-write.h"
#include "profile/profile.h"
#include "tests/qcow2-guest.h"
#include "tests/testutil.h"

/* Failures that are tried one by one. */
#define MANY 40u

#define BACKING ",backing_file=base,backing_fmt=raw"

typedef struct {
    const char *name, *options;
    guint64 disk;  /* bytes at first */
    guint64 grown; /* bytes once it was made longer, so that the L1 table moved; 0: it was not */
    guint64 large; /* bytes written at once, so that the counts need more room */
    gboolean snapshot;
    guint64 clusters; /* of the file once it is empty; 0: it is not made short */
} Row;

static const Row rows[] = {
    { "plain", "cluster_size=4096" BACKING, 256u << 10, 0, 64u << 10, FALSE, 4 },
    { "small-clusters", "cluster_size=512" BACKING, 1u << 20, 0, 200u << 10, FALSE, 4 },
    { "table-moved", "cluster_size=512,refcount_bits=64" BACKING, 4u << 20, 0, 2200u << 10, FALSE,
      5 },
    { "l1-moved", "cluster_size=512" BACKING, 64u << 10, 4u << 20, 1u << 20, FALSE, 5 },
    { "l1-and-table-moved", "cluster_size=512,refcount_bits=64" BACKING, 64u << 10, 24u << 20,
      2200u << 10, FALSE, 15 },
    { "subclusters", "cluster_size=16384,extended_l2=on" BACKING, 1u << 20, 0, 128u << 10, FALSE,
      4 },
    { "lazy", "cluster_size=4096,lazy_refcounts=on" BACKING, 256u << 10, 0, 64u << 10, FALSE, 4 },
    { "version-2", "cluster_size=4096,compat=0.10" BACKING, 3u << 20, 0, 64u << 10, FALSE, 0 },
    { "data-file", "cluster_size=4096,data_file=d" BACKING, 256u << 10, 0, 64u << 10, FALSE, 0 },
    { "snapshot", "cluster_size=4096" BACKING, 256u << 10, 0, 64u << 10, TRUE, 0 },
    { "large-l1", "cluster_size=512,refcount_bits=64" BACKING, 136u << 20, 0, 64u << 10, FALSE, 0 },
};

typedef int CallFunc(Guest *guest);

static int empty(Guest *guest)
{
    struct props_writer unused = { .size = 0 };

    return qcow2_make_empty(&guest->im, (struct props_reader){ .size = 0 }, &unused);
}

static int rename_backing(Guest *guest)
{
    guint8 bytes[256];
    struct props_writer w = { .base = bytes, .size = sizeof bytes }, unused = { .size = 0 };

    props_string(&w, "file", "another-base");
    props_string(&w, "format", "qcow2");
    return qcow2_set_backing(&guest->im, (struct props_reader){ bytes, w.used, 0, 0 }, &unused);
}

static void make_snapshot(Guest *guest)
{
    guint8 bytes[256];
    struct props_writer w = { .base = bytes, .size = sizeof bytes }, unused = { .size = 0 };

    props_string(&w, "action", "create");
    props_string(&w, "name", "s");
    g_assert_cmpint(
        qcow2_snapshot_call(&guest->im, (struct props_reader){ bytes, w.used, 0, 0 }, &unused), ==,
        FMT_OK);
}

/* An image with something of each kind on it, open for writing. */
static void make(Guest *guest, const Row *row)
{
    guint64 size;

    g_random_set_seed(1);
    g_assert_true(guest_create(guest, row->options, row->disk));
    size = qcow2_state(&guest->im)->cluster_size;
    if (row->grown) {
        g_assert_true(guest_write(guest, 0, 3 * size, 9));
        g_assert_cmpint(qcow2_truncate(&guest->im, row->grown, ABI_PREALLOC_OFF, 0), ==, FMT_OK);
        guint old = guest->disk->len;
        g_byte_array_set_size(guest->disk, (guint)row->grown);
        memset(guest->disk->data + old, GUEST_BACKING, row->grown - old);
    }
    if (guest->disk->len) {
        g_assert_true(guest_write(guest, size + 512, row->large, 1));
        if (row->snapshot) {
            make_snapshot(guest);
        }
        g_assert_true(guest_zero(guest, 2 * size, 2 * size, FALSE) ||
                      qcow2_state(&guest->im)->header.version < 3);
        if (!guest->data_handle) {
            g_assert_true(guest_write_coded(guest, row->large + 4 * size, size / 3));
        }
        g_assert_true(guest_write(guest, row->large + 10 * size, 700, 5));
    }
    g_assert_true(guest_close(guest));
    g_assert_true(guest_open(guest, ABI_OPEN_WRITE | ABI_OPEN_DISCARD_UNMAP));
}

/* From @at on: how many bytes, some sectors at once, show what they may; 0: not even one sector. */
static guint right(const Guest *guest, const guint8 *bytes, guint at, gboolean may_be_backing,
                   gboolean must_be_backing)
{
    static guint8 backing[64 << 10];
    const guint sizes[] = { sizeof backing, 512 };

    memset(backing, GUEST_BACKING, sizeof backing);
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        guint n = MIN(sizes[i], guest->disk->len - at);

        if (!must_be_backing && memcmp(bytes + at, guest->disk->data + at, n) == 0) {
            return n;
        }
        if ((must_be_backing || may_be_backing) && memcmp(bytes + at, backing, n) == 0) {
            return n;
        }
    }
    return 0;
}

/* Each sector shows the old bytes, or (if it may) the backing file's. */
static void compare(Guest *guest, gboolean may_be_backing, gboolean must_be_backing)
{
    guint length = guest->disk->len, n;
    g_autofree guint8 *bytes = g_malloc(length + 1);

    g_assert_true(guest_read(guest, 0, bytes, length));
    for (guint at = 0; at < length; at += n) {
        n = right(guest, bytes, at, may_be_backing, must_be_backing);
        if (n == 0) {
            g_test_message("guest byte %u", at);
            g_assert_not_reached();
        }
    }
}

static void check_name(Guest *guest, const char *name)
{
    const struct qcow2_state *st = qcow2_state(&guest->im);

    g_assert_cmpmem(st->backing_name.data, st->backing_name.length, name, strlen(name));
}

/* FALSE: there are not so many requests (or allocations). crash: the program ends at the failure. */
static gboolean try(const Row *row, CallFunc *call, guint64 io, guint64 allocation, gboolean crash)
{
    gboolean empties = call == empty, failed = FALSE;
    guint64 leaks;
    Guest guest;

    make(&guest, row);
    guint64 ios = mem_env_io_count(guest.mem), allocations = mem_env_alloc_count(guest.mem);
    mem_env_stop_at_failure(guest.mem, crash && io);
    mem_env_fail_io(guest.mem, io, ENOSPC);
    mem_env_fail_alloc(guest.mem, allocation);
    failed = call(&guest) != FMT_OK;
    if (!(failed && crash)) {
        failed |= !guest_close(&guest);
    }
    ios = mem_env_io_count(guest.mem) - ios;
    allocations = mem_env_alloc_count(guest.mem) - allocations;
    guest_end_faults(&guest);
    guest_check(&guest, &leaks);
    if (!failed) {
        g_assert_cmpuint(leaks, ==, 0);
    }
    g_assert_true(guest_open(&guest, ABI_OPEN_WRITE | ABI_OPEN_DISCARD_UNMAP));
    compare(&guest, empties, empties && !failed);
    if (!empties && qcow2_state(&guest.im)->backing_name.length == 4) {
        check_name(&guest, "base");
        g_assert_true(failed);
    } else if (!empties) {
        check_name(&guest, "another-base");
    }
    g_assert_cmpint(call(&guest), ==, FMT_OK);
    g_assert_true(guest_close(&guest));
    guest_check(&guest, &leaks);
    g_assert_true(guest_open(&guest, 0));
    compare(&guest, empties, empties);
    if (empties && row->clusters) {
        g_assert_cmpuint(mem_env_size(guest.mem, 0), ==,
                         row->clusters * qcow2_state(&guest.im)->cluster_size);
    }
    guest_clear(&guest);
    return io ? io <= ios : allocation <= allocations;
}

typedef struct {
    const Row *row;
    CallFunc *call;
} Case;

static void test_io(gconstpointer data)
{
    const Case *c = data;
    guint64 n = 1;

    while (try(c->row, c->call, n, 0, FALSE)) {
        try(c->row, c->call, n, 0, TRUE);
        /* the middle of a long job is much of the same */
        n += n > MANY ? n / 2 : 1;
    }
    g_assert_cmpuint(n, >, 3);
}

static void test_alloc(gconstpointer data)
{
    const Case *c = data;
    guint64 n = 1;

    while (try(c->row, c->call, 0, n, FALSE)) {
        try(c->row, c->call, 0, n, TRUE);
        n += n > MANY ? n / 2 : 1;
    }
    g_assert_cmpuint(n, >, 1);
}

/* Names that cannot be recorded, and questions that cannot be asked. */
static void test_refused(void)
{
    static const struct {
        const char *options, *key;
        guint length;
        int io_errno;
    } names[] = {
        { "cluster_size=4096", "file", 1023, 0 },
        { "cluster_size=4096", "file", 1024, EINVAL },
        { "cluster_size=512", "file", 300, 0 },
        { "cluster_size=512", "file", 408, ENOSPC },
        { "cluster_size=4096,data_file=d,data_file_raw=on", "file", 4, EINVAL },
        { "cluster_size=4096", "nonsense", 4, -1 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree guint8 *bytes = g_malloc(8192);
        g_autofree char *name = g_strnfill(names[i].length, 'n');
        struct props_writer w = { .base = bytes, .size = 8192 }, unused = { .size = 0 };
        Guest guest;

        g_assert_true(guest_create(&guest, names[i].options, 64 << 10));
        props_string(&w, names[i].key, name);
        int status =
            qcow2_set_backing(&guest.im, (struct props_reader){ bytes, w.used, 0, 0 }, &unused);
        if (names[i].io_errno == 0) {
            g_assert_cmpint(status, ==, FMT_OK);
        } else if (names[i].io_errno < 0) {
            g_assert_cmpint(status, ==, FMT_E_BAD_JOB);
        } else {
            g_assert_cmpint(status, ==, FMT_E_IO);
            g_assert_cmpint((int)mem_env_result(guest.mem)->io_errno, ==, names[i].io_errno);
            check_name(&guest, "");
        }
        g_assert_true(guest_close(&guest));
        guest_check(&guest, NULL);
        guest_clear(&guest);
    }
}

/* A table of counts that the header and an entry of the L1 table claim as well is not written. */
static void test_overlap(void)
{
    guint8 field[8];
    Guest guest;

    g_assert_true(guest_create(&guest, "cluster_size=4096" BACKING, 64 << 10));
    g_assert_true(guest_write(&guest, 0, 4096, 1));
    g_assert_true(guest_close(&guest));
    /* spec "Header": l1_table_offset; the refcount table is there */
    be64_store(field, 4096);
    g_assert_cmpint(pwrite(mem_env_fd(guest.mem, 0), field, 8, QCOW2_H_L1_OFFSET), ==, 8);
    g_autoptr(GBytes) before = mem_env_bytes(guest.mem, 0);
    g_assert_true(guest_open(&guest, ABI_OPEN_WRITE));
    g_assert_cmpint(empty(&guest), !=, FMT_OK);
    guest_close(&guest);
    g_autoptr(GBytes) after = mem_env_bytes(guest.mem, 0);
    /* only the corrupt bit was set */
    g_assert_cmpint(memcmp((const guint8 *)g_bytes_get_data(before, NULL) + 4096,
                           (const guint8 *)g_bytes_get_data(after, NULL) + 4096, 3 * 4096),
                    ==, 0);
    guest_clear(&guest);
}

int main(int argc, char **argv)
{
    static Case cases[2 * G_N_ELEMENTS(rows)];

    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Row *row = &rows[i / 2];
        if (i % 2 && row->disk > (64u << 20)) {
            continue;
        }
        const char *what = i % 2 ? "rename" : "empty";
        g_autofree char *io = g_strdup_printf("/qcow2/%s/io/%s", what, row->name);
        g_autofree char *alloc = g_strdup_printf("/qcow2/%s/alloc/%s", what, row->name);

        cases[i] = (Case){ row, i % 2 ? rename_backing : empty };
        g_test_add_data_func(io, &cases[i], test_io);
        g_test_add_data_func(alloc, &cases[i], test_alloc);
    }
    g_test_add_func("/qcow2/rename/refused", test_refused);
    g_test_add_func("/qcow2/empty/overlap", test_overlap);
    return g_test_run();
}
