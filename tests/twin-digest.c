/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-digest.h"

#include "tests/twin-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096
#define CHUNK (256 * 1024)

static void *system_error(GError **error, const char *path)
{
    int saved = errno;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved), "%s: %s", path,
                g_strerror(saved));
    return NULL;
}

/* The next range of @fd with data in it, from @from on; FALSE if there is none. */
static gboolean next_data(int fd, off_t from, off_t *ret_start, off_t *ret_end)
{
    off_t start = lseek(fd, from, SEEK_DATA);
    off_t end = start < 0 ? -1 : lseek(fd, start, SEEK_HOLE);

    if (end < 0)
        return FALSE;
    *ret_start = start;
    *ret_end = end;
    return TRUE;
}

static void add_number(GChecksum *sum, guint64 number)
{
    guint64 wire = GUINT64_TO_LE(number);

    g_checksum_update(sum, (const guchar *)&wire, sizeof wire);
}

static gboolean add_range(GChecksum *sum, int fd, off_t start, off_t end)
{
    static const guint8 zeros[BLOCK];
    g_autofree guint8 *chunk = g_malloc(CHUNK);

    for (off_t at = start / BLOCK * BLOCK; at < end; at += CHUNK) {
        ssize_t n = pread(fd, chunk, (gsize)MIN(end - at, CHUNK), at);

        if (n < 0)
            return FALSE;
        for (ssize_t i = 0; i < n; i += BLOCK) {
            gssize length = MIN(n - i, BLOCK);

            if (memcmp(chunk + i, zeros, (gsize)length) == 0)
                continue;
            add_number(sum, (guint64)(at + i));
            g_checksum_update(sum, chunk + i, length);
        }
    }
    return TRUE;
}

static gboolean add_file(GChecksum *sum, int fd)
{
    struct stat st;
    off_t start;
    off_t end = 0;

    if (fstat(fd, &st) != 0)
        return FALSE;
    add_number(sum, (guint64)st.st_size);
    while (next_data(fd, end, &start, &end)) {
        /* A block belongs to the range it begins in, wherever holes begin. */
        end = MIN((end + BLOCK - 1) / BLOCK * BLOCK, st.st_size);
        if (!add_range(sum, fd, start, end))
            return FALSE;
    }
    return TRUE;
}

char *twin_digest_file(const char *path, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    int fd = g_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    gboolean ok = FALSE;

    if (fd >= 0) {
        /* No reading ahead: see twin_tree_settle(). */
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
        ok = add_file(sum, fd);
    }
    if (!ok)
        system_error(error, path);
    if (fd >= 0)
        close(fd);
    return ok ? g_strdup(g_checksum_get_string(sum)) : NULL;
}

char *twin_digest_tree(const char *dir, GError **error)
{
    g_autoptr(GPtrArray) files = twin_tree_list(dir, error);
    g_autoptr(GString) all = g_string_new(NULL);

    if (!files)
        return NULL;
    for (guint i = 0; i < files->len; i++) {
        const struct twin_file *file = g_ptr_array_index(files, i);
        g_autofree char *path = g_build_filename(dir, file->name, NULL);
        g_autofree char *digest = NULL;

        if (S_ISREG(file->mode) && !(digest = twin_digest_file(path, error)))
            return NULL;
        g_string_append_printf(all, "%s %o %s\n", file->name, file->mode, digest ? digest : "-");
    }
    return g_string_free(g_steal_pointer(&all), FALSE);
}

char *twin_digest_layout(const char *path, GError **error)
{
    g_autoptr(GString) layout = g_string_new(NULL);
    struct stat st;
    off_t start;
    off_t end = 0;
    int fd = g_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

    if (fd < 0 || fstat(fd, &st) != 0) {
        system_error(error, path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    g_string_append_printf(layout, "%" G_GINT64_FORMAT " blocks", (gint64)st.st_blocks);
    while (next_data(fd, end, &start, &end))
        g_string_append_printf(layout, " %" G_GINT64_FORMAT "+%" G_GINT64_FORMAT, (gint64)start,
                               (gint64)(end - start));
    close(fd);
    return g_string_free(g_steal_pointer(&layout), FALSE);
}
