/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Repairs of qcow2: what is mended and told, that it holds, and that a repair cut short at any
 * request costs nothing. The same beside qemu-img is test-qcow2-damage. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "profile/profile.h"
#include "tests/qcow2-builder.h"

#define L1 0x3000
#define L2 0x4000
#define COUNTS 0x2000
#define FLAG QCOW2_COPIED
#define BOTH (ABI_FIX_LEAKS | ABI_FIX_ERRORS)

/* Check what o holds; lines may be NULL. */
static int check(Opened *o, guint32 fix, struct abi_check *ret, char **ret_lines)
{
    struct props_writer w = o->props;

    w.used = 0;
    *ret = (struct abi_check){ .flags = 0 };
    g_byte_array_set_size(mem_env_emitted(o->mem), 0);
    int status = qcow2_driver.check(&o->im, fix, ret, &w);
    if (ret_lines != NULL) {
        *ret_lines = opened_messages(o, &w);
    }
    return status;
}

/* Clusters of 4 KiB, four of data in clusters 5 to 8. */
static Builder *sound(void)
{
    return builder_new(&(BuilderOptions){ .cluster_bits = 12, .data_clusters = 4 });
}

typedef struct {
    const char *name;
    guint64 offset; /* in sound() */
    guint bytes;
    guint64 value;
    guint32 fix;
    guint leaks_fixed, corruptions_fixed, left;
    const char *lines;
} Row;

static const Row rows[] = {
    { "leak", COUNTS + 10, 2, 3, ABI_FIX_LEAKS, 1, 0, 0,
      "Leaked cluster 5 refcount=3 reference=1\nRepairing cluster 5 refcount=3 reference=1\n" },
    { "leak-free", L2, 8, 0, ABI_FIX_LEAKS, 1, 0, 0,
      "Leaked cluster 5 refcount=1 reference=0\nRepairing cluster 5 refcount=1 reference=0\n" },
    { "shared", L2, 8, 0x6000 | FLAG, BOTH, 1, 3, 0,
      "Leaked cluster 5 refcount=1 reference=0\nERROR cluster 6 refcount=1 reference=2\n"
      "Repairing cluster 5 refcount=1 reference=0\nRepairing cluster 6 refcount=1 reference=2\n"
      "Repairing OFLAG_COPIED data cluster: l2_entry=8000000000006000 refcount=2\n"
      "Repairing OFLAG_COPIED data cluster: l2_entry=8000000000006000 refcount=2\n" },
    /* flags are safe to mend with the leaks, unless there is more */
    { "flag", L2, 8, 0x5000, ABI_FIX_LEAKS, 0, 1, 0,
      "Repairing OFLAG_COPIED data cluster: l2_entry=5000 refcount=1\n" },
    { "flag-l1", L1, 8, 0x4000, ABI_FIX_LEAKS, 0, 1, 0,
      "Repairing OFLAG_COPIED L2 cluster: l1_index=0 l1_entry=4000 refcount=1\n" },
    { "reserved-stays", L2, 8, 0x5002 | FLAG, BOTH, 0, 0, 1,
      "ERROR found l2 entry with reserved bits set: 8000000000005002\n" },
    { "prealloc", L2, 8, 0x5201, BOTH, 1, 1, 0,
      "Repairing offset=5200: Preallocated cluster is not properly aligned; L2 entry corrupted.\n"
      "Leaked cluster 5 refcount=1 reference=0\nRepairing cluster 5 refcount=1 reference=0\n" },
    { "rebuild", COUNTS + 12, 2, 0, BOTH, 0, 1, 0,
      "ERROR cluster 6 refcount=0 reference=1\nRebuilding refcount structure\n"
      "Repairing cluster 1 refcount=1 reference=0\nRepairing cluster 2 refcount=1 reference=0\n" },
    { "rebuild-reserved", 0x1000, 8, 0x2001, BOTH, 1, 1, 0,
      "ERROR refcount table entry 0 has reserved bits set\n"
      "Leaked cluster 2 refcount=1 reference=0\nRebuilding refcount structure\n"
      "Repairing cluster 1 refcount=1 reference=0\n" },
    { "rebuild-twice", 0x1008, 8, 0x2000, BOTH, 0, 2, 0,
      "ERROR refcount block 1 refcount=2\nERROR cluster 2 refcount=1 reference=2\n"
      "Rebuilding refcount structure\nRepairing cluster 1 refcount=1 reference=0\n"
      "Repairing cluster 2 refcount=2 reference=0\n" },
    { "outside", 0x1008, 8, 0xa000, BOTH, 0, 2, 0,
      "Repairing refcount block 1 is outside image\nERROR cluster 10 refcount=0 reference=1\n"
      "Rebuilding refcount structure\nRepairing cluster 1 refcount=1 reference=0\n"
      "Repairing cluster 2 refcount=1 reference=0\nRepairing cluster 10 refcount=1 reference=0\n" },
    { "far-outside", 0x1008, 8, 1ull << 40, BOTH, 0, 1, 0,
      "Repairing refcount block 1 is outside image\nCould not resize file: File too large\n"
      "ERROR could not resize image: File too large\n"
      "Rebuilding refcount structure\nRepairing cluster 1 refcount=1 reference=0\n"
      "Repairing cluster 2 refcount=1 reference=0\n" },
};

static Builder *damaged(const Row *row)
{
    Builder *b = sound();

    if (row->bytes == 2) {
        builder_put16(b, row->offset, (guint16)row->value);
    } else {
        builder_put64(b, row->offset, row->value);
    }
    builder_put64(b, QCOW2_H_INCOMPATIBLE, QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT);
    return b;
}

static void test_row(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(Builder) b = damaged(row);
    g_autofree char *lines = NULL, *again = NULL;
    struct abi_check first, second;
    Opened o;

    opened_init(&o, b, ABI_OPEN_WRITE | ABI_OPEN_CHECK, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    g_assert_cmpint(check(&o, row->fix, &first, &lines), ==, FMT_OK);
    g_assert_cmpstr(lines, ==, row->lines);
    g_assert_cmpuint(first.leaks_fixed, ==, row->leaks_fixed);
    g_assert_cmpuint(first.corruptions_fixed, ==, row->corruptions_fixed);
    g_assert_cmpint(check(&o, 0, &second, &again), ==, FMT_OK);
    g_assert_cmpuint(second.corruptions, ==, row->left);
    g_assert_cmpuint(second.leaks, ==, 0);
    g_assert_cmpuint(second.check_errors, ==, 0);
    /* what the header says now is on the disk, too */
    g_autoptr(GBytes) bytes = mem_env_bytes(o.mem, 0);
    const guint8 *p = g_bytes_get_data(bytes, NULL);
    g_assert_cmpuint(be64_load(p + QCOW2_H_INCOMPATIBLE), ==,
                     row->left ? QCOW2_INCOMPAT_CORRUPT : 0);
    opened_clear(&o);
}

/* Only leaks asked for, but counts are missing: nothing is touched. */
static void test_need_rebuild(void)
{
    g_autoptr(Builder) b = sound();
    g_autofree char *lines = NULL;
    struct abi_check found;
    Opened o;

    builder_put16(b, COUNTS + 12, 0);
    opened_init(&o, b, ABI_OPEN_WRITE | ABI_OPEN_CHECK, 0);
    g_assert_cmpint(check(&o, ABI_FIX_LEAKS, &found, &lines), ==, FMT_E_IO);
    g_assert_cmpstr(lines, ==,
                    "ERROR cluster 6 refcount=0 reference=1\n"
                    "ERROR need to rebuild refcount structures\n");
    g_autoptr(GBytes) bytes = mem_env_bytes(o.mem, 0);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), b->bytes->data,
                    b->bytes->len);
    opened_clear(&o);
}

static void test_read_only(void)
{
    g_autoptr(Builder) b = sound();
    struct abi_check found;
    Opened o;

    opened_init(&o, b, ABI_OPEN_CHECK, 0);
    g_assert_cmpint(check(&o, BOTH, &found, NULL), ==, FMT_E_READ_ONLY);
    opened_clear(&o);
}

/* An L2 "table" that is really the header: its flags are not mended. */
static void test_overlap(void)
{
    g_autoptr(Builder) b = sound();
    g_autofree char *lines = NULL;
    struct abi_check found;
    Opened o;

    builder_put64(b, L1, FLAG);
    opened_init(&o, b, ABI_OPEN_WRITE | ABI_OPEN_CHECK, 0);
    check(&o, BOTH, &found, &lines);
    g_autoptr(GBytes) bytes = mem_env_bytes(o.mem, 0);
    const guint8 *p = g_bytes_get_data(bytes, NULL);
    /* but for the corrupt bit */
    g_assert_cmpmem(p, QCOW2_H_REFTABLE_OFFSET, b->bytes->data, QCOW2_H_REFTABLE_OFFSET);
    g_assert_cmpuint(be64_load(p + QCOW2_H_COMPATIBLE), ==, 0);
    opened_clear(&o);
}

/* Each width of refcounts, and more refcount blocks than one table cluster has entries. */
static void test_many_blocks(void)
{
    for (guint32 order = 3; order <= 6; order++) {
        g_autoptr(Builder) b = builder_new(&(BuilderOptions){
            .cluster_bits = 9, .refcount_order = order, .data_clusters = 60, .l1_size = 2000 });
        g_autofree char *lines = NULL;
        struct abi_check found;
        Opened o;
        guint64 at = align_up(b->bytes->len, 512) + 2000 * 8;

        /* the L1 table moves to where it has room; then tables, each with one cluster of data */
        builder_put64(b, QCOW2_H_L1_OFFSET, align_up(at, 512));
        guint64 table = align_up(at, 512), next = table + align_up(2000 * 8, 512);
        for (guint i = 0; i < 2000; i++, next += 1024) {
            builder_put64(b, table + i * 8, next | FLAG);
            builder_put64(b, next + 8, (next + 512) | FLAG);
            builder_put64(b, next + 1016, i);
        }
        opened_init(&o, b, ABI_OPEN_WRITE | ABI_OPEN_CHECK, 0);
        g_assert_cmpint(o.status, ==, FMT_OK);
        g_assert_cmpint(check(&o, BOTH, &found, &lines), ==, FMT_OK);
        g_assert_nonnull(strstr(lines, "Rebuilding refcount structure\n"));
        g_assert_cmpuint(found.corruptions_fixed, >=, 4000);
        g_assert_cmpint(check(&o, 0, &found, NULL), ==, FMT_OK);
        g_assert_cmpuint(found.corruptions + found.leaks + found.check_errors, ==, 0);
        g_assert_cmpuint(found.allocated_clusters, ==, 2000);
        opened_clear(&o);
    }
}

/* Opened for writing, an image that was not closed is mended at once. */
static void test_open_dirty(void)
{
    g_autoptr(Builder) b = sound();
    struct abi_check found;
    Opened o;

    builder_put64(b, QCOW2_H_INCOMPATIBLE, QCOW2_INCOMPAT_DIRTY);
    builder_put64(b, QCOW2_H_AUTOCLEAR, 0xf0);
    builder_put16(b, COUNTS + 12, 0);
    opened_init(&o, b, ABI_OPEN_WRITE, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    g_autofree char *lines = opened_messages(&o, &o.props);
    g_assert_nonnull(strstr(lines, "Rebuilding refcount structure\n"));
    g_assert_cmpuint(o.facts.flags & ABI_FACT_DIRTY, ==, 0);
    g_assert_cmpint(check(&o, 0, &found, NULL), ==, FMT_OK);
    g_assert_cmpuint(found.corruptions + found.leaks, ==, 0);
    g_autoptr(GBytes) bytes = mem_env_bytes(o.mem, 0);
    const guint8 *p = g_bytes_get_data(bytes, NULL);
    g_assert_cmpuint(be64_load(p + QCOW2_H_INCOMPATIBLE), ==, 0);
    g_assert_cmpuint(be64_load(p + QCOW2_H_AUTOCLEAR), ==, 0);
    opened_clear(&o);
}

/* ---- bitmaps ---- */

#define DIRECTORY 0xa000
#define TABLE 0xb000
#define BITS 0xc000
#define FAR 0x10000000

/* sound() with one bitmap, all of it where the counts say. */
static Builder *with_bitmap(void)
{
    static const guint8 name[8] = "bm";
    Builder *b = sound();
    guint8 ext[24] = { 0 };

    be32_store(ext, 1);
    be64_store(ext + 8, 32);
    be64_store(ext + 16, DIRECTORY);
    builder_extension(b, QCOW2_EXT_BITMAPS, ext, sizeof ext);
    builder_put64(b, QCOW2_H_AUTOCLEAR, QCOW2_AUTOCLEAR_BITMAPS);
    builder_put64(b, DIRECTORY, TABLE);
    builder_put32(b, DIRECTORY + 8, 1);
    builder_put32(b, DIRECTORY + 12, QCOW2_BITMAP_AUTO);
    builder_put32(b, DIRECTORY + 16, 0x01100002); /* type, granularity 64 KiB, name */
    builder_put64(b, DIRECTORY + 20, 0);
    builder_put(b, DIRECTORY + QCOW2_BITMAP_HEAD, name, sizeof name);
    builder_put64(b, TABLE, BITS);
    builder_put64(b, BITS, 1);
    builder_put64(b, BITS + 0xff8, 0);
    for (guint cluster = DIRECTORY >> 12; cluster <= BITS >> 12; cluster++) {
        builder_put16(b, COUNTS + 2 * cluster, 1);
    }
    return b;
}

typedef struct {
    const char *name;
    guint64 offset, value;   /* in with_bitmap() */
    guint64 offset2, value2; /* 0: nothing more */
    guint left;              /* corruptions once the image was closed */
} BitmapRow;

static const BitmapRow bitmap_rows[] = {
    { "sound", BITS, 1, 0, 0, 0 },
    { "table-outside", DIRECTORY, FAR, 0, 0, 0 },
    { "bits-outside", TABLE, FAR, 0, 0, 0 },
    /* what else is wrong stays, and so does the bitmap */
    { "bits-outside-and-more", TABLE, FAR, L2, 0x5002 | FLAG, 2 },
};

static void test_bitmap(gconstpointer data)
{
    const BitmapRow *row = data;
    g_autoptr(Builder) b = with_bitmap();
    g_autoptr(GBytes) bytes = NULL;
    struct abi_check found;
    Opened o;

    builder_put64(b, row->offset, row->value);
    if (row->offset2 != 0) {
        builder_put64(b, row->offset2, row->value2);
    }
    opened_init(&o, b, ABI_OPEN_WRITE | ABI_OPEN_CHECK, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    g_assert_cmpint(check(&o, BOTH, &found, NULL), ==, FMT_OK);
    g_assert_cmpint(check(&o, 0, &found, NULL), ==, FMT_OK);
    g_assert_cmpint(qcow2_driver.close(&o.im), ==, FMT_OK);
    bytes = mem_env_bytes(o.mem, 0);
    opened_clear(&o);

    Builder rest = { .bytes = g_byte_array_new() };
    g_byte_array_append(rest.bytes, g_bytes_get_data(bytes, NULL), (guint)g_bytes_get_size(bytes));
    opened_init(&o, &rest, ABI_OPEN_CHECK, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    g_assert_cmpint(check(&o, 0, &found, NULL), ==, FMT_OK);
    g_assert_cmpuint(found.corruptions, ==, row->left);
    g_assert_cmpuint(found.leaks, ==, 0);
    opened_clear(&o);
    g_byte_array_unref(rest.bytes);
}

/* Mending them fails at any request: they are as before or mended. */
static void test_bitmap_cut_short(void)
{
    gboolean done = FALSE;

    for (guint n = 1; !done; n++) {
        g_autoptr(Builder) b = with_bitmap();
        g_autoptr(GBytes) bytes = NULL;
        struct abi_check found;
        Opened o;

        builder_put64(b, TABLE, FAR);
        opened_init(&o, b, ABI_OPEN_WRITE | ABI_OPEN_CHECK, 0);
        g_assert_cmpint(check(&o, BOTH, &found, NULL), ==, FMT_OK);
        g_assert_cmpint(check(&o, 0, &found, NULL), ==, FMT_OK);
        mem_env_fail_io(o.mem, n, EIO);
        done = qcow2_driver.close(&o.im) == FMT_OK && n > 3;
        bytes = mem_env_bytes(o.mem, 0);
        opened_clear(&o);

        Builder rest = { .bytes = g_byte_array_new() };
        g_byte_array_append(rest.bytes, g_bytes_get_data(bytes, NULL),
                            (guint)g_bytes_get_size(bytes));
        opened_init(&o, &rest, ABI_OPEN_CHECK, 0);
        g_assert_cmpint(o.status, ==, FMT_OK);
        g_assert_cmpint(check(&o, 0, &found, NULL), ==, FMT_OK);
        g_assert_cmpuint(found.corruptions, <=, done ? 0 : 1);
        opened_clear(&o);
        g_byte_array_unref(rest.bytes);
        g_assert_cmpuint(n, <, 100);
    }
}

/* ---- cut short ---- */

/* The guest clusters of sound(), wherever they are; one that cannot be read shall be zeros. */
static char *content(Opened *o)
{
    GString *out = g_string_new(NULL);
    g_autoptr(GBytes) bytes = mem_env_bytes(o->mem, 0);
    const guint8 *p = g_bytes_get_data(bytes, NULL);

    for (guint i = 0; i < 16; i++) {
        struct abi_extent e;
        guint32 count;
        guint64 next;
        int status = qcow2_driver.extents(&o->im, i * 4096, 4096, 0, &e, 1, &count, &next);

        g_assert_true(status == FMT_OK || status == FMT_E_CORRUPT_CLUSTER);
        g_string_append_printf(out, "%x ",
                               !status && e.kind == ABI_EXT_DATA ? p[e.file_offset] : 0);
    }
    return g_string_free(out, FALSE);
}

static void test_cut_short(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(Builder) b = damaged(row);
    g_autofree char *before = NULL;
    gboolean done = FALSE;
    Opened o;

    opened_init(&o, b, ABI_OPEN_CHECK, 0);
    before = content(&o);
    opened_clear(&o);
    for (guint n = 1; !done; n++) {
        g_autofree char *after = NULL;
        g_autoptr(GBytes) bytes = NULL;
        struct abi_check found;

        opened_init(&o, b, ABI_OPEN_WRITE | ABI_OPEN_CHECK, 0);
        mem_env_fail_io(o.mem, n, EIO);
        done = check(&o, row->fix, &found, NULL) == FMT_OK && n > 3;
        bytes = mem_env_bytes(o.mem, 0);
        opened_clear(&o);

        Builder rest = { .bytes = g_byte_array_new() };
        g_byte_array_append(rest.bytes, g_bytes_get_data(bytes, NULL),
                            (guint)g_bytes_get_size(bytes));
        opened_init(&o, &rest, ABI_OPEN_CHECK, 0);
        g_assert_cmpint(o.status, ==, FMT_OK);
        after = content(&o);
        opened_clear(&o);
        opened_init(&o, &rest, ABI_OPEN_WRITE | ABI_OPEN_CHECK, 0);
        g_assert_cmpstr(after, ==, before);
        g_assert_cmpint(check(&o, BOTH, &found, NULL), ==, FMT_OK);
        g_assert_cmpint(check(&o, 0, &found, NULL), ==, FMT_OK);
        g_assert_cmpuint(found.corruptions, ==, row->left);
        g_assert_cmpuint(found.leaks, ==, 0);
        opened_clear(&o);
        g_byte_array_unref(rest.bytes);
        g_assert_cmpuint(n, <, 500);
    }
}

int main(int argc, char **argv)
{
    g_setenv("INSTAR_IMG_QEMU_VERSION", "7.2.0", TRUE);
    g_test_init(&argc, &argv, NULL);
    profile_init(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/qcow2/repair/%s", rows[i].name);
        g_autofree char *cut = g_strdup_printf("/qcow2/repair/cut-short/%s", rows[i].name);

        g_test_add_data_func(path, &rows[i], test_row);
        g_test_add_data_func(cut, &rows[i], test_cut_short);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bitmap_rows); i++) {
        g_autofree char *path = g_strdup_printf("/qcow2/repair/bitmap/%s", bitmap_rows[i].name);

        g_test_add_data_func(path, &bitmap_rows[i], test_bitmap);
    }
    g_test_add_func("/qcow2/repair/bitmap/cut-short", test_bitmap_cut_short);
    g_test_add_func("/qcow2/repair/need-rebuild", test_need_rebuild);
    g_test_add_func("/qcow2/repair/read-only", test_read_only);
    g_test_add_func("/qcow2/repair/overlap", test_overlap);
    g_test_add_func("/qcow2/repair/many-blocks", test_many_blocks);
    g_test_add_func("/qcow2/repair/open-dirty", test_open_dirty);
    return g_test_run();
}
