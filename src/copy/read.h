/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading many runs at once, so that compressed clusters are fetched and decoded
 * together, and finding out which one it was that failed.
 */
#ifndef INSTAR_COPY_READ_H
#define INSTAR_COPY_READ_H

#include "copy/walk.h"

/* Where the bytes of a run shall go. */
typedef struct {
    CopyRun run;
    guint8 *buf; /* run.length bytes; borrowed */
} CopyPart;

/* What one thread needs for reading. */
typedef struct CopyReader CopyReader;

/* worker: 0 for the first thread, and so on: whose codec cpu is used. */
CopyReader *copy_reader_new(guint worker);
guint copy_reader_worker(const CopyReader *reader);
void copy_reader_free(CopyReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CopyReader, copy_reader_free)

/* A buffer of size bytes at least, for the thread's own use, until it asks for a larger one. */
guint8 *copy_reader_scratch(CopyReader *reader, gsize size);

/* Fill n parts. On failure *ret_failed is the first part that could not be read; all before it
 * are filled. */
gboolean copy_reader_fill(CopyReader *reader, const CopyPart *parts, guint n, guint *ret_failed,
                          GError **error);

#endif
