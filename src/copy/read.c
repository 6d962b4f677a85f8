/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "base/checked.h"
#include "copy/buffer.h"
#include "copy/read.h"

/* What no coder adds to a cluster it cannot make smaller. An image may claim more: the rest of
 * that is not looked at. */
#define CODED_SLACK (64u << 10)
/* Bytes of coded data fetched for one job: room for one cluster of the largest size. */
#define CODED_ROOM (COPY_BUFFER_SIZE + CODED_SLACK)
/* Coded clusters this far apart are still fetched with one system call. */
#define CODED_GAP (32u << 10)

struct CopyReader {
    guint worker;
    guint8 *coded;              /* CODED_ROOM bytes, made on first use */
    guint8 *whole;              /* COPY_BUFFER_SIZE bytes: a cluster of which a part is wanted */
};

CopyReader *copy_reader_new(guint worker)
{
    CopyReader *reader = g_new0(CopyReader, 1);

    reader->worker = worker;
    return reader;
}

void copy_reader_free(CopyReader *reader)
{
    if (reader) {
        copy_buffer_free(reader->coded, CODED_ROOM);
        copy_buffer_free(reader->whole, COPY_BUFFER_SIZE);
        g_free(reader);
    }
}

/* A cluster the cell can decode from bytes the host fetches. */
static gboolean is_coded(const CopyRun *run)
{
    return run->extent.kind == ABI_EXT_COOKED && run->extent.codec != ABI_CODEC_NONE;
}

static gboolean is_plain(const CopyRun *run)
{
    return run->extent.kind == ABI_EXT_DATA;
}

static IoFile *file_of(const CopyRun *run)
{
    return image_file_by_handle(run->layer, run->extent.handle);
}

/* How many parts from the first one can be read in one go. */
static guint plain_group(const CopyPart *parts, guint n)
{
    guint i = 1;

    while (i < n && is_plain(&parts[i].run) && parts[i].run.layer == parts[0].run.layer &&
           parts[i].run.extent.handle == parts[0].run.extent.handle &&
           parts[i].buf == parts[i - 1].buf + parts[i - 1].run.length &&
           parts[i].run.extent.file_offset ==
               parts[i - 1].run.extent.file_offset + parts[i - 1].run.length) {
        i++;
    }
    return i;
}

static gboolean read_plain(const CopyPart *parts, guint n, GError **error)
{
    gsize length = 0;

    for (guint i = 0; i < n; i++) {
        length += parts[i].run.length;
    }
    return io_pread(file_of(&parts[0].run), parts[0].run.extent.file_offset, parts[0].buf, length,
                    NULL, error);
}

/* Bytes to fetch for a coded cluster. */
static guint64 coded_length(const CopyRun *run)
{
    return MIN(run->extent.stored_length, image_facts(run->layer)->cluster_size + CODED_SLACK);
}

/* How many parts from the first one make one coding job. */
static guint coded_group(const CopyPart *parts, guint n)
{
    guint32 cluster = image_facts(parts[0].run.layer)->cluster_size;
    guint64 stored = 0;
    guint i = 0;

    while (i < n && i < ABI_MAX_CODEC && is_coded(&parts[i].run) &&
           parts[i].run.layer == parts[0].run.layer) {
        stored += coded_length(&parts[i].run) + CODED_GAP;
        if (i && (stored > CODED_ROOM || (i + 1) * (guint64)cluster > COPY_BUFFER_SIZE)) {
            break;
        }
        i++;
        /* There is one scratch cluster: what goes through it ends the group. */
        if (parts[i - 1].run.length != cluster) {
            break;
        }
    }
    return i;
}

/* Fetch the coded bytes of parts into reader->coded, near ones together, and say in work where
 * each begins. */
static gboolean fetch_coded(CopyReader *reader, const CopyPart *parts, guint n, ImageCode *work,
                            GError **error)
{
    gsize used = 0;

    for (guint i = 0; i < n;) {
        const struct abi_extent *first = &parts[i].run.extent;
        guint64 end = first->file_offset + coded_length(&parts[i].run);
        guint next = i + 1;
        while (next < n && parts[next].run.extent.handle == first->handle &&
               parts[next].run.extent.file_offset >= parts[next - 1].run.extent.file_offset &&
               parts[next].run.extent.file_offset <= end + CODED_GAP) {
            const CopyRun *run = &parts[next++].run;
            end = MAX(end, run->extent.file_offset + coded_length(run));
        }
        guint64 length = end - first->file_offset;
        if (length > CODED_ROOM - used) {
            g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
            return FALSE;
        }
        if (!io_pread(file_of(&parts[i].run), first->file_offset, reader->coded + used, length,
                      NULL, error)) {
            return FALSE;
        }
        for (; i < next; i++) {
            work[i].in = reader->coded + used +
                         (parts[i].run.extent.file_offset - first->file_offset);
            work[i].in_length = coded_length(&parts[i].run);
        }
        used += length;
    }
    return TRUE;
}

static gboolean read_coded(CopyReader *reader, const CopyPart *parts, guint n, GError **error)
{
    guint32 cluster = image_facts(parts[0].run.layer)->cluster_size;
    const CopyRun *last = &parts[n - 1].run;
    ImageCode work[ABI_MAX_CODEC];

    if (!cluster || cluster > COPY_BUFFER_SIZE) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
        return FALSE;
    }
    if (!reader->coded) {
        reader->coded = copy_buffer_new(CODED_ROOM);
    }
    if (last->length != cluster && !reader->whole) {
        reader->whole = copy_buffer_new(COPY_BUFFER_SIZE);
    }
    memset(work, 0, sizeof work);
    if (!fetch_coded(reader, parts, n, work, error)) {
        return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        work[i].codec = parts[i].run.extent.codec;
        work[i].direction = ABI_DECODE;
        work[i].out = parts[i].run.length == cluster ? parts[i].buf : reader->whole;
        work[i].out_length = cluster;
    }
    if (!image_code(parts[0].run.layer, reader->worker, work, n, error)) {
        return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        if (work[i].result != cluster) {
            g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
            return FALSE;
        }
    }
    if (last->length != cluster) {
        memcpy(parts[n - 1].buf, reader->whole + last->start % cluster, last->length);
    }
    return TRUE;
}

static gboolean read_group(CopyReader *reader, const CopyPart *parts, guint n, GError **error)
{
    const CopyRun *run = &parts[0].run;

    if (is_plain(run)) {
        return read_plain(parts, n, error);
    }
    if (is_coded(run)) {
        return read_coded(reader, parts, n, error);
    }
    if (run->extent.kind == ABI_EXT_COOKED) {
        return image_read_extent(run->layer, &run->extent, parts[0].buf, reader->worker, error);
    }
    if (run->zero) {
        memset(parts[0].buf, 0, run->length);
        return TRUE;
    }
    /* The layer has nothing to say, or it could not be asked: through the chain, then. */
    return image_read(run->layer, run->start, parts[0].buf, run->length, error);
}

gboolean copy_reader_fill(CopyReader *reader, const CopyPart *parts, guint n, guint *ret_failed,
                          GError **error)
{
    guint group;

    for (guint i = 0; i < n; i += group) {
        const CopyRun *run = &parts[i].run;
        group = is_plain(run) ? plain_group(parts + i, n - i)
                : is_coded(run) ? coded_group(parts + i, n - i)
                                : 1;
        g_autoptr(GError) together = NULL;
        if (read_group(reader, parts + i, group, &together)) {
            continue;
        }
        /* Which of them was it? */
        for (guint k = 0; k < group; k++) {
            if (!read_group(reader, parts + i + k, 1, error)) {
                *ret_failed = i + k;
                return FALSE;
            }
        }
    }
    return TRUE;
}
