/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many requests of one size, one behind the other, to see how long they take: "bench".
 *
 * Requests go the way that those of any other subcommand go. Where the bytes lie is asked of the
 * cell for many requests ahead; each is then a read or a write of its own, depth of them at once.
 */
#ifndef INSTAR_COPY_BENCH_H
#define INSTAR_COPY_BENCH_H

#include "image/image.h"

typedef struct {
    Image *img;
    guint count, depth; /* depth: at least 1 */
    guint64 offset;     /* of the first request; the next ones start over behind the end */
    guint64 size, step; /* bytes of a request, and from one to the next */
    gboolean direct;    /* the store is read and written without a cache: threads pay off */
    gboolean write;
    guint8 pattern; /* what is written */
    guint flush;    /* a flush whenever so many are left, or a multiple; 0: none */
    gboolean drain; /* the flush waits for those in flight, and new ones for the flush */
} CopyBench;

/* FALSE: a request failed, error is why, in the words of its errno. */
gboolean copy_bench(const CopyBench *job, GError **error);

#endif
