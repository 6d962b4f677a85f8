/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2, inside: what its source files share. Nothing here is seen outside of
 * src/format/qcow2*.c but the driver itself (struct fmt_driver qcow2_driver).
 *
 * Files: qcow2-header.c decodes, qcow2-ext.c walks the header extensions,
 * qcow2-open.c validates and publishes, qcow2-cache.c holds tables,
 * qcow2-map.c finds entries, qcow2-extents.c answers reads, qcow2-info.c,
 * qcow2-snapshot.c, qcow2-bitmap.c and qcow2-crypto.c tell, qcow2-check*.c
 * check. Creating and writing have their own files.
 *
 * All offsets are bytes in the image file, all sizes bytes, unless a name says
 * otherwise. Functions return FMT_OK or a failure recorded with fmt_fail().
 */
#ifndef INSTAR_QCOW2_H
#define INSTAR_QCOW2_H

#include "base/checked.h"
#include "base/endian.h"
#include "format/format.h"
#include "format/qcow2-reader.h"
#include "format/qcow2-spec.h"
#include "format/qcow2-status.h"

extern const struct fmt_driver qcow2_driver;

/* ---- header --------------------------------------------------------------- */

/* The header, decoded. For version 2 the fields of version 3 hold what the
 * specification says is assumed. */
struct qcow2_header {
    uint32_t version;
    uint32_t cluster_bits;
    uint64_t backing_offset; /* 0: no backing file */
    uint32_t backing_length;
    uint32_t crypt_method; /* enum qcow2_crypt */
    uint64_t size;         /* virtual size */
    uint64_t l1_offset;
    uint32_t l1_size; /* entries */
    uint32_t reftable_clusters;
    uint64_t reftable_offset;
    uint64_t snapshots_offset;
    uint32_t n_snapshots;
    uint32_t refcount_order;
    uint64_t incompatible;
    uint64_t compatible;
    uint64_t autoclear;
    uint32_t header_length;
    uint32_t compression; /* enum qcow2_compression */
};

/* Decode the first QCOW2_HEADER_V3_USED bytes (zeros where the file is shorter).
 * Only the version decides what is decoded; nothing is validated. */
void qcow2_header_decode(const uint8_t *bytes, struct qcow2_header *ret);

/* One header extension as found, in file order, the end marker left out. A
 * rewritten header keeps those whose type it does not write itself. */
struct qcow2_extension {
    struct qcow2_extension *next;
    uint32_t type;
    uint32_t length;
    uint8_t *data; /* length bytes */
};

/* A name or other bytes taken from the image; not terminated. NULL: none. */
struct qcow2_text {
    const uint8_t *data;
    uint32_t length;
};

/* The bitmaps extension (spec "Bitmaps extension"); n == 0: none. */
struct qcow2_bitmaps {
    uint32_t n;
    uint64_t directory_size;
    uint64_t directory_offset;
};

/* ---- an open image ---------------------------------------------------------- */

/* What guest offsets are looked up in: the active disk, or a snapshot. */
struct qcow2_view {
    uint64_t l1_offset;
    uint32_t l1_size; /* entries */
    uint64_t size;    /* virtual size */
};

struct qcow2_cache;
struct qcow2_writer; /* whatever the writing side remembers */

struct qcow2_state {
    struct qcow2_header header; /* as it is (or will be, once written) on disk */
    uint64_t file_size; /* of the image file when it was opened for WRITE or CHECK; else 0 */

    /* geometry, derived from the header once */
    uint64_t cluster_size;
    uint32_t subcluster_size;  /* == cluster_size without extended L2 */
    uint32_t l2_entry_size;    /* 8 or 16 bytes */
    uint32_t l2_bits;          /* log2 of entries in an L2 table */
    uint32_t refblock_bits;    /* log2 of entries in a refcount block */
    uint32_t compressed_shift; /* x of spec "Compressed Clusters Descriptor" */
    bool extended_l2;
    bool has_data_file;
    bool data_file_raw;

    struct qcow2_view active; /* from the header; kept up to date by the writer */
    struct qcow2_view view;   /* what extents() answers from; == active unless selected */

    /* bytes of the header behind what is decoded, up to header_length */
    struct qcow2_text header_rest;
    struct qcow2_extension *extensions, *last_extension;
    struct qcow2_text backing_name;
    struct qcow2_text backing_format;
    struct qcow2_text data_file;
    struct qcow2_bitmaps bitmaps;
    bool has_crypto; /* a full disk encryption header is recorded */
    bool unlocked;   /* the key of an encrypted image is set */
    uint64_t crypto_offset;
    uint64_t crypto_length;
    bool has_data_file_name;
    uint32_t stale_bitmaps; /* bitmaps extensions that were passed over */

    bool mend_bitmaps; /* a check found some behind the end of the file: closing writes them anew */
    bool mend_snapshots; /* the snapshot table is read though entries have too much extra data */
    bool told_corrupt;   /* qcow2_corrupt() spoke */
    struct props_writer *pending; /* messages that come before what it says, or NULL */
    bool dead;                    /* ... and marked the image: nothing works any more */

    struct qcow2_cache *cache;
    struct qcow2_writer *writer;
};

static inline struct qcow2_state *qcow2_state(struct fmt_image *im)
{
    return im->state;
}

/* Derive geometry and active/view from st->header, which must be valid. */
void qcow2_set_geometry(struct qcow2_state *st);
/* The handle guest data lives in. */
static inline uint32_t qcow2_data_handle(const struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;
    return st->has_data_file ? im->data_handle : 0;
}

/* Guest bytes described by one L2 table. */
static inline uint64_t qcow2_l2_span(const struct qcow2_state *st)
{
    return st->cluster_size << st->l2_bits;
}

static inline uint64_t qcow2_l1_index(const struct qcow2_state *st, uint64_t guest)
{
    return guest >> (st->header.cluster_bits + st->l2_bits);
}

static inline uint32_t qcow2_l2_index(const struct qcow2_state *st, uint64_t guest)
{
    return (uint32_t)(guest >> st->header.cluster_bits) & ((1u << st->l2_bits) - 1);
}

/* ---- the table cache ---------------------------------------------------------- */

/*
 * Pieces of tables in memory, big endian as on disk, at most QCOW2_CACHE_BYTES
 * in all. A piece is st->cache block size long (a cluster, at most 64 KiB) and
 * begins at a multiple of that, except that the last piece of an L1 or refcount
 * table may be shorter.
 *
 * Dirty pieces go out in the order of the kinds, with a flush of the file in
 * between wherever a later kind has something to write: a table is on disk
 * before what points to it. When room is needed and only dirty pieces are left,
 * all kinds up to and including that of the oldest piece are written, in order;
 * so an L2 piece never leaves before the refcounts. What must be the other way
 * round (references removed before refcounts are lowered) the writer does by
 * calling qcow2_cache_write_back() between the two.
 */
enum qcow2_kind {
    QCOW2_KIND_REFBLOCK = 0,
    QCOW2_KIND_REFTABLE = 1,
    QCOW2_KIND_L2 = 2,
    QCOW2_KIND_L1 = 3,
};
#define QCOW2_KINDS 4u
#define QCOW2_CACHE_BYTES (4u << 20)
#define QCOW2_CACHE_MAX_BLOCK (64u << 10)

struct qcow2_block {
    uint8_t *data;
    uint64_t offset;
    uint32_t length;
    uint8_t kind;
    bool dirty;
    bool unread;           /* internal: about to be read by a prefetch */
    uint16_t pins;         /* > 0: stays where it is */
    uint32_t hash_next;    /* internal: index + 1 */
    uint32_t newer, older; /* internal: index + 1 */
};

/* Make the cache for st->cluster_size. Memory is taken as pieces come in. */
int qcow2_cache_open(struct fmt_image *im);
/* Forget everything, dirty or not, and give the memory back. */
void qcow2_cache_close(struct fmt_image *im);
/* Bytes of a full piece: a power of two that divides the cluster size. */
uint32_t qcow2_block_size(const struct qcow2_state *st);

/* The piece at offset (a multiple of the block size), length bytes of it (at
 * most the block size; the same at every call for one offset). Read if it is
 * not there; behind the end of the file it is zeros. Pinned until put. At most
 * 8 pieces may be pinned at a time. */
int qcow2_block_get(struct fmt_image *im, enum qcow2_kind kind, uint64_t offset, uint32_t length,
                    struct qcow2_block **ret_block);
/* The same for a cluster that was just allocated: zeros, not read, dirty. */
int qcow2_block_new(struct fmt_image *im, enum qcow2_kind kind, uint64_t offset, uint32_t length,
                    struct qcow2_block **ret_block);
void qcow2_block_put(struct qcow2_block *block);
/* block->data was changed. */
static inline void qcow2_block_dirty(struct qcow2_block *block)
{
    block->dirty = true;
}

/* Read what is missing of n full pieces in few requests. A hint: what does not
 * fit is left out. */
int qcow2_cache_prefetch(struct fmt_image *im, enum qcow2_kind kind, const uint64_t *offsets,
                         uint32_t n);
/* Is the piece that holds the byte at offset in memory? */
bool qcow2_cache_has(const struct fmt_image *im, enum qcow2_kind kind, uint64_t offset);
/* Write all dirty pieces of the kinds up to and including last, in order. The
 * file is flushed between two kinds, not at the end. */
int qcow2_cache_write_back(struct fmt_image *im, enum qcow2_kind last);
/* Forget pieces in [offset, offset + length), dirty or not: the clusters are free now. */
void qcow2_cache_drop(struct fmt_image *im, uint64_t offset, uint64_t length);
bool qcow2_cache_is_dirty(const struct fmt_image *im);

/* ---- finding entries (qcow2-map.c) ---------------------------------------------- */

/* The L1 piece that holds entry index of view (index < view->l1_size) and the
 * byte in it where the entry stands. Put the block. */
int qcow2_l1_block(struct fmt_image *im, const struct qcow2_view *view, uint64_t index,
                   struct qcow2_block **ret_block, uint32_t *ret_at);
/* One L1 entry, as a number. 0 for an index behind the table. */
int qcow2_l1_entry(struct fmt_image *im, const struct qcow2_view *view, uint64_t index,
                   uint64_t *ret_entry);
/* The L2 piece that holds entry index of the table at l2_offset (cluster
 * aligned), and where. *ret_left: entries from there to the end of the piece. */
int qcow2_l2_block(struct fmt_image *im, uint64_t l2_offset, uint32_t index,
                   struct qcow2_block **ret_block, uint32_t *ret_at, uint32_t *ret_left);
/* The refcount table piece that holds entry index (below the table's entries). */
int qcow2_reftable_block(struct fmt_image *im, uint64_t index, struct qcow2_block **ret_block,
                         uint32_t *ret_at);
/* The one or the other of these two tables of cluster offsets: kind is QCOW2_KIND_L1, the active
 * one, or QCOW2_KIND_REFTABLE. */
int qcow2_offset_block(struct fmt_image *im, enum qcow2_kind kind, uint64_t index,
                       struct qcow2_block **ret_block, uint32_t *ret_at);
/* The refcount of a host cluster; 0 where no refcount block exists. A broken
 * refcount table entry fails with QCOW2_E_REFBLOCK_*. */
int qcow2_refcount_get(struct fmt_image *im, uint64_t cluster, uint64_t *ret_refcount);

/* The counts of *ret_n clusters from *ret_first, cluster among them: entry i of the piece is that
 * of cluster *ret_first + i. *ret_block NULL: all are 0. Else put it. Fails likewise. */
int qcow2_refcount_piece(struct fmt_image *im, uint64_t cluster, struct qcow2_block **ret_block,
                         uint64_t *ret_first, uint64_t *ret_n);
/* How many of n clusters at first have a count above 0. */
int qcow2_refcounts_used(struct fmt_image *im, uint64_t first, uint64_t n, uint64_t *ret_used);

/* Entry index of a refcount block (or piece of one) with entries of 1 << order bits. */
uint64_t qcow2_refcount_load(const uint8_t *block, uint32_t order, uint64_t index);
void qcow2_refcount_store(uint8_t *block, uint32_t order, uint64_t index, uint64_t value);

/* Compressed descriptor -> where the bytes are. *ret_length: an upper bound, to
 * the end of the last sector. spec "Compressed Clusters Descriptor". */
static inline void qcow2_compressed_range(const struct qcow2_state *st, uint64_t entry,
                                          uint64_t *ret_offset, uint64_t *ret_length)
{
    uint64_t offset = entry & ((1ull << st->compressed_shift) - 1);
    uint64_t sectors = ((entry & (QCOW2_COMPRESSED - 1)) >> st->compressed_shift) + 1;

    *ret_offset = offset;
    *ret_length = sectors * QCOW2_SECTOR - (offset & (QCOW2_SECTOR - 1));
}

/* ---- what is found broken in use (qcow2-corrupt.c) ------------------------------- */

/* A table that points nowhere: tell it (ABI_PROP_MESSAGE by env->emit), the first
 * time only. An image opened for writing is marked as corrupt and can no longer
 * be used. Returns FMT_E_CORRUPT_CLUSTER, what the reader or writer gets. */
int qcow2_corrupt(struct fmt_image *im, int code, uint64_t a0, uint64_t a1, uint64_t a2);
/* Set the corrupt bit on disk at once; version 2 has none. */
int qcow2_mark_corrupt(struct fmt_image *im);

/* ---- extensions, snapshots, bitmaps ------------------------------------------------ */

/* Read the extensions between header_length and end into st, through r.
 * names_only: keep them, decode and judge none. */
int qcow2_extensions_read(struct fmt_image *im, struct qcow2_reader *r, uint64_t end,
                          bool names_only);
/* Append a copy of length bytes of data to st->extensions. */
int qcow2_extension_add(struct fmt_image *im, uint32_t type, const uint8_t *data, uint32_t length,
                        struct qcow2_extension **ret);
void qcow2_extensions_free(struct fmt_image *im);
/* Fail with the names of the unknown incompatible features. */
int qcow2_fail_features(struct fmt_image *im, uint64_t unknown);
/* NULL if there is none of that type. */
const struct qcow2_extension *qcow2_extension_find(const struct qcow2_state *st, uint32_t type);

/* One snapshot table entry. id and name point into the reader's buffer. */
struct qcow2_snapshot {
    uint64_t offset; /* of the entry */
    uint64_t length; /* of the entry with padding */
    uint64_t l1_offset;
    uint32_t l1_size;
    uint32_t date_sec, date_nsec;
    uint64_t vm_clock_nsec;
    uint64_t vm_state_size;
    uint64_t disk_size;    /* the image's where the entry does not say */
    uint64_t icount;       /* UINT64_MAX: not recorded */
    uint32_t extra_length; /* bytes of extra data that may be used */
    uint32_t extra_stored; /* ... and that the entry has */
    struct qcow2_text id, name;
};

/* Walks the snapshot table with a small buffer. End it whatever happened. */
struct qcow2_snapshots {
    struct fmt_image *im;
    uint32_t index;  /* of the next one */
    uint64_t offset; /* of the next one */
    uint64_t excess; /* bytes of extra data so far that may not be used */
    struct qcow2_reader reader;
};
void qcow2_snapshots_begin(struct fmt_image *im, struct qcow2_snapshots *it);
/* *ret_more false at the end: *ret is undefined then. Fails with QCOW2_E_SNAPSHOT_*. */
int qcow2_snapshots_next(struct qcow2_snapshots *it, struct qcow2_snapshot *ret, bool *ret_more);
void qcow2_snapshots_end(struct qcow2_snapshots *it);
/* The first one that fits how (enum abi_select) and name, and its place in the table; id and name
 * of *ret are not kept. FMT_E_NO_SNAPSHOT. */
int qcow2_snapshot_find(struct fmt_image *im, uint32_t how, struct qcow2_text name,
                        struct qcow2_snapshot *ret, uint32_t *ret_index);
/* Does its L1 table lie where one can? */
int qcow2_snapshot_l1_check(struct fmt_image *im, const struct qcow2_snapshot *s);
/* Read the table once, to see that it can be. */
int qcow2_snapshots_validate(struct fmt_image *im);

/* One bitmap directory entry. name points into the reader's buffer. */
struct qcow2_bitmap {
    uint64_t offset; /* of the entry */
    uint64_t length; /* of the entry with padding */
    uint64_t table_offset;
    uint32_t table_size; /* entries */
    uint32_t flags;
    uint8_t type;
    uint8_t granularity_bits;
    uint32_t extra_length;
    struct qcow2_text name; /* up to its first zero byte */
    bool cut;               /* ... and the entry would be shorter with just that */
};

/* Walks the bitmap directory; each entry is judged. End it whatever happened. */
struct qcow2_bitmap_walk {
    struct fmt_image *im;
    uint32_t index; /* of the next one */
    uint64_t offset, end;
    struct qcow2_reader reader;
};
void qcow2_bitmaps_begin(struct fmt_image *im, struct qcow2_bitmap_walk *it);
int qcow2_bitmaps_next(struct qcow2_bitmap_walk *it, struct qcow2_bitmap *ret, bool *ret_more);
void qcow2_bitmaps_end(struct qcow2_bitmap_walk *it);
/* Is this an entry a bitmap table may have? */
bool qcow2_bitmap_entry_valid(const struct qcow2_state *st, uint64_t entry);
/* The directory and the tables of all bitmaps that are not in use, as qemu-img
 * looks at them when it opens an image. */
int qcow2_bitmaps_validate(struct fmt_image *im);

/* ---- driver functions, by file --------------------------------------------------- */

/* Free im->state and what hangs on it. */
void qcow2_free(struct fmt_image *im);
void qcow2_fill_facts(const struct qcow2_state *st, struct abi_facts *facts);
/* Opened for writing: clear what we do not know, mend an image that was not closed. */
int qcow2_make_ready(struct fmt_image *im, struct props_writer *messages);
/* The names ABI_INFO_NAMES is about. */
void qcow2_put_names(const struct qcow2_state *st, struct props_writer *props);
/* The LUKS header of an encrypted image, judged; and the member "encrypt" of info. */
int qcow2_crypto_validate(struct fmt_image *im);
int qcow2_crypto_info(struct fmt_image *im, struct props_writer *props);
int qcow2_unlock(struct fmt_image *im, const uint8_t *secret, uint32_t length);
/* The key slots of a LUKS header are changed, see format/luks-amend.h. */
int qcow2_amend_crypto(struct fmt_image *im, struct props_reader in);
/* Is it one of the host's members of such a question? */
bool qcow2_is_amend_key(const struct props_item *item);
/* Set the key of crypt_method 1. */
struct crypt_bytes;
int qcow2_aes_unlock(struct fmt_image *im, struct crypt_bytes secret);
/* What guest data is coded in (enum abi_codec_id), and whether its key is still missing. */
uint32_t qcow2_cipher(const struct fmt_image *im);
bool qcow2_is_locked(const struct fmt_image *im);

uint32_t qcow2_probe(const uint8_t *head, uint32_t length);
int qcow2_open(struct fmt_image *im, struct abi_facts *facts, struct props_writer *props);
int qcow2_attach(struct fmt_image *im, uint32_t role, uint32_t index, uint32_t handle);
int qcow2_info(struct fmt_image *im, uint32_t part, struct props_writer *props);
int qcow2_extents(struct fmt_image *im, uint64_t start, uint64_t length, uint32_t flags,
                  struct abi_extent *out, uint32_t max, uint32_t *ret_count, uint64_t *ret_next);
int qcow2_select(struct fmt_image *im, uint32_t how, const uint8_t *name, uint32_t length);
int qcow2_write(struct fmt_image *im, const struct abi_extent *in, uint32_t n_in,
                struct abi_extent *out, uint32_t max, uint32_t *ret_count, uint32_t *ret_taken);
int qcow2_flush(struct fmt_image *im);
int qcow2_close(struct fmt_image *im);
int qcow2_create(struct fmt_image *im, const struct abi_create *req, struct props_reader options,
                 struct abi_facts *facts, struct props_writer *props);
int qcow2_truncate(struct fmt_image *im, uint64_t size, uint32_t prealloc, uint32_t flags);
int qcow2_measure(struct fmt_env *env, const struct abi_create *req, struct props_reader options,
                  struct abi_measure *ret);
/* Let go of what the writing side holds. */
void qcow2_writer_free(struct fmt_image *im);
/* A member of a question (ABI_JOB_CALL): a text goes to a struct qcow2_text, numbers and BOOL to a
 * uint64_t. What is not there stays as it is; what is not known is FMT_E_BAD_JOB. */
struct qcow2_arg {
    const char *key;
    uint16_t type; /* enum abi_prop_type */
    void *to;
};
int qcow2_take_args(struct fmt_image *im, struct props_reader *in, const struct qcow2_arg *args,
                    uint32_t n);
int qcow2_call(struct fmt_image *im, uint32_t call, struct props_reader in,
               struct props_writer *out);
int qcow2_check(struct fmt_image *im, uint32_t fix, struct abi_check *ret,
                struct props_writer *messages);

#endif
