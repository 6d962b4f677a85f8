/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parallel copier: convert, dd, commit, rebase, compare and map run on it.
 *
 * A few worker threads read, look for zeros, code and write; the order of
 * allocation follows the guest offset, so the output does not depend on the
 * number of workers.
 */
#ifndef INSTAR_COPY_H
#define INSTAR_COPY_H

#include "image/image.h"

/* done of total bytes; from any worker, never two at once. */
typedef void (*CopyProgress)(guint64 done, guint64 total, gpointer user_data);

typedef struct {
    Image **sources; /* concatenated */
    guint n_sources;
    Image *target;               /* opened for writing, big enough */
    gboolean target_has_backing; /* -B: what a source does not allocate itself is left out */
    guint64 target_backing_size; /* bytes, where the target has a backing file; else G_MAXUINT64 */
    gboolean compress;           /* -c */
    gboolean target_is_zero;     /* everything unwritten reads as zeros already */
    gboolean copy_range;         /* -C */
    gboolean salvage;            /* --salvage */
    guint64 sparse;              /* -S bytes; 0: everything is written */
    guint64 rate;                /* -r bytes a second; 0: no limit */
    guint workers;               /* -m: most threads; 0: as many as useful */
    gboolean target_direct;      /* no page cache: many writes at once are faster than one */
    const char *program;         /* begins warnings on stderr; NULL: no warnings */
    CopyProgress progress;
    gpointer progress_data;
    gboolean is_dd;                   /* one source, of which a part; errors in dd's words */
    guint64 source_start, source_end; /* of is_dd: bytes of the source, within its size */
} CopyConvert;

/* Copy all guest-visible bytes. Errors in qemu-img's words ("error while reading at byte N: ...");
 * the target then holds what lies in front of N, as far as it was a task's to write. Not closed. */
gboolean copy_convert(const CopyConvert *job, GError **error);

typedef struct {
    Image *top;      /* with its whole chain; nothing of it is changed but base */
    Image *base;     /* a layer below top, opened for writing, as large as top at least */
    guint64 rate;    /* -r bytes a second; 0: no limit */
    gboolean direct; /* base goes without the page cache */
    CopyProgress progress;
    gpointer progress_data;
} CopyCommit;

/* Write into base what the layers above it hold, so that it shows what top shows. Errors in
 * qemu-img's words. What was written is with the drivers: not flushed, not closed. */
gboolean copy_commit(const CopyCommit *job, GError **error);

typedef struct {
    Image *overlay;    /* opened for writing, the old backing files below it */
    Image *newer;      /* the new backing file with those below it; NULL: none */
    gboolean is_below; /* newer is a layer of the overlay's own chain */
    gboolean compress; /* -c: whole clusters are stored compressed */
    gboolean direct;   /* overlay goes without the page cache */
    CopyProgress progress;
    gpointer progress_data;
} CopyRebase;

/* Write into the overlay what it would not show any more on top of newer. The overlay still names
 * its old backing file. Errors and the rest as with copy_commit(). */
gboolean copy_rebase(const CopyRebase *job, GError **error);

typedef enum {
    COPY_SAME,
    COPY_DIFFERENT,
    COPY_ALLOC_MISMATCH, /* strict: a range is stored in different ways */
    COPY_STATUS_ERROR,   /* what an image stores where could not be found out */
    COPY_READ_ERROR,
} CopyVerdict;

typedef struct {
    Image *a, *b;
    const char *name_a, *name_b; /* for messages */
    gboolean strict;             /* -s */
    /* done: everything in front of it is the same; total: the size of the larger image. */
    CopyProgress progress;
    gpointer progress_data;
} CopyCompare;

/* Compare guest-visible bytes; what the shorter image lacks is zeros. For anything but COPY_SAME
 * *ret_offset is where, in bytes: the lowest such place. *error is set for the last two verdicts
 * only, in qemu-img's words. */
CopyVerdict copy_compare(const CopyCompare *job, guint64 *ret_offset, GError **error);

/* How many bytes of img are data, in whole units (a power of two) of the guest, through the chain:
 * what reads as zeros because nothing is stored does not count, stored zeros do. */
gboolean copy_measure_data(Image *img, guint64 unit, guint64 *ret_bytes, GError **error);
/* How many bytes the bitmaps of img would take in a new qcow2 of this cluster size. */
gboolean copy_measure_bitmaps(Image *img, guint64 cluster, guint64 *ret_bytes, GError **error);

/* One entry of map: what qemu-img's map prints. */
typedef struct {
    guint64 start, length;
    gboolean data, zero, present, compressed, has_offset;
    guint64 offset;
    guint depth;
    const char *filename; /* of the layer's file; borrowed from the Image */
} CopyMapEntry;

/* Walk [start, start+length) through the chain and give merged entries in order; stop when each
 * returns FALSE. An empty range gives no entry. */
typedef gboolean (*CopyMapFunc)(const CopyMapEntry *entry, gpointer user_data);
gboolean copy_map(Image *img, guint64 start, guint64 length, CopyMapFunc each, gpointer user_data,
                  GError **error);

#endif
