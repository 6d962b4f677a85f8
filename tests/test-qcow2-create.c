/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New images beside those of the installed qemu-img: the same bytes, the same refusals. */
#include "config.h"

#include <string.h>

#include "image/words.h"
#include "profile/profile.h"
#include "tests/qcow2-guest.h"
#include "tests/testutil.h"

typedef struct {
    const char *options;
    guint64 size;
} Row;

#define M (G_GUINT64_CONSTANT(1) << 20)
#define G (G_GUINT64_CONSTANT(1) << 30)
#define BACKING "backing_file=base,backing_fmt=raw"
#define TINY "cluster_size=512,refcount_bits=64"

static const Row same[] = {
    { "", 64 * M },
    { "", 0 },
    { "", 1000001 },
    { "compat=0.10", 64 * M },
    { "cluster_size=512", 64 * M },
    { "cluster_size=1024", 64 * M },
    { "cluster_size=2048", 64 * M },
    { "cluster_size=4096", 64 * M },
    { "cluster_size=8192", 64 * M },
    { "cluster_size=2097152", 64 * M },
    { "refcount_bits=1", G },
    { "refcount_bits=2", G },
    { "refcount_bits=4", G },
    { "refcount_bits=8", G },
    { "refcount_bits=32", G },
    { "refcount_bits=64", G },
    { "extended_l2=on", 10 * G },
    { "extended_l2=on,cluster_size=16384", G },
    { "lazy_refcounts=on", G },
    { "compression_type=zstd", G },
    { "compat=0.10,compression_type=zlib", G },
    { "data_file=d", 100 * M },
    { "data_file=d,data_file_raw=on", 100 * M },
    { "data_file=d,data_file_raw=on", 1000001 },
    { "data_file=d,data_file_raw=on,extended_l2=on", 1000001 },
    { BACKING, G },
    { BACKING ",compat=0.10", G },
    { BACKING ",data_file=d,lazy_refcounts=on,compression_type=zstd", G },
    { BACKING ",extended_l2=on,preallocation=metadata", M },
    { BACKING ",extended_l2=on,preallocation=falloc", M },
    { "preallocation=off", M },
    { "preallocation=metadata", 16 * M },
    { "preallocation=metadata", 1000001 },
    { "preallocation=metadata,extended_l2=on", 1000001 },
    { "preallocation=metadata,cluster_size=2097152", 16 * M },
    { "preallocation=metadata,compat=0.10", 16 * M },
    { "preallocation=metadata,data_file=d", 1000001 },
    { "preallocation=metadata,refcount_bits=1,cluster_size=512", M },
    { "preallocation=falloc", 16 * M },
    { "preallocation=falloc", 1000001 },
    { "preallocation=falloc,extended_l2=on", M },
    { "preallocation=falloc,cluster_size=2097152", 16 * M },
    { "preallocation=falloc,data_file=d", 16 * M },
    { "preallocation=full", 16 * M },
    { "preallocation=full,compat=0.10", M },
    { "preallocation=full,data_file=d", 1000001 },
    /* refcount blocks and tables that do not suffice at once */
    { TINY, 3 * G },
    { TINY, 8064 * M },
    { TINY, 8192 * M },
    { TINY, 8320 * M },
    { TINY, 20 * G },
    { TINY ",preallocation=metadata", 2 * M },
    { TINY ",preallocation=metadata", 2129920 },
    { TINY ",preallocation=metadata", 6 * M },
    { TINY ",preallocation=falloc", 2 * M },
    { TINY ",preallocation=falloc", 2129920 },
    { TINY ",preallocation=falloc", 6 * M },
    { "cluster_size=512,preallocation=metadata", 6 * M },
    { "cluster_size=512,data_file=d,data_file_raw=on", 32 * M },
    { "cluster_size=512", 128 * G },
};

static const Row refused[] = {
    { "preallocation=foo", M },
    { "compat=foo", M },
    { "compression_type=foo", M },
    { "compat=foo,preallocation=foo", M },
    { "compression_type=foo,preallocation=foo", M },
    { "refcount_bits=0", M },
    { "refcount_bits=7", M },
    { "refcount_bits=128", M },
    { "cluster_size=256", M },
    { "cluster_size=5000", M },
    { "cluster_size=4194304", M },
    { "cluster_size=0", M },
    { "extended_l2=on,cluster_size=8192", M },
    { "extended_l2=on,compat=0.10", M },
    { "extended_l2=on,compat=v2,cluster_size=8192", M },
    { "data_file_raw=on", M },
    { "data_file_raw=on,compat=v2", M },
    { "data_file=d,compat=v2", M },
    { "lazy_refcounts=on,compat=v2", M },
    { "refcount_bits=8,compat=v2", M },
    { "compression_type=zstd,compat=v2", M },
    { "data_file_raw=on," BACKING, M },
    { "data_file=d,data_file_raw=on," BACKING, M },
    { "preallocation=metadata," BACKING, M },
    { "preallocation=full," BACKING, M },
    { "backing_fmt=raw", M },
    { "backing_fmt=raw,lazy_refcounts=on,compat=v2", M },
    { "cluster_size=512", 129 * G },
    { "", G << 31 },
};

/* Run the real program; its standard error, or NULL when it ended well. */
static char *real(const Row *row)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, row->size);
    const char *argv[] = { "qemu-img", "create", "-q", "-u",
                           "-f",       "qcow2",  "-o", *row->options ? row->options : "compat=1.1",
                           "real",     size,     NULL };
    char *words = NULL;

    if (g_spawn_check_wait_status(test_spawn(argv, NULL, &words), NULL)) {
        g_clear_pointer(&words, g_free);
    }
    return words;
}

static gboolean no_real(void)
{
    g_autofree char *path = g_find_program_in_path("qemu-img");

    if (path == NULL) {
        g_test_skip("qemu-img is not installed");
    }
    return path == NULL;
}

static void compare(Guest *guest, guint32 handle, const char *path)
{
    g_autoptr(GBytes) ours = mem_env_bytes(guest->mem, handle);
    g_autoptr(GMappedFile) theirs = g_mapped_file_new(path, FALSE, NULL);
    gsize length;
    const guint8 *bytes = g_bytes_get_data(ours, &length);

    g_assert_nonnull(theirs);
    g_assert_cmpuint(length, ==, g_mapped_file_get_length(theirs));
    const guint8 *other = (const guint8 *)g_mapped_file_get_contents(theirs);
    gboolean alike = memcmp(bytes, other, length) == 0;
    for (gsize i = 0; i < length && !alike; i++) {
        if (bytes[i] != other[i]) {
            g_test_message("%s differs at byte %" G_GSIZE_FORMAT, path, i);
            g_assert_cmphex(bytes[i], ==, other[i]);
        }
    }
}

static void test_same(gconstpointer data)
{
    const Row *row = data;
    g_autofree char *words = NULL;
    Guest guest;

    g_assert_true(guest_create(&guest, row->options, row->size));
    g_assert_true(guest_close(&guest));
    guest_check(&guest, NULL);
    if (!no_real()) {
        words = real(row);
        g_assert_null(words);
        compare(&guest, 0, "real");
        if (guest.data_handle != 0) {
            compare(&guest, guest.data_handle, "d");
        }
    }
    guest_clear(&guest);
}

static void test_refused(gconstpointer data)
{
    const Row *row = data;
    Guest guest;

    g_assert_false(guest_create(&guest, row->options, row->size));
    /* judged before a byte is written */
    g_assert_cmpuint(mem_env_io_count(guest.mem), ==, 0);
    if (!no_real()) {
        g_autofree char *ours = words_of_result(mem_env_result(guest.mem));
        g_autofree char *whole = g_strdup_printf("qemu-img: real: %s\n", ours);
        g_autofree char *words = real(row);

        g_assert_cmpstr(whole, ==, words);
    }
    guest_clear(&guest);
}

/* A backing file's name that is too long, or finds no room in the first cluster. */
static void test_backing_name(void)
{
    const struct {
        guint length;
        const char *options;
        const char *error;
    } rows[] = {
        { 1024, "", "Invalid argument" },
        { 400, ",cluster_size=512", "No space left on device" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = g_strnfill(rows[i].length, 'b');
        g_autofree char *options =
            g_strdup_printf("backing_file=%s,backing_fmt=raw%s", name, rows[i].options);
        Guest guest;

        g_assert_false(guest_create(&guest, options, M));
        g_autofree char *words = words_of_result(mem_env_result(guest.mem));
        g_assert_true(g_str_has_prefix(words, "Could not assign backing file 'bbb"));
        g_assert_true(g_str_has_suffix(words, rows[i].error));
        guest_clear(&guest);
    }
}

static void test_encrypted(void)
{
    Guest guest;

    g_assert_false(guest_create(&guest, "encrypt.format=luks,encrypt.key-secret=s", M));
    g_autofree char *words = words_of_result(mem_env_result(guest.mem));
    g_assert_cmpstr(words, ==, "Parameter 'key-secret' is required for cipher");
    guest_clear(&guest);
}

/* A store that is full: which step says so. */
static void test_no_space(void)
{
    const struct {
        guint64 room;
        const char *options;
        const char *words;
    } rows[] = {
        { 1000, "", "Could not write qcow2 header: No space left on device" },
        { 100000, "", "Could not write refcount table: No space left on device" },
        { 196608, "",
          "Could not resize image: Failed to grow the L1 table: No space left on device" },
        { M, "preallocation=metadata",
          "Could not resize image: Failed to resize underlying file: Failed to resize file: "
          "No space left on device" },
        { M, "preallocation=falloc",
          "Could not resize image: Failed to resize underlying file: Could not preallocate new "
          "data: No space left on device" },
        { M, "preallocation=full",
          "Could not resize image: Failed to resize underlying file: Could not write zeros for "
          "preallocation: No space left on device" },
        { M, "preallocation=falloc,data_file=d",
          "Could not resize image: Could not preallocate new data: No space left on device" },
        { M, "preallocation=full,data_file=d",
          "Could not resize image: Could not write zeros for preallocation: "
          "No space left on device" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct abi_create req = {
            { sizeof req, ABI_JOB_CREATE, ABI_VERSION }, ABI_FORMAT_QCOW2, 0, 16 * M
        };
        struct abi_facts facts = { .flags = 0 };
        guint8 stream[1024], names[1024];
        struct props_writer w = { .base = stream, .size = sizeof stream };
        struct props_writer put = { .base = names, .size = sizeof names };
        g_autoptr(MemEnv) mem = mem_env_new(0);
        struct fmt_image im = { .env = mem_env_env(mem),
                                .driver = &qcow2_driver,
                                .flags = ABI_OPEN_WRITE };

        mem_env_add(mem, "", 0);
        if (strstr(rows[i].options, "data_file") != NULL) {
            im.data_handle = mem_env_add(mem, "", 0);
        }
        guest_options(&w, rows[i].options);
        mem_env_limit(mem, rows[i].room);
        g_assert_cmpint(
            qcow2_create(&im, &req, (struct props_reader){ stream, w.used, 0, 0 }, &facts, &put),
            !=, FMT_OK);
        g_autofree char *words = words_of_result(mem_env_result(mem));
        g_assert_cmpstr(words, ==, rows[i].words);
    }
}

static void add_rows(const char *what, const Row *rows, guint n, GTestDataFunc test)
{
    for (guint i = 0; i < n; i++) {
        g_autofree char *path =
            g_strdup_printf("/qcow2/create/%s/%s@%" G_GUINT64_FORMAT, what,
                            *rows[i].options ? rows[i].options : "defaults", rows[i].size);
        g_test_add_data_func(path, &rows[i], test);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
    g_assert_true(profile_init(NULL));
    add_rows("same", same, G_N_ELEMENTS(same), test_same);
    add_rows("refused", refused, G_N_ELEMENTS(refused), test_refused);
    g_test_add_func("/qcow2/create/backing-name", test_backing_name);
    g_test_add_func("/qcow2/create/encrypted", test_encrypted);
    g_test_add_func("/qcow2/create/no-space", test_no_space);
    return g_test_run();
}
