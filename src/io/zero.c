/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zeroing and discarding, by the cheapest means the store has. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "io/io-private.h"

/* Aligned for O_DIRECT, and never written: the pages stay the kernel's zero page. */
const guint8 io_zeros[IO_ZEROS_SIZE] __attribute__((aligned(IO_DIRECT_ALIGN)));

/* What a store says when it has no such operation. */
static gboolean cannot(int code)
{
    return code == EOPNOTSUPP || code == ENOSYS || code == ENOTTY || code == EINVAL ||
           code == ENODEV || code == EPERM;
}

/* 0 or an errno (positive). */
static int do_fallocate(IoFile *file, int mode, guint64 offset, guint64 length)
{
    while (fallocate(file->fd, mode, (off_t)offset, (off_t)length) != 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/* The same, remembering in *flag what the store does not have. */
static int try_fallocate(IoFile *file, gint *flag, int mode, guint64 offset, guint64 length)
{
    int ret;

    if (g_atomic_int_get(flag)) {
        return EOPNOTSUPP;
    }
    ret = do_fallocate(file, mode, offset, length);
    if (ret == EOPNOTSUPP || ret == ENOSYS || ret == ENODEV) {
        g_atomic_int_set(flag, 1);
    }
    return ret;
}

static int punch(IoFile *file, guint64 offset, guint64 length)
{
    return try_fallocate(file, &file->no_punch, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                         length);
}

static int zero_range(IoFile *file, guint64 offset, guint64 length)
{
    return try_fallocate(file, &file->no_zero_range, FALLOC_FL_ZERO_RANGE, offset, length);
}

gboolean io_write_zeros(IoFile *file, guint64 offset, guint64 length, GError **error)
{
    while (length != 0) {
        gsize n = (gsize)MIN(length, IO_ZEROS_SIZE);

        if (!io_pwrite(file, offset, io_zeros, n, error)) {
            return FALSE;
        }
        offset += n;
        length -= n;
    }
    return TRUE;
}

/* Let the file reach end, with the last byte as its only new one, so that threads that make it
 * grow at the same time cannot cut each other's bytes off (ftruncate would). */
static int reach(IoFile *file, guint64 end)
{
    struct stat st;
    int ret;

    if (fstat(file->fd, &st) != 0) {
        return errno;
    }
    if ((guint64)st.st_size >= end) {
        return 0;
    }
    ret = zero_range(file, end - 1, 1);
    if (cannot(ret)) {
        ret = do_fallocate(file, 0, end - 1, 1);
    }
    if (cannot(ret)) {
        ret = pwrite(file->plain_fd >= 0 ? file->plain_fd : file->fd, io_zeros, 1,
                     (off_t)(end - 1)) == 1
                  ? 0
                  : errno;
    }
    return ret;
}

/* 0, EOPNOTSUPP to have zeros written, or another errno. */
static int zero_file(IoFile *file, guint64 offset, guint64 length, gboolean may_unmap)
{
    int ret = EOPNOTSUPP;

    if (may_unmap && !g_atomic_int_get(&file->no_punch)) {
        ret = reach(file, offset + length);
        if (ret == 0) {
            ret = punch(file, offset, length);
        }
    }
    if (cannot(ret)) {
        ret = zero_range(file, offset, length);
    }
    if (cannot(ret)) { /* no ZERO_RANGE: a hole, allocated again */
        ret = punch(file, offset, length);
        if (ret == 0) {
            ret = do_fallocate(file, 0, offset, length);
        }
    }
    return ret;
}

static int zero_device(IoFile *file, guint64 offset, guint64 length, gboolean may_unmap)
{
    int ret = may_unmap ? punch(file, offset, length) : EOPNOTSUPP;

    if (cannot(ret)) {
        ret = zero_range(file, offset, length);
    }
    if (cannot(ret)) {
        guint64 range[2] = { offset, length };

        do {
            ret = ioctl(file->fd, BLKZEROOUT, range) == 0 ? 0 : errno;
        } while (ret == EINTR);
    }
    return ret;
}

gboolean io_zero(IoFile *file, guint64 offset, guint64 length, gboolean may_unmap, GError **error)
{
    int ret;

    if (!io_check_range(offset, length, error) || !io_slice_map(&file, &offset, length, error)) {
        return FALSE;
    }
    if (length == 0) {
        return TRUE;
    }
    if (file->type == S_IFREG) {
        ret = zero_file(file, offset, length, may_unmap);
    } else if (file->type == S_IFBLK) {
        ret = zero_device(file, offset, length, may_unmap);
    } else {
        ret = EOPNOTSUPP;
    }
    io_changed(file);
    if (cannot(ret)) {
        return io_write_zeros(file, offset, length, error);
    }
    return ret == 0 || io_fail(error, ret);
}

gboolean io_discard(IoFile *file, guint64 offset, guint64 length, GError **error)
{
    int ret = 0;

    if (!io_check_range(offset, length, error) || !io_slice_map(&file, &offset, length, error)) {
        return FALSE;
    }
    if (length == 0) {
        return TRUE;
    }
    if (file->type == S_IFREG) {
        ret = punch(file, offset, length);
    } else if (file->type == S_IFBLK) {
        guint64 range[2] = { offset, length };

        do {
            ret = ioctl(file->fd, BLKDISCARD, range) == 0 ? 0 : errno;
        } while (ret == EINTR);
    }
    io_changed(file);
    return ret == 0 || cannot(ret) || io_fail(error, ret);
}
