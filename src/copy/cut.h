/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cutters: what is to be copied, in pieces, ranges of the target that one
 * decision is made for. Each work has its own.
 *
 * Where pieces begin and end decides which zeros are found, which clusters are
 * allocated, and which offset an error names, so they are cut as qemu-img cuts
 * them. For convert: where the source changes its answer, or at the last cluster
 * of it in front of that, at most 2 MiB of data at a time, whole clusters for a
 * compressed target. For commit (cut-commit.c): blocks of the base's clusters.
 * For rebase (cut-rebase.c): what neither backing file shows as zeros, and the
 * overlay has not itself.
 */
#ifndef INSTAR_COPY_CUT_H
#define INSTAR_COPY_CUT_H

#include "copy/copy.h"
#include "copy/read.h"
#include "copy/work.h"

typedef enum {
    COPY_PIECE_DATA,    /* to be read */
    COPY_PIECE_ZERO,    /* reads as zeros */
    COPY_PIECE_BACKING, /* nothing to be done: the target's backing file has it */
} CopyPieceKind;

typedef struct {
    CopyPieceKind kind;
    guint64 start, length;     /* bytes of the target; the length is a multiple of 512 */
    guint64 unit;              /* where qemu-img's piece begins that this is, or is a part of */
    guint64 weight;            /* how much it counts for progress */
    guint first_part, n_parts; /* DATA: what to read, in the array the cutter was given */
    gboolean offload;          /* not read: the store copies the bytes itself (-C) */
    /* Of a work that compares: as many bytes of what they are compared with, in the parts that
     * follow. Only what differs is written. */
    guint n_other;
    gboolean zeros; /* ... and its bytes are zeros: the target is told so, not given them */
    gboolean whole; /* ... and it is a cluster of the target, to be compressed if that is wanted */
} CopyPiece;

typedef struct CopyCutter CopyCutter;

typedef struct {
    gboolean (*next)(CopyCutter *cutter, CopyPiece *ret_piece, GArray *parts, gboolean *ret_more,
                     GError **error);
    void (*free)(CopyCutter *cutter);
} CopyCutterClass;

/* Each cutter begins with it. */
struct CopyCutter {
    const CopyCutterClass *class;
};

void copy_cutter_free(CopyCutter *cutter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CopyCutter, copy_cutter_free)

/* The next piece; *ret_more FALSE at the end. What there is to read is appended to parts (of
 * CopyPart; buf is NULL), unless parts is NULL. */
gboolean copy_cutter_next(CopyCutter *cutter, CopyPiece *ret_piece, GArray *parts,
                          gboolean *ret_more, GError **error);

/* The cutters. cluster: bytes of the target's clusters if it is to be compressed, else 0. split:
 * data is also cut at multiples of so many bytes (a power of two), 0: it is not. */
CopyCutter *copy_cut_convert(const CopyWork *work, const CopyConvert *job, guint32 cluster,
                             guint32 split);
/* work->what: CopyCommit */
CopyCutter *copy_cut_commit(const CopyWork *work, const CopyConvert *job, guint32 cluster,
                            guint32 split);
/* work->what: CopyRebase */
CopyCutter *copy_cut_rebase(const CopyWork *work, const CopyConvert *job, guint32 cluster,
                            guint32 split);

#endif
