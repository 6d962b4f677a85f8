/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making an empty store, as qemu-img's protocol layer does before a format is written. */
#include "config.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "io/io-private.h"

/* Bytes wiped at the start of a device, so that no old header is found there. */
#define DEVICE_WIPE 512u

/* No copy on write for this file; a file system without that stays as it is. */
static void set_nocow(IoFile *file)
{
    int attributes;

    if (ioctl(file->fd, FS_IOC_GETFLAGS, &attributes) == 0) {
        attributes |= FS_NOCOW_FL;
        ioctl(file->fd, FS_IOC_SETFLAGS, &attributes);
    }
}

/* Big extents for files that grow in small steps (XFS). */
static void set_extent_size(IoFile *file, const IoCreate *how, char **ret_warning)
{
    struct fsxattr attributes;

    if (how->extent_size_hint == 0 || how->extent_size_hint > G_MAXUINT32) {
        return;
    }
    if (ioctl(file->fd, FS_IOC_FSGETXATTR, &attributes) == 0) {
        attributes.fsx_xflags |= FS_XFLAG_EXTSIZE;
        attributes.fsx_extsize = (guint32)how->extent_size_hint;
        if (ioctl(file->fd, FS_IOC_FSSETXATTR, &attributes) == 0) {
            return;
        }
    }
    if (how->hint_given && ret_warning != NULL) {
        *ret_warning = g_strdup_printf("Failed to set extent size hint: %s", g_strerror(errno));
    }
}

static gboolean create_file(const char *path, guint64 size, const IoCreate *how, IoFlags flags,
                            char **ret_warning, GError **error)
{
    static const IoLock lock = { IO_PERM_WRITE | IO_PERM_RESIZE, IO_PERM_ALL & ~IO_PERM_RESIZE };
    g_autoptr(IoFile) file = io_open(path, flags | IO_WRITE | IO_CREATE | IO_ONLY_FILE, error);

    if (file == NULL || !io_lock(file, lock, error) ||
        !io_truncate(file, 0, IO_PREALLOC_OFF, error)) {
        return FALSE;
    }
    if (how->nocow) {
        set_nocow(file);
    }
    set_extent_size(file, how, ret_warning);
    return io_truncate(file, size, how->prealloc, error) && io_close(file, error);
}

static gboolean create_on_device(const char *path, guint64 size, const IoCreate *how, IoFlags flags,
                                 GError **error)
{
    static const IoLock lock = { IO_PERM_CONSISTENT_READ | IO_PERM_WRITE | IO_PERM_RESIZE,
                                 IO_PERM_ALL };
    static const char *const names[] = { "off", "metadata", "falloc", "full" };
    g_autoptr(GError) failed = NULL;
    g_autoptr(IoFile) file = NULL;
    guint64 room;

    if (how->prealloc != IO_PREALLOC_OFF) {
        g_set_error(error, IO_ERROR, ENOTSUP, "Unsupported preallocation mode '%s'",
                    names[how->prealloc]);
        return FALSE;
    }
    file = io_open(path, flags | IO_WRITE, &failed);
    if (file == NULL || !io_lock(file, lock, &failed)) {
        g_set_error(error, IO_ERROR, failed->code,
                    "Protocol driver 'host_device' does not "
                    "support image creation, and opening the image failed: %s",
                    failed->message);
        return FALSE;
    }
    if (!io_truncate(file, size, IO_PREALLOC_OFF, error) || !io_size(file, &room, error)) {
        return FALSE;
    }
    if (room != 0 && !io_zero(file, 0, MIN(room, DEVICE_WIPE), TRUE, &failed)) {
        g_set_error(error, IO_ERROR, failed->code,
                    "Failed to clear the new image's first sector: %s", failed->message);
        return FALSE;
    }
    return io_close(file, error);
}

gboolean io_create(const char *path, guint64 size, const IoCreate *how, IoFlags flags,
                   char **ret_warning, GError **error)
{
    if (ret_warning != NULL) {
        *ret_warning = NULL;
    }
    if ((flags & IO_ONLY_DEVICE) || (!(flags & IO_ONLY_FILE) && io_is_device(path))) {
        return create_on_device(path, size, how, flags, error);
    }
    return create_file(path, size, how, flags, ret_warning, error);
}
