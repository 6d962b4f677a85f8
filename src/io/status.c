/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data or hole: SEEK_DATA and SEEK_HOLE, with the last answer kept, because a
 * walk asks many times within one long extent. */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "io/io-private.h"

void io_status_forget(IoFile *file)
{
    g_mutex_lock(&file->status_mutex);
    file->status_valid = FALSE;
    g_mutex_unlock(&file->status_mutex);
}

/* Fill in the extent around offset. Called with status_mutex held, which also guards the file
 * position that lseek moves. */
static gboolean look(IoFile *file, guint64 offset, GError **error)
{
    off_t at = (off_t)offset;
    off_t next;

    file->status_start = offset;
    next = lseek(file->fd, at, SEEK_DATA);
    if (next > at) {
        file->status_data = FALSE;
        file->status_end = (guint64)next;
        return TRUE;
    }
    if (next < 0) {
        if (errno == ENXIO) { /* a hole up to the end, and what lies behind it */
            file->status_data = FALSE;
            file->status_end = G_MAXUINT64;
            return TRUE;
        }
        if (errno == EBADF || errno == EIO) {
            return io_fail(error, errno);
        }
    } else {
        next = lseek(file->fd, at, SEEK_HOLE);
        if (next > at) {
            file->status_data = TRUE;
            file->status_end = (guint64)next;
            return TRUE;
        }
    }
    file->status_data = TRUE; /* a store that cannot tell */
    file->status_end = G_MAXUINT64;
    return TRUE;
}

gboolean io_block_status(IoFile *file, guint64 offset, guint64 length, gboolean *ret_data,
                         guint64 *ret_length, GError **error)
{
    gboolean ok = TRUE;

    if (!io_check_range(offset, length, error)) {
        return FALSE;
    }
    if (file->parent != NULL) {
        if (offset >= file->limit) {
            *ret_data = FALSE;
            *ret_length = length;
            return TRUE;
        }
        return io_block_status(file->parent, file->start + offset,
                               MIN(length, file->limit - offset), ret_data, ret_length, error);
    }
    if (file->kind != IO_KIND_FILE) {
        *ret_data = TRUE;
        *ret_length = length;
        return TRUE;
    }
    g_mutex_lock(&file->status_mutex);
    if (!file->status_valid || offset < file->status_start || offset >= file->status_end) {
        ok = file->status_valid = look(file, offset, error);
    }
    if (ok) {
        *ret_data = file->status_data;
        *ret_length = MIN(length, file->status_end - offset);
    }
    g_mutex_unlock(&file->status_mutex);
    return ok;
}
