/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing to qcow2, job by job: many questions at once, pieces of clusters, what is aborted or
 * refused, and the marks in the header meanwhile. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "profile/profile.h"
#include "tests/qcow2-guest.h"

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
        { .kind = ABI_EXT_COOKED, .guest_offset = 65536, .length = 0 },
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
