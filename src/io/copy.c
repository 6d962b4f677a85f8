/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies that the kernel makes between two files, by sharing blocks where it can. */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "io/io-private.h"

gboolean io_copy_range(IoFile *from, guint64 from_offset, IoFile *to, guint64 to_offset,
                       guint64 length, guint64 *ret_copied, GError **error)
{
    off_t in, out;
    gsize want = MIN(length, (guint64)1 << 30);
    ssize_t n;
    int failed;

    *ret_copied = 0;
    if (!io_check_range(from_offset, length, error) || !io_check_range(to_offset, length, error)) {
        return FALSE;
    }
    if (!io_slice_map(&from, &from_offset, length, error) ||
        !io_slice_map(&to, &to_offset, length, error)) {
        return FALSE;
    }
    in = (off_t)from_offset;
    out = (off_t)to_offset;
    if (from->kind != IO_KIND_FILE || to->kind != IO_KIND_FILE) {
        return io_fail(error, ENOTSUP);
    }
    do {
        n = copy_file_range(from->fd, &in, to->fd, &out, want, 0);
    } while (n < 0 && errno == EINTR);
    failed = n < 0 ? errno : 0;
    io_changed(to);
    if (failed != 0) {
        switch (failed) {
        case EXDEV:
        case EINVAL:
        case ENOSYS:
        case EOPNOTSUPP:
        case EPERM:
        case ETXTBSY:
            return io_fail(error, ENOTSUP);
        default:
            return io_fail(error, failed);
        }
    }
    io_count((guint64)n, (guint64)n);
    *ret_copied = (guint64)n;
    return TRUE;
}
