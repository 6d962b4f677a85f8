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
        status = qcow2_plan_range(&p, from, stop, ABI_EXT_DATA);
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

    while (cluster) {
        uint64_t block;
        int status = qcow2_refblock_offset(im, (cluster - 1) >> st->refblock_bits, &block);
        if (!status && !block) {
            cluster = align_down(cluster - 1, 1ull << st->refblock_bits);
            continue;
        }
        if (!status) {
            status = qcow2_refcount_of(im, cluster - 1, &count);
        }
        if (status) {
            return status;
        }
        if (count) {
            break;
        }
        cluster--;
    }
    *ret_cluster = cluster;
    return FMT_OK;
}

/* Cut off what clusters behind first held once: none of them is in use, and what comes is zeros. */
static int cut_file(struct fmt_image *im, uint64_t first)
{
    struct qcow2_state *st = im->state;
    uint64_t size, end = first << st->header.cluster_bits;
    int status = fmt_file_size(im->env, 0, &size);

    if (status || size <= end) {
        return status;
    }
    status = qcow2_settle(im);
    if (!status) {
        status = qcow2_cache_write_back(im, QCOW2_KIND_L1);
    }
    st->writer->end = end;
    return status ? status : fmt_truncate(im->env, 0, end, ABI_PREALLOC_OFF);
}

/* The n guest clusters from guest on point to those of the file from place on. */
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
            status = qcow2_entry_set(im, l2, guest, (place + i * st->cluster_size) | QCOW2_COPIED,
                                     (uint64_t)e.zeros << 32 | e.allocated);
        }
        if (!status) {
            status = qcow2_entry_drop(im, &e, false);
        }
    }
    return status;
}

/* The cluster in which the old end lies is placed anew if what it shows can be moved here: *ret
 * begins there or behind it. *ret_e: its entry. */
static int run_start(struct fmt_image *im, uint64_t from, uint64_t *ret, struct qcow2_entry *ret_e)
{
    const struct qcow2_state *st = im->state;
    uint64_t base = align_down(from, st->cluster_size), l2, left;
    int status = qcow2_l2_find(im, base, &l2);

    *ret_e = (struct qcow2_entry){ .class = QCOW2_C_UNALLOCATED };
    if (!status && l2) {
        status = qcow2_entry_get(im, l2, base, ret_e, &left);
    }
    bool moves =
        ret_e->class != QCOW2_C_COMPRESSED &&
        (st->extended_l2 || !st->backing_name.length || ret_e->class != QCOW2_C_UNALLOCATED);
    *ret = moves ? base : align_up(from, st->cluster_size);
    return status;
}

/* One run at the end of the file, behind all the refcount blocks it needs, with bytes in it. */
static int in_one_run(struct fmt_image *im, uint64_t from, uint64_t to, uint32_t prealloc)
{
    const struct qcow2_state *st = im->state;
    uint64_t start, first, data, n, tables;
    struct qcow2_entry e;
    int status = run_start(im, from, &start, &e);

    if (status || start >= to) {
        return status;
    }
    n = div_up(to - start, st->cluster_size);
    tables = div_up(n, 1ull << st->l2_bits);
    status = used_end(im, &first);
    if (!status) {
        status = cut_file(im, first);
    }
    if (!status) {
        status = qcow2_reftable_move(im, first, n + tables, false, 0, 0, &data);
    }
    data <<= st->header.cluster_bits;
    if (!status) {
        status = fmt_truncate(im->env, 0, data + n * st->cluster_size, prealloc);
        status = qcow2_tell_resize(im, status,
                                   prealloc == ABI_PREALLOC_FULL ? QCOW2_E_RESIZE_FILE_ZEROS
                                                                 : QCOW2_E_RESIZE_FILE_ALLOC);
    }
    if (!status && start < from && e.class == QCOW2_C_DATA) {
        status = qcow2_copy_bytes(im, e.place, data, from - start);
    }
    if (!status) {
        qcow2_extend(st->writer, data, n * st->cluster_size);
        status = qcow2_raise(im, data >> st->header.cluster_bits, n);
    }
    return status ? status : link_run(im, start, n, data);
}

int qcow2_preallocate(struct fmt_image *im, uint64_t from, uint64_t to, uint32_t prealloc)
{
    const struct qcow2_state *st = im->state;

    if (st->backing_name.length && !st->extended_l2) {
        /* the cluster of the old end may show bytes of the backing file */
        from = align_up(from, st->cluster_size);
    }
    if (from >= to) {
        return FMT_OK;
    }
    if (prealloc == ABI_PREALLOC_METADATA || st->has_data_file) {
        return qcow2_tell_resize(im, in_order(im, from, to), QCOW2_E_RESIZE_CLUSTERS);
    }
    return qcow2_tell_resize(im, in_one_run(im, from, to, prealloc), QCOW2_E_RESIZE_CLUSTERS);
}
