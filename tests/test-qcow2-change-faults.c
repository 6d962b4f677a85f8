/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resize and amend of qcow2 while the n-th request or allocation fails, for every n, and everything
 * after it: what is on disk then is sound but for leaks, and shows the old disk or the new one.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "abi/props.h"
#include "profile/profile.h"
#include "tests/qcow2-guest.h"

#define SIZE (256u << 10)

typedef struct {
    const char *name;
    const char *options;
    guint64 size;       /* new one; 0: it stays */
    guint32 prealloc;   /* enum abi_prealloc */
    const char *compat; /* of amend, NULL: none */
    guint64 bits;       /* of amend, 0: as they are */
} Row;

static const Row rows[] = {
    { "shrink", "cluster_size=4096", 40u << 10, 0, NULL, 0 },
    { "shrink-512", "cluster_size=512", 100u << 10, 0, NULL, 0 },
    { "shrink-part", "cluster_size=4096", (40u << 10) + 512, 0, NULL, 0 },
    { "shrink-extended", "cluster_size=16384,extended_l2=on", 40u << 10, 0, NULL, 0 },
    { "grow", "cluster_size=512", 1u << 20, ABI_PREALLOC_OFF, NULL, 0 },
    { "grow-metadata", "cluster_size=512", 512u << 10, ABI_PREALLOC_METADATA, NULL, 0 },
    { "grow-falloc", "cluster_size=512", 512u << 10, ABI_PREALLOC_FALLOC, NULL, 0 },
    { "width-64", "cluster_size=512", 0, 0, NULL, 64 },
    { "width-1", "cluster_size=4096", 0, 0, NULL, 1 },
    { "down", "cluster_size=4096", 0, 0, "0.10", 0 },
    { "down-overlay", "cluster_size=4096,backing_file=base,backing_fmt=raw", 0, 0, "0.10", 0 },
    { "up", "cluster_size=4096,compat=0.10", 0, 0, "1.1", 8 },
};

static int call_amend(Guest *guest, struct props_writer *w, gboolean *ret_more)
{
    guint8 out[256];
    struct props_writer answer = { .base = out, .size = sizeof out };
    const struct props_reader in = { .base = w->base, .size = w->used };
    int status = guest->im.driver->call(&guest->im, ABI_CALL_AMEND, in, &answer);

    *ret_more = answer.used != 0;
    return status;
}

static int amend(Guest *guest, const Row *row)
{
    guint8 bytes[256];
    struct props_writer w = { .base = bytes, .size = sizeof bytes };
    gboolean older;
    int status;

    if (row->compat != NULL) {
        props_string(&w, "compat", row->compat);
    }
    if (row->bits != 0) {
        props_u64(&w, "refcount_bits", row->bits);
    }
    status = call_amend(guest, &w, &older);
    if (status == FMT_OK && older) {
        w.used = 0;
        props_bool(&w, "downgrade", true);
        status = call_amend(guest, &w, &older);
    }
    return status;
}

/* Is the disk now what it was, or what it was to become? */
static void look(Guest *guest, const Row *row, gboolean done)
{
    guint64 now = qcow2_state(&guest->im)->active.size;
    guint64 shown = MIN(now, SIZE);
    g_autofree guint8 *bytes = g_malloc(now);

    g_assert_true(now == SIZE || now == row->size);
    g_assert_true(!done || row->size == 0 || now == row->size);
    g_assert_true(guest_read(guest, 0, bytes, now));
    g_assert_cmpmem(bytes, shown, guest->disk->data, shown);
    for (guint64 i = SIZE; i < now; i++) {
        g_assert_cmphex(bytes[i], ==, 0);
    }
}

/* FALSE: there are not so many requests (allocations). */
static gboolean try(const Row *row, guint64 io, guint64 allocation)
{
    guint64 ios, allocations, leaks;
    gboolean failed;
    Guest guest;
    int status;

    g_assert_true(guest_create(&guest, row->options, SIZE));
    g_assert_true(guest_write(&guest, 0, 100u << 10, 3));
    g_assert_true(guest_write(&guest, 130u << 10, 60u << 10, 5));
    g_assert_true(guest_zero(&guest, 16u << 10, 32u << 10, FALSE));
    g_assert_true(guest_zero(&guest, 200u << 10, 16u << 10, TRUE));
    g_assert_true(guest_close(&guest));
    g_assert_true(guest_open(&guest, ABI_OPEN_WRITE));
    ios = mem_env_io_count(guest.mem);
    allocations = mem_env_alloc_count(guest.mem);
    mem_env_stop_at_failure(guest.mem, TRUE);
    mem_env_fail_io(guest.mem, io, EIO);
    mem_env_fail_alloc(guest.mem, allocation);
    status = row->size != 0 ? guest.im.driver->truncate(&guest.im, row->size, row->prealloc, 0)
                            : amend(&guest, row);
    failed = status != FMT_OK || !guest_close(&guest);
    gboolean reached = io != 0 ? mem_env_io_count(guest.mem) - ios >= io
                               : mem_env_alloc_count(guest.mem) - allocations >= allocation;
    guest_end_faults(&guest);
    guest_check(&guest, &leaks);
    g_assert_true(failed || leaks == 0);
    g_assert_true(guest_open(&guest, 0));
    look(&guest, row, !failed);
    guest_clear(&guest);
    return reached;
}

static void test_requests(gconstpointer data)
{
    guint64 n = 1;

    while (try(data, n, 0)) {
        n++;
    }
    g_assert_cmpuint(n, >, 3);
}

static void test_allocations(gconstpointer data)
{
    guint64 n = 1;

    while (try(data, 0, n)) {
        n++;
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *requests = g_strdup_printf("/qcow2-change/%s/requests", rows[i].name);
        g_autofree char *allocations =
            g_strdup_printf("/qcow2-change/%s/allocations", rows[i].name);

        g_test_add_data_func(requests, &rows[i], test_requests);
        g_test_add_data_func(allocations, &rows[i], test_allocations);
    }
    return g_test_run();
}
