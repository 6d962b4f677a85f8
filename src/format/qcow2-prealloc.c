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

/* The file reaches to what was placed for the guest in front of stop, before anything points there:
 * should it have no room, or the program end, all is as before. */
static int reach(struct fmt_image *im, uint64_t stop, uint64_t to)
{
    const struct qcow2_state *st = im->state;
    uint64_t end = st->writer->end, size;

    if (st->has_data_file || st->writer->creating) {
        return FMT_OK;
    }
    if (stop == to) {
        /* the last cluster, as far as the disk goes: the rest is finish()'s */
        end -= align_up(to, st->cluster_size) - align_up(to, st->subcluster_size);
    }
    int status = fmt_file_size(im->env, 0, &size);
    if (status || size >= end) {
        return status;
    }
    return qcow2_tell_resize(im, fmt_truncate(im->env, 0, end, ABI_PREALLOC_OFF),
                             QCOW2_E_RESIZE_FILE);
}

/* The cluster in which the old end of the disk lies. */
struct head {
    uint64_t base;        /* guest offset */
    struct qcow2_entry e; /* UNALLOCATED where from is the end of a cluster */
    bool host;            /* only the host knows what it shows */
};

static int head_look(struct fmt_image *im, uint64_t from, bool zero, struct head *h)
{
    const struct qcow2_state *st = im->state;
    uint64_t l2, left;
    int status = FMT_OK;

    *h = (struct head){ .base = align_down(from, st->cluster_size),
                        .e = { .class = QCOW2_C_UNALLOCATED } };
    if (h->base == from) {
        return FMT_OK;
    }
    status = qcow2_l2_find(im, h->base, &l2);
    if (!status && l2) {
        status = qcow2_entry_get(im, l2, h->base, &h->e, &left);
    }
    bool holes = st->extended_l2 ? zero && (h->e.allocated | h->e.zeros) != UINT32_MAX
                                 : h->e.class == QCOW2_C_UNALLOCATED;
    h->host = h->e.class == QCOW2_C_COMPRESSED || (st->backing_name.length && holes);
    return status;
}

/* What a new cluster shows in front of the old end is zeros, and is stored, as qemu-img has it. */
static int fill_head(struct fmt_image *im, const struct head *h, uint64_t from)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_entry e;
    uint64_t l2, left;
    int status;

    if (h->base == from || st->extended_l2 || h->e.class == QCOW2_C_DATA ||
        (st->has_data_file && !st->data_file_raw)) {
        return FMT_OK;
    }
    status = qcow2_l2_find(im, h->base, &l2);
    if (!status) {
        status = qcow2_entry_get(im, l2, h->base, &e, &left);
    }
    return status ? status : qcow2_write_zeros(im, qcow2_data_handle(im), e.place, from - h->base);
}

/* Places for [from, to) in the usual order. */
static int in_order(struct fmt_image *im, uint64_t from, uint64_t to, uint64_t *ret_rest)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_plan p = { .im = im };
    uint64_t at = from, next = 0, l2;
    struct head h;
    int status = head_look(im, from, false, &h);

    if (!status && h.host) {
        /* the host's cluster is the first one that is free */
        at = min_u64(to, h.base + st->cluster_size);
        *ret_rest = at;
        status = qcow2_l2_own(im, h.base, &l2);
        if (!status && !st->has_data_file) {
            status = qcow2_find_one(im, &next);
        }
    }
    while (!status && at < to) {
        uint64_t stop = step_end(st, at, to);
        status = qcow2_plan_range(&p, at, stop, ABI_EXT_DATA);
        if (!status) {
            status = reach(im, stop, to);
        }
        if (!status) {
            status = qcow2_promises_keep(im);
        }
        at = stop;
    }
    if (!status && (!h.host || *ret_rest < to)) {
        status = finish(im, to);
    }
    if (!status && h.host && next) {
        st->writer->next_free = next;
    }
    return status || h.host ? status : fill_head(im, &h, from);
}

int qcow2_used_end(struct fmt_image *im, uint64_t *ret_cluster)
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

/* The n guest clusters from guest on point to those of the file from place on. whole: all of their
 * subclusters are in use. */
static int link_run(struct fmt_image *im, uint64_t guest, uint64_t n, uint64_t place, bool whole)
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
                                     whole ? UINT32_MAX : (uint64_t)e.zeros << 32 | e.allocated);
        }
        if (!status) {
            status = qcow2_entry_drop(im, &e, false);
        }
    }
    return status;
}

/* One run at the end of the file, behind all the refcount blocks it needs, with bytes in it. The
 * cluster in which the old end lies is the first of them, and stays free if it is the host's. */
static int in_one_run(struct fmt_image *im, uint64_t from, uint64_t to, uint32_t prealloc,
                      bool zero, uint64_t *ret_rest)
{
    const struct qcow2_state *st = im->state;
    uint64_t first, data, n, tables, skip, l2, size = st->cluster_size;
    uint32_t bits = st->header.cluster_bits;
    struct head h;
    int status = head_look(im, from, zero, &h);

    if (status) {
        return status;
    }
    n = div_up(to - h.base, size);
    tables = div_up(n, 1ull << st->l2_bits);
    skip = h.host;
    status = qcow2_used_end(im, &first);
    if (!status) {
        status = cut_file(im, first);
    }
    if (!status) {
        status = qcow2_reftable_move(im, first, n + tables, false, 0, 0, &data);
    }
    data <<= bits;
    if (!status) {
        status = fmt_truncate(im->env, 0, data + n * size, prealloc);
        status = qcow2_tell_resize(im, status,
                                   prealloc == ABI_PREALLOC_FULL ? QCOW2_E_RESIZE_FILE_ZEROS
                                                                 : QCOW2_E_RESIZE_FILE_ALLOC);
        /* the file is that long for good before anything points behind its old end */
        st->writer->published |= !st->writer->creating;
    }
    if (!status && !h.host && h.base < from && h.e.class == QCOW2_C_DATA) {
        status = qcow2_copy_bytes(im, h.e.place, data, from - h.base);
    }
    if (!status && h.host) {
        status = qcow2_l2_own(im, h.base, &l2);
    }
    if (!status && n > skip) {
        qcow2_extend(st->writer, data, n * size);
        status = qcow2_raise(im, (data >> bits) + skip, n - skip);
    }
    if (!status) {
        status = link_run(im, h.base + skip * size, n - skip, data + skip * size,
                          zero && st->extended_l2);
    }
    if (!status && h.host) {
        *ret_rest = min_u64(to, h.base + size);
        st->writer->next_free = data >> bits;
    }
    return status;
}

int qcow2_preallocate(struct fmt_image *im, uint64_t from, uint64_t to, uint32_t prealloc,
                      bool zero, uint64_t *ret_rest)
{
    bool ordered = prealloc == ABI_PREALLOC_METADATA || qcow2_state(im)->has_data_file;
    /* A run of no clusters moves the refcount table all the same, as qemu-img has it. */
    if (from > to || (from == to && (ordered || from))) {
        return FMT_OK;
    }
    int status = ordered ? in_order(im, from, to, ret_rest)
                         : in_one_run(im, from, to, prealloc, zero, ret_rest);
    return qcow2_tell_resize(im, status, QCOW2_E_RESIZE_CLUSTERS);
}
