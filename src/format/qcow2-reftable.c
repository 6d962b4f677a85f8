/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A refcount table that grows: it is written anew elsewhere, then the header points to it. */
#include "format/qcow2-write.h"

void qcow2_refcount_needs(uint64_t n, uint64_t cluster_size, uint32_t refblock_bits, bool generous,
                          uint64_t *ret_blocks, uint64_t *ret_table)
{
    uint64_t blocks = 0, table = 0, more_blocks, more_table;

    /* the blocks and the table are to be counted too; neither ever shrinks, so this ends */
    for (;;) {
        more_blocks = div_up(n + blocks + table, 1ull << refblock_bits);
        more_table =
            div_up(more_blocks + (generous ? div_up(more_blocks, 2) : 0), cluster_size / 8);
        if (more_blocks == blocks && more_table == table) {
            break;
        }
        blocks = more_blocks;
        table = more_table;
    }
    *ret_blocks = blocks;
    *ret_table = table;
}

/* Where the new table and the new blocks lie. */
struct area {
    uint64_t first;                   /* cluster: new blocks, then the table */
    uint64_t first_index, last_index; /* blocks that must be there afterwards */
    uint64_t block, block_index;      /* one made before; cluster 0: none */
    uint64_t next;                    /* cluster behind what is placed */
    uint64_t table;                   /* clusters of the table */
};

/* Is a block to be made for index, whose old entry is this? */
static bool is_missing(const struct area *a, uint64_t index, uint64_t entry)
{
    return !entry && index >= a->first_index && index <= a->last_index &&
           !(a->block && index == a->block_index);
}

/* Count the blocks to be made, and make them blank. */
static int place_blocks(struct fmt_image *im, struct area *a)
{
    const struct qcow2_state *st = im->state;

    for (uint64_t i = a->first_index; i <= a->last_index; i++) {
        uint64_t entry;
        int status = qcow2_refblock_offset(im, i, &entry);
        if (!status && is_missing(a, i, entry)) {
            status = qcow2_table_blank(im, QCOW2_KIND_REFBLOCK,
                                       a->next++ << st->header.cluster_bits, st->cluster_size);
        }
        if (status) {
            return status;
        }
    }
    return FMT_OK;
}

/* One piece of the new table at byte at: the old entries and the new blocks. */
static int fill_piece(struct fmt_image *im, const struct area *a, uint64_t at, uint64_t *next_block)
{
    const struct qcow2_state *st = im->state;
    uint32_t size = qcow2_block_size(st), bits = st->header.cluster_bits;
    struct qcow2_block *old = 0, *new;
    int status;

    if (at < st->header.reftable_clusters * st->cluster_size) {
        status =
            qcow2_block_get(im, QCOW2_KIND_REFTABLE, st->header.reftable_offset + at, size, &old);
        if (status) {
            return status;
        }
    }
    status = qcow2_block_new(im, QCOW2_KIND_REFTABLE, (a->next << bits) + at, size, &new);
    for (uint32_t i = 0; !status && i < size; i += 8) {
        uint64_t index = (at + i) / 8;
        uint64_t entry = old ? be64_load(old->data + i) : 0;

        if (a->block && index == a->block_index) {
            entry = a->block << bits;
        } else if (is_missing(a, index, entry & QCOW2_REFTABLE_OFFSET)) {
            entry = (*next_block)++ << bits;
        }
        be64_store(new->data + i, entry);
    }
    if (!status) {
        qcow2_block_put(new);
    }
    if (old) {
        qcow2_block_put(old);
    }
    return status;
}

int qcow2_reftable_move(struct fmt_image *im, uint64_t first, uint64_t n, bool generous,
                        uint64_t block, uint64_t block_index, uint64_t *ret_end)
{
    struct qcow2_state *st = im->state;
    struct qcow2_writer *w = st->writer;
    uint32_t bits = st->header.cluster_bits, old_clusters = st->header.reftable_clusters;
    uint64_t blocks, old_offset = st->header.reftable_offset, next_block = first;
    struct area a = {
        .first = first,
        .first_index = first >> st->refblock_bits,
        .next = first,
        .block = block,
        .block_index = block_index,
    };

    qcow2_refcount_needs(first + n, st->cluster_size, st->refblock_bits, generous, &blocks,
                         &a.table);
    a.table = max_u64(a.table, old_clusters);
    a.last_index = blocks - 1;
    if (a.table > QCOW2_MAX_REFTABLE_BYTES >> bits) {
        return qcow2_fail_errno(im, QCOW2_EFBIG);
    }
    /* a failure from here on leaves memory ahead of the disk */
    w->dead = true;
    int status = place_blocks(im, &a);
    uint64_t table_bytes = a.table << bits;
    for (uint64_t at = 0; !status && at < table_bytes; at += qcow2_block_size(st)) {
        status = fill_piece(im, &a, at, &next_block);
    }
    if (status) {
        return status;
    }
    st->header.reftable_offset = a.next << bits;
    st->header.reftable_clusters = (uint32_t)a.table;
    w->places_known = false;
    *ret_end = a.next + a.table;
    qcow2_extend(w, 0, *ret_end << bits);
    status = qcow2_raise(im, first, *ret_end - first);
    if (!status && block) {
        status = qcow2_raise(im, block, 1);
    }
    if (!status) {
        status = qcow2_cache_write_back(im, QCOW2_KIND_REFTABLE);
    }
    if (!status) {
        status = qcow2_header_fields(im);
    }
    if (status) {
        return status;
    }
    w->dead = false;
    qcow2_cache_drop(im, old_offset, (uint64_t)old_clusters << bits);
    return qcow2_lower(im, old_offset >> bits, old_clusters, false);
}
