/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2, the writing side: what its source files share.
 *
 * Files: qcow2-refcount.c raises reference counts and makes refcount blocks,
 * qcow2-fall.c lowers them, qcow2-reftable.c moves the refcount table,
 * qcow2-place.c guards tables, qcow2-alloc.c finds free clusters, qcow2-l2.c
 * makes L2 tables and grows the L1 table, qcow2-entry.c reads and sets entries,
 * qcow2-write.c takes the questions of a job, qcow2-plan.c plans data,
 * qcow2-step.c puts the answers together, qcow2-coded.c plans coded clusters,
 * qcow2-zero.c zeroes and discards, qcow2-promise.c remembers what was promised
 * and publishes it, qcow2-flush.c brings all of it to the disk,
 * qcow2-header-write.c writes the header, qcow2-create*.c make images,
 * qcow2-truncate.c, qcow2-prealloc.c and qcow2-shrink.c change their size,
 * qcow2-measure.c foretells it, qcow2-bitmap*.c keep bitmaps true.
 *
 * Where clusters are placed is qemu-img's order, found by experiment: the search
 * for free clusters goes on where the last one ended, and falls back to a cluster
 * that becomes free before that place.
 *
 * What is on disk is consistent but for leaks at every moment: counts are raised
 * in the cache at once, and the cache writes refcount blocks before tables that
 * use them. Counts are lowered only after the tables that dropped a reference
 * are on disk; until then the fall is kept in a list and counted with.
 */
#ifndef INSTAR_QCOW2_WRITE_H
#define INSTAR_QCOW2_WRITE_H

#include "format/qcow2.h"

/* Bytes of zeros written at once. */
#define QCOW2_ZERO_CHUNK (256u << 10)

/* Clusters whose counts are lower than the refcount blocks in the cache say. */
struct qcow2_fall {
    uint64_t cluster;
    uint64_t count;  /* of clusters */
    uint64_t amount; /* of each */
    bool discard;    /* the file system may have the bytes, once the count is 0 */
};
#define QCOW2_MAX_FALLS 2048u

/* Clusters whose place in the file is promised and not published yet. */
struct qcow2_promise {
    uint64_t guest;         /* of the first cluster */
    uint64_t length;        /* bytes: whole clusters */
    uint64_t host;          /* of the first cluster, or of the coded bytes */
    uint64_t missing;       /* bytes of steps neither linked nor aborted */
    uint32_t stored;        /* coded bytes of a compressed cluster, 0: plain */
    uint32_t units;         /* extended L2: subclusters that hold data then */
    bool keeps;             /* the entry has this place already: no count was raised */
    bool broken;            /* a step was aborted */
    uint32_t job, question; /* that it was made for */
};
#define QCOW2_MAX_PROMISES 16384u

/* Parts of the disk that were written, for the bitmaps that record it: ascending, apart from
 * each other. Where they are too many they are rounded to larger units: a bitmap may then say of
 * a part that it was written though it was not, never the other way round. */
struct qcow2_touched {
    struct {
        uint64_t start, end;
    } * ranges; /* guest bytes */
    uint32_t n, room;
    uint64_t unit; /* bytes; 0: nobody wants to know */
};

/* The parts of an amendment that take time: how many, which of them is at work, and what was told
 * last (qcow2-amend-tell.c). They last as long as the options are being changed, calls apart. */
struct qcow2_amend_steps {
    uint64_t ops, op;
    uint64_t done, total; /* units of the parts that are done; all that the one at work has */
    float told;           /* percent */
    bool begun;
    bool shown; /* somebody looks at it */
};

struct qcow2_writer {
    uint64_t next_free;      /* cluster where the search goes on */
    uint64_t held, held_end; /* clusters that a search passes over, though they are free */
    uint64_t kept, kept_end; /* ... as they still hold what is to be read (qcow2-check.h) */
    uint64_t sound_block;    /* offset of the refcount block that was looked at last */
    uint64_t pack_at;        /* byte behind the last compressed cluster; 0: none to go on at */
    uint64_t end;            /* the image file has, or is promised, no bytes from here on */
    bool creating;           /* failures are told as those of a new image */
    bool dead;               /* memory and disk do not agree: nothing may be written any more */
    bool published;          /* data was linked and not flushed since */
    bool coded;              /* all compressed clusters were written */
    bool marked;             /* the dirty bit was set by us */

    struct qcow2_fall *falls; /* QCOW2_MAX_FALLS */
    uint32_t n_falls;
    struct qcow2_promise *promises; /* ascending by guest */
    uint32_t n_promises, room_promises;
    uint32_t job, question;            /* what is being planned: promises of one can be undone */
    uint8_t *zeros;                    /* QCOW2_ZERO_CHUNK bytes */
    struct qcow2_bitmap_work *bitmaps; /* in use and being made (qcow2-bitmap.h); NULL: none */
    struct qcow2_touched touched;

    /* where tables lie that the header does not tell (qcow2-place.c) */
    uint64_t snapshots_length;
    struct qcow2_span {
        uint64_t offset, length;
    } * inactive;
    uint32_t n_inactive;
    uint8_t *places;                /* qcow2-place-map.c; NULL: none yet */
    bool places_kept, places_known; /* they may be used; they are right */

    struct qcow2_amend_steps amend;
};

/* Make st->writer: before anything is changed. */
int qcow2_writer_make(struct fmt_image *im);
/* The same for an opened image: may it be written? Its table places are read. */
int qcow2_writer_start(struct fmt_image *im);
/* No coded cluster follows: qemu-img lets the last one end with its sector. */
int qcow2_end_coded(struct fmt_image *im);
/* Lazy counts: the dirty bit goes to the disk before the first change. */
int qcow2_mark_dirty(struct fmt_image *im);

static inline struct qcow2_writer *qcow2_writer(struct fmt_image *im)
{
    return qcow2_state(im)->writer;
}

/* Fail with the words of a positive errno. */
int qcow2_fail_errno(struct fmt_image *im, uint32_t error);

/* [offset, offset + length) of the image file is used from now on. */
static inline void qcow2_extend(struct qcow2_writer *w, uint64_t offset, uint64_t length)
{
    w->end = max_u64(w->end, offset + length);
}

/* ---- counts (qcow2-refcount.c, qcow2-fall.c, qcow2-reftable.c) ------------------------------- */

/* Where a search for free clusters must begin anew. Never leaves the room. */
#define QCOW2_AGAIN 1

static inline uint64_t qcow2_reftable_entries(const struct qcow2_state *st)
{
    return st->header.reftable_clusters * (st->cluster_size / 8);
}
/* Entry of the refcount table: offset of the block, 0 if there is none. */
int qcow2_refblock_offset(struct fmt_image *im, uint64_t index, uint64_t *ret_offset);
int qcow2_reftable_set(struct fmt_image *im, uint64_t index, uint64_t offset);
/* The count with all falls counted in. */
int qcow2_refcount_of(struct fmt_image *im, uint64_t cluster, uint64_t *ret_count);
/* The first of n clusters at *first and behind it that is (or is not) free, into *first; at
 * most n further on. */
int qcow2_skip(struct fmt_image *im, bool while_free, uint64_t n, uint64_t *first);
/* Make the refcount blocks for n clusters at first. QCOW2_AGAIN: the table was moved, free
 * clusters may be others than before. */
int qcow2_refblocks_make(struct fmt_image *im, uint64_t first, uint64_t n);
/* The first of those blocks that is missing is made; *ret_made false: none was. It is not put
 * where clusters from first on have their blocks already. Never QCOW2_AGAIN. */
int qcow2_refblocks_make_one(struct fmt_image *im, uint64_t first, uint64_t n, bool *ret_made);
/* Count one reference more for each of n clusters, whose refcount blocks are there. */
int qcow2_raise(struct fmt_image *im, uint64_t first, uint64_t n);
/* One less. The tables that held the references are changed in the cache already. discard:
 * the bytes are not wanted any more and may be given back to the file system. */
int qcow2_lower(struct fmt_image *im, uint64_t first, uint64_t n, bool discard);
/* Add amount (modulo 2^64) to n counts in the cache. None overflows: that was checked. */
int qcow2_counts_add(struct fmt_image *im, uint64_t first, uint64_t n, uint64_t amount);
/* How much the count of cluster falls. */
uint64_t qcow2_fall_of(const struct qcow2_writer *w, uint64_t cluster);
/* Are there falls in [first, first + n)? */
bool qcow2_is_falling(const struct qcow2_writer *w, uint64_t first, uint64_t n);
/* Tables out, then the falls into the refcount blocks (dirty in the cache). */
int qcow2_settle(struct fmt_image *im);
/* The same, then all tables out, and flushed: what is in the file now is the image. */
int qcow2_settle_tables(struct fmt_image *im);

/* Move the refcount table so that it covers the clusters up to first + n, n clusters that are
 * to be placed right behind the new area, which begins at first (cluster). generous: half as
 * large again as needed. block: a refcount block (offset) to enter at index block_index, or 0.
 * *ret_end: cluster behind the area. */
int qcow2_reftable_move(struct fmt_image *im, uint64_t first, uint64_t n, bool generous,
                        uint64_t block, uint64_t block_index, uint64_t *ret_end);
/* Refcount blocks and refcount table clusters that an image of n other clusters needs. */
void qcow2_refcount_needs(uint64_t n, uint64_t cluster_size, uint32_t refblock_bits, bool generous,
                          uint64_t *ret_blocks, uint64_t *ret_table);

/* ---- places (qcow2-place.c, qcow2-alloc.c) --------------------------------------- */

/* What a place is, or is to be used for; NEW: clusters just found free. */
enum qcow2_place {
    QCOW2_PLACE_HEADER,
    QCOW2_PLACE_L1,
    QCOW2_PLACE_REFTABLE,
    QCOW2_PLACE_SNAPSHOTS,
    QCOW2_PLACE_INACTIVE_L1,
    QCOW2_PLACE_L2,
    QCOW2_PLACE_REFBLOCK,
    QCOW2_PLACE_BITMAPS,
    QCOW2_PLACE_DATA, /* in place */
    QCOW2_PLACE_NEW_DATA,
    QCOW2_PLACE_NEW_CODED,
    QCOW2_PLACE_NEW_L1,
    QCOW2_PLACE_NEW_L2,
    QCOW2_PLACE_NEW_REFBLOCK,
};
/* Fails where n clusters at first hold a table that is in use otherwise. */
int qcow2_check_place(struct fmt_image *im, uint64_t first, uint64_t n, enum qcow2_place use);
/* Is there surely no table of the kind, L2 or REFBLOCK, in n clusters at first (qcow2-place-map.c)?
 * Said from a map that is only used while it is kept: nothing but qcow2_place_map_add() may put
 * such a table anywhere then. */
bool qcow2_place_map_free_of(struct fmt_image *im, enum qcow2_place table, uint64_t first,
                             uint64_t n);
void qcow2_place_map_keep(struct qcow2_writer *w, bool keep);
/* The same for a change of the counts of n clusters, where they are many: their refcount blocks are
 * made or written, and each is asked for. To be ended with what it returns. */
bool qcow2_place_map_begin(struct fmt_image *im, uint64_t n);
void qcow2_place_map_end(struct fmt_image *im, bool begun);
/* A table of that kind at offset is named from now on. */
void qcow2_place_map_add(struct fmt_image *im, enum qcow2_place table, uint64_t offset);
int qcow2_places_read(struct fmt_image *im);

/* The next free cluster, for a refcount block, not counted yet. */
int qcow2_find_one(struct fmt_image *im, uint64_t *ret_cluster);
/* n clusters in a row, counted once. */
int qcow2_alloc(struct fmt_image *im, uint64_t n, enum qcow2_place use, uint64_t *ret_offset);
/* As many of n clusters at offset as are free, perhaps none. */
int qcow2_alloc_at(struct fmt_image *im, uint64_t offset, uint64_t n, uint64_t *ret_n);
/* size coded bytes (at most a cluster), packed behind the last ones. */
int qcow2_alloc_bytes(struct fmt_image *im, uint32_t size, uint64_t *ret_offset);
/* A table of length bytes at offset: zeros in the cache, dirty. */
int qcow2_table_blank(struct fmt_image *im, enum qcow2_kind kind, uint64_t offset, uint64_t length);
/* Copy bytes of the image file. */
int qcow2_copy_bytes(struct fmt_image *im, uint64_t from, uint64_t to, uint64_t length);
/* Write zeros over a range of a file. */
int qcow2_write_zeros(struct fmt_image *im, uint32_t handle, uint64_t offset, uint64_t length);

/* ---- tables (qcow2-l2.c) -------------------------------------------------------------- */

/* The L2 table for guest, made or copied so that it may be changed. */
int qcow2_l2_own(struct fmt_image *im, uint64_t guest, uint64_t *ret_l2);
/* The L2 table for guest as it is, 0 if there is none. */
int qcow2_l2_find(struct fmt_image *im, uint64_t guest, uint64_t *ret_l2);
/* Give the L1 table at least entries entries. */
int qcow2_l1_grow(struct fmt_image *im, uint64_t entries);

/* ---- sizes (qcow2-truncate.c, qcow2-prealloc.c, qcow2-shrink.c) -------------------------- */

/* Entries of an L1 table for a disk of size bytes. */
uint64_t qcow2_l1_entries(const struct qcow2_state *st, uint64_t size);
/* The disk grows. *ret_rest as below; then the header tells the new size only at the next flush. */
int qcow2_resize(struct fmt_image *im, uint64_t size, uint32_t prealloc, uint32_t flags,
                 uint64_t *ret_rest);
/* Make clusters for the guest bytes [from, to), which have none. zero: they must not show the
 * backing file. *ret_rest: the host is to write zeros from from up to there, 0: nowhere; a cluster
 * for it is the next free one. */
int qcow2_preallocate(struct fmt_image *im, uint64_t from, uint64_t to, uint32_t prealloc,
                      bool zero, uint64_t *ret_rest);
/* Are the header and all tables counted, so that a file may be cut behind what is? If not, the image is
 * marked as corrupt: FMT_E_CORRUPT_CLUSTER. */
int qcow2_judge_counts(struct fmt_image *im);
/* Give up all clusters of the disk behind those of its first size bytes. make: the L2 table in which
 * these end is made, if there is none. */
int qcow2_drop_behind(struct fmt_image *im, uint64_t size, bool make);
/* Give up refcount blocks that count nothing, and the end of the file that nothing uses. */
int qcow2_shrink_file(struct fmt_image *im);
/* The cluster behind the last one in use. */
int qcow2_used_end(struct fmt_image *im, uint64_t *ret_cluster);
/* The size of the disk; the header tells it later. */
void qcow2_set_size(struct qcow2_state *st, uint64_t size);
/* Where status is a failed request, tell it as code (QCOW2_E_RESIZE_*). */
int qcow2_tell_resize(struct fmt_image *im, int status, int code);

/* ---- the header (qcow2-header-write.c) --------------------------------------------------- */

/* The first cluster from st: header, extensions, backing file name, into the cluster of zeros at
 * bytes. FMT_E_NO_SPACE: it does not fit. */
int qcow2_header_encode(struct fmt_image *im, uint8_t *bytes);
/* Write it anew. */
int qcow2_header_write(struct fmt_image *im);
/* Write only the fixed fields, between flushes. */
int qcow2_header_fields(struct fmt_image *im);

/* ---- calls (qcow2-call.c says which) ------------------------------------------------------ */

/* in: "file" and "format" (strings, as they are recorded; none: no backing file). All that was
 * written before is on stable storage first. EINVAL: not a name that can be recorded; ENOSPC: the
 * header has no room. A failure leaves the old names. (qcow2-backing.c) */
int qcow2_set_backing(struct fmt_image *im, struct props_reader in, struct props_writer *out);
/* Nothing is asked and nothing answered. The backing file must show what the disk shows: what is
 * interrupted shows a part of each. (qcow2-empty.c) */
int qcow2_make_empty(struct fmt_image *im, struct props_reader in, struct props_writer *out);
/* Can the image become as short as a new one, and make it so (qcow2-reset.c). Nothing may be
 * dirty or promised. */
bool qcow2_can_reset(struct fmt_image *im);
int qcow2_reset(struct fmt_image *im);

/* in: "action" ("create", "apply", "delete"), "name"; for create "date-sec" and "date-nsec". ret0
 * of the result is the virtual size afterwards. FMT_E_NO_SNAPSHOT: there is none of that name.
 * Either all of it happens or nothing. (qcow2-snapshot-call.c) */
int qcow2_snapshot_call(struct fmt_image *im, struct props_reader in, struct props_writer *out);

/* ---- snapshot table (qcow2-snapshot-table.c) ----------------------------------------------- */

/* What a new snapshot is told as; everything else is as of a disk without a machine. */
struct qcow2_new_snapshot {
    struct qcow2_text name;
    uint64_t l1_offset;
    uint32_t l1_size; /* entries */
    uint32_t date_sec, date_nsec;
};
/* The snapshot table anew, in clusters of its own: as it is, without the entry at index drop
 * (UINT32_MAX: none), with add behind the others (NULL: none). *ret_offset 0: it would be empty. */
int qcow2_snapshot_table_write(struct fmt_image *im, uint32_t drop,
                               const struct qcow2_new_snapshot *add, uint64_t *ret_offset);

/* ---- L2 entries (qcow2-entry.c) -------------------------------------------------------- */

enum qcow2_class {
    QCOW2_C_UNALLOCATED, /* no place; extended L2: some subclusters may read as zeros */
    QCOW2_C_ZERO,        /* reads as zeros, no place */
    QCOW2_C_ZERO_PLACED, /* reads as zeros, has a place */
    QCOW2_C_DATA,        /* has a place; extended L2: the bitmap says more */
    QCOW2_C_COMPRESSED,
};

struct qcow2_entry {
    uint64_t raw;
    uint32_t allocated, zeros; /* subclusters, a bit each */
    uint64_t place;            /* ZERO_PLACED, DATA: offset of the cluster */
    enum qcow2_class class;
    bool owned; /* has a place that nobody shares */
};

enum qcow2_unit { QCOW2_U_HOLE, QCOW2_U_ZERO, QCOW2_U_DATA };
/* What the subcluster (or, without them, the cluster) that holds byte within shows. */
enum qcow2_unit qcow2_unit_of(const struct qcow2_state *st, const struct qcow2_entry *e,
                              uint64_t within);
/* Bits of the subclusters that [within, within + length) of a cluster touches. */
uint32_t qcow2_unit_bits(const struct qcow2_state *st, uint64_t within, uint64_t length);
/* Bytes of the subclusters in units. */
uint64_t qcow2_units_size(const struct qcow2_state *st, uint32_t units);

/* The entry of guest in the table at l2. *ret_left: entries from it to the end of the piece
 * of the table, at least 1. */
int qcow2_entry_get(struct fmt_image *im, uint64_t l2, uint64_t guest, struct qcow2_entry *ret,
                    uint64_t *ret_left);
int qcow2_entry_set(struct fmt_image *im, uint64_t l2, uint64_t guest, uint64_t raw,
                    uint64_t bitmap);
/* What the entry referred to loses a reference. */
int qcow2_entry_drop(struct fmt_image *im, const struct qcow2_entry *e, bool discard);

/* ---- promises (qcow2-promise.c) --------------------------------------------------------- */

/* The first promise that shares a byte with [guest, guest + length); NULL: none. */
struct qcow2_promise *qcow2_promise_find(struct fmt_image *im, uint64_t guest, uint64_t length);
/* Is there room for n more? */
bool qcow2_promise_room(struct fmt_image *im, uint32_t n);
/* p.job and p.question are filled in. */
int qcow2_promise_add(struct fmt_image *im, struct qcow2_promise p);
/* The steps in [guest, guest + length) are done (broken: never will be). */
int qcow2_promise_done(struct fmt_image *im, uint64_t guest, uint64_t length, bool broken);
/* Publish what misses nothing, give back what is broken. */
int qcow2_promises_keep(struct fmt_image *im);
/* Give back those of the running job from that question on. */
int qcow2_promises_undo(struct fmt_image *im, uint32_t question);
/* Give back all. */
int qcow2_promises_drop(struct fmt_image *im);

/* ---- planning (qcow2-plan.c, qcow2-step.c, qcow2-coded.c, qcow2-zero.c) --------------- */

/* Steps that the first and the last cluster of a question need at most: one a subcluster. */
#define QCOW2_SPARE_STEPS (3 * QCOW2_SUBCLUSTERS)

/* The answers of a job being put together. */
struct qcow2_plan {
    struct fmt_image *im;
    struct abi_extent *out; /* NULL: places only, promised and complete at once */
    uint32_t max, n;
    uint32_t own;     /* the first answer of this question: no step spans two questions */
    bool full;        /* the answers do not fit: the question is planned up to reached */
    uint64_t reached; /* guest byte behind what was planned last */
    bool last;        /* publishing will free clusters: take no more questions */

    /* the end of the last cluster, to be filled unless the next question writes it */
    struct qcow2_tail {
        bool open;
        uint64_t guest, end; /* guest bytes to fill */
        uint64_t host;       /* of guest */
        struct qcow2_entry entry;
    } tail;
};

/* May [guest, end) be planned now? Not while clusters of it are promised, but that data may go on
 * where the data before ended. */
bool qcow2_plan_may(struct qcow2_plan *p, uint64_t guest, uint64_t end, uint16_t kind);
/* Steps for [guest, end): the caller's bytes (DATA), or zeros (FILL_ZERO). */
int qcow2_plan_range(struct qcow2_plan *p, uint64_t guest, uint64_t end, uint16_t kind);
/* Is there room for what one cluster can need? Else the question ends here. */
bool qcow2_plan_has_room(struct qcow2_plan *p);
/* Steps that give [guest, end) of one cluster, whose entry is e, what it shows now. */
void qcow2_plan_fill(struct qcow2_plan *p, const struct qcow2_entry *e, uint64_t guest,
                     uint64_t end, uint64_t host);
/* [guest, end) at host is the end of the cluster written last; its entry is e. */
void qcow2_plan_open_tail(struct qcow2_plan *p, const struct qcow2_entry *e, uint64_t guest,
                          uint64_t end, uint64_t host);
/* One step; goes on with the one before where it can. There must be room. */
void qcow2_plan_put(struct qcow2_plan *p, uint16_t kind, uint64_t guest, uint64_t length,
                    uint64_t host);
/* Nothing to store: coded clusters have come to an end. */
static inline bool qcow2_is_coded_end(const struct abi_extent *q)
{
    return q->kind == ABI_EXT_COOKED && !q->length && !q->guest_offset;
}
int qcow2_plan_coded(struct qcow2_plan *p, const struct abi_extent *q);
/* The end of the last cluster is to be filled now, up to guest. */
void qcow2_plan_tail(struct qcow2_plan *p, uint64_t guest);
/* Subclusters [guest, end) read as zeros in the tables now: what is promised for them is void. */
void qcow2_plan_forget(struct qcow2_plan *p, uint64_t guest, uint64_t end);
int qcow2_plan_zero(struct qcow2_plan *p, uint64_t guest, uint64_t end, bool unmap);
int qcow2_plan_discard(struct qcow2_plan *p, uint64_t guest, uint64_t end);

#endif
