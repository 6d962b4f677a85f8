/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which bytes of a buffer are worth writing: convert's search for zeros (-S).
 *
 * The guest is seen in blocks of alignment bytes. A block (or the part of one
 * that lies in the buffer) is zero if all its bytes are. A run of zero blocks
 * between data is left out only if it is at least min bytes long; at the start
 * and at the end of the buffer a shorter one is left out too.
 */
#ifndef INSTAR_COPY_SPARSE_H
#define INSTAR_COPY_SPARSE_H

#include <glib.h>

typedef struct {
    gsize min;       /* -S, bytes, a multiple of 512, not 0 */
    gsize alignment; /* bytes, a power of two, at least 512 */
} CopySparse;

/* -S as given (bytes) for a target whose requests are request_alignment bytes (a power of two). */
CopySparse copy_sparse_init(guint64 min, guint32 request_alignment);

/* How long the run at the start of buf is that is all to be written (*ret_data) or all zero.
 * length: bytes in buf, at least 1; offset: where they stand in the guest. */
gsize copy_sparse_run(const CopySparse *sparse, const guint8 *buf, guint64 offset, gsize length,
                      gboolean *ret_data);

#endif
