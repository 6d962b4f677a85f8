/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding entries of tables through the cache. */
#include "format/qcow2.h"

/* Bytes of a table of offsets that are read together when it is walked. */
#define AHEAD_BYTES (32u << 10)
#define AHEAD_PIECES 64u

/* Small clusters make small pieces, of which a long table has very many. Whoever comes to one
 * behind another is on a walk and is going to ask for those that follow. */
static int read_ahead(struct fmt_image *im, enum qcow2_kind kind, uint64_t offset, uint64_t bytes,
                      uint64_t start)
{
    uint64_t size = qcow2_block_size(im->state);
    uint64_t offsets[AHEAD_PIECES];
    uint32_t n = 0;

    if (size * 2 > AHEAD_BYTES || start < size ||
        !qcow2_cache_has(im, kind, offset + start - size) ||
        qcow2_cache_has(im, kind, offset + start)) {
        return FMT_OK;
    }
    /* the last piece may be shorter and is left out then */
    for (uint64_t at = start; n < min_u64(AHEAD_PIECES, AHEAD_BYTES / size) && at + size <= bytes;
         at += size) {
        offsets[n++] = offset + at;
    }
    return qcow2_cache_prefetch(im, kind, offsets, n);
}

/* The piece of a contiguous table of bytes length at offset that holds byte at. */
static int table_block(struct fmt_image *im, enum qcow2_kind kind, uint64_t offset, uint64_t bytes,
                       uint64_t at, struct qcow2_block **ret_block, uint32_t *ret_at)
{
    uint64_t size = qcow2_block_size(im->state);
    uint64_t start = align_down(at, size);

    *ret_at = (uint32_t)(at - start);
    int status = kind == QCOW2_KIND_L2 ? FMT_OK : read_ahead(im, kind, offset, bytes, start);
    return status ? status
                  : qcow2_block_get(im, kind, offset + start,
                                    (uint32_t)min_u64(size, bytes - start), ret_block);
}

int qcow2_l1_block(struct fmt_image *im, const struct qcow2_view *view, uint64_t index,
                   struct qcow2_block **ret_block, uint32_t *ret_at)
{
    return table_block(im, QCOW2_KIND_L1, view->l1_offset, view->l1_size * 8ull, index * 8,
                       ret_block, ret_at);
}

int qcow2_l1_entry(struct fmt_image *im, const struct qcow2_view *view, uint64_t index,
                   uint64_t *ret_entry)
{
    struct qcow2_block *block;
    uint32_t at;

    if (index >= view->l1_size) {
        *ret_entry = 0;
        return FMT_OK;
    }
    int status = qcow2_l1_block(im, view, index, &block, &at);
    if (!status) {
        *ret_entry = be64_load(block->data + at);
        qcow2_block_put(block);
    }
    return status;
}

int qcow2_l2_block(struct fmt_image *im, uint64_t l2_offset, uint32_t index,
                   struct qcow2_block **ret_block, uint32_t *ret_at, uint32_t *ret_left)
{
    const struct qcow2_state *st = im->state;
    int status = table_block(im, QCOW2_KIND_L2, l2_offset, st->cluster_size,
                             (uint64_t)index * st->l2_entry_size, ret_block, ret_at);

    if (!status) {
        *ret_left = ((*ret_block)->length - *ret_at) / st->l2_entry_size;
    }
    return status;
}

int qcow2_reftable_block(struct fmt_image *im, uint64_t index, struct qcow2_block **ret_block,
                         uint32_t *ret_at)
{
    const struct qcow2_state *st = im->state;
    return table_block(im, QCOW2_KIND_REFTABLE, st->header.reftable_offset,
                       st->header.reftable_clusters * st->cluster_size, index * 8, ret_block,
                       ret_at);
}

int qcow2_offset_block(struct fmt_image *im, enum qcow2_kind kind, uint64_t index,
                       struct qcow2_block **ret_block, uint32_t *ret_at)
{
    const struct qcow2_state *st = im->state;

    return kind == QCOW2_KIND_L1 ? qcow2_l1_block(im, &st->active, index, ret_block, ret_at)
                                 : qcow2_reftable_block(im, index, ret_block, ret_at);
}

/* The refcount block number index, 0 if there is none. */
static int find_refblock(struct fmt_image *im, uint64_t index, uint64_t *ret_offset)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_block *block;
    uint32_t at;

    *ret_offset = 0;
    if (index >= st->header.reftable_clusters * st->cluster_size / 8) {
        return FMT_OK;
    }
    int status = qcow2_reftable_block(im, index, &block, &at);
    if (status) {
        return status;
    }
    uint64_t offset = be64_load(block->data + at) & QCOW2_REFTABLE_OFFSET;
    qcow2_block_put(block);
    if (!is_aligned(offset, st->cluster_size)) {
        return fmt_fail2(im->env, QCOW2_E_REFBLOCK_UNALIGNED, offset, index);
    }
    if (!range_fits(offset, st->cluster_size, QCOW2_MAX_FILE)) {
        im->env->result->io_errno = QCOW2_EIO;
        return fmt_fail2(im->env, QCOW2_E_REFBLOCK_FAR, offset, index);
    }
    *ret_offset = offset;
    return FMT_OK;
}

int qcow2_refcount_piece(struct fmt_image *im, uint64_t cluster, struct qcow2_block **ret_block,
                         uint64_t *ret_first, uint64_t *ret_n)
{
    const struct qcow2_state *st = im->state;
    uint32_t order = st->header.refcount_order;
    uint64_t within = cluster & ((1ull << st->refblock_bits) - 1);
    uint64_t offset;
    uint32_t at;

    *ret_block = 0;
    *ret_first = cluster - within;
    *ret_n = 1ull << st->refblock_bits;
    int status = find_refblock(im, cluster >> st->refblock_bits, &offset);
    if (status || !offset) {
        return status;
    }
    /* a byte holds several counts, or a count several bytes */
    status = table_block(im, QCOW2_KIND_REFBLOCK, offset, st->cluster_size, (within << order) / 8,
                         ret_block, &at);
    if (!status) {
        *ret_n = ((uint64_t)(*ret_block)->length * 8) >> order;
        *ret_first += align_down(within, *ret_n);
    }
    return status;
}

int qcow2_refcount_get(struct fmt_image *im, uint64_t cluster, uint64_t *ret_refcount)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_block *block;
    uint64_t first, n;
    int status = qcow2_refcount_piece(im, cluster, &block, &first, &n);

    *ret_refcount = 0;
    if (!status && block) {
        *ret_refcount =
            qcow2_refcount_load(block->data, st->header.refcount_order, cluster - first);
        qcow2_block_put(block);
    }
    return status;
}

int qcow2_refcounts_used(struct fmt_image *im, uint64_t first, uint64_t n, uint64_t *ret_used)
{
    const struct qcow2_state *st = im->state;
    uint32_t order = st->header.refcount_order;

    *ret_used = 0;
    for (uint64_t end = first + n; first < end;) {
        struct qcow2_block *block;
        uint64_t base, some;
        int status = qcow2_refcount_piece(im, first, &block, &base, &some);
        if (status) {
            return status;
        }
        uint64_t stop = min_u64(end, base + some);
        for (; block && first < stop; first++) {
            *ret_used += qcow2_refcount_load(block->data, order, first - base) != 0;
        }
        if (block) {
            qcow2_block_put(block);
        }
        first = stop;
    }
    return FMT_OK;
}

uint64_t qcow2_refcount_load(const uint8_t *block, uint32_t order, uint64_t index)
{
    switch (order) {
    case 0:
        return block[index / 8] >> (index % 8) & 1;
    case 1:
        return block[index / 4] >> (index % 4 * 2) & 3;
    case 2:
        return block[index / 2] >> (index % 2 * 4) & 15;
    case 3:
        return block[index];
    case 4:
        return be16_load(block + index * 2);
    case 5:
        return be32_load(block + index * 4);
    default:
        return be64_load(block + index * 8);
    }
}

static void store_bits(uint8_t *byte, uint32_t shift, uint32_t mask, uint64_t value)
{
    *byte = (uint8_t)((*byte & ~(mask << shift)) | (value & mask) << shift);
}

void qcow2_refcount_store(uint8_t *block, uint32_t order, uint64_t index, uint64_t value)
{
    switch (order) {
    case 0:
        store_bits(block + index / 8, (uint32_t)(index % 8), 1, value);
        break;
    case 1:
        store_bits(block + index / 4, (uint32_t)(index % 4 * 2), 3, value);
        break;
    case 2:
        store_bits(block + index / 2, (uint32_t)(index % 2 * 4), 15, value);
        break;
    case 3:
        block[index] = (uint8_t)value;
        break;
    case 4:
        be16_store(block + index * 2, (uint16_t)value);
        break;
    case 5:
        be32_store(block + index * 4, (uint32_t)value);
        break;
    default:
        be64_store(block + index * 8, value);
        break;
    }
}
