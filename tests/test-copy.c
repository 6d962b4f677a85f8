/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The copier over images made of tables: chains, failures, order and number of threads. */
#include "config.h"

#include <string.h>

#include "copy-double.h"
#include "copy/copy.h"
#include "tests/testutil.h"

#define K 1024ull
#define ALLOCATED ABI_EXTF_ALLOCATED
#define PLACED (ABI_EXTF_ALLOCATED | ABI_EXTF_OFFSET)

/* ---- map --------------------------------------------------------------------- */

/* base: 0 data, 64k zero, 128k nothing, 192k compressed; 256k long. */
static const struct abi_extent base_extents[] = {
    { .guest_offset = 0,
      .length = 64 * K,
      .file_offset = 512 * K,
      .kind = ABI_EXT_DATA,
      .flags = PLACED },
    { .guest_offset = 64 * K, .length = 64 * K, .kind = ABI_EXT_ZERO, .flags = ALLOCATED },
    { .guest_offset = 192 * K,
      .length = 64 * K,
      .kind = ABI_EXT_COOKED,
      .flags = ALLOCATED,
      .codec = ABI_CODEC_DEFLATE },
};

/* top: 32k data inside the base's, which stays around it; 512k long. Two extents that join. */
static const struct abi_extent top_extents[] = {
    { .guest_offset = 16 * K,
      .length = 16 * K,
      .file_offset = 64 * K,
      .kind = ABI_EXT_DATA,
      .flags = PLACED },
    { .guest_offset = 32 * K,
      .length = 16 * K,
      .file_offset = 80 * K,
      .kind = ABI_EXT_DATA,
      .flags = PLACED },
    { .guest_offset = 448 * K,
      .length = 64 * K,
      .file_offset = 96 * K,
      .kind = ABI_EXT_ZERO,
      .flags = PLACED },
};

static Image *new_chain(void)
{
    Image *base = double_source(256 * K, base_extents, G_N_ELEMENTS(base_extents), NULL);

    return double_source(512 * K, top_extents, G_N_ELEMENTS(top_extents), base);
}

static gboolean print_entry(const CopyMapEntry *e, gpointer data)
{
    GString *text = data;

    g_string_append_printf(text, "%u+%u@%u%s%s%s%s", (guint)(e->start / K), (guint)(e->length / K),
                           e->depth, e->data ? "D" : "", e->zero ? "Z" : "", e->present ? "P" : "",
                           e->compressed ? "C" : "");
    if (e->has_offset) {
        g_string_append_printf(text, "=%u", (guint)(e->offset / K));
    }
    g_string_append_c(text, ' ');
    return TRUE;
}

static const struct {
    const char *name;
    guint64 start, length;
    const char *entries;
} map_rows[] = {
    { "chain", 0, G_MAXUINT64 >> 1,
      "0+16@1DP=512 16+32@0DP=64 48+16@1DP=560 64+64@1ZP 128+64@1Z 192+64@1DPC 256+192@0Z "
      "448+64@0ZP=96 " },
    { "range", 20 * K, 30 * K, "20+28@0DP=68 48+2@1DP=560 " },
    { "end", 500 * K, 100 * K, "500+12@0ZP=148 " },
    { "behind", 600 * K, 100 * K, "" },
    { "nothing", 64 * K, 0, "" },
};

static void test_map(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(Image) img = new_chain();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    copy_map(img, map_rows[i].start, map_rows[i].length, print_entry, text, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text->str, ==, map_rows[i].entries);
}

static void test_map_failure(void)
{
    g_autoptr(Image) img = new_chain();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    double_fail_extents(img, 64 * K, 1);
    g_assert_false(copy_map(img, 0, 512 * K, print_entry, text, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_IO);
    g_assert_cmpstr(error->message, ==, "Input/output error");
    g_assert_cmpstr(text->str, ==, "0+16@1DP=512 16+32@0DP=64 ");
}

/* ---- compare ------------------------------------------------------------------- */

/* A source of raw answers: bytes are those of double_byte(), with zeros in between. */
static Image *cooked_source(guint64 size, guint64 start, guint64 length)
{
    const struct abi_extent e = {
        .guest_offset = start, .length = length, .kind = ABI_EXT_COOKED, .flags = ALLOCATED
    };

    return double_source(size, &e, 1, NULL);
}

static const struct {
    const char *name;
    guint64 size[2], start[2], length[2];
    guint8 salt[2];
    guint64 bad_read, bad_extents; /* in the second image; 0: none */
    CopyVerdict verdict;
    guint64 offset;
} compare_rows[] = {
    { "same",
      { 9000 * K, 9000 * K },
      { 0, 0 },
      { 9000 * K, 9000 * K },
      { 1, 1 },
      0,
      0,
      COPY_SAME,
      0 },
    { "other-bytes",
      { 9000 * K, 9000 * K },
      { 0, 0 },
      { 9000 * K, 9000 * K },
      { 1, 2 },
      0,
      0,
      COPY_DIFFERENT,
      0 },
    { "missing-start",
      { 9000 * K, 9000 * K },
      { 0, 64 * K },
      { 9000 * K, 8936 * K },
      { 1, 1 },
      0,
      0,
      COPY_DIFFERENT,
      0 },
    { "missing-end",
      { 9000 * K, 9000 * K },
      { 0, 0 },
      { 9000 * K, 8992 * K },
      { 1, 1 },
      0,
      0,
      COPY_DIFFERENT,
      8992 * K },
    { "missing-was-zero",
      { 12 * K, 12 * K },
      { 0, 0 },
      { 12 * K, 8 * K },
      { 1, 1 },
      0,
      0,
      COPY_SAME,
      0 },
    { "longer-with-data",
      { 4000 * K, 9000 * K },
      { 0, 0 },
      { 4000 * K, 8000 * K },
      { 1, 1 },
      0,
      0,
      COPY_DIFFERENT,
      4000 * K },
    { "longer-with-hole",
      { 4000 * K, 9000 * K },
      { 0, 0 },
      { 4000 * K, 4000 * K },
      { 1, 1 },
      0,
      0,
      COPY_SAME,
      0 },
    { "read-error",
      { 9000 * K, 9000 * K },
      { 0, 0 },
      { 9000 * K, 9000 * K },
      { 1, 1 },
      5000 * K,
      0,
      COPY_READ_ERROR,
      4096 * K },
    { "read-error-behind-difference",
      { 9000 * K, 9000 * K },
      { 0, 0 },
      { 9000 * K, 2004 * K },
      { 1, 1 },
      5000 * K,
      0,
      COPY_DIFFERENT,
      2004 * K },
    { "status-error",
      { 9000 * K, 9000 * K },
      { 0, 0 },
      { 9000 * K, 9000 * K },
      { 1, 1 },
      0,
      3000 * K,
      COPY_STATUS_ERROR,
      3000 * K },
};

static void no_going_back(guint64 done, guint64 total, gpointer data)
{
    guint64 *last = data;

    g_assert_cmpuint(done, >, *last);
    g_assert_cmpuint(done, <=, total);
    *last = done;
}

static void test_compare(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    Image *img[2];
    guint64 told = 0, offset = 0;
    g_autoptr(GError) error = NULL;

    for (guint k = 0; k < 2; k++) {
        img[k] = cooked_source(compare_rows[i].size[k], compare_rows[i].start[k],
                               compare_rows[i].length[k]);
        double_set_salt(img[k], compare_rows[i].salt[k]);
    }
    double_fail_read(img[1], compare_rows[i].bad_read, compare_rows[i].bad_read ? 1 : 0);
    double_fail_extents(img[1], compare_rows[i].bad_extents, compare_rows[i].bad_extents ? 1 : 0);
    for (guint turn = 0; turn < 2; turn++) {
        CopyCompare job = { .a = img[turn],
                            .b = img[!turn],
                            .name_a = "a",
                            .name_b = "b",
                            .progress = no_going_back,
                            .progress_data = &told };
        told = 0;
        g_clear_error(&error);
        g_assert_cmpint(copy_compare(&job, &offset, &error), ==, compare_rows[i].verdict);
        g_assert_cmpuint(offset, ==, compare_rows[i].offset);
        switch (compare_rows[i].verdict) {
        case COPY_SAME:
            g_assert_cmpuint(told, ==, MAX(compare_rows[i].size[0], compare_rows[i].size[1]));
            break;
        case COPY_READ_ERROR:
            g_assert_cmpstr(error->message, ==,
                            turn ? "Error while reading offset 4194304 of a: "
                                   "Input/output error"
                                 : "Error while reading offset 4194304 of b: "
                                   "Input/output error");
            break;
        case COPY_STATUS_ERROR:
            g_assert_cmpstr(error->message, ==,
                            turn ? "Sector allocation test failed for a"
                                 : "Sector allocation test failed for b");
            break;
        default:
            g_assert_no_error(error);
            break;
        }
    }
    image_unref(img[0]);
    image_unref(img[1]);
}

/* ---- convert ------------------------------------------------------------------- */

typedef struct {
    const char *name;
    guint64 size;
    guint32 cluster; /* 0: raw */
    gboolean compress;
    guint64 sparse;
    gboolean not_zero; /* the target may hold anything */
    guint64 bad_read, bad_extents;
    gboolean salvage;
    guint bad_plan;
    const char *error;
    guint64 good;  /* bytes that are in the target after an error */
    guint64 start; /* where the source's data begins */
} ConvertRow;

static const ConvertRow convert_rows[] = {
    { "raw", 9000 * K, 0, FALSE, 4096, FALSE, 0, 0, FALSE, 0, NULL, 0 },
    { "clusters", 9000 * K, 65536, FALSE, 4096, FALSE, 0, 0, FALSE, 0, NULL, 0 },
    { "many-batches", 70000 * K, 65536, FALSE, 4096, FALSE, 0, 0, FALSE, 0, NULL, 0 },
    { "small-clusters", 9000 * K, 4096, FALSE, 4096, FALSE, 0, 0, FALSE, 0, NULL, 0 },
    { "tiny-clusters", 9000 * K, 512, FALSE, 512, FALSE, 0, 0, FALSE, 0, NULL, 0 },
    { "large-clusters", 9000 * K, 2 << 20, FALSE, 4096, FALSE, 0, 0, FALSE, 0, NULL, 0 },
    { "full", 9000 * K, 65536, FALSE, 0, FALSE, 0, 0, FALSE, 0, NULL, 0 },
    { "zeros-written", 9000 * K, 4096, FALSE, 4096, TRUE, 0, 0, FALSE, 0, NULL, 0 },
    { "tasks-share-clusters", 40000 * K, 65536, FALSE, 4096, FALSE, 0, 0, FALSE, 0, NULL, 0,
      100 * K },
    { "tasks-share-large-clusters", 70000 * K, 2 << 20, FALSE, 4096, FALSE, 0, 0, FALSE, 0, NULL, 0,
      100 * K },
    { "tasks-share-clusters-zeros", 40000 * K, 65536, FALSE, 4096, FALSE, 0, 0, FALSE, 0, NULL, 0,
      4 * K },
    { "compressed", 9000 * K, 65536, TRUE, 4096, FALSE, 0, 0, FALSE, 0, NULL, 0 },
    { "compressed-odd-end", 8999 * K + 512, 65536, TRUE, 4096, FALSE, 0, 0, FALSE, 0, NULL, 0 },
    { "compressed-full", 9000 * K, 65536, TRUE, 0, FALSE, 0, 0, FALSE, 0, NULL, 0 },
    { "read-error", 70000 * K, 65536, FALSE, 4096, FALSE, 33000 * K, 0, FALSE, 0,
      "error while reading at byte 33554432: Input/output error", 32768 * K },
    { "read-error-at-once", 9000 * K, 65536, FALSE, 4096, FALSE, 100 * K, 0, FALSE, 0,
      "error while reading at byte 0: Input/output error", 0 },
    { "read-error-compressed", 9000 * K, 65536, TRUE, 4096, FALSE, 4000 * K, 0, FALSE, 0,
      "error while reading at byte 4063232: Input/output error", 4063232 },
    { "status-error", 9000 * K, 65536, FALSE, 4096, FALSE, 0, 5000 * K, FALSE, 0,
      "error while reading block status at offset 5120000: Input/output error", 0 },
    { "salvage", 9000 * K, 65536, FALSE, 4096, FALSE, 4000 * K, 0, TRUE, 0, NULL, 0 },
    { "plan-error", 9000 * K, 4096, FALSE, 4096, FALSE, 0, 0, FALSE, 500,
      "error while writing at byte 4194304: No space left on device", 498 * 12 * K },
};

static GBytes *expected_content(const ConvertRow *row, Image *source)
{
    guint8 *bytes = g_malloc0(row->size);
    GError *error = NULL;

    if (row->bad_read && row->salvage) {
        /* One sector is lost, no more. */
        double_fail_read(source, 0, 0);
        image_read(source, 0, bytes, row->size, &error);
        memset(bytes + row->bad_read, 0, 512);
        double_fail_read(source, row->bad_read, 1);
    } else {
        image_read(source, 0, bytes, row->bad_read ? row->good : row->size, &error);
    }
    g_assert_no_error(error);
    if (row->bad_plan) {
        memset(bytes + row->good, 0, row->size - row->good);
    }
    return g_bytes_new_take(bytes, row->size);
}

static char *run_convert(const ConvertRow *row, guint workers, GBytes **ret_content)
{
    g_autofree char *path = g_strdup_printf("target-%s-%u", row->name, workers);
    Image *source = cooked_source(row->size, row->start, row->size - row->start);
    g_autoptr(Image) target = double_target(path, row->size, row->cluster, ABI_CODEC_DEFLATE);
    g_autoptr(GError) error = NULL;
    guint64 told = 0;
    CopyConvert job = { .sources = &source,
                        .n_sources = 1,
                        .target = target,
                        .target_is_zero = !row->not_zero,
                        .compress = row->compress,
                        .sparse = row->sparse,
                        .salvage = row->salvage,
                        .workers = workers,
                        .progress = no_going_back,
                        .progress_data = &told };

    double_set_salt(source, 3);
    double_fail_read(source, row->bad_read, row->bad_read ? 1 : 0);
    double_fail_plan(target, row->bad_plan);
    *ret_content = row->bad_extents ? g_bytes_new_take(g_malloc0(row->size), row->size)
                                    : expected_content(row, source);
    double_fail_extents(source, row->bad_extents, row->bad_extents ? 1 : 0);
    gboolean ok = copy_convert(&job, &error);
    g_assert_cmpstr(ok ? NULL : error->message, ==, row->error);
    if (ok) {
        g_assert_cmpuint(told, ==, row->size - row->start);
    }
    g_autoptr(GBytes) content = double_content(target);
    g_assert_true(g_bytes_equal(content, *ret_content));
    image_unref(source);
    return double_map(target);
}

/* The content is right, and neither it nor the place of anything depends on the threads. */
static void test_convert(gconstpointer data)
{
    const ConvertRow *row = data;
    g_autofree char *first = NULL;
    g_autofree char *first_file = NULL;
    gsize first_length = 0;

    for (guint workers = 1; workers <= 4; workers++) {
        g_autoptr(GBytes) content = NULL;
        g_autofree char *map = run_convert(row, workers, &content);
        g_autofree char *path = g_strdup_printf("target-%s-%u", row->name, workers);
        g_autofree char *file = NULL;
        gsize length;
        g_assert_true(g_file_get_contents(path, &file, &length, NULL));
        g_assert_null(strchr(map, '?'));
        if (!first) {
            first = g_steal_pointer(&map);
            first_file = g_steal_pointer(&file);
            first_length = length;
            continue;
        }
        g_assert_cmpstr(map, ==, first);
        if (!row->error) {
            g_assert_cmpmem(file, length, first_file, first_length);
        }
    }
}

/* At most 128 doorbells for each GiB of plain data. */
static void test_questions(void)
{
    Image *source = cooked_source(64 << 20, 0, 64 << 20);
    g_autoptr(Image) target = double_target("target-questions", 64 << 20, 65536, 0);
    g_autoptr(GError) error = NULL;
    CopyConvert job = { .sources = &source,
                        .n_sources = 1,
                        .target = target,
                        .target_is_zero = TRUE,
                        .sparse = 0,
                        .workers = 4 };

    copy_convert(&job, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(double_plans(target), <=, 8);
    image_unref(source);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
    for (guint i = 0; i < G_N_ELEMENTS(map_rows); i++) {
        g_autofree char *path = g_strdup_printf("/copy/map/%s", map_rows[i].name);
        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_map);
    }
    g_test_add_func("/copy/map/failure", test_map_failure);
    for (guint i = 0; i < G_N_ELEMENTS(compare_rows); i++) {
        g_autofree char *path = g_strdup_printf("/copy/compare/%s", compare_rows[i].name);
        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_compare);
    }
    for (guint i = 0; i < G_N_ELEMENTS(convert_rows); i++) {
        g_autofree char *path = g_strdup_printf("/copy/convert/%s", convert_rows[i].name);
        g_test_add_data_func(path, &convert_rows[i], test_convert);
    }
    g_test_add_func("/copy/convert/questions", test_questions);
    return g_test_run();
}
