/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, closing and the facts of a file. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "io/io-private.h"

G_DEFINE_QUARK(instar - io - error - quark, io_error)

gboolean io_fail(GError **error, int code)
{
    g_set_error_literal(error, IO_ERROR, code, g_strerror(code));
    return FALSE;
}

gboolean io_check_range(guint64 offset, guint64 length, GError **error)
{
    if (offset > G_MAXINT64 || length > (guint64)G_MAXINT64 - offset) {
        return io_fail(error, EFBIG);
    }
    return TRUE;
}

mode_t io_path_type(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

gboolean io_is_device(const char *path)
{
    mode_t type = io_path_type(path);

    return type == S_IFBLK || type == S_IFCHR;
}

/* Is the folder of path one that only device managers fill? A new regular file there would
 * shadow the device that did not come up, and eat the memory the folder lives in. */
static gboolean in_device_folder(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    char *real = realpath(folder, NULL);
    gboolean found = FALSE;

    if (real != NULL) {
        found = (g_str_equal(real, "/dev") || g_str_has_prefix(real, "/dev/")) &&
                !g_str_equal(real, "/dev/shm") && !g_str_has_prefix(real, "/dev/shm/");
        free(real);
    }
    return found;
}

static int open_flags(IoFlags flags)
{
    int how = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

    how |= flags & IO_WRITE ? O_RDWR : O_RDONLY;
    how |= flags & IO_NO_CACHE ? O_DIRECT : 0;
    how |= flags & IO_SYNC ? O_DSYNC : 0;
    return how;
}

/* A descriptor, or -1 with errno. */
static int open_path(const char *path, IoFlags flags)
{
    int how = open_flags(flags);
    int fd;

    if ((flags & IO_CREATE) && !in_device_folder(path)) {
        how |= O_CREAT;
    }
    do {
        fd = open(path, how, 0644);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* FALSE with error set unless the kind of file is one we can work on. */
static gboolean check_type(const char *path, IoFlags flags, mode_t type, GError **error)
{
    gboolean device = type == S_IFBLK || type == S_IFCHR;

    if (flags & IO_ONLY_DEVICE) {
        if (!device) {
            g_set_error(error, IO_ERROR, EINVAL,
                        "'host_device' driver requires '%s' to be either "
                        "a character or block device",
                        path);
            return FALSE;
        }
    } else if (!(type == S_IFREG || (device && !(flags & IO_ONLY_FILE)) ||
                 (type == S_IFIFO && (flags & IO_CREATE)))) {
        g_set_error(error, IO_ERROR, EINVAL, "'file' driver requires '%s' to be a regular file",
                    path);
        return FALSE;
    }
    return TRUE;
}

static gboolean device_is_read_only(int fd)
{
    int read_only = 0;

    return ioctl(fd, BLKROGET, &read_only) == 0 && read_only != 0;
}

/* With O_DIRECT, a descriptor through the page cache for writes that are not aligned. */
static gboolean open_plain(IoFile *file)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", file->fd);

    file->plain_fd = open(self, O_RDWR | O_CLOEXEC | (file->flags & IO_SYNC ? O_DSYNC : 0));
    if (file->plain_fd < 0) {
        file->plain_fd = open(file->path, O_RDWR | O_CLOEXEC);
    }
    return file->plain_fd >= 0;
}

static gboolean open_failed(const char *path, IoFlags flags, int code, GError **error)
{
    const char *words = g_strerror(code);

    if (code == EINVAL && (flags & IO_NO_CACHE)) {
        words = "filesystem does not support O_DIRECT";
    }
    g_set_error(error, IO_ERROR, code, "Could not %s '%s': %s",
                flags & IO_CREATE ? "create" : "open", path, words);
    return FALSE;
}

/* The rest of opening, once there is a descriptor. */
static gboolean set_up(IoFile *file, GError **error)
{
    struct stat st;
    int status;

    if (fstat(file->fd, &st) != 0) {
        return open_failed(file->path, file->flags, errno, error);
    }
    file->type = st.st_mode & S_IFMT;
    file->device = file->type == S_IFBLK ? st.st_rdev : st.st_dev;
    file->inode = file->type == S_IFBLK ? 0 : st.st_ino;
    if (!check_type(file->path, file->flags, file->type, error)) {
        return FALSE;
    }
    file->kind =
        file->type == S_IFBLK || file->type == S_IFCHR ? IO_KIND_HOST_DEVICE : IO_KIND_FILE;
    if (file->type == S_IFBLK && (file->flags & IO_WRITE) && device_is_read_only(file->fd)) {
        g_set_error(error, IO_ERROR, EACCES, "The device is not writable: %s", g_strerror(EACCES));
        return FALSE;
    }
    status = fcntl(file->fd, F_GETFL);
    if (status < 0 || fcntl(file->fd, F_SETFL, status & ~O_NONBLOCK) < 0) {
        return open_failed(file->path, file->flags, errno, error);
    }
    if ((file->flags & IO_NO_CACHE) && (file->flags & IO_WRITE) && !open_plain(file)) {
        return open_failed(file->path, file->flags, errno, error);
    }
    return TRUE;
}

IoFile *io_open(const char *path, IoFlags flags, GError **error)
{
    mode_t type = io_path_type(path);
    IoFile *file;
    int fd;

    /* Before the open: some devices do things when they are opened. What cannot be opened (a folder
     * for writing, a socket) says so itself. */
    if (type != 0 && type != S_IFSOCK && !(flags & IO_CREATE) &&
        !(type == S_IFDIR && (flags & IO_WRITE)) && !check_type(path, flags, type, error)) {
        return NULL;
    }
    fd = open_path(path, flags);
    if (fd < 0) {
        open_failed(path, flags, errno, error);
        return NULL;
    }
    file = g_new0(IoFile, 1);
    g_atomic_ref_count_init(&file->refs);
    g_mutex_init(&file->lock_mutex);
    g_mutex_init(&file->status_mutex);
    g_mutex_init(&file->flush_mutex);
    g_mutex_init(&file->early_mutex);
    file->fd = fd;
    file->plain_fd = -1;
    file->path = g_strdup(path);
    file->flags = flags;
    file->lock.shared = IO_PERM_ALL;
    if (!set_up(file, error)) {
        io_unref(file);
        return NULL;
    }
    return file;
}

IoFile *io_ref(IoFile *file)
{
    g_atomic_ref_count_inc(&file->refs);
    return file;
}

gboolean io_close(IoFile *file, GError **error)
{
    int failed = 0;

    if (file->parent != NULL) {
        return io_close(file->parent, error);
    }
    if (file->plain_fd >= 0 && close(file->plain_fd) != 0 && errno != EINTR) {
        failed = errno;
    }
    if (file->fd >= 0 && close(file->fd) != 0 && errno != EINTR) {
        failed = errno;
    }
    file->fd = file->plain_fd = -1;
    return failed == 0 || io_fail(error, failed);
}

void io_unref(IoFile *file)
{
    if (file == NULL || !g_atomic_ref_count_dec(&file->refs)) {
        return;
    }
    if (file->parent != NULL) {
        io_unref(file->parent);
    } else {
        io_close(file, NULL);
    }
    g_mutex_clear(&file->lock_mutex);
    g_mutex_clear(&file->status_mutex);
    g_free(file->status);
    g_mutex_clear(&file->flush_mutex);
    g_mutex_clear(&file->early_mutex);
    g_free(file->path);
    g_free(file);
}

const char *io_path(const IoFile *file)
{
    return file->path;
}

IoKind io_kind(const IoFile *file)
{
    return file->kind;
}

gboolean io_same_store(const IoFile *a, const IoFile *b)
{
    return a->type == b->type && a->device == b->device && a->inode == b->inode;
}

gboolean io_writable(const IoFile *file)
{
    return (file->flags & IO_WRITE) != 0;
}
