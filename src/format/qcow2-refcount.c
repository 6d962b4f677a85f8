/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reference counts: spec "Host cluster management". */
#include "format/qcow2-write.h"

int qcow2_refblock_offset(struct fmt_image *im, uint64_t index, uint64_t *ret_offset)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_block *block;
    uint32_t at;

    *ret_offset = 0;
    if (index >= qcow2_reftable_entries(st)) {
        return FMT_OK;
    }
    int status = qcow2_reftable_block(im, index, &block, &at);
    if (status) {
        return status;
    }
    *ret_offset = be64_load(block->data + at) & QCOW2_REFTABLE_OFFSET;
    qcow2_block_put(block);
    if (!is_aligned(*ret_offset, st->cluster_size)) {
        return qcow2_corrupt(im, QCOW2_X_REFBLOCK_UNALIGNED, *ret_offset, index, 0);
    }
    if (!range_fits(*ret_offset, st->cluster_size, QCOW2_MAX_FILE)) {
        im->env->result->io_errno = QCOW2_EIO;
        return fmt_fail(im->env, FMT_E_IO);
    }
    return FMT_OK;
}

int qcow2_reftable_set(struct fmt_image *im, uint64_t index, uint64_t offset)
{
    const struct qcow2_header *h = &qcow2_state(im)->header;
    struct qcow2_block *block;
    uint32_t at;
    int status = qcow2_check_place(im, h->reftable_offset >> h->cluster_bits, h->reftable_clusters,
                                   QCOW2_PLACE_REFTABLE);

    if (!status) {
        status = qcow2_reftable_block(im, index, &block, &at);
    }
    if (!status) {
        be64_store(block->data + at, offset);
        qcow2_block_dirty(block);
        qcow2_block_put(block);
        qcow2_place_map_add(im, QCOW2_PLACE_REFBLOCK, offset);
    }
    return status;
}

/* Counts of neighbouring clusters in one piece of a refcount block. */
struct run {
    struct qcow2_block *block; /* NULL: there is no refcount block, all are 0 */
    uint64_t index;            /* of the first in the piece */
    uint64_t n;
};

/* The run that begins at cluster, at most n long. Put run->block if it is there. */
static int run_get(struct fmt_image *im, uint64_t cluster, uint64_t n, struct run *run)
{
    const struct qcow2_state *st = im->state;
    uint64_t in_block = 1ull << st->refblock_bits;
    uint64_t piece = (uint64_t)qcow2_block_size(st) * 8 >> st->header.refcount_order;
    uint64_t within = cluster & (in_block - 1);
    uint64_t offset;
    int status = qcow2_refblock_offset(im, cluster >> st->refblock_bits, &offset);

    *run = (struct run){ .n = min_u64(n, in_block - within) };
    if (status || !offset) {
        return status;
    }
    run->index = within & (piece - 1);
    run->n = min_u64(run->n, piece - run->index);
    offset += (within - run->index) << st->header.refcount_order >> 3;
    return qcow2_block_get(im, QCOW2_KIND_REFBLOCK, offset, qcow2_block_size(st), &run->block);
}

static void run_put(struct run *run)
{
    if (run->block) {
        qcow2_block_put(run->block);
    }
}

int qcow2_refcount_of(struct fmt_image *im, uint64_t cluster, uint64_t *ret_count)
{
    struct run run;
    int status = run_get(im, cluster, 1, &run);

    *ret_count = 0;
    if (!status && run.block) {
        *ret_count = qcow2_refcount_load(run.block->data, qcow2_state(im)->header.refcount_order,
                                         run.index) -
                     qcow2_fall_of(qcow2_writer(im), cluster);
        run_put(&run);
    }
    return status;
}

int qcow2_skip(struct fmt_image *im, bool while_free, uint64_t n, uint64_t *first)
{
    const struct qcow2_writer *w = qcow2_writer(im);
    uint32_t order = qcow2_state(im)->header.refcount_order;
    struct run run;

    while (n) {
        int status = run_get(im, *first, n, &run);
        if (status) {
            return status;
        }
        if (!run.block) {
            if (!while_free) {
                return FMT_OK;
            }
            *first += run.n;
            n -= run.n;
            continue;
        }
        bool falling = qcow2_is_falling(w, *first, run.n);
        uint64_t i = 0;
        for (; i < run.n; i++) {
            uint64_t count = qcow2_refcount_load(run.block->data, order, run.index + i);
            if (count && falling) {
                count -= qcow2_fall_of(w, *first + i);
            }
            if ((count == 0) != while_free) {
                break;
            }
        }
        run_put(&run);
        *first += i;
        n -= i;
        if (i < run.n) {
            return FMT_OK;
        }
    }
    return FMT_OK;
}

int qcow2_table_blank(struct fmt_image *im, enum qcow2_kind kind, uint64_t offset, uint64_t length)
{
    const struct qcow2_state *st = im->state;
    uint32_t piece = qcow2_block_size(st);

    for (uint64_t at = 0; at < length; at += piece) {
        struct qcow2_block *block;
        int status = qcow2_block_new(im, kind, offset + at, piece, &block);
        if (status) {
            return status;
        }
        qcow2_block_put(block);
    }
    qcow2_extend(qcow2_writer(im), offset, length);
    return FMT_OK;
}

/*
 * Make the refcount block number index. It lies in the next free cluster, and
 * counts itself if it covers that; else the block that does is made first.
 */
static int block_make(struct fmt_image *im, uint64_t index)
{
    const struct qcow2_state *st = im->state;
    uint32_t bits = st->header.cluster_bits;
    uint64_t cluster, own, end;
    int status = qcow2_find_one(im, &cluster);

    if (status) {
        return status;
    }
    own = cluster >> st->refblock_bits;
    if (own != index) {
        status = qcow2_refblocks_make(im, cluster, 1);
        if (status) {
            return status;
        }
    }
    status = qcow2_table_blank(im, QCOW2_KIND_REFBLOCK, cluster << bits, st->cluster_size);
    if (status) {
        return status;
    }
    if (index < qcow2_reftable_entries(st)) {
        status = qcow2_reftable_set(im, index, cluster << bits);
        return status ? status : qcow2_raise(im, cluster, 1);
    }
    end = max_u64(index, own) + 1;
    status = qcow2_reftable_move(im, end << st->refblock_bits, 0, true, cluster, index, &end);
    return status ? status : QCOW2_AGAIN;
}

int qcow2_refblocks_make(struct fmt_image *im, uint64_t first, uint64_t n)
{
    const struct qcow2_state *st = im->state;
    uint64_t last = (first + n - 1) >> st->refblock_bits;

    for (uint64_t index = first >> st->refblock_bits; index <= last; index++) {
        uint64_t offset;
        int status = qcow2_refblock_offset(im, index, &offset);
        if (!status && !offset) {
            status = block_make(im, index);
        }
        if (status) {
            return status;
        }
    }
    return FMT_OK;
}

int qcow2_refblocks_make_one(struct fmt_image *im, uint64_t first, uint64_t n, bool *ret_made)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_writer *w = st->writer;
    uint64_t last = (first + n - 1) >> st->refblock_bits;
    int status = FMT_OK;

    *ret_made = false;
    for (uint64_t index = first >> st->refblock_bits; !status && index <= last; index++) {
        uint64_t offset;
        status = qcow2_refblock_offset(im, index, &offset);
        if (status || offset) {
            continue;
        }
        w->held = first;
        w->held_end = max_u64(first, index << st->refblock_bits);
        status = block_make(im, index);
        w->held = w->held_end = 0;
        w->next_free = min_u64(w->next_free, first);
        *ret_made = true;
        return status == QCOW2_AGAIN ? FMT_OK : status;
    }
    return status;
}

/* Does the refcount block of cluster lie where no other table does? Asked once for each. */
static int may_change(struct fmt_image *im, uint64_t cluster)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_writer *w = st->writer;
    uint64_t offset;
    int status = qcow2_refblock_offset(im, cluster >> st->refblock_bits, &offset);

    if (status || !offset || offset == w->sound_block) {
        return status;
    }
    status = qcow2_check_place(im, offset >> st->header.cluster_bits, 1, QCOW2_PLACE_REFBLOCK);
    w->sound_block = status ? 0 : offset;
    return status;
}

static int add_counts(struct fmt_image *im, uint64_t first, uint64_t n, uint64_t amount)
{
    uint32_t order = qcow2_state(im)->header.refcount_order;
    struct run run;

    while (n) {
        int status = may_change(im, first);
        if (!status) {
            status = run_get(im, first, n, &run);
        }
        if (status) {
            return status;
        }
        for (uint64_t i = run.index; run.block && i < run.index + run.n; i++) {
            uint64_t count = qcow2_refcount_load(run.block->data, order, i);
            qcow2_refcount_store(run.block->data, order, i, count + amount);
        }
        if (run.block) {
            qcow2_block_dirty(run.block);
            run_put(&run);
        }
        first += run.n;
        n -= run.n;
    }
    return FMT_OK;
}

int qcow2_counts_add(struct fmt_image *im, uint64_t first, uint64_t n, uint64_t amount)
{
    bool begun = qcow2_place_map_begin(im, n);
    int status = add_counts(im, first, n, amount);

    qcow2_place_map_end(im, begun);
    return status;
}

int qcow2_raise(struct fmt_image *im, uint64_t first, uint64_t n)
{
    /* what is falling to 0 must have fallen on disk before it is used again */
    if (qcow2_is_falling(qcow2_writer(im), first, n)) {
        int status = qcow2_settle(im);
        if (status) {
            return status;
        }
    }
    return qcow2_counts_add(im, first, n, 1);
}
