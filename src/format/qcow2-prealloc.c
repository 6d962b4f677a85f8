/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clusters made before there is data for them. */
#include "format/qcow2-write.h"

/* Guest bytes placed before what was placed is published. */
#define STEP (1ull << 30)

/* Where the step that begins at from ends: with its L2 table, or after STEP. */
static uint64_t step_end(const struct qcow2_state *st, uint64_t from, uint64_t to)
{
    uint64_t unit = min_u64(STEP, qcow2_l2_span(st));
    uint64_t start = align_down(from, unit);

    return to - start > unit ? start + unit : to;
}

/* What the last subcluster has behind the end of the disk is zeros; the file reaches to its end. */
static int finish(struct fmt_image *im, uint64_t to)
{
    const struct qcow2_state *st = im->state;
    uint64_t base = align_down(to - 1, st->cluster_size), l2, left, size, end;
    uint32_t handle = qcow2_data_handle(im);
    struct qcow2_entry e;
    int status = qcow2_l2_own(im, base, &l2);

    if (!status) {
        status = qcow2_entry_get(im, l2, base, &e, &left);
    }
    if (!status) {
        status = fmt_file_size(im->env, handle, &size);
    }
    if (status) {
        return status;
    }
    end = e.place + (align_up(to, st->subcluster_size) - base);
    if (!is_aligned(to, st->subcluster_size)) {
        return qcow2_write_zeros(im, handle, e.place + (to - base),
                                 align_up(to, st->subcluster_size) - to);
    }
    if (st->has_data_file || size >= end) {
        return FMT_OK;
    }
    return qcow2_tell_resize(im, fmt_truncate(im->env, 0, end, ABI_PREALLOC_OFF),
                             QCOW2_E_RESIZE_FILE);
}

/* Places for [from, to) in the usual order. */
static int in_order(struct fmt_image *im, uint64_t from, uint64_t to)
{
    struct qcow2_plan p = { .im = im };
    int status = FMT_OK;

    while (!status && from < to) {
        uint64_t stop = step_end(im->state, from, to);
        status = qcow2_plan_range(&p, from, stop, ABI_EXT_HOLE);
        if (!status) {
            status = qcow2_promises_keep(im);
        }
        from = stop;
    }
    return status ? status : finish(im, to);
}

/* The cluster behind the last one in use. */
static int used_end(struct fmt_image *im, uint64_t *ret_cluster)
{
    const struct qcow2_state *st = im->state;
    uint64_t cluster = div_up(st->writer->end, st->cluster_size), count;

    for (; cluster; cluster--) {
        int status = qcow2_refcount_of(im, cluster - 1, &count);
        if (status) {
            return status;
        }
        if (count) {
            break;
        }
    }
    *ret_cluster = cluster;
    return FMT_OK;
}

/* Guest clusters from first on point to n clusters of the file from place on. */
static int link_run(struct fmt_image *im, uint64_t guest, uint64_t n, uint64_t place)
{
    const struct qcow2_state *st = im->state;
    uint64_t span = qcow2_l2_span(st), l2 = 0;
    int status = FMT_OK;

    for (uint64_t i = 0; !status && i < n; i++, guest += st->cluster_size) {
        struct qcow2_entry e;
        uint64_t left;

        if (!l2 || is_aligned(guest, span)) {
            status = qcow2_l2_own(im, guest, &l2);
        }
        if (!status) {
            status = qcow2_entry_get(im, l2, guest, &e, &left);
        }
        if (!status) {
            status = qcow2_entry_set(im, l2, guest,
                                     (place + i * st->cluster_size) | QCOW2_COPIED, 0);
        }
        if (!status) {
            status = qcow2_entry_drop(im, &e, false);
        }
    }
    return status;
}

/* One run at the end of the file, behind all the refcount blocks it needs, with bytes in it. */
static int in_one_run(struct fmt_image *im, uint64_t from, uint64_t to, uint32_t prealloc)
{
    const struct qcow2_state *st = im->state;
    uint64_t size = st->cluster_size, first, data;
    uint64_t start = align_up(from, size), n = div_up(to > start ? to - start : 0, size);
    uint64_t tables = div_up(n, 1ull << st->l2_bits);
    int status = used_end(im, &first);

    if (!status) {
        status = qcow2_reftable_move(im, first, n + tables, false, 0, 0, &data);
    }
    if (!status) {
        status = fmt_truncate(im->env, 0, (data + n) << st->header.cluster_bits, prealloc);
        status = qcow2_tell_resize(im, status, prealloc == ABI_PREALLOC_FULL
                                                   ? QCOW2_E_RESIZE_FILE_ZEROS
                                                   : QCOW2_E_RESIZE_FILE_ALLOC);
    }
    if (!status && n) {
        qcow2_extend(st->writer, data << st->header.cluster_bits, n * size);
        status = qcow2_raise(im, data, n);
    }
    return status ? status : link_run(im, start, n, data << st->header.cluster_bits);
}

int qcow2_preallocate(struct fmt_image *im, uint64_t from, uint64_t to, uint32_t prealloc)
{
    const struct qcow2_state *st = im->state;

    if (from >= to) {
        return FMT_OK;
    }
    if (prealloc == ABI_PREALLOC_METADATA || st->has_data_file) {
        return qcow2_tell_resize(im, in_order(im, from, to), QCOW2_E_RESIZE_CLUSTERS);
    }
    return qcow2_tell_resize(im, in_one_run(im, from, to, prealloc), QCOW2_E_RESIZE_CLUSTERS);
}
