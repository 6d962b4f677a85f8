/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/qcow2-check.h"

#define STEP (64u << 10)

/* How the refcounts of the clusters of one refcount block are read. */
struct refblock {
    bool broken; /* none of them can be: error says why */
    uint32_t error;
    uint64_t offset; /* 0: all are 0 */
};

/* The entry index of the refcount table. */
static int find_refblock(struct qcow2_check *c, struct qcow2_reader *r, uint64_t index,
                         struct refblock *ret)
{
    const struct qcow2_state *st = c->st;
    const uint8_t *p;

    *ret = (struct refblock){ .broken = false };
    if (index >= st->header.reftable_clusters * st->cluster_size / 8) {
        return FMT_OK;
    }
    int status = qcow2_reader_get(r, st->header.reftable_offset + index * 8, 8, &p);
    if (status) {
        return status;
    }
    ret->offset = be64_load(p) & QCOW2_REFTABLE_OFFSET;
    if (!is_aligned(ret->offset, st->cluster_size)) {
        ret->broken = true;
        ret->error = QCOW2_EIO;
        return qcow2_tell_refblock(c, ret->offset, index);
    }
    if (!range_fits(ret->offset, st->cluster_size, QCOW2_MAX_FILE)) {
        ret->broken = true;
        ret->error = QCOW2_EIO;
    }
    return FMT_OK;
}

static int compare_one(struct qcow2_check *c, uint64_t cluster, uint64_t refcount)
{
    uint64_t counted = qcow2_counted(c, cluster);

    if (refcount || counted) {
        c->highest = cluster;
    }
    if (counted) {
        c->last_used = cluster;
    }
    if (refcount == counted) {
        return FMT_OK;
    }
    bool low = refcount < counted;
    if (c->fixing & (low ? ABI_FIX_ERRORS : ABI_FIX_LEAKS)) {
        int status = qcow2_tell(c, QCOW2_C_COUNT_MENDED, cluster, refcount, counted);
        ++*(low ? &c->ret->corruptions_fixed : &c->ret->leaks_fixed);
        return status ? status : qcow2_set_refcount(c, cluster, counted);
    }
    c->rebuild |= !refcount;
    ++*(low ? &c->ret->corruptions : &c->ret->leaks);
    return qcow2_tell(c, low ? QCOW2_C_TOO_LOW : QCOW2_C_LEAK, cluster, refcount, counted);
}

/* [from, to): clusters of the window whose refcounts are in one refcount block. */
static int compare_block(struct qcow2_check *c, struct qcow2_reader *r, const struct refblock *b,
                         uint64_t from, uint64_t to)
{
    const struct qcow2_state *st = c->st;
    uint32_t order = st->header.refcount_order;
    uint64_t mask = (1ull << st->refblock_bits) - 1;
    uint64_t per_step = ((uint64_t)r->step * 8) >> order;
    int status = FMT_OK;

    for (uint64_t cluster = from; cluster < to && !status;) {
        uint64_t first = align_down(cluster & mask, per_step);
        uint64_t stop = min_u64(to, cluster - (cluster & mask) + first + per_step);
        const uint8_t *p;
        status = qcow2_reader_get(r, b->offset + (first << order) / 8, r->step, &p);
        for (; cluster < stop && !status; cluster++) {
            status =
                compare_one(c, cluster, qcow2_refcount_load(p, order, (cluster & mask) - first));
        }
    }
    return status;
}

/* There is no such block, or it cannot be read. */
static int compare_none(struct qcow2_check *c, const struct refblock *b, uint64_t from, uint64_t to)
{
    int status = FMT_OK;

    for (uint64_t cluster = from; b->broken && cluster < to && !status; cluster++) {
        c->ret->check_errors++;
        status = qcow2_tell(c, QCOW2_C_NO_REFCOUNT, cluster, b->error, 0);
    }
    if (b->broken) {
        return status;
    }
    while ((from = qcow2_next_used(c, from, to)) < to && !status) {
        status = compare_one(c, from++, 0);
    }
    return status;
}

int qcow2_check_compare(struct qcow2_check *c)
{
    const struct qcow2_state *st = c->st;
    uint64_t end = min_u64(c->base + c->size, c->n_clusters);
    struct qcow2_reader table, block;
    int status = FMT_OK;

    qcow2_reader_init(&table, c->im, 0);
    qcow2_reader_init(&block, c->im, min_u64(st->cluster_size, STEP));
    for (uint64_t cluster = c->base; cluster < end && !status;) {
        uint64_t index = cluster >> st->refblock_bits;
        uint64_t stop = min_u64(end, (index + 1) << st->refblock_bits);
        struct refblock b;
        status = find_refblock(c, &table, index, &b);
        if (!status) {
            status = b.offset && !b.broken ? compare_block(c, &block, &b, cluster, stop)
                                           : compare_none(c, &b, cluster, stop);
        }
        cluster = stop;
    }
    qcow2_reader_free(&block);
    qcow2_reader_free(&table);
    return status;
}

/* What the refcount of a cluster says about the flag of an entry. */
struct flag {
    bool known; /* false: the refcount cannot be read, which was told before */
    bool right;
    uint64_t refcount;
};

/* The refcount of a cluster; the piece it was found in is held, as the next one is mostly there. */
static int held_refcount(struct qcow2_check *c, uint64_t cluster, uint64_t *ret_refcount)
{
    struct qcow2_held *h = &c->held;

    if (cluster - h->first >= h->n) {
        if (h->block) {
            qcow2_block_put(h->block);
        }
        *h = (struct qcow2_held){ .block = 0 };
        int status = qcow2_refcount_piece(c->im, cluster, &h->block, &h->first, &h->n);
        if (status) {
            h->n = 0;
            return status;
        }
    }
    *ret_refcount = h->block ? qcow2_refcount_load(h->block->data, c->st->header.refcount_order,
                                                   cluster - h->first)
                             : 0;
    return FMT_OK;
}

static int examine_flag(struct qcow2_check *c, uint64_t entry, uint64_t offset, struct flag *ret)
{
    const uint64_t *arg = c->im->env->result->err_arg;
    int status = held_refcount(c, offset >> c->st->header.cluster_bits, &ret->refcount);

    ret->known = !status;
    ret->right = status || (ret->refcount == 1) == !!(entry & QCOW2_COPIED);
    switch (status) {
    case QCOW2_E_REFBLOCK_UNALIGNED:
        return qcow2_tell_refblock(c, arg[0], arg[1]);
    case QCOW2_E_REFBLOCK_FAR:
        return FMT_OK;
    default:
        return status;
    }
}

static int tell_flag(struct qcow2_check *c, bool mended, int code, uint64_t a0, uint64_t a1,
                     uint64_t a2)
{
    ++*(mended ? &c->ret->corruptions_fixed : &c->ret->corruptions);
    return qcow2_tell(c, code, a0, a1, a2);
}

static int flip_l1_flag(struct qcow2_check *c, uint64_t index)
{
    const struct qcow2_view *l1 = &c->st->active;
    uint32_t bits = c->st->header.cluster_bits;
    struct qcow2_block *block;
    uint32_t at;
    int status = qcow2_check_place(c->im, l1->l1_offset >> bits,
                                   div_up(l1->l1_size * 8ull, c->st->cluster_size), QCOW2_PLACE_L1);

    if (!status) {
        status = qcow2_l1_block(c->im, l1, index, &block, &at);
    }
    if (!status) {
        be64_store(block->data + at, be64_load(block->data + at) ^ QCOW2_COPIED);
        qcow2_block_dirty(block);
        qcow2_block_put(block);
    }
    return status;
}

/* The flag of an entry of an L2 table; right where there is none. */
static int examine_l2_flag(struct qcow2_check *c, uint64_t entry, struct flag *ret)
{
    uint64_t offset = entry & QCOW2_L2_OFFSET;

    *ret = (struct flag){ true, true, 1 };
    if ((entry & QCOW2_COMPRESSED) || (!offset && !c->st->has_data_file)) {
        return FMT_OK;
    }
    if (c->st->has_data_file) {
        ret->right = (entry & QCOW2_COPIED) || !offset;
        return FMT_OK;
    }
    return examine_flag(c, entry, offset, ret);
}

/* Turn over the flags that are wrong. */
static int mend_copied_l2(struct qcow2_check *c, uint64_t l2_offset)
{
    struct qcow2_l2_walk w;
    const uint8_t *p;
    int status;

    qcow2_l2_walk_begin(c, l2_offset, &w);
    while (!(status = qcow2_l2_walk_next(&w, &p)) && p) {
        uint64_t entry = be64_load(p);
        struct flag flag;

        status = examine_l2_flag(c, entry, &flag);
        if (!status && !flag.right) {
            uint64_t bitmap = c->st->extended_l2 ? be64_load(p + 8) : 0;
            status = qcow2_l2_walk_set(&w, entry ^ QCOW2_COPIED, bitmap);
        }
        if (status || (w.examined && !w.writable)) {
            break;
        }
    }
    if (!status && w.examined && !w.writable) {
        status = qcow2_tell(c, QCOW2_C_OVERLAP_L2, QCOW2_EIO, 0, 0);
        c->im->env->result->io_errno = QCOW2_EIO;
        status = status ? status : fmt_fail(c->im->env, FMT_E_CORRUPT_CLUSTER);
    }
    qcow2_l2_walk_end(&w);
    return status;
}

/* All that is wrong in a table is told before it is found out whether it may be changed. */
static int check_copied_l2(struct qcow2_check *c, uint64_t l2_offset)
{
    struct qcow2_l2_walk w;
    const uint8_t *p;
    bool mend = false;
    int status;

    qcow2_l2_walk_begin(c, l2_offset, &w);
    while (!(status = qcow2_l2_walk_next(&w, &p)) && p) {
        uint64_t entry = be64_load(p);
        struct flag flag;

        status = examine_l2_flag(c, entry, &flag);
        if (!status && !flag.right) {
            mend = c->fixing;
            status = tell_flag(c, mend, mend ? QCOW2_C_DATA_MENDED : QCOW2_C_COPIED_DATA, entry,
                               flag.refcount, 0);
        }
        if (status) {
            break;
        }
    }
    qcow2_l2_walk_end(&w);
    return status || !mend ? status : mend_copied_l2(c, l2_offset);
}

int qcow2_check_copied(struct qcow2_check *c)
{
    const struct qcow2_state *st = c->st;
    int status = FMT_OK;

    for (uint64_t i = 0; i < st->active.l1_size && !status; i++) {
        struct flag flag;
        uint64_t entry;
        status = qcow2_l1_entry(c->im, &st->active, i, &entry);
        uint64_t l2 = entry & QCOW2_L1_OFFSET;
        if (status || !l2) {
            continue;
        }
        status = examine_flag(c, entry, l2, &flag);
        if (!status && !flag.right) {
            status = tell_flag(c, c->fixing, c->fixing ? QCOW2_C_L2_MENDED : QCOW2_C_COPIED_L2, i,
                               entry, flag.refcount);
            if (!status && c->fixing) {
                status = flip_l1_flag(c, i);
            }
        }
        if (!status && flag.known) {
            status = check_copied_l2(c, l2);
        }
    }
    if (c->held.block) {
        qcow2_block_put(c->held.block);
    }
    c->held = (struct qcow2_held){ .block = 0 };
    return status;
}
