/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making, applying and deleting a snapshot while the n-th request or allocation fails, for every
 * n, and while the program ends there: what is on disk is sound but for leaks, the disk and every
 * snapshot show what they showed before or what they shall show, and a second try succeeds.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "format/qcow2-write.h"
#include "profile/profile.h"
#include "tests/qcow2-guest.h"
#include "tests/testutil.h"

#define DISK (1u << 20)

static const char *const images[] = {
    "cluster_size=4096",
    "cluster_size=512",
    "cluster_size=512,refcount_bits=64",
    "cluster_size=4096,refcount_bits=8,compat=1.1",
    "cluster_size=4096,compat=0.10",
    "cluster_size=65536",
    "cluster_size=16384,extended_l2=on",
    "cluster_size=4096,lazy_refcounts=on",
    "cluster_size=4096,backing_file=base,backing_fmt=raw",
};

typedef struct {
    const char *action, *name;
    guint snapshots; /* afterwards; 2 before */
} Action;

static const Action actions[] = {
    { "create", "three", 3 },
    { "apply", "one", 2 },
    { "delete", "one", 1 },
    { "delete", "two", 1 },
};

typedef struct {
    const char *options;
    const Action *action;
    gboolean allocations; /* what fails; else requests */
} Row;

/* An image with two snapshots, kept as bytes, and what each of them and the disk show. */
typedef struct {
    GBytes *file;
    guint8 *one, *two, *disk;
} Model;

static int call(Guest *guest, const char *action, const char *name)
{
    guint8 bytes[256];
    struct props_writer w = { .base = bytes, .size = sizeof bytes }, unused = { .size = 0 };

    props_string(&w, "action", action);
    props_string(&w, "name", name);
    props_u64(&w, "date-sec", 1000);
    props_u64(&w, "date-nsec", 5);
    return qcow2_snapshot_call(&guest->im, (struct props_reader){ bytes, w.used, 0, 0 }, &unused);
}

static guint8 *shown(const Guest *guest)
{
    return g_memdup2(guest->disk->data, guest->disk->len);
}

static void model_init(Model *m, const char *options)
{
    Guest guest;

    g_assert_true(guest_create(&guest, options, DISK));
    guest_write(&guest, 0, 200 << 10, 1);
    guest_write_coded(&guest, 320 << 10, qcow2_state(&guest.im)->cluster_size / 3);
    guest_write(&guest, 600 << 10, 70 << 10, 2);
    g_assert_cmpint(call(&guest, "create", "one"), ==, FMT_OK);
    m->one = shown(&guest);
    guest_write(&guest, 100 << 10, 120 << 10, 3);
    guest_write(&guest, 700 << 10, 3000, 4);
    g_assert_cmpint(call(&guest, "create", "two"), ==, FMT_OK);
    m->two = shown(&guest);
    guest_write(&guest, 190 << 10, 20 << 10, 5);
    guest_zero(&guest, 610 << 10, 8 << 10, TRUE);
    m->disk = shown(&guest);
    g_assert_true(guest_close(&guest));
    guest_check(&guest, NULL);
    m->file = mem_env_bytes(guest.mem, 0);
    guest_clear(&guest);
}

static void model_clear(Model *m)
{
    g_bytes_unref(m->file);
    g_free(m->one);
    g_free(m->two);
    g_free(m->disk);
}

static void guest_of(Guest *guest, const Model *m, const char *options)
{
    *guest = (Guest){ .mem = mem_env_new(0),
                      .disk = g_byte_array_new(),
                      .backing = strstr(options, "backing_file=") != NULL };
    mem_env_add(guest->mem, g_bytes_get_data(m->file, NULL), g_bytes_get_size(m->file));
}

static gboolean shows(Guest *guest, const guint8 *bytes)
{
    g_autofree guint8 *read = g_malloc(DISK);

    g_assert_true(guest_read(guest, 0, read, DISK));
    return memcmp(read, bytes, DISK) == 0;
}

/* The snapshot is there; then it shows what it must. */
static gboolean has(Guest *guest, const char *name, const guint8 *bytes)
{
    if (qcow2_select(&guest->im, ABI_SELECT_NAME, (const guint8 *)name, (guint32)strlen(name))) {
        return FALSE;
    }
    g_assert_true(shows(guest, bytes));
    g_assert_cmpint(qcow2_select(&guest->im, ABI_SELECT_ACTIVE, NULL, 0), ==, FMT_OK);
    return TRUE;
}

/* Is it the image of before or that of after? Fails the test if it is neither. */
static gboolean is_after(Guest *guest, const Model *m, const Action *a)
{
    gboolean one, two, disk, after;
    guint n;

    g_assert_true(guest_open(guest, ABI_OPEN_CHECK));
    n = qcow2_state(&guest->im)->header.n_snapshots;
    one = has(guest, "one", m->one);
    two = has(guest, "two", m->two);
    disk = shows(guest, m->disk);
    if (g_str_equal(a->action, "apply")) {
        g_assert_true(one && two);
        after = shows(guest, m->one);
        g_assert_true(disk || after);
    } else {
        g_assert_true(disk);
        after = n == a->snapshots;
        g_assert_true(one || (after && g_str_equal(a->name, "one")));
        g_assert_true(two || (after && g_str_equal(a->name, "two")));
    }
    g_assert_cmpuint(n, ==, after ? a->snapshots : 2);
    if (n == 3) {
        g_assert_true(has(guest, "three", m->disk));
    }
    qcow2_free(&guest->im);
    guest->open = FALSE;
    return after;
}

/* Once more, without faults; what was done is not done again. */
static void try_again(Guest *guest, const Model *m, const Action *a, gboolean after)
{
    if (!after) {
        g_assert_true(guest_open(guest, ABI_OPEN_WRITE | ABI_OPEN_DISCARD_UNMAP));
        g_assert_cmpint(call(guest, a->action, a->name), ==, FMT_OK);
        g_assert_true(guest_close(guest));
    }
    guest_check(guest, &(guint64){ 0 });
    g_assert_true(is_after(guest, m, a));
}

/* FALSE: there is no n-th one. crash: nothing is done after the failure. */
static gboolean try(const Row *row, const Model *m, guint64 n, gboolean crash)
{
    gboolean after, there;
    guint64 count, leaks;
    Guest guest;
    int status;

    guest_of(&guest, m, row->options);
    g_assert_true(guest_open(&guest, ABI_OPEN_WRITE | ABI_OPEN_DISCARD_UNMAP));
    count = row->allocations ? mem_env_alloc_count(guest.mem) : mem_env_io_count(guest.mem);
    if (row->allocations) {
        mem_env_fail_alloc(guest.mem, n);
    } else {
        mem_env_fail_io(guest.mem, n, EIO);
        mem_env_stop_at_failure(guest.mem, crash);
    }
    status = call(&guest, row->action->action, row->action->name);
    there = n <= (row->allocations ? mem_env_alloc_count(guest.mem) : mem_env_io_count(guest.mem)) -
                     count;
    if (!crash) {
        qcow2_flush(&guest.im);
        qcow2_close(&guest.im);
    }
    guest_end_faults(&guest);
    guest_check(&guest, &leaks);
    after = is_after(&guest, m, row->action);
    if (status == FMT_OK) {
        g_assert_true(after);
    }
    if (status == FMT_OK && !there) {
        g_assert_cmpuint(leaks, ==, 0);
    }
    try_again(&guest, m, row->action, after);
    guest_clear(&guest);
    return there;
}

static void test_fault(gconstpointer data)
{
    const Row *row = data;
    guint64 n = 1;
    Model m;

    model_init(&m, row->options);
    while (try(row, &m, n, FALSE)) {
        try(row, &m, n, TRUE);
        n++;
    }
    g_test_message("%" G_GUINT64_FORMAT " faults", n - 1);
    g_assert_cmpuint(n, >, 5);
    model_clear(&m);
}

/* A store that stays full: the file cannot grow by so many bytes. */
static void test_full(gconstpointer data)
{
    const Row *row = data;
    int status = FMT_E_IO;
    Model m;

    model_init(&m, row->options);
    for (guint64 room = 0; status != FMT_OK; room += 3000) {
        Guest guest;

        guest_of(&guest, &m, row->options);
        g_assert_true(guest_open(&guest, ABI_OPEN_WRITE));
        mem_env_limit(guest.mem, g_bytes_get_size(m.file) + room);
        status = call(&guest, row->action->action, row->action->name);
        mem_env_limit(guest.mem, G_MAXUINT32);
        g_assert_true(guest_close(&guest));
        guest_check(&guest, NULL);
        g_assert_true(is_after(&guest, &m, row->action) == (status == FMT_OK));
        guest_clear(&guest);
    }
    model_clear(&m);
}

static void add(const char *kind, const char *options, const Action *action, gboolean allocations,
                GTestDataFunc run)
{
    g_autofree char *path = g_strdup_printf("/qcow2/snapshot-faults/%s/%s-%s/%s", kind,
                                            action->action, action->name, options);
    Row *row = g_new(Row, 1);

    *row = (Row){ options, action, allocations };
    g_test_add_data_func_full(path, row, run, g_free);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(images); i++) {
        for (guint k = 0; k < G_N_ELEMENTS(actions); k++) {
            add("io", images[i], &actions[k], FALSE, test_fault);
            add("alloc", images[i], &actions[k], TRUE, test_fault);
            add("full", images[i], &actions[k], FALSE, test_full);
        }
    }
    return g_test_run();
}
