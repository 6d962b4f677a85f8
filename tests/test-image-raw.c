/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images: raw, made and written. */
#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image.h"

#define MIB ((guint64)1 << 20)

static void test_create_raw(void)
{
    g_autoptr(GError) error = NULL;
    struct stat st;

    g_assert_true(image_create("new.raw", "raw", 1000, NULL, 0, &error));
    g_assert_no_error(error);
    g_assert_cmpint(stat("new.raw", &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 1024);
    g_assert_true(image_create("file:new.raw", "file", 3000, NULL, 0, &error));
    g_assert_no_error(error);
    g_assert_cmpint(stat("new.raw", &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 3072);
    g_assert_false(image_create("foo:x", "raw", 512, NULL, 0, &error));
    g_assert_cmpstr(error->message, ==, "Unknown protocol 'foo'");
    g_clear_error(&error);
    g_assert_false(image_create("new.raw", "raw", (guint64)7 << 60, NULL, 0, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_TOO_BIG);
    g_clear_error(&error);
    g_assert_false(image_create("nodir/x", "raw", 512, NULL, 0, &error));
    g_assert_cmpstr(error->message, ==, "Could not create 'nodir/x': No such file or directory");
}

static void test_write_raw(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImageSpec) spec = image_spec_from_name("w.raw", "raw", &error);
    g_autoptr(Image) img = NULL;
    g_autofree guint8 *buf = g_malloc(MIB);
    struct abi_extent in[3] = {
        { .guest_offset = 0, .length = 65536, .kind = ABI_EXT_DATA },
        { .guest_offset = 65536, .length = 65536, .kind = ABI_EXT_ZERO, .flags = ABI_EXTF_UNMAP },
        { .guest_offset = 131072, .length = 512, .kind = ABI_EXT_DATA },
    }, out[3];
    guint count, taken;

    g_assert_true(image_create("w.raw", "raw", MIB, NULL, 0, &error));
    img = image_open(spec, IMAGE_WRITE, 0, &error);
    g_assert_no_error(error);
    memset(buf, 7, MIB);
    g_assert_true(image_write(img, 0, buf, MIB, &error));
    g_assert_true(image_write_zeroes(img, 4096, 4096, TRUE, &error));
    g_assert_no_error(error);
    g_assert_true(image_read(img, 0, buf, 16384, &error));
    g_assert_cmpuint(buf[4095], ==, 7);
    g_assert_cmpuint(buf[4096], ==, 0);
    g_assert_cmpuint(buf[8191], ==, 0);
    g_assert_cmpuint(buf[8192], ==, 7);
    g_assert_true(image_write_plan(img, in, 3, out, 3, &count, &taken, &error));
    g_assert_cmpuint(taken, ==, 3);
    g_assert_cmpuint(count, ==, 2);
    g_assert_cmpuint(out[1].file_offset, ==, 131072);
    g_assert_true(image_write_plan(img, in, 3, out, 1, &count, &taken, &error));
    g_assert_cmpuint(taken, ==, 2); /* no room for the third */
    g_assert_true(image_read(img, 65536, buf, 512, &error));
    g_assert_cmpuint(buf[0], ==, 0);
    g_assert_false(image_write(img, MIB - 256, buf, 512, &error));
    g_assert_cmpstr(error->message, ==, "Input/output error");
    g_clear_error(&error);
    g_assert_true(image_flush(img, &error));
    g_assert_true(image_truncate(img, 2 * MIB, ABI_PREALLOC_OFF, TRUE, NULL, &error));
    g_assert_cmpuint(image_size(img), ==, 2 * MIB);
    g_assert_true(image_close(img, &error));
    g_assert_no_error(error);
}

static void test_create_on_device_folder(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(image_create("/dev/instar-test-none", "raw", 512, NULL, 0, &error));
    g_assert_cmpint(access("/dev/instar-test-none", F_OK), !=, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/image/create/raw", test_create_raw);
    g_test_add_func("/image/create/device-folder", test_create_on_device_folder);
    g_test_add_func("/image/write/raw", test_write_raw);
    return g_test_run();
}
