/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that refers to host clusters, in the order in which qemu-img goes. */
#include "format/qcow2-check.h"

#define STEP (64u << 10)

static int check_snapshots(struct qcow2_check *c)
{
    struct qcow2_state *st = c->st;
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true;
    int status = FMT_OK;

    if (st->has_data_file && st->header.n_snapshots) {
        status = qcow2_tell_corrupt(c, QCOW2_C_SNAPSHOTS_DATA_FILE, st->header.n_snapshots, 0, 0);
    }
    qcow2_snapshots_begin(c->im, &it);
    while (!status && more) {
        status = qcow2_snapshots_next(&it, &s, &more);
        if (!status && more) {
            status = qcow2_check_snapshot(c, &s);
        }
    }
    uint64_t bytes = it.offset - st->header.snapshots_offset;
    qcow2_snapshots_end(&it);
    return status ? status : qcow2_count(c, st->header.snapshots_offset, bytes);
}

static int check_bitmap_table(struct qcow2_check *c, const struct qcow2_bitmap *b)
{
    struct fmt_env *env = c->im->env;
    uint64_t bytes = b->table_size * 8ull;
    struct qcow2_reader r;

    int status = qcow2_count(c, b->table_offset, bytes);
    if (!status && !range_fits(b->table_offset, bytes, QCOW2_MAX_FILE)) {
        env->result->io_errno = QCOW2_EIO;
        status = fmt_fail(env, FMT_E_IO);
    }
    qcow2_reader_init(&r, c->im, min_u64(bytes, STEP));
    for (uint64_t at = 0; at < bytes && !status; at += 8) {
        const uint8_t *p;
        status = qcow2_reader_get(&r, b->table_offset + at, 8, &p);
        if (status) {
            break;
        }
        uint64_t entry = be64_load(p);
        if (!qcow2_bitmap_entry_valid(c->st, entry)) {
            env->result->io_errno = QCOW2_EINVAL;
            status = fmt_fail(env, FMT_E_IO);
        } else if (entry & QCOW2_BITMAP_TABLE_OFFSET) {
            status = qcow2_count(c, entry & QCOW2_BITMAP_TABLE_OFFSET, c->st->cluster_size);
        }
    }
    qcow2_reader_free(&r);
    return status;
}

static int check_bitmaps(struct qcow2_check *c)
{
    const struct qcow2_bitmaps *d = &c->st->bitmaps;
    struct qcow2_bitmap_walk it;
    struct qcow2_bitmap b;
    bool more = true;

    if (!d->n) {
        return FMT_OK;
    }
    int status = qcow2_count(c, d->directory_offset, d->directory_size);
    uint64_t before = c->ret->corruptions;
    qcow2_bitmaps_begin(c->im, &it);
    while (!status && more) {
        status = qcow2_bitmaps_next(&it, &b, &more);
        if (!status && more) {
            status = check_bitmap_table(c, &b);
        }
    }
    qcow2_bitmaps_end(&it);
    if (c->first_turn) {
        c->bitmap_errors = c->ret->corruptions - before;
    }
    return status;
}

/* When mending, the file is made long enough for the block: it reads as zeros then, and the counts
 * it should hold are found missing. */
static int refblock_outside(struct qcow2_check *c, uint64_t cluster, uint64_t index,
                            bool *ret_there)
{
    uint32_t error;

    *ret_there = false;
    if (!(c->fixing & ABI_FIX_ERRORS)) {
        return qcow2_tell_corrupt(c, QCOW2_C_REFBLOCK_OUTSIDE, index, 0, 0);
    }
    int status = qcow2_tell(c, QCOW2_C_REFBLOCK_MENDED, index, 0, 0);
    if (!status) {
        status = qcow2_make_room(c, cluster, &error);
    }
    if (!status && error) {
        c->rebuild = true;
        c->ret->corruptions++;
        /* no file is asked for a size that no file has */
        status = error == QCOW2_EINVAL ? FMT_OK : qcow2_report(c, QCOW2_C_FILE_RESIZE, error);
        return status ? status : qcow2_tell(c, QCOW2_C_NO_RESIZE, error, 0, 0);
    }
    *ret_there = !status;
    c->ret->corruptions_fixed += *ret_there;
    return status;
}

static int check_refblock(struct qcow2_check *c, uint64_t entry, uint64_t index)
{
    uint64_t offset = entry & QCOW2_REFTABLE_OFFSET;
    uint64_t cluster = offset >> c->st->header.cluster_bits;

    if (entry & QCOW2_REFTABLE_RESERVED) {
        c->rebuild = true;
        return qcow2_tell_corrupt(c, QCOW2_C_REFTABLE_RESERVED, index, 0, 0);
    }
    if (!is_aligned(offset, c->st->cluster_size)) {
        c->rebuild = true;
        return qcow2_tell_corrupt(c, QCOW2_C_REFBLOCK_UNALIGNED, index, 0, 0);
    }
    if (cluster >= c->n_clusters) {
        bool there;
        int failed = refblock_outside(c, cluster, index, &there);
        if (failed || !there) {
            return failed;
        }
    }
    int status = qcow2_count(c, offset, c->st->cluster_size);
    if (status || !qcow2_in_window(c, cluster)) {
        return status;
    }
    uint64_t counted = qcow2_counted(c, cluster);
    if (counted != 1) {
        c->rebuild = true;
        c->ret->corruptions++;
        return qcow2_tell(c, QCOW2_C_REFBLOCK_SHARED, index, counted, 0);
    }
    return FMT_OK;
}

static int check_refblocks(struct qcow2_check *c)
{
    const struct qcow2_header *h = &c->st->header;
    uint64_t bytes = h->reftable_clusters * c->st->cluster_size;
    struct qcow2_reader r;
    int status = FMT_OK;

    qcow2_reader_init(&r, c->im, min_u64(bytes, STEP));
    for (uint64_t at = 0; at < bytes && !status; at += 8) {
        const uint8_t *p;
        status = qcow2_reader_get(&r, h->reftable_offset + at, 8, &p);
        if (!status && be64_load(p)) {
            status = check_refblock(c, be64_load(p), at / 8);
        }
    }
    qcow2_reader_free(&r);
    return status;
}

int qcow2_check_walk(struct qcow2_check *c)
{
    struct qcow2_state *st = c->st;
    int status = qcow2_count(c, 0, st->cluster_size);

    if (!status) {
        status = qcow2_check_l1(c, st->active.l1_offset, st->active.l1_size, true);
    }
    if (!status) {
        status = check_snapshots(c);
    }
    if (!status) {
        status = qcow2_count(c, st->header.reftable_offset,
                             st->header.reftable_clusters * st->cluster_size);
    }
    if (!status && st->has_crypto) {
        status = qcow2_count(c, st->crypto_offset, st->crypto_length);
    }
    if (!status) {
        status = check_bitmaps(c);
    }
    return status ? status : check_refblocks(c);
}
