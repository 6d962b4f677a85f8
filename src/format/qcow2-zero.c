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
    return status || !drop ? status
                           : qcow2_entry_drop(im, &e, im->flags & ABI_OPEN_DISCARD_UNMAP);
}

/* Subclusters of one cluster that is not compressed. */
static int zero_units(struct fmt_image *im, uint64_t guest, uint64_t end)
{
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

/* A part [guest, end) of one cluster. whole: of whole subclusters. */
static int zero_part(struct qcow2_plan *p, uint64_t guest, uint64_t end, bool whole, bool unmap)
{
    const struct qcow2_state *st = p->im->state;
    struct qcow2_entry e;
    int status = look(p->im, guest, &e);

    if (status) {
        return status;
    }
    enum qcow2_unit unit = qcow2_unit_of(st, &e, guest & (st->cluster_size - 1));
    /* part of what reads as zeros anyway: all of it can say so */
    if (!whole && (unit == QCOW2_U_ZERO || (unit == QCOW2_U_HOLE && !st->backing_name.length))) {
        guest = align_down(guest, st->subcluster_size);
        end = align_up(end, st->subcluster_size);
        whole = true;
    }
    if (!whole || (st->extended_l2 && e.class == QCOW2_C_COMPRESSED)) {
        return qcow2_plan_range(p, guest, end, ABI_EXT_FILL_ZERO);
    }
    return st->extended_l2 ? zero_units(p->im, guest, end)
                           : zero_clusters(p->im, guest, end, unmap || st->header.version < 3);
}

int qcow2_plan_zero(struct qcow2_plan *p, uint64_t guest, uint64_t end, bool unmap)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t unit = st->subcluster_size, size = st->cluster_size;
    bool cannot = st->header.version < 3 && st->backing_name.length;
    int status = FMT_OK;

    /* the end of the disk is as good as the end of a subcluster */
    uint64_t edge = end == st->active.size ? align_up(end, unit) : end;
    uint64_t head = min_u64(end, align_up(guest, unit));
    uint64_t tail = max_u64(head, align_down(edge, unit));

    if (guest < head) {
        status = cannot ? qcow2_plan_range(p, guest, head, ABI_EXT_FILL_ZERO)
                        : zero_part(p, guest, head, false, unmap);
    }
    if (!status && cannot && head < tail) {
        status = qcow2_plan_range(p, head, min_u64(tail, end), ABI_EXT_FILL_ZERO);
    }
    /* whole subclusters, then whole clusters, then subclusters */
    for (uint64_t at = head; !status && !cannot && at < tail;) {
        uint64_t stop = min_u64(tail, align_down(at, size) + size);
        if (is_aligned(at, size) && (is_aligned(tail, size) || align_down(tail, size) > at)) {
            stop = align_down(tail, size);
            status = zero_clusters(p->im, at, stop, unmap || st->header.version < 3);
        } else {
            status = zero_part(p, at, stop, true, unmap);
        }
        at = stop;
    }
    if (!status && tail < end) {
        status = cannot ? qcow2_plan_range(p, tail, end, ABI_EXT_FILL_ZERO)
                        : zero_part(p, tail, end, false, unmap);
    }
    return status;
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
    return status;
}
