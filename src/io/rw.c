/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading, writing and flushing. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/io-private.h"

/* Most bytes bounced at once where O_DIRECT and a caller's buffer do not fit together. */
#define BOUNCE_SIZE (256u * 1024u)

/* Data that comes in pieces of so many bytes is not written again soon: when so much of it is there,
 * it is sent to the disk before a flush asks for it. */
#define EARLY_LEAST (256u * 1024u)
#define EARLY_SIZE (8u << 20)

static guint64 total_read, total_written;

void io_count(guint64 bytes_read, guint64 bytes_written)
{
    if (bytes_read != 0) {
        __atomic_fetch_add(&total_read, bytes_read, __ATOMIC_RELAXED);
    }
    if (bytes_written != 0) {
        __atomic_fetch_add(&total_written, bytes_written, __ATOMIC_RELAXED);
    }
}

void io_stats(guint64 *ret_read, guint64 *ret_written)
{
    *ret_read = __atomic_load_n(&total_read, __ATOMIC_RELAXED);
    *ret_written = __atomic_load_n(&total_written, __ATOMIC_RELAXED);
}

static gboolean aligned(guint64 value)
{
    return value % IO_DIRECT_ALIGN == 0;
}

/* Bytes read, fewer than length only at the end of the file; or -errno. */
static gint64 read_loop(int fd, void *buf, gsize length, guint64 offset)
{
    gsize done = 0;

    while (done < length) {
        ssize_t n = pread(fd, (guint8 *)buf + done, length - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            break;
        }
        done += (gsize)n;
    }
    io_count(done, 0);
    return (gint64)done;
}

/* 0 or -errno. */
static int write_loop(int fd, const void *buf, gsize length, guint64 offset)
{
    gsize done = 0;

    while (done < length) {
        ssize_t n = pwrite(fd, (const guint8 *)buf + done, length - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -ENOSPC;
        }
        done += (gsize)n;
    }
    io_count(0, done);
    return 0;
}

/* O_DIRECT for what is not aligned: read whole pages into a buffer of our own. */
static gint64 read_bounced(IoFile *file, void *buf, gsize length, guint64 offset)
{
    gsize done = 0;
    void *bounce = NULL;
    gint64 ret = 0;

    if (posix_memalign(&bounce, IO_DIRECT_ALIGN, BOUNCE_SIZE) != 0) {
        return -ENOMEM;
    }
    while (done < length) {
        guint64 start = (offset + done) & ~(guint64)(IO_DIRECT_ALIGN - 1);
        gsize skip = (gsize)(offset + done - start);
        gsize want = MIN(length - done, BOUNCE_SIZE - skip);
        gsize span = (skip + want + IO_DIRECT_ALIGN - 1) & ~(gsize)(IO_DIRECT_ALIGN - 1);

        ret = read_loop(file->fd, bounce, span, start);
        if (ret <= (gint64)skip) {
            break;
        }
        memcpy((guint8 *)buf + done, (guint8 *)bounce + skip, MIN(want, (gsize)ret - skip));
        done += MIN(want, (gsize)ret - skip);
        if ((gsize)ret < span) {
            break;
        }
    }
    free(bounce);
    return ret < 0 ? ret : (gint64)done;
}

gboolean io_pread(IoFile *file, guint64 offset, void *buf, gsize length, gsize *ret_present,
                  GError **error)
{
    gint64 n;

    if (!io_check_range(offset, length, error)) {
        return FALSE;
    }
    if (file->parent != NULL) {
        gsize inside = offset < file->limit ? (gsize)MIN(length, file->limit - offset) : 0;

        memset((guint8 *)buf + inside, 0, length - inside);
        return io_pread(file->parent, file->start + offset, buf, inside, ret_present, error);
    }
    if (file->type == S_IFCHR) {
        n = 0; /* a device of size 0: nothing is there */
    } else if (!(file->flags & IO_NO_CACHE) ||
               (aligned(offset) && aligned(length) && aligned((guintptr)buf))) {
        n = read_loop(file->fd, buf, length, offset);
    } else {
        n = read_bounced(file, buf, length, offset);
    }
    if (n < 0) {
        return io_fail(error, (int)-n);
    }
    memset((guint8 *)buf + n, 0, length - (gsize)n);
    if (ret_present != NULL) {
        *ret_present = (gsize)n;
    }
    return TRUE;
}

/* O_DIRECT, range aligned, buffer not: through a buffer of our own. */
static int write_bounced(IoFile *file, const guint8 *buf, gsize length, guint64 offset)
{
    void *bounce = NULL;
    int ret = 0;

    if (posix_memalign(&bounce, IO_DIRECT_ALIGN, BOUNCE_SIZE) != 0) {
        return -ENOMEM;
    }
    for (gsize done = 0; done < length && ret == 0; done += BOUNCE_SIZE) {
        gsize n = MIN(length - done, BOUNCE_SIZE);

        memcpy(bounce, buf + done, n);
        ret = write_loop(file->fd, bounce, n, offset + done);
    }
    free(bounce);
    return ret;
}

/* Part of a page: the page cache puts it together with its neighbours. */
static int write_plain(IoFile *file, const guint8 *buf, gsize length, guint64 offset)
{
    if (length == 0) {
        return 0;
    }
    g_atomic_int_set(&file->plain_dirty, 1);
    return write_loop(file->plain_fd, buf, length, offset);
}

static int write_direct(IoFile *file, const guint8 *buf, gsize length, guint64 offset)
{
    gsize head = MIN(length, (gsize)(-offset % IO_DIRECT_ALIGN));
    gsize body = (length - head) & ~(gsize)(IO_DIRECT_ALIGN - 1);
    int ret = write_plain(file, buf, head, offset);

    if (ret == 0 && body != 0) {
        ret = aligned((guintptr)(buf + head))
                  ? write_loop(file->fd, buf + head, body, offset + head)
                  : write_bounced(file, buf + head, body, offset + head);
    }
    if (ret == 0) {
        ret = write_plain(file, buf + head + body, length - head - body, offset + head + body);
    }
    return ret;
}

/* What will have to be on the disk soon is sent there while more is being made. A favour: whatever
 * becomes of it, the flush tells. */
static void write_early(IoFile *file, guint64 offset, gsize length)
{
    guint64 start, end = 0;

    if (length < EARLY_LEAST || file->type != S_IFREG ||
        (file->flags & (IO_NO_FLUSH | IO_NO_CACHE | IO_SYNC))) {
        return;
    }
    g_mutex_lock(&file->early_mutex);
    file->early_start = file->early_bytes ? MIN(file->early_start, offset) : offset;
    file->early_end = file->early_bytes ? MAX(file->early_end, offset + length) : offset + length;
    file->early_bytes += length;
    start = file->early_start;
    if (file->early_bytes >= EARLY_SIZE) {
        end = file->early_end;
        file->early_bytes = 0;
    }
    g_mutex_unlock(&file->early_mutex);
    if (end) {
        sync_file_range(file->fd, (off_t)start, (off_t)(end - start), SYNC_FILE_RANGE_WRITE);
    }
}

gboolean io_pwrite(IoFile *file, guint64 offset, const void *buf, gsize length, GError **error)
{
    int ret;

    if (!io_check_range(offset, length, error) || !io_slice_map(&file, &offset, length, error)) {
        return FALSE;
    }
    ret = file->flags & IO_NO_CACHE && file->plain_fd >= 0
              ? write_direct(file, buf, length, offset)
              : write_loop(file->fd, buf, length, offset);
    io_changed(file);
    if (ret == 0) {
        write_early(file, offset, length);
    }
    return ret == 0 || io_fail(error, -ret);
}

/* 0 or an errno (positive). */
static int sync_data(const IoFile *file)
{
    while (fdatasync(file->fd) != 0) {
        if (errno == EINVAL || errno == EROFS) { /* a file that has nothing to synchronise */
            break;
        }
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

gboolean io_flush(IoFile *file, GError **error)
{
    int failed;

    if (file->parent != NULL) {
        return io_flush(file->parent, error);
    }
    g_mutex_lock(&file->flush_mutex);
    failed = file->flush_failed;
    if (failed == 0 && (file->flags & (IO_WRITE | IO_NO_FLUSH)) == IO_WRITE &&
        g_atomic_int_compare_and_exchange(&file->changed, 1, 0)) {
        failed = file->flush_failed = sync_data(file);
        if (failed == 0 && g_atomic_int_compare_and_exchange(&file->plain_dirty, 1, 0)) {
            /* cache=none: nothing of the image stays in the page cache */
            posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
        }
    }
    g_mutex_unlock(&file->flush_mutex);
    return failed == 0 || io_fail(error, failed);
}
