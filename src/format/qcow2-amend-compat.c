/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From version 2 to version 3 of the format, and back. Version 2 has no clusters that read as
 * zeros by their entry: they become holes, where nothing is seen through them, or zeros that are
 * stored. spec "Header", "Cluster mapping".
 */
#include "format/qcow2-amend.h"
#include "format/qcow2-bitmap.h"

/* L2 tables read at a time. */
#define AHEAD 16u

/* Zero clusters stored before the file is flushed. */
#define BATCH 64u

/* ---- version 3 ---- */

/* Does a snapshot lack extra data that version 3 wants? */
static int lacks_extra(struct fmt_image *im, bool *ret_lacks)
{
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true;
    int status = FMT_OK;

    *ret_lacks = false;
    qcow2_snapshots_begin(im, &it);
    while (!status && more) {
        status = qcow2_snapshots_next(&it, &s, &more);
        *ret_lacks |= !status && more && s.extra_length < QCOW2_SNAPSHOT_EXTRA_V3;
    }
    qcow2_snapshots_end(&it);
    return status;
}

int qcow2_upgrade(struct fmt_image *im, struct qcow2_amend_steps *steps)
{
    struct qcow2_state *st = im->state;
    struct qcow2_header before = st->header;
    uint64_t table = 0, old_clusters = div_up(st->writer->snapshots_length, st->cluster_size);
    bool lacks;
    int status = qcow2_amend_tell(im, steps, 0, 2);

    if (!status) {
        status = lacks_extra(im, &lacks);
    }
    if (!status && lacks) {
        status = qcow2_snapshot_table_write(im, UINT32_MAX, 0, &table);
    }
    if (!status) {
        status = qcow2_amend_tell(im, steps, 1, 2);
    }
    if (!status) {
        status = qcow2_settle_tables(im);
    }
    if (status) {
        return status;
    }
    st->header.version = 3;
    st->header.refcount_order = QCOW2_V2_REFCOUNT_ORDER;
    if (table) {
        st->header.snapshots_offset = table;
    }
    status = qcow2_header_write(im);
    if (status) {
        st->header = before;
        return status;
    }
    status = fmt_flush(im->env, 0);
    if (!status) {
        status = qcow2_amend_tell(im, steps, 2, 2);
    }
    return status || !table ? status
                            : qcow2_lower(im, before.snapshots_offset >> before.cluster_bits,
                                          old_clusters, false);
}

/* ---- version 2: zero clusters ---- */

struct expand {
    struct fmt_image *im;
    struct qcow2_amend_steps *steps;
    uint64_t done, total; /* entries of L1 tables */
    uint64_t shared;      /* count of the L2 table at hand: so many tables in one */
    struct abi_io ops[BATCH];
    uint64_t *entries; /* of a piece of a table, as they will be */
    uint64_t *drops;   /* places that they give up, 0: none */
    uint32_t n_ops;
};

static int zero_now(struct expand *x)
{
    int status = x->n_ops ? x->im->env->io(x->im->env, x->ops, x->n_ops) : FMT_OK;

    x->n_ops = 0;
    return status;
}

/* The cluster at place holds zeros. */
static int zero_place(struct expand *x, uint64_t place)
{
    const struct qcow2_state *st = x->im->state;

    x->ops[x->n_ops++] =
        (struct abi_io){ .op = ABI_IO_ZERO, .offset = place, .length = st->cluster_size };
    return x->n_ops == BATCH ? zero_now(x) : FMT_OK;
}

/* What becomes of an entry that says "zeros", and lies at l2. *ret_drop: a place that loses x->shared references. */
static int expand_entry(struct expand *x, uint64_t raw, uint64_t l2, uint64_t *ret_raw,
                        uint64_t *ret_drop)
{
    struct fmt_image *im = x->im;
    const struct qcow2_state *st = im->state;
    uint64_t place = raw & QCOW2_L2_OFFSET, count = 0;
    uint32_t bits = st->header.cluster_bits;
    int status = FMT_OK;

    *ret_raw = *ret_drop = 0;
    if (place && !is_aligned(place, st->cluster_size)) {
        return qcow2_corrupt(im, QCOW2_X_CLUSTER_UNALIGNED, place, align_down(l2, st->cluster_size),
                             (l2 & (st->cluster_size - 1)) / st->l2_entry_size);
    }
    if (place) {
        status = qcow2_refcount_of(im, place >> bits, &count);
    }
    if (!status && place && count == x->shared) {
        /* nobody else sees what it holds */
        status = qcow2_check_place(im, place >> bits, 1, QCOW2_PLACE_DATA);
        *ret_raw = place | (count == 1 ? QCOW2_COPIED : 0);
        return status ? status : zero_place(x, place);
    }
    *ret_drop = place;
    if (status || !st->backing_name.length) {
        return status;
    }
    status = qcow2_alloc(im, 1, QCOW2_PLACE_NEW_DATA, &place);
    for (uint64_t i = 1; !status && i < x->shared; i++) {
        status = qcow2_raise(im, place >> bits, 1);
    }
    *ret_raw = place | (x->shared == 1 ? QCOW2_COPIED : 0);
    return status ? status : zero_place(x, place);
}

/* One piece of an L2 table. */
static int expand_piece(struct expand *x, uint64_t offset, uint32_t length)
{
    struct fmt_image *im = x->im;
    uint32_t bits = qcow2_state(im)->header.cluster_bits, n = 0;
    struct qcow2_block *block;
    int status = qcow2_block_get(im, QCOW2_KIND_L2, offset, length, &block);

    if (status) {
        return status;
    }
    for (uint32_t i = 0; !status && i < length / 8; i++) {
        uint64_t raw = be64_load(block->data + i * 8);
        x->entries[i] = raw;
        x->drops[i] = 0;
        if ((raw & QCOW2_ZERO) && !(raw & QCOW2_COMPRESSED)) {
            status = expand_entry(x, raw, offset + i * 8, &x->entries[i], &x->drops[i]);
            n++;
        }
    }
    /* zeros are on disk before an entry shows them */
    if (!status && n) {
        status = zero_now(x);
    }
    if (!status && n) {
        status = fmt_flush(im->env, 0);
    }
    if (!status && n) {
        status = qcow2_check_place(im, offset >> bits, 1, QCOW2_PLACE_L2);
    }
    for (uint32_t i = 0; !status && n && i < length / 8; i++) {
        be64_store(block->data + i * 8, x->entries[i]);
    }
    if (!status && n) {
        qcow2_block_dirty(block);
    }
    qcow2_block_put(block);
    for (uint32_t i = 0; !status && n && i < length / 8; i++) {
        for (uint64_t k = 0; !status && x->drops[i] && k < x->shared; k++) {
            status = qcow2_lower(im, x->drops[i] >> bits, 1, false);
        }
    }
    return status;
}

/* Read ahead the tables that come next from entry index on, as far as one piece is a whole one. */
static int read_ahead(struct fmt_image *im, const struct qcow2_view *view, uint64_t index)
{
    const struct qcow2_state *st = im->state;
    uint64_t offsets[AHEAD], entry;
    uint32_t n = 0;

    for (uint64_t end = min_u64(index + AHEAD, view->l1_size); index < end; index++) {
        int status = qcow2_l1_entry(im, view, index, &entry);
        if (status) {
            return status;
        }
        entry &= QCOW2_L1_OFFSET;
        if (entry && is_aligned(entry, st->cluster_size)) {
            offsets[n++] = entry;
        }
    }
    return st->cluster_size == qcow2_block_size(st)
               ? qcow2_cache_prefetch(im, QCOW2_KIND_L2, offsets, n)
               : FMT_OK;
}

/* All tables of one L1 table. */
static int expand_view(struct expand *x, const struct qcow2_view *view)
{
    struct fmt_image *im = x->im;
    const struct qcow2_state *st = im->state;
    uint32_t size = qcow2_block_size(st);
    int status = FMT_OK;

    for (uint64_t i = 0; !status && i < view->l1_size; i++, x->done++) {
        uint64_t entry, l2;
        if (x->done) {
            status = qcow2_amend_tell(im, x->steps, x->done, x->total);
        }
        if (!status && i % AHEAD == 0) {
            status = read_ahead(im, view, i);
        }
        if (!status) {
            status = qcow2_l1_entry(im, view, i, &entry);
        }
        if (status) {
            break;
        }
        l2 = entry & QCOW2_L1_OFFSET;
        if (!l2) {
            continue;
        }
        if (!is_aligned(l2, st->cluster_size)) {
            return qcow2_corrupt(im, QCOW2_X_L2_UNALIGNED, l2, i, 0);
        }
        status = qcow2_refcount_of(im, l2 >> st->header.cluster_bits, &x->shared);
        if (!status && !x->shared) {
            return qcow2_fail_errno(im, QCOW2_EIO);
        }
        for (uint64_t at = 0; !status && at < st->cluster_size; at += size) {
            status = expand_piece(x, l2 + at, size);
        }
    }
    return status;
}

/* Entries of all L1 tables, so that it can be told how far it is. */
static int count_entries(struct expand *x)
{
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true;
    int status = FMT_OK;

    x->total = qcow2_state(x->im)->active.l1_size;
    qcow2_snapshots_begin(x->im, &it);
    while (!status && more) {
        status = qcow2_snapshots_next(&it, &s, &more);
        x->total += !status && more ? s.l1_size : 0;
    }
    qcow2_snapshots_end(&it);
    return status;
}

/* The disk's own tables, then those of the snapshots that are not the same. */
static int expand_all(struct expand *x)
{
    struct fmt_image *im = x->im;
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true;
    int status = count_entries(x);

    if (!status) {
        status = expand_view(x, &qcow2_state(im)->active);
    }

    qcow2_snapshots_begin(im, &it);
    while (!status && more) {
        status = qcow2_snapshots_next(&it, &s, &more);
        if (!status && more) {
            status = qcow2_snapshot_l1_check(im, &s);
        }
        if (!status && more) {
            status = expand_view(x, &(struct qcow2_view){ s.l1_offset, s.l1_size, 0 });
        }
    }
    qcow2_snapshots_end(&it);
    return status ? status : qcow2_amend_tell(im, x->steps, x->total, x->total);
}

static int expand(struct fmt_image *im, struct qcow2_amend_steps *steps)
{
    struct expand *x = im->env->alloc(im->env, sizeof *x);
    int status = x ? FMT_OK : fmt_fail(im->env, FMT_E_NO_MEMORY);

    if (!status) {
        x->im = im;
        x->steps = steps;
        x->entries = im->env->alloc(im->env, qcow2_block_size(im->state));
        x->drops = im->env->alloc(im->env, qcow2_block_size(im->state));
        status = x->entries && x->drops ? expand_all(x) : fmt_fail(im->env, FMT_E_NO_MEMORY);
        im->env->free(im->env, x->drops);
        im->env->free(im->env, x->entries);
    }
    im->env->free(im->env, x);
    return status;
}

/* ---- version 2: what cannot be told ---- */

/* Is there a snapshot of another size, or with more than 4 GiB of vm state? Version 2 keeps neither. */
static int judge_snapshots(struct fmt_image *im)
{
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true;
    int status = FMT_OK;

    qcow2_snapshots_begin(im, &it);
    while (!status && more) {
        status = qcow2_snapshots_next(&it, &s, &more);
        if (!status && more &&
            (s.disk_size != qcow2_state(im)->active.size || s.vm_state_size > UINT32_MAX)) {
            status = fmt_fail(im->env, QCOW2_E_DOWNGRADE_SNAPSHOTS);
        }
    }
    qcow2_snapshots_end(&it);
    return status;
}

static int has_compressed(struct fmt_image *im, const struct qcow2_view *view, bool *ret_has)
{
    const struct qcow2_state *st = im->state;
    uint32_t size = qcow2_block_size(st);
    int status = FMT_OK;

    for (uint64_t i = 0; !status && !*ret_has && i < view->l1_size; i++) {
        uint64_t entry = 0, l2;
        status = i % AHEAD ? FMT_OK : read_ahead(im, view, i);
        if (!status) {
            status = qcow2_l1_entry(im, view, i, &entry);
        }
        l2 = entry & QCOW2_L1_OFFSET;
        if (!status && !is_aligned(l2, st->cluster_size)) {
            return qcow2_corrupt(im, QCOW2_X_L2_UNALIGNED, l2, i, 0);
        }
        for (uint64_t at = 0; !status && l2 && !*ret_has && at < st->cluster_size; at += size) {
            struct qcow2_block *block;
            status = qcow2_block_get(im, QCOW2_KIND_L2, l2 + at, size, &block);
            if (status) {
                break;
            }
            for (uint32_t k = 0; k < size; k += st->l2_entry_size) {
                *ret_has |= (be64_load(block->data + k) & QCOW2_COMPRESSED) != 0;
            }
            qcow2_block_put(block);
        }
    }
    return status;
}

/* Clusters coded with another method than version 2's only one. */
static int judge_compression(struct fmt_image *im)
{
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true, has = false;
    int status = has_compressed(im, &qcow2_state(im)->active, &has);

    qcow2_snapshots_begin(im, &it);
    while (!status && more && !has) {
        status = qcow2_snapshots_next(&it, &s, &more);
        if (!status && more) {
            status = qcow2_snapshot_l1_check(im, &s);
        }
        if (!status && more) {
            status = has_compressed(im, &(struct qcow2_view){ s.l1_offset, s.l1_size, 0 }, &has);
        }
    }
    qcow2_snapshots_end(&it);
    return !status && has ? fmt_fail(im->env, QCOW2_E_DOWNGRADE_ZSTD) : status;
}

static int judge_downgrade(struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;
    const uint64_t fine =
        QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_COMPRESSION | QCOW2_INCOMPAT_DATA_FILE;
    int status;

    if (st->header.refcount_order != QCOW2_V2_REFCOUNT_ORDER) {
        return fmt_fail(im->env, QCOW2_E_DOWNGRADE_WIDTH);
    }
    if (st->has_data_file) {
        return fmt_fail(im->env, QCOW2_E_DOWNGRADE_DATA_FILE);
    }
    status = judge_snapshots(im);
    if (!status && st->header.compression != QCOW2_COMPRESSION_ZLIB) {
        status = judge_compression(im);
    }
    if (!status && (st->header.incompatible & ~fine)) {
        status = fmt_fail1(im->env, QCOW2_E_DOWNGRADE_FEATURES, st->header.incompatible & ~fine);
    }
    return status;
}

int qcow2_downgrade(struct fmt_image *im, struct qcow2_amend_steps *steps)
{
    struct qcow2_state *st = im->state;
    struct qcow2_header *h = &st->header, before = *h;
    struct qcow2_text rest = st->header_rest;
    int status = h->version < 3 ? FMT_OK : judge_downgrade(im);

    if (status || h->version < 3) {
        return status;
    }
    status = qcow2_amend_fail(im, expand(im, steps), QCOW2_E_AMEND_ZEROS);
    if (!status) {
        status = qcow2_settle_tables(im);
    }
    if (status) {
        return status;
    }
    h->version = 2;
    h->header_length = QCOW2_HEADER_V2;
    h->incompatible = h->compatible = h->autoclear = 0;
    h->compression = QCOW2_COMPRESSION_ZLIB;
    st->header_rest = (struct qcow2_text){ 0 };
    status = qcow2_header_write(im);
    if (status) {
        *h = before;
        st->header_rest = rest;
        return status;
    }
    st->writer->marked = false;
    /* version 2 cannot say that they are true: they stay marked as in use */
    qcow2_bitmap_work_free(im);
    return fmt_flush(im->env, 0);
}
