/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte stores: a block device, where one can be made. */
#include "config.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/io-file.h"

static char *loop_device(const char *file, GError **error)
{
    const char *argv[] = { "losetup", "--find", "--show", file, NULL };
    char *out = NULL;
    int status;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL,
                      NULL, NULL, &out, NULL, &status, error)) {
        return NULL;
    }
    if (!g_spawn_check_wait_status(status, error)) {
        g_free(out);
        return NULL;
    }
    return g_strchomp(out);
}

static void test_block_device(void)
{
    g_autoptr(IoFile) file = test_make_file("disk", 1 << 20, 0);
    g_autoptr(GError) error = NULL;
    g_autofree char *path = loop_device("disk", &error);
    static const IoCreate how = IO_CREATE_DEFAULTS;
    IoCreate full = IO_CREATE_DEFAULTS;
    guint64 size, length;
    gboolean is_data;

    if (path == NULL) {
        g_test_skip("no loop device can be made here");
        return;
    }
    {
        g_autoptr(IoFile) device = io_open(path, IO_WRITE, &error);

        g_assert_no_error(error);
        g_assert_cmpint(io_kind(device), ==, IO_KIND_HOST_DEVICE);
        g_assert_true(io_size(device, &size, &error));
        g_assert_cmpuint(size, ==, 1 << 20);
        test_write_bytes(device, 0, 0x66, 1 << 20);
        g_assert_true(io_zero(device, 4096, 65536, TRUE, &error));
        g_assert_true(io_zero(device, 131072 + 100, 65536, FALSE, &error));
        g_assert_no_error(error);
        test_assert_bytes(device, 0, 0x66, 4096);
        test_assert_bytes(device, 4096, 0, 65536);
        test_assert_bytes(device, 131072, 0x66, 100);
        test_assert_bytes(device, 131072 + 100, 0, 65536);
        test_assert_bytes(device, 131072 + 65536 + 100, 0x66, 4096);
        g_assert_true(io_block_status(device, 4096, 65536, &is_data, &length, &error));
        g_assert_true(is_data);
        g_assert_true(io_discard(device, 0, 4096, &error));
        g_assert_true(io_flush(device, &error));
        g_assert_false(io_truncate(device, (1 << 20) + 512, IO_PREALLOC_OFF, &error));
        g_assert_cmpstr(error->message, ==, "Cannot grow device files");
        g_clear_error(&error);
        test_write_bytes(device, 0, 0x67, 1024);
    }
    g_assert_false(io_create(path, 2 << 20, &how, 0, NULL, &error));
    g_assert_cmpstr(error->message, ==, "Cannot grow device files");
    g_clear_error(&error);
    full.prealloc = IO_PREALLOC_FULL;
    g_assert_false(io_create(path, 1 << 20, &full, 0, NULL, &error));
    g_assert_cmpstr(error->message, ==, "Unsupported preallocation mode 'full'");
    g_clear_error(&error);
    g_assert_true(io_create(path, 65536, &how, 0, NULL, &error));
    g_assert_no_error(error);
    {
        g_autoptr(IoFile) device = io_open(path, IO_NO_CACHE, &error);

        g_assert_no_error(error);
        test_assert_bytes(device, 0, 0, 512);
        test_assert_bytes(device, 512, 0x67, 512);
    }
    const char *argv[] = { "losetup", "--detach", path, NULL };
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, NULL, &error));
}

static gboolean run_quietly(const char *const *argv)
{
    int status;

    return g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL,
                        NULL, NULL, NULL, NULL, &status, NULL) &&
           g_spawn_check_wait_status(status, NULL);
}

/* What the kernel took and could not write later is told by the flush, and by every later one: a
 * device whose file has no room. */
static void test_write_back(void)
{
    g_autofree char *room = g_get_current_dir(), *folder = g_build_filename(room, "small", NULL);
    g_autofree char *file = g_build_filename(folder, "disk", NULL), *path = NULL;
    const char *mount[] = { "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder, NULL };
    const char *umount[] = { "umount", folder, NULL };
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(mkdir("small", 0755), ==, 0);
    if (!run_quietly(mount)) {
        g_test_skip("no file system can be mounted here");
        return;
    }
    g_assert_true(g_file_set_contents(file, "", 0, NULL));
    g_assert_cmpint(truncate(file, 4 << 20), ==, 0);
    path = loop_device(file, &error);
    if (path == NULL) {
        g_test_skip("no loop device can be made here");
        run_quietly(umount);
        return;
    }
    {
        g_autoptr(IoFile) device = io_open(path, IO_WRITE, &error);

        g_assert_no_error(error);
        test_write_bytes(device, 0, 0x68, 4 << 20);
        for (guint i = 0; i < 2; i++) {
            g_assert_false(io_flush(device, &error));
            g_assert_nonnull(error);
            g_assert_true(error->code == EIO || error->code == ENOSPC);
            g_clear_error(&error);
        }
    }
    const char *detach[] = { "losetup", "--detach", path, NULL };
    g_assert_true(run_quietly(detach));
    run_quietly(umount);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/io/write-back", test_write_back);
    g_test_add_func("/io/block-device", test_block_device);
    return g_test_run();
}
