/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers, extensions and lists of qcow2: what is refused, in which words, and what is told. */
#include "config.h"

#include <string.h>

#include "profile/profile.h"
#include "tests/qcow2-builder.h"

/* At most three numbers written over the image of builder_new(); bytes 0: no more. */
typedef struct {
    guint64 offset;
    guint bytes;
    guint64 value;
} Edit;

typedef struct {
    const char *name;
    Edit edits[3];
    const char *words; /* NULL: it opens */
    guint32 flags;
} Row;

static void apply(Builder *b, const Edit *edits)
{
    for (guint i = 0; i < 3 && edits[i].bytes != 0; i++) {
        const Edit *e = &edits[i];

        switch (e->bytes) {
        case 1:
            builder_put(b, e->offset, &(guint8){ (guint8)e->value }, 1);
            break;
        case 4:
            builder_put32(b, e->offset, (guint32)e->value);
            break;
        default:
            builder_put64(b, e->offset, e->value);
            break;
        }
    }
}

#define FAR G_GUINT64_CONSTANT(0x7fffffffc0000000)
#define NEGATIVE (G_GUINT64_CONSTANT(1) << 63)

/* The words are qemu-img 7.2's for the same bytes. */
static const Row rows[] = {
    { "plain", { { 0 } }, NULL, 0 },
    { "magic", { { 0, 4, 1 } }, "Image is not in qcow2 format", 0 },
    { "version-1", { { 4, 4, 1 } }, "Unsupported qcow2 version 1", 0 },
    { "version-2", { { 4, 4, 2 } }, NULL, 0 },
    { "version-4", { { 4, 4, 4 } }, "Unsupported qcow2 version 4", 0 },
    { "cluster-bits-8", { { 20, 4, 8 } }, "Unsupported cluster size: 2^8", 0 },
    { "cluster-bits-22", { { 20, 4, 22 } }, "Unsupported cluster size: 2^22", 0 },
    { "cluster-bits-max", { { 20, 4, G_MAXUINT32 } }, "Unsupported cluster size: 2^4294967295", 0 },
    { "header-103", { { 100, 4, 103 } }, "qcow2 header too short", 0 },
    { "header-104", { { 100, 4, 104 } }, NULL, 0 },
    { "header-cluster", { { 100, 4, 65536 } }, NULL, 0 },
    { "header-above", { { 100, 4, 65537 } }, "qcow2 header exceeds cluster size", 0 },
    { "backing-at-cluster", { { 8, 8, 65536 }, { 16, 4, 1 } }, "Backing file name too long", 0 },
    { "backing-behind", { { 8, 8, 65537 } }, "Invalid backing file offset", 0 },
    { "backing-1023", { { 8, 8, 512 }, { 16, 4, 1023 } }, NULL, 0 },
    { "backing-1024", { { 8, 8, 512 }, { 16, 4, 1024 } }, "Backing file name too long", 0 },
    { "compression-2", { { 104, 1, 2 } }, "qcow2: unknown compression type: 2", 0 },
    { "compression-no-bit",
      { { 104, 1, 1 } },
      "qcow2: Compression type incompatible feature bit must be set",
      0 },
    { "compression-bit-only",
      { { 72, 8, 8 } },
      "qcow2: Compression type incompatible feature bit must not be set",
      0 },
    { "compression-zstd", { { 104, 1, 1 }, { 72, 8, 8 } }, NULL, 0 },
    { "feature-unknown",
      { { 72, 8, NEGATIVE } },
      "Unsupported qcow2 feature(s): Unknown incompatible feature: 8000000000000000",
      0 },
    { "compatible-unknown", { { 80, 8, NEGATIVE } }, NULL, 0 },
    { "autoclear-unknown", { { 88, 8, NEGATIVE } }, NULL, 0 },
    { "raw-without-data-file", { { 88, 8, 2 } }, "data-file-raw requires a data file", 0 },
    { "raw-without-data-file-info", { { 88, 8, 2 } }, NULL, ABI_OPEN_NO_IO },
    { "dirty", { { 72, 8, 1 } }, NULL, 0 },
    { "corrupt-read", { { 72, 8, 2 } }, NULL, 0 },
    { "corrupt-write",
      { { 72, 8, 2 } },
      "qcow2: Image is corrupt; cannot be opened read/write",
      ABI_OPEN_WRITE },
    { "corrupt-repair", { { 72, 8, 2 } }, NULL, ABI_OPEN_WRITE | ABI_OPEN_CHECK },
    { "subclusters-small",
      { { 72, 8, 16 }, { 20, 4, 13 } },
      "Unsupported subcluster size: 256",
      0 },
    { "refcount-order-7",
      { { 96, 4, 7 } },
      "Reference count entry width too large; may not exceed 64 bits",
      0 },
    { "reftable-8m", { { 56, 4, 128 } }, NULL, 0 },
    { "reftable-above-8m", { { 56, 4, 129 } }, "Reference count table too large", 0 },
    { "reftable-none", { { 56, 4, 0 } }, "Image does not contain a reference count table", 0 },
    { "reftable-none-check", { { 56, 4, 0 } }, NULL, ABI_OPEN_CHECK },
    { "reftable-unaligned", { { 48, 8, 65537 } }, "Reference count table offset invalid", 0 },
    { "reftable-negative", { { 48, 8, NEGATIVE } }, "Reference count table offset invalid", 0 },
    { "reftable-far",
      { { 48, 8, FAR } },
      "Could not initialize refcount handling: Input/output error",
      0 },
    { "snapshots-many", { { 60, 4, 65537 } }, "Snapshot table too large", 0 },
    { "snapshots-many-check", { { 60, 4, 65537 } }, NULL, ABI_OPEN_CHECK },
    { "snapshots-unaligned", { { 64, 8, 1 } }, "Snapshot table offset invalid", 0 },
    { "snapshots-far",
      { { 64, 8, FAR }, { 60, 4, 1 } },
      "Failed to read snapshot table: Input/output error",
      0 },
    { "l1-32m", { { 36, 4, 4194304 } }, NULL, 0 },
    { "l1-above-32m", { { 36, 4, 4194305 } }, "Active L1 table too large", 0 },
    { "l1-unaligned", { { 40, 8, 0x30001 } }, "Active L1 table offset invalid", 0 },
    { "l1-far", { { 40, 8, FAR } }, "Could not read L1 table: Input/output error", 0 },
    { "l1-small", { { 36, 4, 0 } }, "L1 table is too small", 0 },
    { "size-big", { { 24, 8, G_MAXINT64 } }, "Image is too big", 0 },
    { "size-wraps",
      { { 24, 8, G_MAXUINT64 } },
      "Could not refresh total sector count: File too large",
      0 },
    { "crypt-3", { { 32, 4, 3 } }, "Unsupported encryption method 3", 0 },
    { "crypt-negative", { { 32, 4, G_MAXUINT32 } }, "Unsupported encryption method -1", 0 },
    { "crypt-aes", { { 32, 4, 1 } }, NULL, 0 },
    { "crypt-luks-no-header", { { 32, 4, 2 } }, "Missing CRYPTO header for crypt method 2", 0 },
    /* of two faults the one that qemu-img finds first */
    { "order-version-cluster", { { 4, 4, 9 }, { 20, 4, 60 } }, "Unsupported qcow2 version 9", 0 },
    { "order-feature-refcount",
      { { 72, 8, 32 }, { 96, 4, 9 } },
      "Unsupported qcow2 feature(s): Unknown incompatible feature: 20",
      0 },
    { "order-l1-crypt", { { 36, 4, 0 }, { 32, 4, 9 } }, "L1 table is too small", 0 },
};

static void test_row(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .data_clusters = 1, .size = 1 << 20 });
    Opened o;

    apply(b, row->edits);
    opened_init(&o, b, row->flags, 0);
    if (row->words == NULL) {
        g_assert_cmpint(o.status, ==, FMT_OK);
        g_assert_nonnull(o.im.state);
    } else {
        g_autofree char *words = opened_words(&o);

        g_assert_cmpint(o.status, <, 0);
        g_assert_null(o.im.state);
        g_assert_cmpstr(words, ==, row->words);
    }
    opened_clear(&o);
}

/* ---- extensions ---- */

static void check_open_words(const Builder *b, const char *expected)
{
    Opened o;

    opened_init(&o, b, 0, 0);
    g_autofree char *words = opened_words(&o);
    g_assert_cmpint(o.status, <, 0);
    g_assert_cmpstr(words, ==, expected);
    opened_clear(&o);
}

static void test_feature_names(void)
{
    guint8 table[3 * QCOW2_FEATURE_SIZE] = { 0 };
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .data_clusters = 0 });

    table[1] = 5;
    memcpy(table + 2, "five", 4);
    table[QCOW2_FEATURE_SIZE] = 1; /* of a compatible feature: not meant */
    table[QCOW2_FEATURE_SIZE + 1] = 6;
    memcpy(table + QCOW2_FEATURE_SIZE + 2, "other", 5);
    table[2 * QCOW2_FEATURE_SIZE + 1] = 7;
    memset(table + 2 * QCOW2_FEATURE_SIZE + 2, 'x', QCOW2_FEATURE_NAME);
    builder_extension(b, QCOW2_EXT_FEATURE_NAMES, table, sizeof table);
    builder_put64(b, QCOW2_H_INCOMPATIBLE, 7 << 5);
    check_open_words(b, "Unsupported qcow2 feature(s): five, "
                        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, "
                        "Unknown incompatible feature: 40");
}

static void test_backing_format_long(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .data_clusters = 0 });

    builder_extension(b, QCOW2_EXT_BACKING_FORMAT, "0123456789abcdef", 16);
    check_open_words(b, "ERROR: ext_backing_format: len=16 too large (>=16)");
}

static void test_extension_large(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .data_clusters = 0 });

    builder_extension(b, 0x12345678, "x", 1);
    builder_put32(b, QCOW2_HEADER_V3_USED + 4, 65536 - QCOW2_HEADER_V3_USED - 8);
    Opened o;
    opened_init(&o, b, 0, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    opened_clear(&o);
    builder_put32(b, QCOW2_HEADER_V3_USED + 4, 65536 - QCOW2_HEADER_V3_USED - 7);
    check_open_words(b, "Header extension too large");
}

/* Names end at their first zero byte; unknown extensions and header bytes are kept. */
static void test_names(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .data_file = TRUE });
    static const char unknown[] = "kept as it is";
    Opened o;

    builder_put32(b, QCOW2_H_HEADER_LENGTH, 120);
    builder_put64(b, 112, G_GUINT64_CONSTANT(0x1122334455667788));
    builder_extension(b, 0x12345678, unknown, sizeof unknown);
    builder_extension(b, QCOW2_EXT_BACKING_FORMAT, "raw\0x", 5);
    builder_extension(b, QCOW2_EXT_DATA_FILE, "data\0x", 6);
    builder_put64(b, QCOW2_H_BACKING_OFFSET, 1024);
    builder_put32(b, QCOW2_H_BACKING_LENGTH, 7);
    builder_put(b, 1024, "base\0xy", 7);
    opened_init(&o, b, 0, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    const struct qcow2_state *st = o.im.state;
    const struct qcow2_extension *e = qcow2_extension_find(st, 0x12345678);
    g_assert_nonnull(e);
    g_assert_cmpmem(e->data, e->length, unknown, sizeof unknown);
    g_assert_cmpmem(st->backing_name.data, st->backing_name.length, "base", 4);
    g_assert_cmpmem(st->backing_format.data, st->backing_format.length, "raw", 3);
    g_assert_cmpmem(st->data_file.data, st->data_file.length, "data", 4);
    g_assert_cmpuint(st->header_rest.length, ==, 120 - 112);
    g_assert_cmpuint(be64_load(st->header_rest.data), ==, 0x1122334455667788);
    g_assert_cmpuint(o.facts.flags & (ABI_FACT_BACKING | ABI_FACT_DATA_FILE), ==,
                     ABI_FACT_BACKING | ABI_FACT_DATA_FILE);
    opened_clear(&o);
}

/* A program without bitmaps wrote to the image: they are passed over, with a warning. */
static void test_stale_bitmaps(void)
{
    guint8 extension[24] = { 0 };
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .data_clusters = 0 });
    Opened o;

    builder_extension(b, QCOW2_EXT_BITMAPS, extension, sizeof extension);
    opened_init(&o, b, 0, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    g_autofree char *lines = opened_messages(&o, &o.props);
    g_assert_true(g_str_has_prefix(lines, "warning: a program lacking bitmap support"));
    opened_clear(&o);
    builder_put64(b, QCOW2_H_AUTOCLEAR, QCOW2_AUTOCLEAR_BITMAPS);
    check_open_words(b, "found bitmaps extension with zero bitmaps");
}

static void test_probe(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .data_clusters = 0 });

    g_assert_cmpuint(qcow2_driver.probe(b->bytes->data, 512), ==, 100);
    g_assert_cmpuint(qcow2_driver.probe(b->bytes->data, 8), ==, 100);
    g_assert_cmpuint(qcow2_driver.probe(b->bytes->data, 7), ==, 0);
    builder_put32(b, QCOW2_H_VERSION, 1);
    g_assert_cmpuint(qcow2_driver.probe(b->bytes->data, 512), ==, 0);
    builder_put32(b, QCOW2_H_VERSION, 77);
    g_assert_cmpuint(qcow2_driver.probe(b->bytes->data, 512), ==, 100);
}

int main(int argc, char **argv)
{
    g_setenv("INSTAR_IMG_QEMU_VERSION", "7.2.0", TRUE);
    g_test_init(&argc, &argv, NULL);
    profile_init(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/qcow2/open/%s", rows[i].name);

        g_test_add_data_func(path, &rows[i], test_row);
    }
    g_test_add_func("/qcow2/extensions/feature-names", test_feature_names);
    g_test_add_func("/qcow2/extensions/backing-format-long", test_backing_format_long);
    g_test_add_func("/qcow2/extensions/large", test_extension_large);
    g_test_add_func("/qcow2/extensions/names", test_names);
    g_test_add_func("/qcow2/extensions/stale-bitmaps", test_stale_bitmaps);
    g_test_add_func("/qcow2/probe", test_probe);
    return g_test_run();
}
