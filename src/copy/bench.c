/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "copy/bench-private.h"

/* As aligned as any store wants it. */
#define ALIGNMENT 4096u
/* Threads at most: where the store waits for a device, and where the pages are in memory. */
#define MOST_DIRECT 64u
#define MOST_CACHED 8u
/* Requests below this are done faster than they could be handed to another thread. */
#define WORTH_A_THREAD (64u << 10)

guint64 bench_offset(const CopyBench *job, guint index)
{
    /* no sum overflows: offset is below 2^63, index and step are below 2^31 */
    return index == 0 ? job->offset : (job->offset + index * job->step) % image_size(job->img);
}

gboolean bench_inside(const CopyBench *job, guint64 offset, GError **error)
{
    guint64 size = image_size(job->img);

    if (size != 0 && offset <= size && job->size <= size - offset) {
        return TRUE;
    }
    g_set_error_literal(error, IO_ERROR, EIO, g_strerror(EIO));
    return FALSE;
}

guint bench_threads(const CopyBench *job)
{
    if (job->direct) {
        return MIN(job->depth, MOST_DIRECT);
    }
    return job->size < WORTH_A_THREAD ? 1
                                      : MIN(job->depth, MIN(g_get_num_processors(), MOST_CACHED));
}

guint8 *bench_buffer(const CopyBench *job)
{
    gsize size = (gsize)CLAMP(job->size, ALIGNMENT, BENCH_PIECE);
    guint8 *bytes = g_aligned_alloc(1, size, ALIGNMENT);

    memset(bytes, job->write ? job->pattern : 0, size);
    return bytes;
}

gboolean copy_bench(const CopyBench *job, GError **error)
{
    if (job->count == 0) {
        return TRUE;
    }
    return job->write ? bench_write(job, error) : bench_read(job, error);
}
