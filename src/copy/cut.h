/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts what convert reads into pieces: ranges of the target that one decision
 * is made for. Where pieces begin and end decides which zeros are found, and
 * which offset an error names, so they are cut as qemu-img cuts them: where
 * the source changes its answer, at most 2 MiB of data at a time, whole
 * clusters for a compressed target.
 */
#ifndef INSTAR_COPY_CUT_H
#define INSTAR_COPY_CUT_H

#include "copy/copy.h"
#include "copy/read.h"

typedef enum {
    COPY_PIECE_DATA,    /* to be read */
    COPY_PIECE_ZERO,    /* reads as zeros */
    COPY_PIECE_BACKING, /* the target's backing file has it */
} CopyPieceKind;

typedef struct {
    CopyPieceKind kind;
    guint64 start, length;     /* bytes of the target; the length is a multiple of 512 */
    guint64 unit;              /* where qemu-img's piece begins that this is, or is a part of */
    guint64 weight;            /* how much it counts for progress */
    guint first_part, n_parts; /* DATA: what to read, in the array the cutter was given */
    gboolean offload;          /* not read: the store copies the bytes itself (-C) */
} CopyPiece;

typedef struct CopyCutter CopyCutter;

/* cluster: bytes of the target's clusters if it is to be compressed, else 0. split: data is also
 * cut at multiples of so many bytes (a power of two), 0: it is not. */
CopyCutter *copy_cutter_new(const CopyConvert *job, guint32 cluster, guint32 split);
void copy_cutter_free(CopyCutter *cutter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CopyCutter, copy_cutter_free)

/* Bytes of all sources. */
guint64 copy_cutter_total(const CopyCutter *cutter);

/* The next piece; *ret_more FALSE at the end. What there is to read is appended to parts (of
 * CopyPart; buf is NULL), unless parts is NULL. */
gboolean copy_cutter_next(CopyCutter *cutter, CopyPiece *ret_piece, GArray *parts,
                          gboolean *ret_more, GError **error);

#endif
