/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checking, inside. References are counted in a window of host clusters, one
 * byte a cluster, with a table on the side for what does not fit in a byte; a
 * file with more clusters than the window is walked once a window. What a walk
 * finds wrong is told in the first turn only.
 *
 * Repairing: a count that is too high or too low is set where it stands. Where
 * a used cluster has no count at all, or a refcount block cannot be believed, all
 * blocks are made anew in free clusters and the header is turned over to them
 * (qcow2-rebuild.c; window by window for a file that one does not hold, qcow2-rebuild-large.c).
 *
 * Messages and their order are those of qemu-img 7.2, learned by damaging
 * images; every value in them is the image's.
 */
#ifndef INSTAR_QCOW2_CHECK_H
#define INSTAR_QCOW2_CHECK_H

#include "format/qcow2-write.h"

#define QCOW2_CHECK_WINDOW (16u << 20)     /* clusters counted in one turn */
#define QCOW2_CHECK_MAX_TURNS 256u         /* then the file is too large to be checked */
#define QCOW2_CHECK_MAX_LARGE (512u << 10) /* clusters with more references than a byte holds */

struct qcow2_large {
    uint64_t cluster; /* + 1; 0: free */
    uint64_t count;
};

/* A pinned piece of a refcount block, or n clusters from first without one. */
struct qcow2_held {
    struct qcow2_block *block;
    uint64_t first, n;
};

struct qcow2_check {
    struct fmt_image *im;
    struct qcow2_state *st;
    struct abi_check *ret;
    struct props_writer *messages;
    uint32_t fix;    /* ABI_FIX_*: what was asked for */
    uint32_t fixing; /* ... and what the phase that runs now may do */
    bool rebuild;    /* single counts cannot mend it */

    uint64_t file_size;
    uint64_t n_clusters;   /* of the file, the last one begun counts; one more once a
                                   reference reaches into it */
    uint64_t max_refcount; /* that the image can store */

    uint64_t bitmap_errors; /* corruptions that are a bitmap's place behind the end of the file */

    uint32_t mended_snapshots; /* entries that the snapshot table needs anew, or loses */
    /* Clusters of the snapshot table as it was, while it waits to be written anew: they keep what
     * they hold until then. */
    uint64_t table_first, table_end;

    /* the window */
    uint64_t most; /* clusters that one may hold */
    uint64_t base; /* first cluster */
    uint64_t size; /* clusters counted: of the file, and one more */
    uint64_t room; /* bytes of counts */
    uint8_t *counts;
    bool first_turn;

    /* counts of 255 and more */
    struct qcow2_large *large;
    uint64_t large_mask; /* slots - 1 */
    uint64_t n_large;

    uint64_t highest;   /* cluster that is used or counted */
    uint64_t last_used; /* ... that is used */

    struct qcow2_held held;

    /* clusters that are free now, not given back to the file system yet */
    uint64_t freed, n_freed;
};

/* qcow2_check() with windows of at most window clusters: a multiple of what a refcount block counts,
 * QCOW2_CHECK_WINDOW at most. */
int qcow2_check_windows(struct fmt_image *im, uint32_t fix, uint64_t window, struct abi_check *ret,
                        struct props_writer *messages);

/* ---- telling (qcow2-check.c) ---- */

/* A line on stderr. */
int qcow2_tell(struct qcow2_check *c, int code, uint64_t a0, uint64_t a1, uint64_t a2);
/* A line behind the program's name. */
int qcow2_report(struct qcow2_check *c, int code, uint64_t value);
/* As qcow2_tell(), counted as a corruption, in the first turn; nothing in a later one. */
int qcow2_tell_corrupt(struct qcow2_check *c, int code, uint64_t a0, uint64_t a1, uint64_t a2);

/* That a refcount block is not where a cluster begins, once for an image. */
int qcow2_tell_refblock(struct qcow2_check *c, uint64_t offset, uint64_t index);

/* ---- the snapshot table (qcow2-check-snapshots.c) ---- */

/* What opening would have refused, and entries that version 3 does not allow; asked to, they are
 * told as repaired, and read so from then on. */
int qcow2_check_snapshot_table(struct qcow2_check *c);
/* Once the counts are right: the table anew, if anything in it was repaired. */
int qcow2_mend_snapshot_table(struct qcow2_check *c);

/* ---- counting (qcow2-check-count.c) ---- */

/* Clusters that a rebuild may add to n. */
uint64_t qcow2_added_by_rebuild(const struct qcow2_state *st, uint64_t n);
/* Memory for the window; whole: it has to hold the whole file and what a rebuild adds. */
int qcow2_count_begin(struct qcow2_check *c, bool whole);
void qcow2_count_end(struct qcow2_check *c);
/* Empty the window and put it at base. */
void qcow2_count_window(struct qcow2_check *c, uint64_t base);
/* One reference for each cluster of [offset, offset + size); a range that begins
 * too far behind the end of the file is told instead. */
int qcow2_count(struct qcow2_check *c, uint64_t offset, uint64_t size);
/* Let the window reach up to cluster end (exclusive), if it can. */
int qcow2_count_grow(struct qcow2_check *c, uint64_t end);
/* References counted for a cluster of the window. */
uint64_t qcow2_counted(const struct qcow2_check *c, uint64_t cluster);
/* The first cluster of [from, to), which lies in the window, that is referred to; to: none is. */
uint64_t qcow2_next_used(const struct qcow2_check *c, uint64_t from, uint64_t to);
static inline bool qcow2_in_window(const struct qcow2_check *c, uint64_t cluster)
{
    return cluster - c->base < c->size;
}

/* ---- walking all that refers to clusters (qcow2-check-walk.c, -l2.c) ---- */

int qcow2_check_walk(struct qcow2_check *c);
/* The L1 table at offset and all below it. active: the one of the header, which
 * gives the figures about allocation as well. */
int qcow2_check_l1(struct qcow2_check *c, uint64_t offset, uint32_t n, bool active);
/* The L1 table of a snapshot, if its entry makes sense. */
int qcow2_check_snapshot(struct qcow2_check *c, const struct qcow2_snapshot *s);
/* Reads an L2 table piece by piece, wherever it begins. */
struct qcow2_l2_walk {
    struct qcow2_check *c;
    uint64_t l2_offset;
    uint32_t index, entries;
    struct qcow2_block *block; /* of an aligned table */
    uint32_t at, left;
    struct qcow2_reader reader; /* of an unaligned one */
    bool examined, writable;    /* may it be changed where it lies? */
};
void qcow2_l2_walk_begin(struct qcow2_check *c, uint64_t l2_offset, struct qcow2_l2_walk *w);
/* The next entry's bytes, NULL at the end. */
int qcow2_l2_walk_next(struct qcow2_l2_walk *w, const uint8_t **ret);
/* Replace the entry just read. Nothing is changed, and w->writable false, where the table lies over
 * another one: the image is marked as corrupt then, and of no use any more. */
int qcow2_l2_walk_set(struct qcow2_l2_walk *w, uint64_t entry, uint64_t bitmap);
void qcow2_l2_walk_end(struct qcow2_l2_walk *w);

/* ---- comparing with what the image says (qcow2-check-compare.c) ---- */

/* The refcounts of the window against the counts. */
int qcow2_check_compare(struct qcow2_check *c);
/* The COPIED flags of the active tables against the refcounts. */
int qcow2_check_copied(struct qcow2_check *c);

/* ---- repairing (qcow2-repair.c, -rebuild.c, -rebuild-large.c) ---- */

/* Set the refcount of a cluster whose refcount block is there, in the cache. */
int qcow2_set_refcount(struct qcow2_check *c, uint64_t cluster, uint64_t refcount);
/* Give the clusters that became free back, once their counts are on disk. */
int qcow2_give_back(struct qcow2_check *c);
/* Is cluster needed although nothing counts it? */
bool qcow2_check_keeps(const struct qcow2_check *c, uint64_t cluster);
/* New refcount blocks and a new table for what is counted, in clusters that are not; then the
 * header points to them. The old ones are leaks afterwards. */
int qcow2_rebuild(struct qcow2_check *c);

struct qcow2_rebuild {
    struct qcow2_check *c;
    uint64_t *blocks;  /* cluster of each refcount block, 0: none */
    uint64_t n_blocks; /* room of blocks */
    uint64_t end;      /* clusters used, exclusive */
    uint64_t table;    /* cluster of the table, 0: not placed */
    uint64_t table_clusters;
};

/* Clusters of a table that has all blocks placed so far. */
uint64_t qcow2_rebuild_table_clusters(const struct qcow2_rebuild *r);
/* Place all, and write the blocks, window by window. buffer: a cluster. */
int qcow2_rebuild_large(struct qcow2_rebuild *r, uint8_t *buffer);
/* The file shall hold cluster (a refcount block lies there). *ret_error: errno if it cannot. */
int qcow2_make_room(struct qcow2_check *c, uint64_t cluster, uint32_t *ret_error);

#endif
