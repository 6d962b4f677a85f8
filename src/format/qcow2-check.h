/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checking, inside. References are counted in a window of host clusters, one
 * byte a cluster, with a table on the side for what does not fit in a byte; a
 * file with more clusters than the window is walked once a window. What a walk
 * finds wrong is told in the first turn only.
 *
 * Messages and their order are those of qemu-img 7.2, learned by damaging
 * images; every value in them is the image's.
 */
#ifndef INSTAR_QCOW2_CHECK_H
#define INSTAR_QCOW2_CHECK_H

#include "format/qcow2.h"

#define QCOW2_CHECK_WINDOW (16u << 20)      /* clusters counted in one turn */
#define QCOW2_CHECK_MAX_TURNS 256u          /* then the file is too large to be checked */
#define QCOW2_CHECK_MAX_LARGE (512u << 10)  /* clusters with more references than a byte holds */

struct qcow2_large {
    uint64_t cluster;           /* + 1; 0: free */
    uint64_t count;
};

struct qcow2_check {
    struct fmt_image *im;
    struct qcow2_state *st;
    struct abi_check *ret;
    struct props_writer *messages;
    uint32_t fix;               /* ABI_FIX_* */

    uint64_t file_size;
    uint64_t n_clusters;        /* of the file, the last one begun counts; one more once a
                                   reference reaches into it */
    uint64_t max_refcount;      /* that the image can store */

    /* the window */
    uint64_t base;              /* first cluster */
    uint64_t size;              /* clusters */
    uint8_t *counts;
    bool first_turn;

    /* counts of 255 and more */
    struct qcow2_large *large;
    uint64_t large_mask;        /* slots - 1 */
    uint64_t n_large;

    uint64_t highest;           /* cluster that is used or counted */
};

/* ---- telling (qcow2-check.c) ---- */

/* A line on stderr. */
int qcow2_tell(struct qcow2_check *c, int code, uint64_t a0, uint64_t a1, uint64_t a2);
/* The same, counted as a corruption, in the first turn; nothing in a later one. */
int qcow2_tell_corrupt(struct qcow2_check *c, int code, uint64_t a0, uint64_t a1, uint64_t a2);

/* That a refcount block is not where a cluster begins, once for an image. */
int qcow2_tell_refblock(struct qcow2_check *c, uint64_t offset, uint64_t index);

/* ---- counting (qcow2-check-count.c) ---- */

int qcow2_count_begin(struct qcow2_check *c);
void qcow2_count_end(struct qcow2_check *c);
/* Empty the window and put it at base. */
void qcow2_count_window(struct qcow2_check *c, uint64_t base);
/* One reference for each cluster of [offset, offset + size); a range that begins
 * too far behind the end of the file is told instead. */
int qcow2_count(struct qcow2_check *c, uint64_t offset, uint64_t size);
/* References counted for a cluster of the window. */
uint64_t qcow2_counted(const struct qcow2_check *c, uint64_t cluster);
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
    struct qcow2_block *block;  /* of an aligned table */
    uint32_t at, left;
    struct qcow2_reader reader; /* of an unaligned one */
};
void qcow2_l2_walk_begin(struct qcow2_check *c, uint64_t l2_offset, struct qcow2_l2_walk *w);
/* The next entry's bytes, NULL at the end. */
int qcow2_l2_walk_next(struct qcow2_l2_walk *w, const uint8_t **ret);
void qcow2_l2_walk_end(struct qcow2_l2_walk *w);

/* ---- comparing with what the image says (qcow2-check-compare.c) ---- */

/* The refcounts of the window against the counts. */
int qcow2_check_compare(struct qcow2_check *c);
/* The COPIED flags of the active tables against the refcounts. */
int qcow2_check_copied(struct qcow2_check *c);

#endif
