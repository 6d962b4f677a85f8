/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Large buffers for guest data, and how many threads use them. */
#ifndef INSTAR_COPY_BUFFER_H
#define INSTAR_COPY_BUFFER_H

#include <glib.h>

/* The most that one task reads or writes at once. Larger pieces are no faster, smaller ones are:
 * the page cache hands out and takes whole large pages. */
#define COPY_BUFFER_SIZE (2u << 20)

/* size bytes of zeros; from 2 MiB on aligned to that and on huge pages where there are any. The
 * program ends if there is no memory, as with g_malloc(). Free with copy_buffer_free(). */
guint8 *copy_buffer_new(gsize size);
void copy_buffer_free(guint8 *buffer, gsize size);

/* Threads to use when at most limit (0: as many as useful) are wanted. At least 1. More than
 * COPY_MOST_WORKERS would need more memory than a conversion may take (64 MiB). */
#define COPY_MOST_WORKERS 8u
guint copy_workers(guint limit);

#endif
