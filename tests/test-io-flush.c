/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reaches the kernel: a flush only where there is something to flush, and block status asked
 * for once an extent. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/io.h"
#include "tests/testutil.h"

#define STEP 65536u

static guint flushes, seeks;
static int failure; /* errno of the next flush */

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    flushes++;
    errno = failure;
    failure = 0;
    return errno != 0 ? -1 : 0;
}

off_t __real_lseek(int fd, off_t offset, int whence);
off_t __wrap_lseek(int fd, off_t offset, int whence);
off_t __wrap_lseek(int fd, off_t offset, int whence)
{
    seeks++;
    return __real_lseek(fd, offset, whence);
}

static IoFile *make_file(guint64 size, IoFlags flags)
{
    static const IoCreate how = IO_CREATE_DEFAULTS;
    g_autoptr(GError) error = NULL;
    IoFile *file;

    g_assert_true(io_create("file", size, &how, 0, NULL, &error));
    g_assert_no_error(error);
    file = io_open("file", IO_WRITE | flags, &error);
    g_assert_no_error(error);
    return file;
}

/* ---- flushes ---------------------------------------------------------------------------------- */

static gboolean nothing(IoFile *file, GError **error)
{
    return io_pread(file, 0, (guint8[16]){ 0 }, 16, NULL, error);
}

static gboolean write_some(IoFile *file, GError **error)
{
    return io_pwrite(file, 5000, "bytes", 5, error);
}

static gboolean zero_some(IoFile *file, GError **error)
{
    return io_zero(file, 0, STEP, FALSE, error);
}

static gboolean discard_some(IoFile *file, GError **error)
{
    return io_discard(file, 0, STEP, error);
}

static gboolean truncate_it(IoFile *file, GError **error)
{
    return io_truncate(file, 3 * STEP, IO_PREALLOC_OFF, error);
}

static gboolean copy_some(IoFile *file, GError **error)
{
    guint64 copied;

    return io_copy_range(file, 0, file, STEP, 4096, &copied, error) ||
           g_error_matches(*error, IO_ERROR, ENOTSUP);
}

static gboolean write_slice(IoFile *file, GError **error)
{
    g_autoptr(IoFile) slice = io_slice(file, STEP, STEP);

    return io_pwrite(slice, 0, "bytes", 5, error);
}

static const struct {
    const char *name;
    gboolean (*call)(IoFile *file, GError **error);
    IoFlags flags;
    guint flushes;
} rows[] = {
    { "nothing", nothing, 0, 0 },
    { "write", write_some, 0, 1 },
    { "write-unsafe", write_some, IO_NO_FLUSH, 0 },
    { "zero", zero_some, 0, 1 },
    { "discard", discard_some, 0, 1 },
    { "truncate", truncate_it, 0, 1 },
    { "copy", copy_some, 0, 1 },
    { "slice", write_slice, 0, 1 },
};

static void test_flush(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(IoFile) file = make_file(2 * STEP, rows[i].flags);

    for (guint round = 1; round < 3; round++) {
        g_autoptr(GError) error = NULL;

        flushes = 0;
        g_assert_true(rows[i].call(file, &error));
        g_clear_error(&error);
        g_assert_true(io_flush(file, &error));
        g_assert_true(io_flush(file, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(flushes, ==, rows[i].flushes);
    }
}

/* The kernel tells it once; every later flush tells it too, though there is nothing new. */
static void test_failed(void)
{
    g_autoptr(IoFile) file = make_file(STEP, 0);
    g_autoptr(GError) error = NULL;

    g_assert_true(write_some(file, &error));
    failure = EIO;
    for (guint i = 0; i < 3; i++) {
        g_assert_false(io_flush(file, &error));
        g_assert_error(error, IO_ERROR, EIO);
        g_clear_error(&error);
        g_assert_true(i == 0 || write_some(file, &error));
    }
}

/* ---- block status ------------------------------------------------------------------------------ */

/* Extents of one step, every other one data. */
static void assert_status(IoFile *file, guint64 step, gboolean expected)
{
    g_autoptr(GError) error = NULL;
    guint64 length;
    gboolean is_data;

    g_assert_true(io_block_status(file, step * STEP + 512, 4096, &is_data, &length, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(length, ==, 4096);
    g_assert_cmpint(is_data, ==, expected);
}

static void test_status(gconstpointer data)
{
    guint n = GPOINTER_TO_UINT(data);
    g_autoptr(IoFile) file = make_file((guint64)n * STEP, 0);
    g_autoptr(GRand) rnd = g_rand_new_with_seed(4);
    g_autofree guint8 *bytes = g_malloc(STEP);
    g_autoptr(GError) error = NULL;
    gboolean is_data;
    guint64 length;

    memset(bytes, 1, STEP);
    for (guint i = 1; i < n; i += 2) {
        g_assert_true(io_pwrite(file, (guint64)i * STEP, bytes, STEP, &error));
    }
    g_assert_true(io_block_status(file, STEP * 2, STEP, &is_data, &length, &error));
    if (is_data) {
        g_test_skip("the file system does not tell holes of 64 KiB");
        return;
    }
    seeks = 0;
    for (guint i = 0; i < 20 * n; i++) {
        guint step = 1 + (guint)g_rand_int_range(rnd, 0, (gint32)n - 1);
        assert_status(file, step, step % 2 != 0);
    }
    if (n <= 200) {
        /* each extent was asked for once: data takes two calls */
        g_assert_cmpuint(seeks, <=, 2 * n);
    }
    /* what is written is not a hole any more, nor is what was punched data */
    g_assert_true(io_pwrite(file, 4 * STEP, bytes, STEP, &error));
    g_assert_true(io_zero(file, 7 * STEP, STEP, TRUE, &error));
    g_assert_no_error(error);
    assert_status(file, 4, TRUE);
    assert_status(file, 7, FALSE);
    assert_status(file, 9, TRUE);
    assert_status(file, 6, FALSE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strconcat("/io/flush/", rows[i].name, NULL);
        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_flush);
    }
    g_test_add_func("/io/flush/failed", test_failed);
    g_test_add_data_func("/io/status/few-extents", GUINT_TO_POINTER(100), test_status);
    g_test_add_data_func("/io/status/many-extents", GUINT_TO_POINTER(900), test_status);
    return g_test_run();
}
