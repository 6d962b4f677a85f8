/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images: chains, and locks by use. Images are made by the real qemu-img and qemu-io. */
#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/image-open.h"
#include "tests/testutil.h"

/* ---- chains ---------------------------------------------------------------------------- */

static void test_chain_errors(void)
{
    g_autofree char *loop = NULL, *missing = NULL, *top = NULL;

    if (test_skip_without_qemu()) {
        return;
    }
    test_run("qemu-img create -q -f qcow2 -u -b two.img -F qcow2 one.img 1M");
    test_run("qemu-img create -q -f qcow2 -u -b one.img -F qcow2 two.img 1M");
    loop = test_open_error("one.img", 0);
    g_assert_cmpstr(loop, ==,
                    "Could not open 'one.img': Could not open backing file: Could not open backing "
                    "file: Backing file 'one.img' creates an infinite loop.");
    test_run("qemu-img create -q -f qcow2 -u -b nowhere.img -F raw three.img 1M");
    missing = test_open_error("three.img", 0);
    g_assert_cmpstr(missing, ==,
                    "Could not open 'three.img': Could not open backing file: Could "
                    "not open 'nowhere.img': No such file or directory");
    /* one layer alone can be opened */
    g_autoptr(Image) img = test_open("three.img", NULL, IMAGE_NO_BACKING | IMAGE_NO_IO);
    g_assert_cmpstr(image_backing_name(img), ==, "nowhere.img");
    g_assert_cmpstr(image_backing_format(img), ==, "raw");
}

static void test_chain_names(void)
{
    g_autoptr(Image) img = NULL;

    if (test_skip_without_qemu()) {
        return;
    }
    g_assert_cmpint(mkdir("sub", 0755), ==, 0);
    test_run("qemu-img create -q -f raw sub/base.img 1M");
    test_run("qemu-img create -q -f qcow2 -b base.img -F raw sub/top.img");
    img = test_open("sub/top.img", NULL, 0);
    g_assert_cmpstr(image_backing_name(img), ==, "base.img");
    g_assert_cmpstr(image_backing_full(img), ==, "sub/base.img");
    g_assert_nonnull(image_backing(img));
    g_assert_cmpstr(image_exact_path(image_backing(img)), ==, "sub/base.img");
    g_assert_cmpstr(image_format_name(image_backing(img)), ==, "raw");
}

static void test_long_chain(void)
{
    g_autofree char *message = NULL, *bytes = NULL;
    g_autoptr(GString) folder = g_string_new(NULL), last = g_string_new(NULL);
    gsize size;

    if (test_skip_without_qemu()) {
        return;
    }
    /* The same image in a folder, and in a folder of that, ...: each names the next. */
    test_run("qemu-img create -q -f qcow2 -o cluster_size=4k -u -b d/l.img -F qcow2 l.img 1M");
    g_assert_true(g_file_get_contents("l.img", &bytes, &size, NULL));
    for (guint i = 1; i < 258; i++) {
        g_autofree char *file = NULL;

        g_string_append(folder, "d/");
        g_assert_cmpint(mkdir(folder->str, 0755), ==, 0);
        file = g_strconcat(folder->str, "l.img", NULL);
        g_assert_true(g_file_set_contents(file, bytes, (gssize)size, NULL));
    }
    message = test_open_error("l.img", 0);
    g_assert_nonnull(strstr(message, "would be layer 257 of the chain; at most 256 are opened"));
    g_free(message);

    /* 60 of them are no trouble. */
    g_string_assign(last, folder->str);
    g_string_truncate(folder, 2 * 257 - 2 * 59);
    g_string_append(folder, "l.img");
    g_string_append(last, "l.img");
    test_run("qemu-img create -q -f qcow2 %s 1M", last->str);
    test_run("qemu-io -c 'write -P 5 512k 64k' %s", last->str);
    {
        g_autoptr(Image) img = test_open(folder->str, NULL, 0);
        guint8 byte = 1;

        g_assert_true(image_read(img, 520 * 1024, &byte, 1, NULL));
        g_assert_cmpuint(byte, ==, 5);
        g_assert_true(image_read(img, 0, &byte, 1, NULL));
        g_assert_cmpuint(byte, ==, 0);
    }
    message = NULL;
}

/* ---- locks by use ------------------------------------------------------------------------ */

typedef struct {
    const char *name, *format, *data_format;
    ImageFlags first, second;
    const char *message; /* of the second, behind "Could not open 'x.img': "; NULL: opens */
} LockRow;

#define HINT "\nIs another process using the image [x.img]?"

static const LockRow lock_rows[] = {
    { "format/write-info", "qcow2", NULL, IMAGE_WRITE, IMAGE_NO_IO | IMAGE_NO_BACKING,
      "Failed to get shared \"write\" lock" HINT },
    { "format/write-info-share", "qcow2", NULL, IMAGE_WRITE,
      IMAGE_NO_IO | IMAGE_NO_BACKING | IMAGE_FORCE_SHARE, NULL },
    { "format/write-read-share", "qcow2", NULL, IMAGE_WRITE, IMAGE_FORCE_SHARE, NULL },
    { "format/write-write", "qcow2", NULL, IMAGE_WRITE, IMAGE_WRITE,
      "Failed to get \"write\" lock" HINT },
    { "format/read-read", "qcow2", NULL, 0, 0, NULL },
    { "format/read-steady", "qcow2", NULL, 0, IMAGE_STEADY, NULL },
    { "format/read-write", "qcow2", NULL, 0, IMAGE_WRITE, "Failed to get \"write\" lock" HINT },
    { "raw/write-read", "raw", NULL, IMAGE_WRITE, 0, NULL },
    { "raw/write-write", "raw", NULL, IMAGE_WRITE, IMAGE_WRITE, NULL },
    { "raw/write-steady", "raw", NULL, IMAGE_WRITE, IMAGE_STEADY,
      "Failed to get shared \"write\" lock" HINT },
    { "raw/write-steady-share", "raw", NULL, IMAGE_WRITE, IMAGE_STEADY | IMAGE_FORCE_SHARE, NULL },
    { "raw/steady-write", "raw", NULL, IMAGE_STEADY, IMAGE_WRITE,
      "Failed to get \"write\" lock" HINT },
    { "raw/locking-off", "raw", NULL, IMAGE_STEADY, IMAGE_WRITE | IMAGE_NO_LOCK, NULL },
};

static void test_lock(gconstpointer data)
{
    const LockRow *row = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(ImageSpec) spec = image_spec_from_name("x.img", row->format, NULL);
    g_autoptr(Image) first = NULL, second = NULL;
    g_autofree char *message = NULL;

    if (test_skip_without_qemu()) {
        return;
    }
    unlink("x.img");
    test_run("qemu-img create -q -f %s x.img 1M", row->format);
    first = image_open(spec, row->first, 0, &error);
    g_assert_no_error(error);
    second = image_open(spec, row->second, 0, &error);
    if (row->message != NULL) {
        message = g_strconcat("Could not open 'x.img': ", row->message, NULL);
    }
    g_assert_cmpstr(error ? error->message : NULL, ==, message);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/image/chain/errors", test_chain_errors);
    g_test_add_func("/image/chain/names", test_chain_names);
    g_test_add_func("/image/chain/long", test_long_chain);
    for (guint i = 0; i < G_N_ELEMENTS(lock_rows); i++) {
        g_autofree char *path = g_strconcat("/image/lock/", lock_rows[i].name, NULL);
        g_test_add_data_func(path, &lock_rows[i], test_lock);
    }
    return g_test_run();
}
