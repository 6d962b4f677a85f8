/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Persistent bitmaps, read and made: ABI_CALL_BITMAP of the qcow2 driver.
 *
 * A question is a flat list of members; "action" is one of
 *   list    from: index. Answer: "size" (bytes of disk the bitmaps are about), objects "bitmap"
 *           { name, granularity (bytes), enabled, inconsistent, entry }, and "next", the index to
 *           go on from, unless the list is complete.
 *   read    entry (as listed), at: byte of the bitmap. Answer: "bits" from byte "at" on: what
 *           stands in front of it is zeros; nothing: only zeros follow.
 *   add     name, granularity, enabled; dry-run: only see whether it can be. Bitmaps end up in the
 *           opposite order, behind those that were there.
 *   set     name (of one that was added), at, bits: front to back, what is left out is zeros, as
 *           is what was not set before another bitmap's turn. Without bits: begin it.
 *   store   publish all that were added.
 * A bit stands for one granule of the disk, the lowest bit of a byte first (spec "Bitmap data").
 */
#ifndef INSTAR_QCOW2_BITMAP_H
#define INSTAR_QCOW2_BITMAP_H

#include "format/qcow2-write.h"

/* Bytes of bits in one question or answer. */
#define QCOW2_BITMAP_CHUNK (64u << 10)

struct qcow2_bitmap_args {
    struct qcow2_text name, bits;
    uint64_t granularity, entry, at, from;
    uint64_t enabled, dry_run;
};

/* One that was added and is not in the directory yet. */
struct qcow2_new_bitmap {
    struct qcow2_new_bitmap *next;
    uint64_t table_offset;      /* 0: not written yet */
    uint32_t table_size;        /* entries */
    uint32_t flags;
    uint8_t granularity_bits;
    uint16_t name_length;
    uint8_t name[];
};

/* The new bitmaps of an image, in the order of the directory-to-be; the content of one of them is
 * taken at a time. */
struct qcow2_bitmap_work {
    struct qcow2_new_bitmap *first;
    uint32_t n;
    uint64_t directory_size;    /* bytes of the entries of the new ones */
    /* the one whose turn it is */
    struct qcow2_new_bitmap *current;
    uint64_t *table;            /* its table, big endian; NULL: none is being written */
    uint8_t *cluster;           /* of its bits */
    uint64_t index;             /* of that cluster */
    uint64_t end;               /* byte of the bitmap behind the last that was set */
    bool marked;                /* the cluster holds a bit that is not zero */
};

/* Bytes of bits for the whole disk. */
uint64_t qcow2_bitmap_bytes(const struct qcow2_state *st, uint32_t granularity_bits);

int qcow2_bitmap_list(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                      struct props_writer *out);
int qcow2_bitmap_read(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                      struct props_writer *out);
int qcow2_bitmap_add(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                     struct props_writer *out);
int qcow2_bitmap_set(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                     struct props_writer *out);
int qcow2_bitmap_store(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                       struct props_writer *out);
int qcow2_call(struct fmt_image *im, uint32_t call, struct props_reader in,
               struct props_writer *out);

/* Write the clusters and the table of work->current (qcow2-bitmap-write.c); nothing if none is
 * being written. */
int qcow2_bitmap_finish(struct fmt_image *im);
/* Forget what was added and not stored; its clusters are free again. */
int qcow2_bitmaps_drop(struct fmt_image *im);
/* The same without a word to the disk. */
void qcow2_bitmap_work_free(struct fmt_image *im);

#endif
