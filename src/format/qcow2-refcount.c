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
    return FMT_OK;
}

int qcow2_reftable_set(struct fmt_image *im, uint64_t index, uint64_t offset)
{
    struct qcow2_block *block;
    uint32_t at;
    int status = qcow2_reftable_block(im, index, &block, &at);

    if (!status) {
        be64_store(block->data + at, offset);
        qcow2_block_dirty(block);
        qcow2_block_put(block);
    }
    return status;
}

/* Counts of neighbouring clusters in one piece of a refcount block. */
struct run {
    struct qcow2_block *block;  /* NULL: there is no refcount block, all are 0 */
    uint64_t index;             /* of the first in the piece */
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

/* How much the count of cluster falls. */
static uint64_t fall_of(const struct qcow2_writer *w, uint64_t cluster)
{
    uint64_t amount = 0;

    for (uint32_t i = 0; i < w->n_falls; i++) {
        if (cluster - w->falls[i].cluster < w->falls[i].count) {
            amount += w->falls[i].amount;
        }
    }
    return amount;
}

bool qcow2_is_falling(const struct qcow2_writer *w, uint64_t first, uint64_t n)
{
    for (uint32_t i = 0; i < w->n_falls; i++) {
        if (ranges_overlap(first, n, w->falls[i].cluster, w->falls[i].count)) {
            return true;
        }
    }
    return false;
}

int qcow2_refcount_of(struct fmt_image *im, uint64_t cluster, uint64_t *ret_count)
{
    struct run run;
    int status = run_get(im, cluster, 1, &run);

    *ret_count = 0;
    if (!status && run.block) {
        *ret_count = qcow2_refcount_load(run.block->data, qcow2_state(im)->header.refcount_order,
                                         run.index) -
                     fall_of(qcow2_writer(im), cluster);
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
                count -= fall_of(w, *first + i);
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

/* Add amount (may be "negative") to n counts. None overflows: that was checked. */
static int counts_add(struct fmt_image *im, uint64_t first, uint64_t n, uint64_t amount)
{
    uint32_t order = qcow2_state(im)->header.refcount_order;
    struct run run;

    while (n) {
        int status = run_get(im, first, n, &run);
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

int qcow2_raise(struct fmt_image *im, uint64_t first, uint64_t n)
{
    /* what is falling to 0 must have fallen on disk before it is used again */
    if (qcow2_is_falling(qcow2_writer(im), first, n)) {
        int status = qcow2_settle(im);
        if (status) {
            return status;
        }
    }
    return counts_add(im, first, n, 1);
}

int qcow2_lower(struct fmt_image *im, uint64_t first, uint64_t n, bool discard)
{
    struct qcow2_writer *w = qcow2_writer(im);
    struct qcow2_fall *last = w->n_falls ? &w->falls[w->n_falls - 1] : 0;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t count;
        int status = qcow2_refcount_of(im, first + i, &count);
        if (status) {
            return status;
        }
        if (!count) {
            /* the image never counted it: what is not counted cannot fall */
            status = i ? qcow2_lower(im, first, i, discard) : FMT_OK;
            if (!status && i + 1 < n) {
                status = qcow2_lower(im, first + i + 1, n - i - 1, discard);
            }
            return status;
        }
        if (count == 1) {
            w->next_free = min_u64(w->next_free, first + i);
        }
    }
    if (!n) {
        return FMT_OK;
    }
    if (last && last->cluster + last->count == first && last->amount == 1 &&
        last->discard == discard) {
        last->count += n;
        return FMT_OK;
    }
    w->falls[w->n_falls++] = (struct qcow2_fall){
        .cluster = first, .count = n, .amount = 1, .discard = discard,
    };
    return w->n_falls == QCOW2_MAX_FALLS ? qcow2_settle(im) : FMT_OK;
}

/* Give back to the file system what is free now. Never an error: it is a favour. */
static void discard_free(struct fmt_image *im, const struct qcow2_fall *fall)
{
    uint32_t bits = qcow2_state(im)->header.cluster_bits;
    uint64_t at = fall->cluster, end = at + fall->count;

    while (at < end) {
        uint64_t stop = at;
        struct abi_io op = { .op = ABI_IO_DISCARD };

        if (qcow2_skip(im, true, end - at, &stop)) {
            return;
        }
        if (stop > at) {
            op.offset = at << bits;
            op.length = (stop - at) << bits;
            im->env->io(im->env, &op, 1);
        }
        at = stop + 1;
    }
}

int qcow2_settle(struct fmt_image *im)
{
    struct qcow2_writer *w = qcow2_writer(im);
    uint32_t n = w->n_falls;
    int status = qcow2_cache_write_back(im, QCOW2_KIND_L1);

    if (!status && n) {
        status = fmt_flush(im->env, 0);
    }
    if (status) {
        return status;
    }
    for (uint32_t i = 0; i < n && !status; i++) {
        status = counts_add(im, w->falls[i].cluster, w->falls[i].count, -w->falls[i].amount);
    }
    w->n_falls = 0;
    for (uint32_t i = 0; i < n && !status; i++) {
        if (w->falls[i].discard) {
            discard_free(im, &w->falls[i]);
        }
    }
    return status;
}
