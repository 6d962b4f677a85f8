/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows of other files. The functions of this room lead to the parent. */
#include "config.h"

#include <errno.h>

#include "io/io-private.h"

IoFile *io_slice(IoFile *parent, guint64 start, guint64 length)
{
    IoFile *file = g_new0(IoFile, 1);

    g_atomic_ref_count_init(&file->refs);
    g_mutex_init(&file->lock_mutex);
    g_mutex_init(&file->status_mutex);
    g_mutex_init(&file->flush_mutex);
    file->fd = file->plain_fd = -1;
    file->parent = io_ref(parent);
    file->start = start;
    file->limit = length;
    file->path = g_strdup(parent->path);
    file->flags = parent->flags;
    file->kind = parent->kind;
    file->type = parent->type;
    file->device = parent->device;
    file->inode = parent->inode;
    return file;
}

guint64 io_slice_start(const IoFile *file)
{
    guint64 start = 0;

    for (; file->parent != NULL; file = file->parent) {
        start += file->start;
    }
    return start;
}

gboolean io_slice_map(IoFile **file, guint64 *offset, guint64 length, GError **error)
{
    while ((*file)->parent != NULL) {
        if (*offset > (*file)->limit || length > (*file)->limit - *offset) {
            return io_fail(error, ENOSPC);
        }
        if (!io_check_range(*offset, (*file)->start, error)) {
            return FALSE;
        }
        *offset += (*file)->start;
        *file = (*file)->parent;
    }
    return io_check_range(*offset, length, error);
}
