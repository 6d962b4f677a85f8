/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many reference counts at once, and the COPIED flags that go with them: what making, applying
 * and deleting a snapshot have in common.
 *
 * A count and the flag that says "it is 1" lie in different clusters, so that neither can be
 * changed first without the image being wrong in between. So all that changes is drafted behind
 * the end of the file: refcount blocks and a refcount table, L2 tables and an L1 table that leads
 * to them. One write of the header turns the image over to the drafts; it is as it shall be then,
 * only in the wrong places, whose clusters the drafted counts cover. Then the same goes to its
 * places, which nothing refers to meanwhile, a second write of the header turns to them, and the
 * file is cut where it ended before. Whenever the program ends, the image is that of before or
 * that of after, with leaks at worst.
 *
 * Counts are worked out in a window of clusters, in as many turns as the file needs; each turn
 * walks the tables once or twice.
 *
 * Files: qcow2-shift-count.c counts, qcow2-shift-draft.c drafts, qcow2-shift-place.c brings
 * drafts to their places, qcow2-shift.c puts it together.
 */
#ifndef INSTAR_QCOW2_SHIFT_H
#define INSTAR_QCOW2_SHIFT_H

#include "format/qcow2-write.h"

#define QCOW2_SHIFT_WINDOW (8u << 20) /* clusters in one turn */
#define QCOW2_SHIFT_BATCH 64u         /* tables read or written in one request, at most */
#define QCOW2_SHIFT_BUFFER (1u << 20) /* bytes of them, if it is more than one */
#define QCOW2_SHIFT_ENTRIES 4096u     /* L1 entries looked at together */

struct qcow2_shift {
    struct fmt_image *im;

    /* What is asked for. l1_size 0: no such table. */
    struct qcow2_view add;    /* all it refers to is counted once more */
    struct qcow2_view drop;   /* ... once less */
    struct qcow2_view source; /* whose entries the L1 table of the header is to have */
    struct {
        uint64_t offset, length;
    } freed[2];                /* bytes of clusters that lose a reference, whole ones */
    struct qcow2_header after; /* the header as it is to be, its L1 table in its place */

    /* The window. values: how much a count changes; once they are settled, a class of
     * enum qcow2_shift_class each. */
    int16_t *values;
    uint64_t base, size, clusters; /* first cluster, clusters in it, of the file */

    /* Drafts, bytes in the file. */
    uint64_t before;     /* size of the file */
    uint64_t start, end; /* the area */
    uint64_t final_l1;   /* the L1 table as it will be in its place */
    uint64_t draft_l1;   /* the same with drafted L2 tables in place of those that change */
    uint64_t *blocks;    /* drafted refcount block by index, 0: not changed */
    uint64_t n_blocks;   /* entries of blocks */
    uint64_t tail;       /* blocks from this index on count the area itself as well */

    uint8_t *buffer;         /* room for batch tables, and one */
    uint32_t batch;          /* tables of a cluster that fit */
    uint8_t *entries, *more; /* QCOW2_SHIFT_ENTRIES L1 entries each */
    bool counted;            /* a failure now is not one of counting */
    bool turned;             /* the header leads to the drafts */
};

enum qcow2_shift_class { QCOW2_SHIFT_NONE = 0, QCOW2_SHIFT_ONE = 1, QCOW2_SHIFT_MANY = 2 };

/* Do it. The tables in the cache are written before and forgotten afterwards. A failure before the
 * image was turned over leaves it as it was; one later leaves it as asked for, with leaks. */
int qcow2_shift(struct qcow2_shift *s);

/* ---- counting (qcow2-shift-count.c) ---- */

/* What an L2 entry refers to: *ret_n clusters from *ret_first. An entry that cannot be is told. */
int qcow2_shift_entry(struct qcow2_shift *s, const uint8_t *p, uint64_t l2, uint32_t index,
                      uint64_t *ret_first, uint64_t *ret_n);
/* The changes of the window into values. */
int qcow2_shift_count(struct qcow2_shift *s);
/* values become classes, refcount blocks that change are drafted. */
int qcow2_shift_settle(struct qcow2_shift *s);

/* n requests (at most QCOW2_SHIFT_BATCH) on clusters at places, s->buffer holding them in order. */
int qcow2_shift_io(struct qcow2_shift *s, uint32_t op, const uint64_t *places, uint32_t n);
/* Where the next n clusters of the area begin. */
uint64_t qcow2_shift_take(struct qcow2_shift *s, uint64_t n);

/* ---- drafting (qcow2-shift-draft.c) ---- */

/* Flags of the L1 table and of L2 tables, as far as the window tells. */
int qcow2_shift_flags(struct qcow2_shift *s);
/* The refcount table, and the counts of the area; all is drafted then. *ret_table, its clusters in
 * *ret_n. */
int qcow2_shift_finish(struct qcow2_shift *s, uint64_t *ret_table, uint64_t *ret_n);

/* ---- placing (qcow2-shift-place.c) ---- */

/* Once the image was turned over: everything to its place. */
int qcow2_shift_place(struct qcow2_shift *s);

#endif
