/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct timespec unchanged[2] = { { 0, 0 }, { 0, 0 } };

gboolean twin_system_error(GError **error, const char *name)
{
    int saved = errno;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved), "%s: %s", name,
                g_strerror(saved));
    return FALSE;
}

/* Copy [@start, @end) of @in to the same place of @out. */
static gboolean copy_range(int in, int out, off_t start, off_t end)
{
    while (start < end) {
        off_t from = start;
        off_t to = start;
        ssize_t n = copy_file_range(in, &from, out, &to, (size_t)(end - start), 0);

        if (n > 0) {
            start += n;
            continue;
        }
        char buffer[65536];
        n = pread(in, buffer, MIN(sizeof buffer, (size_t)(end - start)), start);
        if (n <= 0 || pwrite(out, buffer, (size_t)n, start) != n)
            return FALSE;
        start += n;
    }
    return TRUE;
}

static gboolean copy_data(int in, int out, off_t size)
{
    off_t data = 0;

    while (data < size && (data = lseek(in, data, SEEK_DATA)) >= 0) {
        off_t hole = lseek(in, data, SEEK_HOLE);

        if (hole < 0 || !copy_range(in, out, data, hole))
            return FALSE;
        data = hole;
    }
    return (data >= size || errno == ENXIO) && ftruncate(out, size) == 0;
}

/*
 * Allocate in @out what @in has allocated and never written. Such ranges look like holes, but
 * qemu-img looks at a qcow2 file's allocated size to decide whether it was preallocated.
 * File systems that cannot tell where these ranges are do without.
 */
static gboolean copy_unwritten(int in, int out)
{
    enum { EXTENTS = 64 };
    g_autofree struct fiemap *map = g_malloc0(sizeof *map + EXTENTS * sizeof(struct fiemap_extent));
    guint64 start = 0;

    for (;;) {
        map->fm_start = start;
        map->fm_length = FIEMAP_MAX_OFFSET - start;
        map->fm_extent_count = EXTENTS;
        if (ioctl(in, FS_IOC_FIEMAP, map) != 0)
            return errno == ENOTSUP || errno == ENOTTY;
        if (map->fm_mapped_extents == 0)
            return TRUE;
        for (guint i = 0; i < map->fm_mapped_extents; i++) {
            const struct fiemap_extent *extent = &map->fm_extents[i];

            if ((extent->fe_flags & FIEMAP_EXTENT_UNWRITTEN) &&
                fallocate(out, FALLOC_FL_KEEP_SIZE, (off_t)extent->fe_logical,
                          (off_t)extent->fe_length) != 0)
                return FALSE;
            start = extent->fe_logical + extent->fe_length;
            if (extent->fe_flags & FIEMAP_EXTENT_LAST)
                return TRUE;
        }
    }
}

static gboolean copy_file(const char *from, const char *to, const struct stat *st)
{
    int in = g_open(from, O_RDONLY | O_CLOEXEC, 0);
    int out = g_open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    gboolean ok = in >= 0 && out >= 0 && copy_unwritten(in, out) &&
                  copy_data(in, out, st->st_size) && fchmod(out, st->st_mode & 07777) == 0 &&
                  futimens(out, unchanged) == 0;

    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return ok;
}

static gboolean copy_entry(const char *from, const char *to, GError **error)
{
    struct stat st;

    if (lstat(from, &st) != 0)
        return twin_system_error(error, from);
    if (S_ISDIR(st.st_mode))
        return twin_tree_copy(from, to, error);
    if (S_ISREG(st.st_mode))
        return copy_file(from, to, &st) || twin_system_error(error, to);
    if (S_ISFIFO(st.st_mode))
        return mkfifo(to, st.st_mode & 07777) == 0 || twin_system_error(error, to);
    if (S_ISLNK(st.st_mode)) {
        g_autofree char *target = g_file_read_link(from, error);

        return target && (symlink(target, to) == 0 || twin_system_error(error, to));
    }
    errno = ENOTSUP;
    return twin_system_error(error, from);
}

gboolean twin_tree_copy(const char *from, const char *to, GError **error)
{
    g_autoptr(GDir) handle = g_dir_open(from, 0, error);
    const char *entry;

    if (!handle)
        return FALSE;
    if (g_mkdir(to, 0755) != 0)
        return twin_system_error(error, to);
    while ((entry = g_dir_read_name(handle))) {
        g_autofree char *source = g_build_filename(from, entry, NULL);
        g_autofree char *target = g_build_filename(to, entry, NULL);

        if (!copy_entry(source, target, error))
            return FALSE;
    }
    return TRUE;
}

static void file_free(struct twin_file *file)
{
    g_free(file->name);
    g_free(file);
}

static int compare_files(gconstpointer a, gconstpointer b)
{
    return strcmp((*(struct twin_file *const *)a)->name, (*(struct twin_file *const *)b)->name);
}

static gboolean list_below(const char *dir, const char *prefix, GPtrArray *files, GError **error)
{
    g_autoptr(GDir) handle = g_dir_open(dir, 0, error);
    const char *entry;

    if (!handle)
        return FALSE;
    while ((entry = g_dir_read_name(handle))) {
        g_autofree char *path = g_build_filename(dir, entry, NULL);
        g_autofree char *name = g_strconcat(prefix, entry, NULL);
        struct stat st;

        if (lstat(path, &st) != 0)
            return twin_system_error(error, path);
        if (S_ISDIR(st.st_mode)) {
            g_autofree char *deeper = g_strconcat(name, "/", NULL);

            if (!list_below(path, deeper, files, error))
                return FALSE;
            continue;
        }
        struct twin_file *file = g_new0(struct twin_file, 1);
        file->name = g_steal_pointer(&name);
        file->mode = st.st_mode;
        file->size = S_ISREG(st.st_mode) ? (guint64)st.st_size : 0;
        file->changed = S_ISREG(st.st_mode) && (st.st_mtim.tv_sec || st.st_mtim.tv_nsec);
        g_ptr_array_add(files, file);
    }
    return TRUE;
}

GPtrArray *twin_tree_list(const char *dir, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func((GDestroyNotify)file_free);

    if (!list_below(dir, "", files, error))
        return NULL;
    g_ptr_array_sort(files, compare_files);
    return g_steal_pointer(&files);
}

gboolean twin_tree_settle(const char *dir, GError **error)
{
    g_autoptr(GPtrArray) files = twin_tree_list(dir, error);

    if (!files)
        return FALSE;
    for (guint i = 0; i < files->len; i++) {
        const struct twin_file *file = g_ptr_array_index(files, i);
        g_autofree char *path = g_build_filename(dir, file->name, NULL);

        if (!file->changed)
            continue;
        int fd = g_open(path, O_RDONLY | O_CLOEXEC, 0);
        if (fd < 0)
            return twin_system_error(error, path);
        /* Not every file system knows these; then there is nothing to settle. */
        (void)sync_file_range(fd, 0, 0,
                              SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                  SYNC_FILE_RANGE_WAIT_AFTER);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    return TRUE;
}

gboolean twin_tree_remove(const char *dir, GError **error)
{
    g_autoptr(GDir) handle = g_dir_open(dir, 0, error);
    const char *entry;

    if (!handle)
        return FALSE;
    while ((entry = g_dir_read_name(handle))) {
        g_autofree char *path = g_build_filename(dir, entry, NULL);

        if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK) && g_file_test(path, G_FILE_TEST_IS_DIR)) {
            if (!twin_tree_remove(path, error))
                return FALSE;
        } else if (g_remove(path) != 0) {
            return twin_system_error(error, path);
        }
    }
    return g_rmdir(dir) == 0 || twin_system_error(error, dir);
}
