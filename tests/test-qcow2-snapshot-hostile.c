/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots of images whose tables lie: random bytes in the snapshot table, in L1 and L2 tables and
 * in refcounts. Whatever is asked then ends and stays in its memory, in a store that gives a file
 * no more room than the host does.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "format/qcow2-write.h"
#include "profile/profile.h"
#include "tests/qcow2-guest.h"

#define DISK (1u << 20)
#define ROUNDS 150u
#define MOST_GROWTH (64u << 20)

static const char *const images[] = {
    "cluster_size=4096",
    "cluster_size=512",
    "cluster_size=4096,compat=0.10",
    "cluster_size=16384,extended_l2=on",
};

static int call(Guest *guest, const char *action, const char *name)
{
    guint8 bytes[256];
    struct props_writer w = { .base = bytes, .size = sizeof bytes }, unused = { .size = 0 };

    props_string(&w, "action", action);
    props_string(&w, "name", name);
    return qcow2_snapshot_call(&guest->im, (struct props_reader){ bytes, w.used, 0, 0 }, &unused);
}

/* Some bytes of one of the tables become others. */
static void damage(int fd, const struct qcow2_header *h)
{
    const guint64 places[] = { h->snapshots_offset,
                               h->snapshots_offset + 40,
                               h->l1_offset,
                               h->reftable_offset,
                               h->reftable_offset + (1u << h->cluster_bits),
                               h->l1_offset + (1u << h->cluster_bits) };
    guint n = (guint)g_test_rand_int_range(1, 4);

    while (n-- > 0) {
        guint64 at = places[g_test_rand_int_range(0, G_N_ELEMENTS(places))] +
                     (guint64)g_test_rand_int_range(0, 160);
        guint8 byte = (guint8)g_test_rand_int();

        g_assert_cmpint(pwrite(fd, &byte, 1, (off_t)at), ==, 1);
    }
}

static void test_hostile(gconstpointer data)
{
    static const char *const acts[][2] = {
        { "create", "new" }, { "apply", "one" },  { "apply", "2" },
        { "delete", "one" }, { "delete", "two" },
    };
    guint done = 0;

    for (guint i = 0; i < ROUNDS; i++) {
        const char *const *act = acts[i % G_N_ELEMENTS(acts)];
        struct qcow2_header h;
        guint64 size;
        Guest guest;

        g_assert_true(guest_create(&guest, data, DISK));
        guest_write(&guest, 0, 100 << 10, 1);
        g_assert_cmpint(call(&guest, "create", "one"), ==, FMT_OK);
        guest_write(&guest, 50 << 10, 100 << 10, 2);
        g_assert_cmpint(call(&guest, "create", "two"), ==, FMT_OK);
        guest_write(&guest, 70 << 10, 10 << 10, 3);
        h = qcow2_state(&guest.im)->header;
        g_assert_true(guest_close(&guest));
        damage(mem_env_fd(guest.mem, 0), &h);
        size = mem_env_size(guest.mem, 0);
        mem_env_limit(guest.mem, size + MOST_GROWTH);
        if (guest_open(&guest, ABI_OPEN_WRITE | ABI_OPEN_DISCARD_UNMAP)) {
            done += call(&guest, act[0], act[1]) == FMT_OK;
            guest_close(&guest);
        }
        guest_clear(&guest);
    }
    g_test_message("%u of %u were done all the same", done, ROUNDS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autofree char *path = g_strdup_printf("/qcow2/snapshot-hostile/%s", images[i]);

        g_test_add_data_func(path, images[i], test_hostile);
    }
    return g_test_run();
}
