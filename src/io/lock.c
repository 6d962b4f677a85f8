/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image locks, as qemu takes them: one byte a permission, always by shared
 * (read) locks of the open file description.
 *   100 + p   held while permission p is used
 *   200 + p   held while permission p is not shared with others
 * Who wants p looks whether another holds 200 + p; who will not share p looks
 * whether another holds 100 + p. Own bytes are taken first, so of two that
 * come at once at least one sees the other.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>

#include "io/io-private.h"

#define PERM_BASE 100
#define SHARED_BASE 200

/* Permissions that have bytes, by bit. */
static const char *const perm_names[] = { "consistent read", "write", "write unchanged", "resize" };
#define N_PERMS G_N_ELEMENTS(perm_names)

static int set_byte(IoFile *file, short type, off_t byte)
{
    struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    while (fcntl(file->fd, F_OFD_SETLK, &fl) != 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* Does somebody else hold the byte? */
static gboolean held_elsewhere(IoFile *file, off_t byte)
{
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    return fcntl(file->fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}

/* Take the bytes of want that are not in have. */
static gboolean take(IoFile *file, guint have, guint want, off_t base, GError **error)
{
    for (guint p = 0; p < N_PERMS; p++) {
        if ((want & ~have) & (1u << p)) {
            int ret = set_byte(file, F_RDLCK, base + p);

            /* No such locks here (EINVAL: an old kernel): go without, as qemu's locking=auto. */
            if (ret != 0 && ret != -EINVAL) {
                g_set_error(error, IO_ERROR, -ret, "Failed to lock byte %d", (int)(base + p));
                return FALSE;
            }
        }
    }
    return TRUE;
}

static void drop(IoFile *file, guint have, guint want, off_t base)
{
    for (guint p = 0; p < N_PERMS; p++) {
        if ((have & ~want) & (1u << p)) {
            set_byte(file, F_UNLCK, base + p);
        }
    }
}

/* Nobody else may hold base + p for any p in perms. */
static gboolean check(IoFile *file, guint perms, off_t base, const char *shared, GError **error)
{
    for (guint p = 0; p < N_PERMS; p++) {
        if ((perms & (1u << p)) && held_elsewhere(file, base + p)) {
            g_set_error(error, IO_ERROR, EAGAIN,
                        "Failed to get %s\"%s\" lock\nIs another process using the image [%s]?",
                        shared, perm_names[p], file->path);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean io_lock(IoFile *file, IoLock lock, GError **error)
{
    guint have = file->lock.perm, have_unshared = IO_PERM_ALL & ~file->lock.shared;
    guint unshared = IO_PERM_ALL & ~lock.shared;
    gboolean ok;

    if (file->parent != NULL) {
        return io_lock(file->parent, lock, error);
    }
    if (file->flags & IO_NO_LOCK) {
        return TRUE;
    }
    g_mutex_lock(&file->lock_mutex);
    ok = take(file, have, lock.perm, PERM_BASE, error) &&
         take(file, have_unshared, unshared, SHARED_BASE, error) &&
         check(file, lock.perm, SHARED_BASE, "", error) &&
         check(file, unshared, PERM_BASE, "shared ", error);
    if (ok) {
        drop(file, have, lock.perm, PERM_BASE);
        drop(file, have_unshared, unshared, SHARED_BASE);
        file->lock = lock;
    } else {
        drop(file, lock.perm, have, PERM_BASE);
        drop(file, unshared, have_unshared, SHARED_BASE);
    }
    g_mutex_unlock(&file->lock_mutex);
    return ok;
}
