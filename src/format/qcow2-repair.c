/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/qcow2-check.h"

int qcow2_give_back(struct qcow2_check *c)
{
    uint32_t bits = c->st->header.cluster_bits;
    struct abi_io op = {
        .op = ABI_IO_DISCARD,
        .offset = c->freed << bits,
        .length = c->n_freed << bits,
    };

    if (!c->n_freed) {
        return FMT_OK;
    }
    c->n_freed = 0;
    int status = qcow2_cache_write_back(c->im, QCOW2_KIND_REFBLOCK);
    return status ? status : c->im->env->io(c->im->env, &op, 1);
}

/* Remember a cluster that became free, in runs. */
static int remember_free(struct qcow2_check *c, uint64_t cluster)
{
    int status = FMT_OK;

    if (!(c->im->flags & ABI_OPEN_DISCARD_UNMAP) || qcow2_check_keeps(c, cluster)) {
        return FMT_OK;
    }
    if (c->n_freed && cluster != c->freed + c->n_freed) {
        status = qcow2_give_back(c);
    }
    if (!c->n_freed) {
        c->freed = cluster;
    }
    c->n_freed++;
    return status;
}

int qcow2_set_refcount(struct qcow2_check *c, uint64_t cluster, uint64_t refcount)
{
    const struct qcow2_state *st = c->st;
    uint32_t order = st->header.refcount_order;
    uint64_t size = qcow2_block_size(st);
    struct qcow2_block *block;
    uint32_t at;

    int status = qcow2_reftable_block(c->im, cluster >> st->refblock_bits, &block, &at);
    if (status) {
        return status;
    }
    uint64_t offset = be64_load(block->data + at) & QCOW2_REFTABLE_OFFSET;
    qcow2_block_put(block);
    uint64_t bit = (cluster & ((1ull << st->refblock_bits) - 1)) << order;
    uint64_t start = align_down(bit / 8, size);
    status = qcow2_block_get(c->im, QCOW2_KIND_REFBLOCK, offset + start, (uint32_t)size, &block);
    if (!status) {
        qcow2_refcount_store(block->data, order, (bit - start * 8) >> order, refcount);
        qcow2_block_dirty(block);
        qcow2_block_put(block);
    }
    return status || refcount ? status : remember_free(c, cluster);
}

/* A block that lies further behind the end of the file is not worth the length. */
#define MOST_ROOM (32u << 20)

int qcow2_make_room(struct qcow2_check *c, uint64_t cluster, uint32_t *ret_error)
{
    struct qcow2_state *st = c->st;

    *ret_error = 0;
    if (cluster >= QCOW2_MAX_FILE >> st->header.cluster_bits) {
        *ret_error = QCOW2_EINVAL;
        return FMT_OK;
    }
    uint64_t size = (cluster + 1) << st->header.cluster_bits;
    if (size - c->file_size > MOST_ROOM || qcow2_count_grow(c, cluster + 2)) {
        *ret_error = QCOW2_EFBIG;
        return FMT_OK;
    }
    int status = fmt_truncate(c->im->env, 0, size, ABI_PREALLOC_OFF);
    if (status == FMT_E_IO) {
        *ret_error = c->im->env->result->io_errno;
        return FMT_OK;
    }
    c->file_size = st->file_size = size;
    c->n_clusters = cluster + 1;
    return status;
}
