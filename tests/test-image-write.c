/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing into and creating images of formats: judged by the real qemu-img. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/props.h"
#include "image/image.h"
#include "tests/image-open.h"
#include "tests/testutil.h"

#define MIB ((guint64)1 << 20)

/* Run a command line; the status must be 0. */
/* ---- writing ---------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *make[4]; /* command lines that make x.img */
    gboolean unmap;
} WriteRow;

#define BASE "qemu-img create -q -f raw b.img 3M"
#define BASE_DATA "qemu-io -f raw -c 'write -P 1 0 1M' -c 'write -P 2 2000k 500k' b.img"
#define OVER "qemu-img create -q -f qcow2 -b b.img -F raw "

static const WriteRow write_rows[] = {
    { "plain", { "qemu-img create -q -f qcow2 x.img 5M" }, FALSE },
    { "unmap", { "qemu-img create -q -f qcow2 x.img 5M" }, TRUE },
    { "odd-size", { "qemu-img create -q -f qcow2 x.img 5000192" }, FALSE },
    { "v2", { "qemu-img create -q -f qcow2 -o compat=0.10 x.img 5M" }, FALSE },
    { "small-clusters", { "qemu-img create -q -f qcow2 -o cluster_size=512 x.img 5M" }, FALSE },
    { "big-clusters", { "qemu-img create -q -f qcow2 -o cluster_size=2M x.img 5M" }, FALSE },
    { "subclusters", { "qemu-img create -q -f qcow2 -o extended_l2=on x.img 5M" }, FALSE },
    { "refcount-1", { "qemu-img create -q -f qcow2 -o refcount_bits=1 x.img 5M" }, FALSE },
    { "refcount-64", { "qemu-img create -q -f qcow2 -o refcount_bits=64 x.img 5M" }, TRUE },
    { "lazy-refcounts", { "qemu-img create -q -f qcow2 -o lazy_refcounts=on x.img 5M" }, FALSE },
    { "preallocated", { "qemu-img create -q -f qcow2 -o preallocation=metadata x.img 5M" }, FALSE },
    { "data-file", { "qemu-img create -q -f qcow2 -o data_file=d.img x.img 5M" }, FALSE },
    { "data-file-raw",
      { "qemu-img create -q -f qcow2 -o data_file=d.img,data_file_raw=on x.img 5M" },
      FALSE },
    { "overlay", { BASE, BASE_DATA, OVER "x.img" }, FALSE },
    { "overlay-unmap", { BASE, BASE_DATA, OVER "x.img" }, TRUE },
    { "overlay-longer", { BASE, BASE_DATA, OVER "x.img 5M" }, FALSE },
    { "overlay-subclusters", { BASE, BASE_DATA, OVER "-o extended_l2=on x.img" }, FALSE },
    { "compressed-below", { BASE, BASE_DATA, "qemu-img convert -c -O qcow2 b.img x.img" }, FALSE },
    { "snapshot-below",
      { BASE, BASE_DATA, "qemu-img convert -O qcow2 b.img x.img",
        "qemu-img snapshot -c one x.img" },
      FALSE },
};

static void compare_all(Image *img, const guint8 *mirror)
{
    g_autofree guint8 *buf = g_malloc(MIB);
    g_autoptr(GError) error = NULL;

    for (guint64 at = 0; at < image_size(img); at += MIB) {
        gsize n = (gsize)MIN(MIB, image_size(img) - at);

        g_assert_true(image_read(img, at, buf, n, &error));
        g_assert_no_error(error);
        if (memcmp(buf, mirror + at, n) != 0) {
            g_test_fail_printf("content differs within a MiB of %" G_GUINT64_FORMAT, at);
            return;
        }
    }
}

static void test_write(gconstpointer data)
{
    const WriteRow *row = data;
    g_autoptr(GRand) rnd = g_rand_new_with_seed(7);
    g_autofree guint8 *mirror = NULL, *buf = g_malloc(MIB);
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = NULL;
    guint64 size;

    if (test_skip_without_qemu()) {
        return;
    }
    unlink("x.img");
    for (guint i = 0; i < G_N_ELEMENTS(row->make) && row->make[i] != NULL; i++) {
        test_run("%s", row->make[i]);
    }
    img = test_open("x.img", NULL, IMAGE_WRITE | (row->unmap ? IMAGE_UNMAP : 0));
    size = image_size(img);
    mirror = g_malloc(size);
    g_assert_true(image_read(img, 0, mirror, (gsize)size, &error));
    for (guint i = 0; i < 120; i++) {
        guint64 length = (guint64)g_rand_int_range(rnd, 1, i % 8 == 0 ? 1 << 20 : 1 << 16);
        guint64 offset = (guint64)g_rand_int_range(rnd, 0, (gint)(size - length + 1));

        if (i % 3 == 0) { /* whole sectors, and often whole clusters */
            offset &= ~(guint64)0xffff;
        }
        if (i % 4 == 3) {
            g_assert_true(image_write_zeroes(img, offset, length, row->unmap, &error));
            memset(mirror + offset, 0, length);
        } else {
            memset(buf, (int)i + 10, length);
            g_assert_true(image_write(img, offset, buf, (gsize)length, &error));
            memset(mirror + offset, (int)i + 10, length);
        }
        g_assert_no_error(error);
        if (i % 40 == 39) {
            compare_all(img, mirror);
        }
        if (i == 60) {
            g_assert_true(image_flush(img, &error));
        }
    }
    compare_all(img, mirror);
    g_assert_true(image_close(img, &error));
    g_assert_no_error(error);
    g_clear_pointer(&img, image_unref);

    test_run("qemu-img check -q x.img");
    g_assert_true(g_file_set_contents("mirror.img", (char *)mirror, (gssize)size, &error));
    test_run("qemu-img compare -q -F raw x.img mirror.img");
    img = test_open("x.img", NULL, 0);
    compare_all(img, mirror);
}

/* A write that fails leaves an image that is sound but for leaks. */
static void test_no_space(void)
{
    g_autofree char *room = g_get_current_dir(), *folder = g_build_filename(room, "small", NULL);
    g_autofree char *image = g_build_filename(folder, "x.img", NULL);
    g_autofree guint8 *buf = g_malloc(MIB);
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = NULL;
    int status = -1;
    const char *mount[] = { "mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder, NULL };
    const char *check[] = { "qemu-img", "check", "-q", image, NULL };

    if (test_skip_without_qemu()) {
        return;
    }
    g_assert_cmpint(mkdir("small", 0755), ==, 0);
    g_spawn_sync(NULL, (char **)mount, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                 NULL, NULL, NULL, &status, NULL);
    if (status != 0) {
        g_test_skip("no file system can be mounted here");
        return;
    }
    test_run("qemu-img create -q -f qcow2 %s 64M", image);
    img = test_open(image, NULL, IMAGE_WRITE);
    memset(buf, 3, MIB);
    for (guint i = 0; i < 8 && image_write(img, i * MIB, buf, MIB, &error); i++) {}
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "No space left on device"));
    g_clear_error(&error);
    image_close(img, NULL); /* may fail for the same reason */
    g_clear_pointer(&img, image_unref);
    g_spawn_sync(NULL, (char **)check, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                 NULL);
    test_run("umount %s", folder);
    /* 3: clusters that nobody uses, no more */
    g_assert_true(WIFEXITED(status));
    g_assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3);
}

/* ---- creating ------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    guint64 size;
    const char *options; /* for qemu-img; ours are made of them */
    const char *message; /* NULL: both make the same file */
} CreateRow;

static const CreateRow create_rows[] = {
    { "plain", 64 * MIB, "", NULL },
    { "empty", 0, "", NULL },
    { "v2", 64 * MIB, "compat=0.10", NULL },
    { "cluster-size", 64 * MIB, "cluster_size=4096", NULL },
    { "metadata", 64 * MIB, "preallocation=metadata", NULL },
    { "falloc", 4 * MIB, "preallocation=falloc", NULL },
    { "full", 4 * MIB, "preallocation=full", NULL },
    { "data-file", 4 * MIB, "data_file=data.img", NULL },
    { "data-file-full", 4 * MIB, "data_file=data.img,preallocation=full", NULL },
    { "nocow", 4 * MIB, "nocow=on", NULL },
    { "bad/cluster-size", MIB, "cluster_size=3",
      "Cluster size must be a power of two between 512 and 2048k" },
    { "bad/data-file-folder", MIB, "data_file=nodir/x",
      "Could not create 'nodir/x': No such file or directory" },
    { "bad/data-file-protocol", MIB, "data_file=foo:x", "Unknown protocol 'foo'" },
};

/* Options of this test are numbers, words or "on". */
static GBytes *props_of(const char *options)
{
    g_auto(GStrv) words = g_strsplit(options, ",", -1);
    guint8 *bytes = g_malloc(4096);
    struct props_writer w = { bytes, 4096, 0, false };

    for (guint i = 0; words[i] != NULL && *words[i] != '\0'; i++) {
        char *value = strchr(words[i], '=');

        *value++ = '\0';
        if (g_str_equal(value, "on")) {
            props_bool(&w, words[i], true);
        } else if (g_ascii_isdigit(*value) && !g_str_equal(words[i], "compat")) {
            props_u64(&w, words[i], g_ascii_strtoull(value, NULL, 10));
        } else {
            props_string(&w, words[i], value);
        }
    }
    g_assert_false(w.full);
    return g_bytes_new_take(bytes, w.used);
}

static void assert_same_file(const char *a, const char *b)
{
    g_autofree char *bytes_a = NULL, *bytes_b = NULL;
    g_autoptr(GError) error = NULL;
    gsize size_a, size_b;
    struct stat st_a, st_b;

    g_file_get_contents(a, &bytes_a, &size_a, &error);
    g_assert_no_error(error);
    g_file_get_contents(b, &bytes_b, &size_b, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(bytes_a, size_a, bytes_b, size_b);
    g_assert_cmpint(stat(a, &st_a), ==, 0);
    g_assert_cmpint(stat(b, &st_b), ==, 0);
    g_assert_cmpint(st_a.st_mode, ==, st_b.st_mode);
}

static void test_create(gconstpointer data)
{
    const CreateRow *row = data;
    gboolean data_file = strstr(row->options, "data_file=data.img") != NULL;
    g_autoptr(GBytes) options = props_of(row->options);
    g_autoptr(GError) error = NULL;
    gboolean ok;

    if (test_skip_without_qemu()) {
        return;
    }
    unlink("ours.img");
    unlink("data.img");
    g_assert_true(g_file_set_contents("ours.img", "old", 3, NULL));
    ok = image_create("ours.img", "qcow2", row->size, options, 0, &error);
    if (row->message != NULL) {
        g_assert_false(ok);
        g_assert_cmpstr(error->message, ==, row->message);
        g_assert_cmpint(access("ours.img", F_OK), !=, 0); /* nothing is left, as of qemu-img */
        return;
    }
    g_assert_no_error(error);
    if (data_file) {
        g_assert_cmpint(rename("data.img", "our-data.img"), ==, 0);
    }
    unlink("theirs.img");
    test_run("qemu-img create -q -f qcow2 %s%s theirs.img %" G_GUINT64_FORMAT,
             *row->options ? "-o " : "", row->options, row->size);
    assert_same_file("ours.img", "theirs.img");
    if (data_file) {
        assert_same_file("our-data.img", "data.img");
    }
    test_run("qemu-img check -q ours.img");
}

static void test_create_too_big(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(image_create("big.img", "qcow2", (guint64)1 << 57, NULL, 0, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_TOO_BIG);
    g_assert_cmpint(access("big.img", F_OK), !=, 0);
    g_clear_error(&error);
    g_assert_false(image_create("big.img", "vdi", MIB, NULL, 0, &error));
    g_assert_cmpstr(error->message, ==, "Format driver 'vdi' does not support image creation");
}

static void test_truncate(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = NULL;
    g_autofree guint8 *buf = g_malloc(MIB);

    if (test_skip_without_qemu()) {
        return;
    }
    test_run("qemu-img create -q -f qcow2 t.img 1M");
    img = test_open("t.img", NULL, IMAGE_WRITE | IMAGE_RESIZE);
    g_assert_true(image_truncate(img, 40 * MIB, ABI_PREALLOC_OFF, FALSE, NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(image_size(img), ==, 40 * MIB);
    memset(buf, 9, MIB);
    g_assert_true(image_write(img, 39 * MIB, buf, MIB, &error));
    g_assert_true(image_close(img, &error));
    g_assert_no_error(error);
    g_clear_pointer(&img, image_unref);
    test_run("qemu-img check -q t.img");
    test_run("qemu-io -r -c 'read -P 9 39M 1M' t.img");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(write_rows); i++) {
        g_autofree char *path = g_strconcat("/image-write/", write_rows[i].name, NULL);
        g_test_add_data_func(path, &write_rows[i], test_write);
    }
    g_test_add_func("/image-write/no-space", test_no_space);
    for (guint i = 0; i < G_N_ELEMENTS(create_rows); i++) {
        g_autofree char *path = g_strconcat("/image-create/", create_rows[i].name, NULL);
        g_test_add_data_func(path, &create_rows[i], test_create);
    }
    g_test_add_func("/image-create/too-big", test_create_too_big);
    g_test_add_func("/image-write/truncate", test_truncate);
    return g_test_run();
}
