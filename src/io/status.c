/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data or hole: SEEK_DATA and SEEK_HOLE, with the answers kept, because a walk
 * asks many times within the same extents. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/io-private.h"

#define DIRECT_SECTOR 512u

void io_changed(IoFile *file)
{
    g_atomic_int_set(&file->changed, 1);
    g_mutex_lock(&file->status_mutex);
    file->n_status = 0;
    g_mutex_unlock(&file->status_mutex);
}

/* The extent at offset, from there on. */
static gboolean look(IoFile *file, guint64 offset, IoExtent *ret, GError **error)
{
    off_t at = (off_t)offset;
    off_t next;

    *ret = (IoExtent){ offset, G_MAXUINT64, TRUE }; /* for a store that cannot tell */
    next = lseek(file->fd, at, SEEK_DATA);
    if (next > at) {
        ret->data = FALSE;
        ret->end = (guint64)next;
    } else if (next == at) {
        next = lseek(file->fd, at, SEEK_HOLE);
        ret->end = next > at ? (guint64)next : ret->end;
        /* Without a cache there are only whole sectors, also where the file ends. */
        if ((file->flags & IO_NO_CACHE) && ret->end <= G_MAXINT64) {
            ret->end = (ret->end + DIRECT_SECTOR - 1) / DIRECT_SECTOR * DIRECT_SECTOR;
        }
    } else if (next < 0 && errno == ENXIO) { /* a hole up to the end, and what lies behind it */
        ret->data = FALSE;
    } else if (next < 0 && (errno == EBADF || errno == EIO)) {
        return io_fail(error, errno);
    }
    return TRUE;
}

/* The first of the extents kept that ends behind offset. */
static guint find(const IoFile *file, guint64 offset)
{
    guint low = 0, high = file->n_status;

    while (low < high) {
        guint middle = (low + high) / 2;

        if (file->status[middle].end > offset) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static gboolean holds(const IoFile *file, guint index, guint64 offset)
{
    return index < file->n_status && file->status[index].start <= offset &&
           offset < file->status[index].end;
}

/* Keep it at index, which find() said: one with the same end is the same extent, now known from an
 * earlier place on. */
static guint keep(IoFile *file, guint index, IoExtent extent)
{
    IoExtent *at;

    if (file->status == NULL) {
        file->status = g_new(IoExtent, IO_MOST_EXTENTS);
    }
    if (index < file->n_status && file->status[index].start < extent.end) {
        /* the same; or the file was changed by somebody else, and nothing that was kept is right */
        if (file->status[index].end == extent.end && file->status[index].data == extent.data) {
            file->status[index].start = extent.start;
            return index;
        }
        file->n_status = 0;
    }
    if (file->n_status == 0 || file->n_status == IO_MOST_EXTENTS) {
        file->n_status = index = 0;
    }
    at = &file->status[index];
    memmove(at + 1, at, (file->n_status++ - index) * sizeof *at);
    *at = extent;
    return index;
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
    if (!holds(file, file->found, offset)) {
        file->found = find(file, offset);
    }
    if (!holds(file, file->found, offset)) {
        IoExtent extent;

        ok = look(file, offset, &extent, error);
        if (ok) {
            file->found = keep(file, file->found, extent);
        }
    }
    if (ok) {
        *ret_data = file->status[file->found].data;
        *ret_length = MIN(length, file->status[file->found].end - offset);
    }
    g_mutex_unlock(&file->status_mutex);
    return ok;
}
