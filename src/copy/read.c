/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "copy/buffer.h"
#include "copy/read.h"

/* Parts handed to image_read_extents() at once, and bytes of those that are coded: they go through
 * the window of a codec cpu, whose pages stay in memory once they were used. */
#define MOST_TOGETHER 256u
#define MOST_CODED (1u << 20)

struct CopyReader {
    guint worker;
    guint8 *scratch;
    gsize scratch_size;
    struct abi_extent extents[MOST_TOGETHER];
};

CopyReader *copy_reader_new(guint worker)
{
    CopyReader *reader = g_new(CopyReader, 1);

    reader->worker = worker;
    reader->scratch = NULL;
    reader->scratch_size = 0;
    return reader;
}

guint copy_reader_worker(const CopyReader *reader)
{
    return reader->worker;
}

void copy_reader_free(CopyReader *reader)
{
    if (reader) {
        copy_buffer_free(reader->scratch, reader->scratch_size);
        g_free(reader);
    }
}

guint8 *copy_reader_scratch(CopyReader *reader, gsize size)
{
    if (reader->scratch_size < size) {
        copy_buffer_free(reader->scratch, reader->scratch_size);
        reader->scratch = copy_buffer_new(size);
        reader->scratch_size = size;
    }
    return reader->scratch;
}

static gboolean is_stored(const CopyRun *run)
{
    return run->extent.kind == ABI_EXT_DATA || run->extent.kind == ABI_EXT_COOKED;
}

static guint64 coded_length(const CopyRun *run)
{
    return run->extent.kind == ABI_EXT_COOKED ? run->length : 0;
}

/* How many parts from the first one can be read in one go: bytes of one layer that follow each
 * other. */
static guint group(const CopyPart *parts, guint n)
{
    guint64 coded = coded_length(&parts[0].run);
    guint i = 1;

    while (is_stored(&parts[0].run) && i < n && i < MOST_TOGETHER && is_stored(&parts[i].run) &&
           (coded += coded_length(&parts[i].run)) <= MOST_CODED &&
           parts[i].run.layer == parts[0].run.layer && parts[i].run.stale == parts[0].run.stale &&
           parts[i].run.start == parts[i - 1].run.start + parts[i - 1].run.length &&
           parts[i].buf == parts[i - 1].buf + parts[i - 1].run.length) {
        i++;
    }
    return i;
}

static gboolean read_group(CopyReader *reader, const CopyPart *parts, guint n, GError **error)
{
    const CopyRun *run = &parts[0].run;

    /* also zeros: who is asked for their bytes finds that the backing file is another one */
    if (run->stale) {
        return image_refuse_stale(error);
    }
    if (is_stored(run)) {
        for (guint i = 0; i < n; i++) {
            reader->extents[i] = parts[i].run.extent;
        }
        return image_read_extents(run->layer, reader->extents, n, parts[0].buf, reader->worker,
                                  error);
    }
    if (run->zero || run->lost) {
        memset(parts[0].buf, 0, run->length);
        return TRUE;
    }
    /* The layer has nothing to say, or it could not be asked: through the chain, then. */
    return image_read(run->layer, run->start, parts[0].buf, run->length, error);
}

gboolean copy_reader_fill(CopyReader *reader, const CopyPart *parts, guint n, guint *ret_failed,
                          GError **error)
{
    guint together;

    for (guint i = 0; i < n; i += together) {
        g_autoptr(GError) why = NULL;
        together = group(parts + i, n - i);
        if (read_group(reader, parts + i, together, &why)) {
            continue;
        }
        /* Which of them was it? */
        for (guint k = 0; k < together; k++) {
            if (!read_group(reader, parts + i + k, 1, error)) {
                *ret_failed = i + k;
                return FALSE;
            }
        }
    }
    return TRUE;
}
