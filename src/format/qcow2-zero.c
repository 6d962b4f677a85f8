/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranges that shall read as zeros, or are not wanted any more. */
#include "format/qcow2-write.h"

#define ALL_UNITS UINT32_MAX

/* What the entry becomes when all of its cluster reads as zeros. */
static void zeroed(const struct qcow2_state *st, const struct qcow2_entry *e, bool give_up,
                   uint64_t *raw, uint64_t *bitmap, bool *drop)
{
    bool placed = e->class == QCOW2_C_DATA || e->class == QCOW2_C_ZERO_PLACED;

    *drop = e->class == QCOW2_C_COMPRESSED || (placed && give_up);
    *raw = placed && !*drop ? e->raw : 0;
    *bitmap = 0;
    if (st->extended_l2) {
        *bitmap = (uint64_t)ALL_UNITS << 32;
    } else if (st->header.version >= 3) {
        *raw |= QCOW2_ZERO;
    }
}

static bool is_zero_already(const struct qcow2_state *st, const struct qcow2_entry *e)
{
    return st->extended_l2 ? e->zeros == ALL_UNITS && e->class != QCOW2_C_COMPRESSED
                           : e->class == QCOW2_C_ZERO || e->class == QCOW2_C_ZERO_PLACED;
}

/* All of the cluster at guest. give_up: its place is not kept. */
static int zero_cluster(struct fmt_image *im, uint64_t l2, uint64_t guest, bool give_up)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_entry e;
    uint64_t left, raw, bitmap;
    bool drop;
    int status = qcow2_entry_get(im, l2, guest, &e, &left);

    if (status) {
        return status;
    }
    if (st->header.version < 3 && e.class == QCOW2_C_UNALLOCATED) {
        return FMT_OK;
    }
    zeroed(st, &e, give_up, &raw, &bitmap, &drop);
    if (is_zero_already(st, &e) && !drop) {
        return FMT_OK;
    }
    status = qcow2_entry_set(im, l2, guest, raw, bitmap);
    return status || !drop ? status : qcow2_entry_drop(im, &e, im->flags & ABI_OPEN_DISCARD_UNMAP);
}

/* Subclusters of one cluster that is not compressed. */
static int zero_units(struct qcow2_plan *p, uint64_t guest, uint64_t end)
{
    struct fmt_image *im = p->im;
    const struct qcow2_state *st = im->state;
    uint64_t within = guest & (st->cluster_size - 1), l2, left;
    uint32_t units = qcow2_unit_bits(st, within, end - guest);
    struct qcow2_entry e;
    int status = qcow2_l2_own(im, guest, &l2);

    if (!status) {
        status = qcow2_entry_get(im, l2, guest, &e, &left);
    }
    if (status) {
        return status;
    }
    qcow2_plan_forget(p, guest, end);
    return qcow2_entry_set(im, l2, guest, e.raw,
                           (uint64_t)(e.zeros | units) << 32 | (e.allocated & ~units));
}

/* Clusters of [guest, end), both multiples of the cluster size. */
static int zero_clusters(struct fmt_image *im, uint64_t guest, uint64_t end, bool give_up)
{
    const struct qcow2_state *st = im->state;
    uint64_t l2 = 0, span = qcow2_l2_span(st);
    int status = FMT_OK;

    for (uint64_t at = guest; !status && at < end; at += st->cluster_size) {
        if (!l2 || is_aligned(at, span)) {
            status = qcow2_l2_own(im, at, &l2);
        }
        if (!status) {
            status = zero_cluster(im, l2, at, give_up);
        }
    }
    return status;
}

/* What the bytes at guest show, without making anything. */
static int look(struct fmt_image *im, uint64_t guest, struct qcow2_entry *e)
{
    uint64_t l2, left;
    int status = qcow2_l2_find(im, guest, &l2);

    *e = (struct qcow2_entry){ .class = QCOW2_C_UNALLOCATED };
    return status || !l2 ? status : qcow2_entry_get(im, l2, guest, e, &left);
}

/*
 * The bytes of an external data file, where they lie at their guest offsets. A
 * raw one must read as zeros itself; any other may lose what is not kept.
 */
static int empty_data_file(struct qcow2_plan *p, uint64_t guest, uint64_t end, bool give_up)
{
    struct fmt_image *im = p->im;
    const struct qcow2_state *st = im->state;
    struct abi_io op = { .op = ABI_IO_DISCARD, .handle = im->data_handle };

    end = min_u64(end, st->active.size);
    if (!st->has_data_file || guest >= end) {
        return FMT_OK;
    }
    if (st->data_file_raw) {
        qcow2_plan_put(p, ABI_EXT_FILL_ZERO, guest, end - guest, guest);
        return FMT_OK;
    }
    op.offset = align_up(guest, st->cluster_size);
    op.length = align_down(end, st->cluster_size);
    if (!give_up || !(im->flags & ABI_OPEN_DISCARD_UNMAP) || op.offset >= op.length) {
        return FMT_OK;
    }
    op.length -= op.offset;
    return im->env->io(im->env, &op, 1);
}

/* A part [guest, end) of one subcluster. */
static int zero_part(struct qcow2_plan *p, uint64_t guest, uint64_t end, bool unmap)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t first = align_down(guest, st->subcluster_size);
    struct qcow2_entry e;
    int status = look(p->im, guest, &e);

    if (status) {
        return status;
    }
    enum qcow2_unit unit = qcow2_unit_of(st, &e, guest & (st->cluster_size - 1));
    /* part of what reads as zeros anyway: all of it can say so */
    if (unit == QCOW2_U_DATA || (unit == QCOW2_U_HOLE && st->backing_name.length)) {
        return qcow2_plan_range(p, guest, end, ABI_EXT_FILL_ZERO);
    }
    return st->extended_l2 ? zero_units(p, first, first + st->subcluster_size)
                           : zero_clusters(p->im, first, first + st->subcluster_size,
                                           unmap || st->header.version < 3);
}

/* Whole subclusters [guest, end), in the tables if that can be. */
static int zero_whole(struct qcow2_plan *p, uint64_t guest, uint64_t end, bool unmap)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t size = st->cluster_size, at = guest;
    bool cannot = st->header.version < 3 && st->backing_name.length;
    /* the end of the disk is as good as the end of a cluster */
    uint64_t whole = end >= st->active.size ? align_up(end, size) : align_down(end, size);
    int status = FMT_OK;

    while (!status && !cannot && at < end) {
        uint64_t stop = min_u64(end, align_down(at, size) + size);
        struct qcow2_entry e;

        if (is_aligned(at, size) && whole > at) {
            stop = whole;
            status = zero_clusters(p->im, at, stop, unmap || st->header.version < 3);
        } else {
            status = look(p->im, at, &e);
            cannot = !status && e.class == QCOW2_C_COMPRESSED;
            if (!status && !cannot) {
                status = zero_units(p, at, stop);
            }
        }
        at = stop;
    }
    /* limit: where a part cannot, all of it is written */
    return status || !cannot
               ? status
               : qcow2_plan_range(p, guest, min_u64(end, st->active.size), ABI_EXT_FILL_ZERO);
}

/* All of [guest, end): the rest of a subcluster, whole ones, a beginning of one. */
static int zero_range(struct qcow2_plan *p, uint64_t guest, uint64_t end, bool unmap)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t unit = st->subcluster_size;
    /* the end of the disk is as good as the end of a subcluster */
    uint64_t edge = end == st->active.size ? align_up(end, unit) : end;
    uint64_t head = min_u64(end, align_up(guest, unit));
    uint64_t tail = max_u64(head, align_down(edge, unit));
    int status = FMT_OK;

    if (guest < head) {
        status = zero_part(p, guest, head, unmap);
    }
    if (!status && head < tail) {
        status = zero_whole(p, head, tail, unmap);
    }
    return status || tail >= end ? status : zero_part(p, tail, end, unmap);
}

int qcow2_plan_zero(struct qcow2_plan *p, uint64_t guest, uint64_t end, bool unmap)
{
    int status = zero_range(p, guest, end, unmap);

    return status ? status : empty_data_file(p, guest, end, unmap);
}

int qcow2_plan_discard(struct qcow2_plan *p, uint64_t guest, uint64_t end)
{
    struct fmt_image *im = p->im;
    const struct qcow2_state *st = im->state;
    uint64_t size = st->cluster_size, l2 = 0, left;
    bool backing = st->backing_name.length;
    int status = FMT_OK;

    end = end == st->active.size ? align_up(end, size) : align_down(end, size);
    if (backing && st->header.version < 3) {
        return FMT_OK;
    }
    for (uint64_t at = align_up(guest, size); !status && at < end; at += size) {
        struct qcow2_entry e;

        if (!l2 || is_aligned(at, qcow2_l2_span(st))) {
            status = qcow2_l2_own(im, at, &l2);
        }
        if (!status) {
            status = qcow2_entry_get(im, l2, at, &e, &left);
        }
        /* what was never written goes on reading as zeros */
        if (!status && (backing || e.class != QCOW2_C_UNALLOCATED)) {
            status = zero_cluster(im, l2, at, true);
        }
    }
    return status ? status : empty_data_file(p, align_up(guest, size), end, true);
}
