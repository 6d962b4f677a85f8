/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checking qcow2 by hand-made damage: counters and lines; the same beside qemu-img is
 * test-qcow2-damage. */
#include "config.h"

#include <string.h>

#include "format/qcow2-check.h"
#include "profile/profile.h"
#include "tests/qcow2-builder.h"

typedef struct {
    guint64 corruptions, leaks, check_errors, end, total, allocated, fragmented, compressed;
} Figures;

static Figures check(const Builder *b, guint64 arena, char **ret_lines)
{
    struct props_writer w;
    struct abi_check c = { .flags = 0 };
    Opened o;

    opened_init(&o, b, ABI_OPEN_CHECK, arena);
    g_assert_cmpint(o.status, ==, FMT_OK);
    w = o.props;
    w.used = 0;
    g_assert_cmpint(qcow2_driver.check(&o.im, 0, &c, &w), ==, FMT_OK);
    *ret_lines = opened_messages(&o, &w);
    opened_clear(&o);
    return (Figures){ c.corruptions,         c.leaks,
                      c.check_errors,        c.image_end_offset,
                      c.total_clusters,      c.allocated_clusters,
                      c.fragmented_clusters, c.compressed_clusters };
}

/* Clusters of 4 KiB, four of data in clusters 5 to 8. */
static Builder *sound(void)
{
    return builder_new(&(BuilderOptions){ .cluster_bits = 12, .data_clusters = 4 });
}

static void test_sound(void)
{
    g_autoptr(Builder) b = sound();
    g_autofree char *lines = NULL;
    Figures f = check(b, 0, &lines);

    g_assert_cmpstr(lines, ==, "");
    g_assert_cmpuint(f.corruptions + f.leaks + f.check_errors, ==, 0);
    g_assert_cmpuint(f.end, ==, 9 * 4096);
    g_assert_cmpuint(f.total, ==, 512);
    g_assert_cmpuint(f.allocated, ==, 4);
    g_assert_cmpuint(f.fragmented, ==, 0);
}

typedef struct {
    const char *name;
    guint64 offset, value; /* 8 bytes at offset of sound() */
    guint corruptions, leaks;
    const char *lines;
} Row;

#define L1 0x3000
#define L2 0x4000
#define FLAG QCOW2_COPIED

static const Row rows[] = {
    { "leak", L2, 0, 0, 1, "Leaked cluster 5 refcount=1 reference=0\n" },
    { "shared", L2, 0x6000 | FLAG, 1, 1,
      "Leaked cluster 5 refcount=1 reference=0\nERROR cluster 6 refcount=1 reference=2\n" },
    { "reserved", L2, 0x5002 | FLAG, 1, 0,
      "ERROR found l2 entry with reserved bits set: 8000000000005002\n" },
    { "not-copied", L2, 0x5000, 1, 0,
      "ERROR OFLAG_COPIED data cluster: l2_entry=5000 refcount=1\n" },
    { "unaligned", L2 + 24, 0x8200 | FLAG, 2, 0,
      "ERROR offset=8200: Data cluster is not properly aligned; L2 entry corrupted.\n"
      "ERROR cluster 9 refcount=0 reference=1\n" },
    { "beyond", L2, 0x100000 | FLAG, 2, 1,
      "ERROR: counting reference for region exceeding the end of the file by one cluster or more: "
      "offset 0x100000 size 0x1000\n"
      "Leaked cluster 5 refcount=1 reference=0\n"
      "ERROR OFLAG_COPIED data cluster: l2_entry=8000000000100000 refcount=0\n" },
    { "compressed-copied", L2 + 32, QCOW2_COMPRESSED | FLAG | 0x5000, 2, 0,
      "ERROR: coffset=0x5000: copied flag must never be set for compressed clusters\n"
      "ERROR cluster 5 refcount=1 reference=2\n" },
    { "l1-not-copied", L1, 0x4000, 1, 0,
      "ERROR OFLAG_COPIED L2 cluster: l1_index=0 l1_entry=4000 refcount=1\n" },
    { "l1-reserved", L1, 0x4002 | FLAG, 1, 0,
      "ERROR found L1 entry with reserved bits set: 8000000000004002\n" },
    { "refblock-reserved", 0x1000, 0x2001, 1, 1,
      "ERROR refcount table entry 0 has reserved bits set\n"
      "Leaked cluster 2 refcount=1 reference=0\n" },
    { "refblock-outside", 0x1008, 0x100000, 1, 0, "ERROR refcount block 1 is outside image\n" },
    { "refblock-twice", 0x1008, 0x2000, 2, 0,
      "ERROR refcount block 1 refcount=2\nERROR cluster 2 refcount=1 reference=2\n" },
};

static void test_row(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(Builder) b = sound();
    g_autofree char *lines = NULL;

    builder_put64(b, row->offset, row->value);
    Figures f = check(b, 0, &lines);
    g_assert_cmpstr(lines, ==, row->lines);
    g_assert_cmpuint(f.corruptions, ==, row->corruptions);
    g_assert_cmpuint(f.leaks, ==, row->leaks);
    g_assert_cmpuint(f.check_errors, ==, 0);
}

/* Counts that no byte holds: 600 entries on one cluster. */
static void test_large_counts(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .cluster_bits = 13, .data_clusters = 2 });
    g_autofree char *lines = NULL;

    for (guint i = 2; i < 602; i++) {
        builder_put64(b, b->l2 + i * 8, b->data);
    }
    builder_put16(b, b->refblock + 5 * 2, 601);
    builder_put64(b, b->l2, b->data);
    Figures f = check(b, 0, &lines);
    g_assert_cmpstr(lines, ==, "");
    g_assert_cmpuint(f.corruptions, ==, 0);
    builder_put16(b, b->refblock + 5 * 2, 600);
    g_free(g_steal_pointer(&lines));
    f = check(b, 0, &lines);
    g_assert_cmpstr(lines, ==, "ERROR cluster 5 refcount=600 reference=601\n");
}

/* Each width of refcounts: as many references as fit, then one more. */
static void test_widths(void)
{
    for (guint order = 0; order <= 3; order++) {
        guint most = (1u << (1u << order)) - 1;
        g_autoptr(Builder) b =
            builder_new(&(BuilderOptions){ .cluster_bits = 13,
                                           .data_clusters = 1,
                                           .refcount_order = order ? order : G_MAXUINT32 });
        g_autofree char *lines = NULL, *more = NULL;

        for (guint i = 0; i < most; i++) {
            builder_put64(b, b->l2 + i * 8, b->data | (most == 1 ? FLAG : 0));
        }
        qcow2_refcount_store(b->bytes->data + b->refblock, order, 5, most);
        check(b, 0, &lines);
        g_assert_cmpstr(lines, ==, "");
        builder_put64(b, b->l2 + most * 8, b->data | (most == 1 ? FLAG : 0));
        Figures f = check(b, 0, &more);
        g_assert_true(g_str_has_prefix(more, "ERROR: overflow cluster offset=0xa000\n"));
        g_assert_cmpuint(f.corruptions, ==, 1);
    }
}

/* More clusters than one window holds: a hole of 20 million clusters of 512 bytes, one leak
 * behind it, in 26 MiB (16 for the window). */
static void test_windows(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .cluster_bits = 9, .data_clusters = 1 });
    const guint64 clusters = 20u << 20;
    guint64 far_block = clusters >> (9 + 3 - 4);
    struct props_writer w;
    struct abi_check c = { .flags = 0 };
    Opened o;

    builder_put32(b, QCOW2_H_REFTABLE_CLUSTERS, 2048);
    guint64 table = align_up(b->bytes->len, 512);
    guint64 block = table + 2048 * 512;
    builder_put64(b, QCOW2_H_REFTABLE_OFFSET, table);
    builder_put64(b, table, b->refblock);
    builder_put64(b, table + far_block * 8, block);
    builder_put64(b, block + 512 - 8, 0);
    qcow2_refcount_store(b->bytes->data + block, 4, 7, 1);
    opened_init(&o, b, ABI_OPEN_CHECK, 26u << 20);
    g_assert_cmpint(o.status, ==, FMT_OK);
    g_assert_cmpint(fmt_truncate(o.im.env, 0, (clusters + 100) * 512, 0), ==, FMT_OK);
    w = o.props;
    w.used = 0;
    g_assert_cmpint(qcow2_driver.check(&o.im, 0, &c, &w), ==, FMT_OK);
    g_autofree char *lines = opened_messages(&o, &w);
    g_autofree char *leak = g_strdup_printf(
        "Leaked cluster %" G_GUINT64_FORMAT " refcount=1 reference=0\n", clusters + 7);
    g_assert_true(g_str_has_suffix(lines, leak));
    g_assert_cmpuint(c.image_end_offset, ==, (clusters + 8) * 512);
    /* what one walk finds is not told once a window */
    g_assert_cmpuint(c.allocated_clusters, ==, 1);
    opened_clear(&o);
}

int main(int argc, char **argv)
{
    g_setenv("INSTAR_IMG_QEMU_VERSION", "7.2.0", TRUE);
    g_test_init(&argc, &argv, NULL);
    profile_init(NULL);
    g_test_add_func("/qcow2/check/sound", test_sound);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/qcow2/check/%s", rows[i].name);

        g_test_add_data_func(path, &rows[i], test_row);
    }
    g_test_add_func("/qcow2/check/large-counts", test_large_counts);
    g_test_add_func("/qcow2/check/widths", test_widths);
    g_test_add_func("/qcow2/check/windows", test_windows);
    return g_test_run();
}
