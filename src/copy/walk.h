/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks the guest range of an image through its backing chain: which layer
 * decides each run of bytes, what kind of bytes they are, and where they lie.
 *
 * Runs come in guest order, without gaps. A run is one answer of one layer, cut
 * where a layer above it begins; neighbours that look alike are not joined.
 * Where runs end can be seen from outside, so a run of qcow2 also ends where
 * qemu-img's does: with the piece of the L2 table that it looks at; and data of
 * vmdk with its grain: convert -S looks for zeros in each run by itself.
 * Layers are asked for many extents at once. Not thread-safe.
 */
#ifndef INSTAR_COPY_WALK_H
#define INSTAR_COPY_WALK_H

#include "image/image.h"

typedef struct {
    guint64 start, length; /* bytes of the guest; length is at least 1 */
    gboolean data;         /* the layer stores bytes for it */
    gboolean zero;         /* it reads as zeros; with data: storage that was never written */
    gboolean present;      /* a layer decided it; FALSE: nobody did */
    gboolean compressed;
    gboolean has_offset;
    gboolean lost;            /* never from a walk: could not be read, zeros will do */
    gboolean behind;          /* a layer below ends in front of it, and so it is zeros */
    gboolean stale;           /* an image above the layer stands on other content than it has */
    gboolean last;            /* the run ends where the image ends */
    guint64 offset;           /* in file, when has_offset */
    guint depth;              /* 0: the image itself, 1: its backing file, ... */
    Image *layer;             /* that decided, or the lowest asked; borrowed */
    IoFile *file;             /* of offset; NULL if has_offset is FALSE; borrowed */
    struct abi_extent extent; /* the layer's answer, cut to start and length */
} CopyRun;

typedef enum {
    /* Do not ask below the first layer: what is unallocated there comes as a run that is neither
     * data nor zero nor present, if there is a layer below. */
    COPY_WALK_TOP = 1 << 0,
    /* Tell storage that was only preallocated (data and zero), by the holes of the file. */
    COPY_WALK_HOLES = 1 << 1,
} CopyWalkFlags;

typedef struct CopyWalk CopyWalk;

/* Walk [start, end) of img, cut to its size. The image must live as long. */
CopyWalk *copy_walk_new(Image *img, guint64 start, guint64 end, CopyWalkFlags flags);
void copy_walk_free(CopyWalk *walk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CopyWalk, copy_walk_free)

/* The next run; *ret_more FALSE (and no run) at the end. After a failure the walk stands where it
 * stood: copy_walk_seek() can lead it past the place. */
gboolean copy_walk_next(CopyWalk *walk, CopyRun *ret_run, gboolean *ret_more, GError **error);
/* Where the next run begins. */
guint64 copy_walk_tell(const CopyWalk *walk);
/* Go on at offset, which may lie in front of where the walk stands or behind. */
void copy_walk_seek(CopyWalk *walk, guint64 offset);

/* The part of run that begins skip bytes into it and is length bytes long. */
CopyRun copy_run_part(const CopyRun *run, guint64 skip, guint64 length);

#endif
