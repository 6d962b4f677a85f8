/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of bench share. */
#ifndef INSTAR_COPY_BENCH_PRIVATE_H
#define INSTAR_COPY_BENCH_PRIVATE_H

#include "copy/bench.h"

/* Bytes of a request that are read or written at once: memory stays bounded. */
#define BENCH_PIECE (512u << 10)

/* Where the index-th request begins, bytes. */
guint64 bench_offset(const CopyBench *job, guint index);
/* FALSE and EIO: it goes on behind the end of the image. */
gboolean bench_inside(const CopyBench *job, guint64 offset, GError **error);
/* How many threads do the requests. */
guint bench_threads(const CopyBench *job);
/* Bytes for a piece of a request, aligned for any store. Free with
 * g_aligned_free(). */
guint8 *bench_buffer(const CopyBench *job);

gboolean bench_read(const CopyBench *job, GError **error);
gboolean bench_write(const CopyBench *job, GError **error);

/* Calls a function for 0 .. n-1 on some threads, in that order, until one call fails. worker is
 * below the number of threads. */
typedef gboolean (*BenchCall)(gpointer data, guint index, guint worker, GError **error);
typedef struct BenchPool BenchPool;
BenchPool *bench_pool_new(guint threads, BenchCall call, gpointer data);
gboolean bench_pool_run(BenchPool *pool, guint n, GError **error);
void bench_pool_free(BenchPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BenchPool, bench_pool_free)

#endif
