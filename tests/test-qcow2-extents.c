/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where guest bytes of a qcow2 image are: every kind of entry, merging, huge and broken tables. */
#include "config.h"

#include <string.h>

#include "profile/profile.h"
#include "tests/qcow2-builder.h"

#define KIB G_GUINT64_CONSTANT(1024)
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)
#define TIB (GIB * KIB)

/* The extents of [start, start + length) as words, e.g. "0+64k data@320k". */
static char *extents_of(Opened *o, guint64 start, guint64 length, guint max)
{
    static const char *const kinds[] = { "?", "data", "zero", "hole", "cooked" };
    GString *out = g_string_new(NULL);
    struct abi_extent *e = g_new(struct abi_extent, max);
    guint64 end = MIN(start + length, o->facts.virtual_size);

    while (start < end) {
        guint32 count = 0;
        guint64 next = start;
        int status = qcow2_driver.extents(&o->im, start, end - start, 0, e, max, &count, &next);

        if (status != FMT_OK) {
            g_string_append_printf(out, "error %d ", status);
            break;
        }
        g_assert_cmpuint(count, >, 0);
        g_assert_cmpuint(next, >, start);
        for (guint i = 0; i < count; i++) {
            g_assert_cmpuint(e[i].guest_offset, ==, start);
            g_string_append_printf(out, "%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT " %s",
                                   e[i].guest_offset / 512, e[i].length / 512, kinds[e[i].kind]);
            if (e[i].flags & ABI_EXTF_OFFSET || e[i].kind == ABI_EXT_COOKED) {
                g_string_append_printf(out, "@%" G_GUINT64_FORMAT, e[i].file_offset / 512);
            }
            if (e[i].kind == ABI_EXT_COOKED) {
                g_string_append_printf(out, ":%" G_GUINT64_FORMAT, e[i].stored_length);
            }
            g_string_append(out, "; ");
            start += e[i].length;
        }
        g_assert_cmpuint(start, ==, next);
    }
    g_free(e);
    return g_string_free(out, FALSE);
}

static void check_extents(Builder *b, guint64 start, guint64 length, guint max,
                          const char *expected)
{
    Opened o;

    opened_init(&o, b, 0, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    g_autofree char *words = extents_of(&o, start, length, max);
    g_assert_cmpstr(words, ==, expected);
    opened_clear(&o);
}

/* Clusters of 4 KiB (8 sectors); data begins at 20 KiB (sector 40). */
static Builder *mixed(void)
{
    Builder *b = builder_new(&(BuilderOptions){ .cluster_bits = 12, .data_clusters = 4 });

    builder_put64(b, b->l2 + 4 * 8, QCOW2_ZERO);
    builder_put64(b, b->l2 + 5 * 8, QCOW2_ZERO);
    builder_put64(b, b->l2 + 6 * 8, (b->data + 0x4000) | QCOW2_COPIED | QCOW2_ZERO);
    builder_put64(b, b->l2 + 8 * 8, QCOW2_COMPRESSED | (1ull << 58) | (b->data + 0x5000 + 100));
    builder_put64(b, b->l2 + 9 * 8, QCOW2_COMPRESSED | (b->data + 0x5000 + 700));
    builder_put64(b, b->l2 + 10 * 8, (b->data + 0x7000) | QCOW2_COPIED);
    return b;
}

static void test_mixed(void)
{
    static const char all[] = "0+32 data@40; 32+16 zero; 48+8 zero@72; 56+8 hole; "
                              "64+8 cooked@80:924; 72+8 cooked@81:324; 80+8 data@96; "
                              "88+4008 hole; ";
    g_autoptr(Builder) b = mixed();

    check_extents(b, 0, 2 * MIB, 1000, all);
    /* however small the pieces are, the same is told */
    check_extents(b, 0, 2 * MIB, 1, all);
    check_extents(b, 0, 2 * MIB, 2, all);
    check_extents(b, 512, 1024, 10, "1+2 data@41; ");
    check_extents(b, 8 * 4 * KIB + 512, 512, 10, "65+1 cooked@80:924; ");
    check_extents(b, 2 * MIB - 512, 5 * MIB, 10, "4095+1 hole; ");
    check_extents(b, 2 * MIB, 5 * MIB, 10, "");
}

static void test_subclusters(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){
        .cluster_bits = 16, .data_clusters = 2, .extended_l2 = TRUE, .size = MIB });

    /* data begins at sector 640; a subcluster is 4 sectors */
    builder_put64(b, b->l2 + 8, 0x3 | (0xcull << 32));
    builder_put64(b, b->l2 + 32, 0);
    builder_put64(b, b->l2 + 40, 0xffffffffull << 32);
    check_extents(b, 0, MIB, 100,
                  "0+8 data@640; 8+8 zero@648; 16+112 hole@656; 128+128 data@768; "
                  "256+128 zero; 384+1664 hole; ");
    check_extents(b, 10 * 512, 512 * 10, 100, "10+6 zero@650; 16+4 hole@656; ");
}

static void test_data_file(void)
{
    g_autoptr(Builder) b =
        builder_new(&(BuilderOptions){ .data_file = TRUE, .data_clusters = 2, .size = MIB });
    Opened o;

    opened_init(&o, b, 0, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    struct abi_extent e[4];
    guint32 count;
    guint64 next;
    /* without the file there is no answer, above all no wrong one */
    g_assert_cmpint(qcow2_driver.extents(&o.im, 0, MIB, 0, e, 4, &count, &next), ==, FMT_E_BAD_JOB);
    g_assert_cmpint(qcow2_driver.attach(&o.im, ABI_ROLE_DATA_FILE, 0, 1), ==, FMT_OK);
    g_assert_cmpint(qcow2_driver.extents(&o.im, 0, MIB, 0, e, 4, &count, &next), ==, FMT_OK);
    g_assert_cmpuint(count, ==, 2);
    g_assert_cmpuint(e[0].handle, ==, 1);
    g_assert_cmpuint(e[0].file_offset, ==, 0);
    g_assert_cmpuint(e[0].length, ==, 128 * KIB);
    opened_clear(&o);
}

/* ---- broken entries ---- */

typedef struct {
    const char *name;
    gboolean l1;
    guint index;
    guint64 entry;
    const char *extents;
    const char *message;
} Broken;

#define SUPPRESSED "; further non-fatal corruption events will be suppressed\n"

static const Broken broken[] = {
    { "l1-unaligned", TRUE, 0, 0x4200, "error -9 ",
      "qcow2: Image is corrupt: L2 table offset 0x4200 unaligned (L1 index: 0)" SUPPRESSED },
    { "l2-unaligned", FALSE, 0, 0x5200, "error -9 ",
      "qcow2: Image is corrupt: Cluster allocation offset 0x5200 unaligned (L2 offset: 0x4000, "
      "L2 index: 0)" SUPPRESSED },
    /* what comes before can be had */
    { "l2-unaligned-later", FALSE, 1, 0x6200, "0+8 data@40; error -9 ",
      "qcow2: Image is corrupt: Cluster allocation offset 0x6200 unaligned (L2 offset: 0x4000, "
      "L2 index: 0x1)" SUPPRESSED },
    { "l1-far", TRUE, 0, 1ull << 55, "0+4096 hole; ", "" },
    { "l1-reserved", TRUE, 0, 0x4000 | 1 | 1ull << 60, "0+16 data@40; 16+4080 hole; ", "" },
};

static void test_broken(gconstpointer data)
{
    const Broken *row = data;
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .cluster_bits = 12, .data_clusters = 2 });
    Opened o;

    builder_put64(b, (row->l1 ? b->l1 : b->l2) + row->index * 8, row->entry);
    opened_init(&o, b, 0, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    for (guint turn = 0; turn < 2; turn++) {
        g_autofree char *words = extents_of(&o, 0, 2 * MIB, 1000);
        g_autofree char *lines = opened_messages(&o, NULL);
        g_assert_cmpstr(words, ==, row->extents);
        /* told once */
        g_assert_cmpstr(lines, ==, row->message);
    }
    opened_clear(&o);
}

static void test_zero_v2(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .version = 2, .data_clusters = 1 });
    Opened o;

    builder_put64(b, b->l2, b->data | QCOW2_ZERO);
    opened_init(&o, b, 0, 0);
    g_autofree char *words = extents_of(&o, 0, MIB, 1000);
    g_autofree char *lines = opened_messages(&o, NULL);
    g_assert_cmpstr(words, ==, "error -9 ");
    g_assert_true(strstr(lines, "Zero cluster entry found in pre-v3 image") != NULL);
    opened_clear(&o);
}

/* Opened for writing, the image is marked, and then of no use. */
static void test_marked(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .data_clusters = 1 });
    Opened o;

    builder_put64(b, b->l1, 0x40200);
    opened_init(&o, b, ABI_OPEN_WRITE, 0);
    g_autofree char *words = extents_of(&o, 0, MIB, 10);
    g_autofree char *lines = opened_messages(&o, NULL);
    g_autoptr(GBytes) bytes = mem_env_bytes(o.mem, 0);
    const guint8 *p = g_bytes_get_data(bytes, NULL);
    g_assert_cmpstr(words, ==, "error -9 ");
    g_assert_true(g_str_has_prefix(lines, "qcow2: Marking image as corrupt: L2 table offset "));
    g_assert_cmpuint(be64_load(p + QCOW2_H_INCOMPATIBLE), ==, QCOW2_INCOMPAT_CORRUPT);
    g_autofree char *again = extents_of(&o, 0, MIB, 10);
    g_assert_cmpstr(again, ==, "error -1 ");
    g_assert_cmpuint(mem_env_result(o.mem)->io_errno, ==, QCOW2_ENOMEDIUM);
    opened_clear(&o);
}

/* ---- size ---- */

/* Nothing allocated: few requests and little memory whatever the size. */
static void check_empty(guint32 cluster_bits, guint64 size, guint most_io)
{
    guint64 span = (G_GUINT64_CONSTANT(1) << (2 * cluster_bits - 3));
    g_autoptr(Builder) b =
        builder_new(&(BuilderOptions){ .cluster_bits = cluster_bits,
                                       .size = size,
                                       .l1_size = (guint32)((size + span - 1) / span) });
    Opened o;
    struct abi_extent e[2];
    guint32 count;
    guint64 next;

    builder_put64(b, b->l1, 0);
    opened_init(&o, b, 0, 6 * MIB);
    g_assert_cmpint(o.status, ==, FMT_OK);
    guint64 before = mem_env_io_count(o.mem);
    g_assert_cmpint(qcow2_driver.extents(&o.im, 0, size, 0, e, 2, &count, &next), ==, FMT_OK);
    g_assert_cmpuint(count, ==, 1);
    g_assert_cmpuint(e[0].length, ==, size);
    g_assert_cmpuint(e[0].kind, ==, ABI_EXT_HOLE);
    g_assert_cmpuint(mem_env_io_count(o.mem) - before, <=, most_io);
    opened_clear(&o);
}

static void test_huge(void)
{
    check_empty(16, TIB, 1);
    check_empty(16, 64 * TIB, 16);
    check_empty(21, 1024 * 1024 * TIB, 256);
    check_empty(9, 128 * GIB, 65536);
}

/* An L1 table full of tables: memory stays, and tables come in batches. */
static void test_many_tables(void)
{
    const guint n = 3000;
    g_autoptr(Builder) b =
        builder_new(&(BuilderOptions){ .cluster_bits = 9, .l1_size = n, .size = n * 32 * KIB });
    guint64 tables = align_up(b->l1 + n * 8, 512);
    Opened o;

    for (guint i = 0; i < n; i++) {
        guint64 l2 = tables + i * 512;
        builder_put64(b, b->l1 + i * 8, l2 | QCOW2_COPIED);
        builder_put64(b, l2 + (i % 64) * 8, QCOW2_ZERO);
    }
    opened_init(&o, b, 0, 6 * MIB);
    g_assert_cmpint(o.status, ==, FMT_OK);
    g_autofree char *words = extents_of(&o, 0, n * 32 * KIB, ABI_MAX_EXTENTS);
    g_auto(GStrv) parts = g_strsplit(words, "; ", -1);
    guint zeros = 0;
    for (guint i = 0; parts[i] != NULL; i++) {
        zeros += g_str_has_suffix(parts[i], " zero");
    }
    /* i % 64 at the end of one table and the beginning of the next touch once in 64 */
    g_assert_cmpuint(zeros, ==, n - n / 64);
    opened_clear(&o);
}

int main(int argc, char **argv)
{
    g_setenv("INSTAR_IMG_QEMU_VERSION", "7.2.0", TRUE);
    g_test_init(&argc, &argv, NULL);
    profile_init(NULL);
    g_test_add_func("/qcow2/extents/mixed", test_mixed);
    g_test_add_func("/qcow2/extents/subclusters", test_subclusters);
    g_test_add_func("/qcow2/extents/data-file", test_data_file);
    for (guint i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_autofree char *path = g_strdup_printf("/qcow2/extents/broken/%s", broken[i].name);

        g_test_add_data_func(path, &broken[i], test_broken);
    }
    g_test_add_func("/qcow2/extents/broken/zero-v2", test_zero_v2);
    g_test_add_func("/qcow2/extents/broken/marked", test_marked);
    g_test_add_func("/qcow2/extents/huge", test_huge);
    g_test_add_func("/qcow2/extents/many-tables", test_many_tables);
    return g_test_run();
}
