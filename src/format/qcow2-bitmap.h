/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Persistent bitmaps, read and made: ABI_CALL_BITMAP of the qcow2 driver.
 *
 * A question is a flat list of members; "action" is one of
 *   list    from: index. Answer: "size" (bytes of disk the bitmaps are about), objects "bitmap"
 *           { name, granularity (bytes), enabled, inconsistent, entry }, and "next", the index to
 *           go on from, unless the list is complete.
 *   find    name. Answer: "size" and the object "bitmap" of that name; nothing: there is none.
 *   read    entry (as listed) or name, at: byte of the bitmap. Answer: "bits" from byte "at" on:
 *           what stands in front of it is zeros; nothing: only zeros follow. What was changed and
 *           not stored is not seen.
 *   add     name, granularity, enabled; dry-run: only see whether it can be. Bitmaps end up in the
 *           opposite order, behind those that were there.
 *   set     name (of one that was added), at, bits: front to back, what is left out is zeros, as
 *           is what was not set before another bitmap's turn. Without bits: begin it.
 *   remove  name: the directory without it is published at once.
 *   clear   name: nothing of what it holds is kept.
 *   record  name, enabled: whether it notes what is written.
 *   merge   name, granularity, at, bits: those of another bitmap, from its byte "at" on, are set
 *           in this one, as far as they are about [from, to) of the disk (to 0: its end). In the
 *           order of the disk; the place in the file is that of a bitmap's turn, as with "set".
 *   store   publish all that was changed. Closing the image does it, too.
 *   drop    forget what was added and not stored; with a name: only the content that this one was
 *           given. After "set" or "merge" failed, nothing is stored before that.
 * A bit stands for one granule of the disk, the lowest bit of a byte first (spec "Bitmap data").
 */
#ifndef INSTAR_QCOW2_BITMAP_H
#define INSTAR_QCOW2_BITMAP_H

#include "format/qcow2-write.h"

/* Bytes of bits in one question or answer. */
#define QCOW2_BITMAP_CHUNK (64u << 10)

struct qcow2_bitmap_args {
    struct qcow2_text name, bits;
    uint64_t granularity, entry, at, from, to;
    uint64_t enabled, dry_run;
};

/* One of the next directory. */
struct qcow2_new_bitmap {
    struct qcow2_new_bitmap *next;
    uint64_t table_offset; /* 0: not written yet */
    uint32_t table_size;   /* entries */
    uint64_t old_offset;   /* of the table that it has in the present directory; 0: none */
    uint32_t old_size;
    uint32_t flags;
    bool cleared; /* of the old table nothing is kept */
    bool records; /* did so at some time since it was taken into use */
    uint8_t granularity_bits;
    uint16_t name_length;
    uint8_t name[];
};

/*
 * The bitmaps of an image that is written, from the first change until they are stored. In the
 * present directory they are marked as in use, so that nobody relies on them if we never come to
 * the end. Those that were inconsistent before stay as they are; the others are written anew, as
 * qemu-img has it, with what was touched meanwhile. The content of one is taken at a time.
 */
struct qcow2_bitmap_work {
    struct qcow2_new_bitmap *old;   /* of the present directory, in its order */
    struct qcow2_new_bitmap *first; /* added, in the order of the next directory, behind those */
    uint32_t n;                     /* of both */
    uint64_t directory_size;        /* bytes of the entries of both */
    /* the one whose turn it is */
    struct qcow2_new_bitmap *current;
    uint64_t *table;            /* its table, big endian; NULL: none is being written */
    uint8_t *cluster;           /* of its bits */
    uint64_t index;             /* of that cluster */
    struct qcow2_reader reader; /* of the old table */
    uint64_t end;               /* byte of the bitmap behind the last that was set */
    bool in_use;                /* the directory says so of all */
    bool flushed;               /* the tables of the disk are in place: it comes before bitmaps */
    bool marked;                /* the cluster holds a bit that is not zero */
    bool broken; /* bits of the one at hand are lost: nothing is stored until it is dropped */
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
int qcow2_bitmap_drop(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                      struct props_writer *out);
int qcow2_bitmap_find(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                      struct props_writer *out);
int qcow2_bitmap_remove(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                        struct props_writer *out);
int qcow2_bitmap_clear(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                       struct props_writer *out);
int qcow2_bitmap_record(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                        struct props_writer *out);
int qcow2_bitmap_merge(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                       struct props_writer *out);
int qcow2_bitmap_call(struct fmt_image *im, struct props_reader in, struct props_writer *out);

/* Take the bitmaps of an image into use that is about to be changed (qcow2-bitmap-use.c). */
int qcow2_bitmaps_use(struct fmt_image *im);
/* b, of the present directory, records what is written from now on. */
void qcow2_bitmap_records(struct qcow2_writer *w, struct qcow2_new_bitmap *b);
/* The disk is about to be changed: should the program end, what is recorded of it is not worth
 * anything, and the directory says so. Changes of bitmaps alone do without: the old ones are good
 * until the new directory takes their place. */
int qcow2_bitmaps_mark(struct fmt_image *im);
/* Write the old ones anew, with what was touched: nothing is touched after that. Those in front of
 * until only; NULL: all. */
int qcow2_bitmaps_carry(struct fmt_image *im, const struct qcow2_new_bitmap *until);
/* The old bits of the cluster at hand, and those for what was touched, into it. */
int qcow2_bitmap_base(struct fmt_image *im);
/* Set the bits [first, end). */
void qcow2_set_bits(uint8_t *bytes, uint64_t first, uint64_t end);
/* Everything is published and the directory is new: the old tables are not needed any more. */
int qcow2_bitmaps_leave(struct fmt_image *im);
/* Is there something to be stored? Where all are inconsistent, they stay as they are. */
bool qcow2_bitmaps_pending(const struct qcow2_writer *w);
/* Set the bits for what was touched, of n from bit first on; false: none. */
bool qcow2_touched_bits(const struct qcow2_writer *w, uint32_t granularity_bits, uint64_t first,
                        uint64_t n, uint8_t *bytes);
/* [start, start + length) of the disk is written. */
int qcow2_touch(struct fmt_image *im, uint64_t start, uint64_t length);
/* Make work and its content buffers. */
int qcow2_bitmap_work_make(struct fmt_image *im);
int qcow2_bitmap_begin(struct fmt_image *im, struct qcow2_new_bitmap *b);
/* The clusters in front of index are filled: give them a place where they are marked. The cluster
 * at hand is that of index then, with what it held until now. */
int qcow2_bitmap_go(struct fmt_image *im, uint64_t index);
/* It is the turn of b: those that come before it are written. */
int qcow2_bitmap_turn(struct fmt_image *im, struct qcow2_new_bitmap *b);
/* The one of that name among those of the image, then those added; NULL. */
struct qcow2_new_bitmap *qcow2_bitmap_by_name(const struct qcow2_bitmap_work *work,
                                              const struct qcow2_text *name);
/* Write a directory of the bitmaps: as they will be, or, with present, as they are on the disk and
 * without that one. *ret is where it lies, all zeros if there are none left. */
int qcow2_bitmaps_write_directory(struct fmt_image *im, const struct qcow2_new_bitmap *present,
                                  struct qcow2_bitmaps *ret);
/* The header names that directory, and the one before is given up. */
int qcow2_bitmaps_publish(struct fmt_image *im, const struct qcow2_bitmaps *d);
/* The references of a directory are given up. */
int qcow2_bitmaps_free_directory(struct fmt_image *im, const struct qcow2_bitmaps *d);
/* The references of a bitmap's table, and the table, are given up. */
int qcow2_bitmap_give_back(struct fmt_image *im, uint64_t table_offset, uint32_t table_size);
/* Bytes of a directory entry. */
static inline uint64_t qcow2_bitmap_entry_size(uint32_t name_length)
{
    return align_up(QCOW2_BITMAP_HEAD + name_length, 8);
}

/* Write the clusters and the table of work->current (qcow2-bitmap-write.c); nothing if none is
 * being written. */
int qcow2_bitmap_finish(struct fmt_image *im);
/* Forget all; the clusters of what was not stored are free again. */
int qcow2_bitmaps_drop(struct fmt_image *im);
/* The same without a word to the disk. */
void qcow2_bitmap_work_free(struct fmt_image *im);

#endif
