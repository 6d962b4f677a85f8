/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes: asking for them and changing them. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/checked.h"
#include "io/io-private.h"

/* To qemu, what lies below a window ends with a whole sector, and so does a window. */
#define SECTOR 512u

/* The first bytes of a new file are really written, so that disk sizes are those of qemu-img. */
#define FIRST_BLOCK 4096u

gboolean io_size(IoFile *file, guint64 *ret_size, GError **error)
{
    struct stat st;
    guint64 size;

    if (file->parent != NULL) {
        if (!io_size(file->parent, &size, error)) {
            return FALSE;
        }
        size = align_up(size, SECTOR);
        size = MIN(size - MIN(size, file->start), file->limit);
        *ret_size = align_up(size, SECTOR);
        return TRUE;
    }
    if (file->type == S_IFBLK) {
        if (ioctl(file->fd, BLKGETSIZE64, ret_size) != 0) {
            return io_fail(error, errno);
        }
        return TRUE;
    }
    if (fstat(file->fd, &st) != 0) {
        return io_fail(error, errno);
    }
    *ret_size = file->type == S_IFREG ? (guint64)st.st_size : 0;
    return TRUE;
}

gboolean io_allocated(IoFile *file, guint64 *ret_bytes, GError **error)
{
    struct stat st;

    while (file->parent != NULL) {
        file = file->parent;
    }
    if (fstat(file->fd, &st) != 0) {
        return io_fail(error, errno);
    }
    *ret_bytes = (guint64)st.st_blocks * 512;
    return TRUE;
}

static gboolean fail(GError **error, int code, const char *what)
{
    g_set_error(error, IO_ERROR, code, "%s: %s", what, g_strerror(code));
    return FALSE;
}

static gboolean set_size(IoFile *file, guint64 size, GError **error)
{
    while (ftruncate(file->fd, (off_t)size) != 0) {
        if (errno != EINTR) {
            return fail(error, errno, "Could not resize file");
        }
    }
    return TRUE;
}

static void write_first_block(IoFile *file, guint64 size)
{
    /* No error if it fails: qemu-img makes none of it either, and nothing is lost. */
    io_write_zeros(file, 0, MIN(size, FIRST_BLOCK), NULL);
}

static gboolean grow_sparse(IoFile *file, guint64 old, guint64 size, GError **error)
{
    if (!set_size(file, size, error)) {
        return FALSE;
    }
    if (old == 0) {
        write_first_block(file, size);
    }
    return TRUE;
}

static gboolean grow_falloc(IoFile *file, guint64 old, guint64 size, GError **error)
{
    int ret;

    do {
        ret = posix_fallocate(file->fd, (off_t)old, (off_t)(size - old));
    } while (ret == EINTR);
    if (ret != 0) {
        return fail(error, ret, "Could not preallocate new data");
    }
    if (old == 0) {
        write_first_block(file, size);
    }
    return TRUE;
}

static gboolean grow_full(IoFile *file, guint64 old, guint64 size, GError **error)
{
    g_autoptr(GError) failed = NULL;

    if (!io_write_zeros(file, old, size - old, &failed)) {
        return fail(error, failed->code, "Could not write zeros for preallocation");
    }
    if (fsync(file->fd) != 0) {
        return fail(error, errno, "Could not flush file to disk");
    }
    return TRUE;
}

static gboolean truncate_file(IoFile *file, guint64 size, IoPrealloc prealloc, GError **error)
{
    guint64 old;
    gboolean ok;

    if (!io_size(file, &old, error)) {
        return FALSE;
    }
    if (prealloc == IO_PREALLOC_METADATA) {
        g_set_error(error, IO_ERROR, ENOTSUP, "Unsupported preallocation mode: metadata");
        return FALSE;
    }
    if (size < old && prealloc != IO_PREALLOC_OFF) {
        g_set_error(error, IO_ERROR, EINVAL, "Preallocation can't be used for shrinking files");
        return FALSE;
    }
    if (size == old) {
        return set_size(file, size, error);
    }
    if (size < old) {
        return set_size(file, size, error);
    }
    if (prealloc == IO_PREALLOC_OFF) {
        ok = grow_sparse(file, old, size, error);
    } else if (prealloc == IO_PREALLOC_FALLOC) {
        ok = grow_falloc(file, old, size, error);
    } else {
        ok = grow_full(file, old, size, error);
    }
    if (!ok) {
        set_size(file, old, NULL);
    }
    return ok;
}

static gboolean truncate_device(IoFile *file, guint64 size, IoPrealloc prealloc, GError **error)
{
    static const char *const names[] = { "off", "metadata", "falloc", "full" };
    guint64 room;

    if (prealloc != IO_PREALLOC_OFF) {
        g_set_error(error, IO_ERROR, ENOTSUP,
                    "Preallocation mode '%s' unsupported for this non-regular file",
                    names[prealloc]);
        return FALSE;
    }
    if (!io_size(file, &room, error)) {
        return FALSE;
    }
    if (size > room) {
        g_set_error(error, IO_ERROR, EINVAL, "Cannot grow device files");
        return FALSE;
    }
    return TRUE;
}

gboolean io_truncate(IoFile *file, guint64 size, IoPrealloc prealloc, GError **error)
{
    gboolean ok;

    if (size > G_MAXINT64) {
        return fail(error, EFBIG, "Could not resize file");
    }
    if (file->parent != NULL) {
        if (file->limit != G_MAXUINT64) {
            g_set_error(error, IO_ERROR, ENOTSUP, "Cannot resize fixed-size raw disks");
            return FALSE;
        }
        if (file->start > G_MAXINT64 - size) {
            return fail(error, EINVAL, "Disk size too large for the chosen offset");
        }
        return io_truncate(file->parent, file->start + size, prealloc, error);
    }
    if (file->kind == IO_KIND_HOST_DEVICE) {
        return truncate_device(file, size, prealloc, error);
    }
    ok = truncate_file(file, size, prealloc, error);
    io_changed(file);
    return ok;
}
