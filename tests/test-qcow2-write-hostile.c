/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing to images whose tables lie: the driver ends each job, with an answer or
 * an error, and never sends data over the header or the tables it knows of.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "profile/profile.h"
#include "tests/qcow2-guest.h"

#define SEEDS 150u
#define CLUSTER 4096u
#define DISK (2u << 20)
#define FAR (1u << 30) /* bytes of the file that are really written */

static const char *const kinds[] = {
    "cluster_size=4096",
    "cluster_size=4096,compat=0.10",
    "cluster_size=4096,refcount_bits=1",
    "cluster_size=16384,extended_l2=on",
    "cluster_size=4096,data_file=d",
};

static struct abi_extent in[ABI_MAX_EXTENTS], out[ABI_MAX_EXTENTS];

/* An image with some of everything, closed. */
static void make(Guest *guest, const char *options, GRand *rand)
{
    g_assert_true(guest_create(guest, options, DISK));
    for (guint i = 0; i < 12; i++) {
        guint64 at = (guint64)g_rand_int_range(rand, 0, DISK / 65536) * 65536;

        if (i % 4 == 3 && guest->data_handle == 0) {
            guest_write_coded(guest, at, 1000);
        } else if (i % 4 == 2) {
            g_assert_true(guest_zero(guest, at, 65536, i % 2));
        } else {
            g_assert_true(guest_write(guest, at, 70000, (guint8)(i + 1)));
        }
    }
    g_assert_true(guest_close(guest));
}

/* Numbers that tables are likely to stumble over. */
static guint64 evil(GRand *rand, guint64 old)
{
    const guint64 values[] = {
        0,
        1,
        CLUSTER,
        2 * CLUSTER,
        3 * CLUSTER,
        4 * CLUSTER,
        512,
        G_MAXUINT64,
        G_GUINT64_CONSTANT(1) << 63,
        (G_GUINT64_CONSTANT(1) << 63) | CLUSTER,
        (G_GUINT64_CONSTANT(1) << 62) | 17,
        G_GUINT64_CONSTANT(0x00fffffffffffe00),
        (G_GUINT64_CONSTANT(1) << 56) - CLUSTER,
        old ^ (G_GUINT64_CONSTANT(1) << 63),
        old + CLUSTER,
        old - CLUSTER,
        old | 1,
    };

    return values[g_rand_int_range(rand, 0, G_N_ELEMENTS(values))];
}

static void damage(Guest *guest, GRand *rand)
{
    int fd = mem_env_fd(guest->mem, 0);
    guint64 size = mem_env_size(guest->mem, 0);
    guint n = (guint)g_rand_int_range(rand, 1, 6);

    for (guint i = 0; i < n; i++) {
        /* the tables stand in the first clusters; entries begin at their beginning */
        guint64 cluster = (guint64)g_rand_int_range(rand, 1, 12) * CLUSTER;
        guint64 at = cluster + (guint64)g_rand_int_range(rand, 0, 40) * 8;
        guint8 bytes[8];

        if (at + 8 > size || pread(fd, bytes, 8, (off_t)at) != 8) {
            continue;
        }
        be64_store(bytes, evil(rand, be64_load(bytes)));
        g_assert_cmpint(pwrite(fd, bytes, 8, (off_t)at), ==, 8);
    }
}

/* Does the step stay away from the header, the L1 table and the refcount table? */
static void judge(const Guest *guest, const struct abi_extent *e)
{
    const struct qcow2_state *st = guest->im.state;
    guint64 length = e->kind == ABI_EXT_COOKED ? e->stored_length : e->length;

    g_assert_cmpuint(e->handle, ==, st->has_data_file ? guest->data_handle : 0);
    g_assert_cmpuint(e->file_offset, <=, G_MAXINT64 - length);
    if (st->has_data_file) {
        g_assert_cmpuint(e->file_offset, ==, e->guest_offset);
        return;
    }
    g_assert_cmpuint(e->file_offset, >=, st->cluster_size);
    g_assert_false(
        ranges_overlap(e->file_offset, length, st->header.l1_offset, st->header.l1_size * 8ull));
    g_assert_false(ranges_overlap(e->file_offset, length, st->header.reftable_offset,
                                  st->header.reftable_clusters * st->cluster_size));
}

static void ask(Guest *guest, GRand *rand)
{
    static const guint16 questions[] = { ABI_EXT_DATA, ABI_EXT_DATA, ABI_EXT_ZERO, ABI_EXT_DISCARD,
                                         ABI_EXT_COOKED };
    guint32 n = 0, taken = 0, unused;
    guint64 size = qcow2_state(&guest->im)->cluster_size;
    struct abi_extent *q = &in[0];

    *q = (struct abi_extent){ .kind = questions[g_rand_int_range(rand, 0, 5)],
                              .flags = g_rand_boolean(rand) ? ABI_EXTF_UNMAP : 0,
                              .guest_offset = 512 * (guint64)g_rand_int_range(rand, 0, DISK / 512),
                              .stored_length = (guint64)g_rand_int_range(rand, 1, CLUSTER) };
    q->length = 512 * (guint64)g_rand_int_range(rand, 1, 300);
    if (q->kind == ABI_EXT_COOKED) {
        q->guest_offset = q->guest_offset / size * size;
        q->length = size;
    }
    q->length = MIN(q->length, DISK - q->guest_offset);
    if (qcow2_write(&guest->im, in, 1, out, ABI_MAX_EXTENTS, &n, &taken) != FMT_OK) {
        return;
    }
    for (guint i = 0; i < n; i++) {
        judge(guest, &out[i]);
        if (out[i].file_offset < FAR) {
            guint8 byte = 7;

            g_assert_cmpint(
                pwrite(mem_env_fd(guest->mem, out[i].handle), &byte, 1, (off_t)out[i].file_offset),
                ==, 1);
        }
        in[i] = out[i];
        in[i].kind = g_rand_int_range(rand, 0, 8) ? ABI_EXT_LINK : ABI_EXT_ABORT;
    }
    (void)qcow2_write(&guest->im, in, n, out, ABI_MAX_EXTENTS, &unused, &taken);
}

static void test_hostile(gconstpointer options)
{
    for (guint seed = 0; seed < SEEDS; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        Guest guest;

        make(&guest, options, rand);
        damage(&guest, rand);
        mem_env_limit(guest.mem, G_GUINT64_CONSTANT(1) << 40);
        if (guest_open(&guest, ABI_OPEN_WRITE | ABI_OPEN_DISCARD_UNMAP)) {
            for (guint i = 0; i < 20; i++) {
                ask(&guest, rand);
            }
            if (seed % 3 == 0) {
                (void)qcow2_truncate(&guest.im, 2 * DISK, seed % 4, 0);
            }
            (void)guest_close(&guest);
        }
        guest_clear(&guest);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *path = g_strdup_printf("/qcow2/write-hostile/%s", kinds[i]);

        g_test_add_data_func(path, kinds[i], test_hostile);
    }
    return g_test_run();
}
