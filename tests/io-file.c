/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "tests/io-file.h"

IoFile *test_make_file(const char *path, guint64 size, IoFlags flags)
{
    static const IoCreate how = IO_CREATE_DEFAULTS;
    g_autoptr(GError) error = NULL;
    IoFile *file;

    g_assert_true(io_create(path, size, &how, 0, NULL, &error));
    g_assert_no_error(error);
    file = io_open(path, IO_WRITE | flags, &error);
    g_assert_no_error(error);
    return file;
}

void test_assert_bytes(IoFile *file, guint64 offset, guint8 value, gsize length)
{
    g_autofree guint8 *buf = g_malloc(length);
    g_autoptr(GError) error = NULL;

    g_assert_true(io_pread(file, offset, buf, length, NULL, &error));
    g_assert_no_error(error);
    for (gsize i = 0; i < length; i++) {
        if (buf[i] != value) {
            g_test_fail_printf("byte %" G_GUINT64_FORMAT " is %02x, not %02x", offset + i, buf[i],
                               value);
            return;
        }
    }
}

void test_write_bytes(IoFile *file, guint64 offset, guint8 value, gsize length)
{
    g_autofree guint8 *buf = g_malloc(length);
    g_autoptr(GError) error = NULL;

    memset(buf, value, length);
    g_assert_true(io_pwrite(file, offset, buf, length, &error));
    g_assert_no_error(error);
}
