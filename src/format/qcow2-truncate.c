/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk that grows, or gets smaller. */
#include "format/qcow2-bitmap.h"

uint64_t qcow2_l1_entries(const struct qcow2_state *st, uint64_t size)
{
    return div_up(size, qcow2_l2_span(st));
}

/* Whole subclusters of [from, to) read as zeros from now on, though the backing file reaches
 * further; those that have places keep them. *ret_rest: where the first of them begins, if there is
 * a part of one in front of it. */
static int zero_whole(struct fmt_image *im, uint64_t from, uint64_t to, uint64_t *ret_rest)
{
    const struct qcow2_state *st = im->state;
    uint64_t size = st->cluster_size, l2 = 0, left;
    uint64_t start = align_up(from, st->subcluster_size);
    int status = FMT_OK;

    for (uint64_t at = align_down(start, size); !status && max_u64(at, start) < to; at += size) {
        uint64_t within = at < start ? start - at : 0;
        struct qcow2_entry e;

        if (!l2 || is_aligned(at, qcow2_l2_span(st))) {
            status = qcow2_l2_own(im, at, &l2);
        }
        if (!status) {
            status = qcow2_entry_get(im, l2, at, &e, &left);
        }
        if (status) {
            break;
        }
        if (e.class == QCOW2_C_COMPRESSED) {
            start = at + size;
        } else if (st->extended_l2) {
            uint32_t units = qcow2_unit_bits(st, within, size - within);
            status = qcow2_entry_set(im, l2, at, e.raw,
                                     (uint64_t)(e.zeros | units) << 32 | (e.allocated & ~units));
        } else {
            status = qcow2_entry_set(im, l2, at, e.raw | QCOW2_ZERO, 0);
        }
    }
    if (from < start) {
        *ret_rest = max_u64(*ret_rest, min_u64(start, to));
    }
    return status;
}

void qcow2_set_size(struct qcow2_state *st, uint64_t size)
{
    st->active.size = size;
    st->view = st->view.l1_offset == st->active.l1_offset ? st->active : st->view;
}

/* What is another code if a device refuses: it does not grow, and nothing is allocated on it. */
static int code_of_device(const struct fmt_image *im, int code)
{
    static const struct {
        int code, device;
        uint32_t error;
    } refusals[] = {
        { QCOW2_E_RESIZE_FILE, QCOW2_E_RESIZE_DEVICE, QCOW2_EINVAL },
        { QCOW2_E_RESIZE_DATA, QCOW2_E_RESIZE_DEVICE, QCOW2_EINVAL },
        { QCOW2_E_RESIZE_FILE_ALLOC, QCOW2_E_RESIZE_DEVICE_ALLOC, QCOW2_ENOTSUP },
        { QCOW2_E_RESIZE_FILE_ZEROS, QCOW2_E_RESIZE_DEVICE_ZEROS, QCOW2_ENOTSUP },
        { QCOW2_E_RESIZE_DATA_ALLOC, QCOW2_E_RESIZE_DATA_DEVICE_ALLOC, QCOW2_ENOTSUP },
        { QCOW2_E_RESIZE_DATA_ZEROS, QCOW2_E_RESIZE_DATA_DEVICE_ZEROS, QCOW2_ENOTSUP },
    };

    for (uint32_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (refusals[i].code == code && refusals[i].error == im->env->result->io_errno) {
            return refusals[i].device;
        }
    }
    return code;
}

int qcow2_tell_resize(struct fmt_image *im, int status, int code)
{
    if (status != FMT_E_IO && status != FMT_E_CORRUPT_CLUSTER) {
        return status;
    }
    code = code_of_device(im, code);
    return fmt_fail(im->env, code - (qcow2_writer(im)->creating ? QCOW2_E_IN_CREATE : 0));
}

/* The external data file gets the new size. What lies behind it is kept: it is not ours to cut. */
static int resize_data_file(struct fmt_image *im, uint64_t size, uint32_t prealloc)
{
    int code = prealloc == ABI_PREALLOC_FULL     ? QCOW2_E_RESIZE_DATA_ZEROS
               : prealloc == ABI_PREALLOC_FALLOC ? QCOW2_E_RESIZE_DATA_ALLOC
                                                 : QCOW2_E_RESIZE_DATA;

    uint64_t now;
    int status = fmt_file_size(im->env, im->data_handle, &now);

    if (status || now >= size) {
        return status;
    }
    prealloc = code == QCOW2_E_RESIZE_DATA ? ABI_PREALLOC_OFF : prealloc;
    return qcow2_tell_resize(im, fmt_truncate(im->env, im->data_handle, size, prealloc), code);
}

/* Can all of [old, size) read as zeros? Version 2 has no zero clusters. */
static int judge_zero(struct fmt_image *im, uint64_t old, uint64_t size)
{
    const struct qcow2_state *st = im->state;

    if (st->header.version >= 3 || align_up(old, st->cluster_size) >= size) {
        return FMT_OK;
    }
    im->env->result->io_errno = QCOW2_ENOTSUP;
    return fmt_fail(im->env, QCOW2_E_RESIZE_ZERO);
}

int qcow2_resize(struct fmt_image *im, uint64_t size, uint32_t prealloc, uint32_t flags,
                 uint64_t *ret_rest)
{
    struct qcow2_state *st = im->state;
    uint64_t old = st->active.size;
    /* falloc and full fill the new part with zeros */
    bool filled = prealloc > ABI_PREALLOC_METADATA && !st->has_data_file;
    bool zero = (flags & ABI_TRUNCATE_ZERO) && size > old;
    int status = zero && !filled ? judge_zero(im, old, size) : FMT_OK;

    *ret_rest = 0;
    if (!status) {
        status =
            qcow2_tell_resize(im, qcow2_l1_grow(im, qcow2_l1_entries(st, size)), QCOW2_E_RESIZE_L1);
    }
    if (!status && st->data_file_raw && prealloc == ABI_PREALLOC_OFF) {
        /* a raw data file is complete: every cluster has its place in it */
        status = qcow2_preallocate(im, old, size, ABI_PREALLOC_METADATA, zero, ret_rest);
    } else if (!status && prealloc != ABI_PREALLOC_OFF) {
        status = qcow2_preallocate(im, old, size, prealloc, zero, ret_rest);
    }
    if (!status && zero && !filled) {
        status = zero_whole(im, old, size, ret_rest);
    }
    /* qemu-img leaves a raw one as it is where the disk stays as large */
    if (!status && st->has_data_file && !(st->data_file_raw && size == old)) {
        status = resize_data_file(im, size, prealloc);
    }
    if (!status) {
        status = qcow2_tell_resize(im, qcow2_settle(im), QCOW2_E_RESIZE_CLUSTERS);
    }
    if (status) {
        return status;
    }
    qcow2_set_size(st, size);
    if (*ret_rest) {
        return FMT_OK;
    }
    st->header.size = size;
    return qcow2_tell_resize(im, qcow2_header_fields(im), QCOW2_E_RESIZE_HEADER);
}

/*
 * The header tells the new size before anything behind it is given up: whenever this ends early,
 * the disk is the old or the new one. What was not given up then is, by the next change of size.
 */
static int shrink(struct fmt_image *im, uint64_t size)
{
    struct qcow2_state *st = im->state;
    uint64_t now;
    int status = qcow2_tell_resize(im, qcow2_judge_counts(im), QCOW2_E_SHRINK_CLUSTERS);

    if (status) {
        return status;
    }
    qcow2_set_size(st, size);
    st->header.size = size;
    status = qcow2_tell_resize(im, qcow2_header_fields(im), QCOW2_E_RESIZE_HEADER);
    /* tables go, none comes or moves */
    qcow2_place_map_keep(st->writer, true);
    if (!status) {
        status = qcow2_drop_behind(im, size, true);
    }
    if (!status) {
        status = qcow2_shrink_file(im);
    }
    qcow2_place_map_keep(st->writer, false);
    if (status || !st->has_data_file) {
        return status;
    }
    status = fmt_file_size(im->env, im->data_handle, &now);
    if (!status && now != size) {
        status = fmt_truncate(im->env, im->data_handle, size, ABI_PREALLOC_OFF);
    }
    return qcow2_tell_resize(im, status, QCOW2_E_RESIZE_DATA);
}

/* May this image have another size? */
static int judge(struct fmt_image *im, uint64_t size, uint32_t prealloc)
{
    const struct qcow2_state *st = im->state;
    const struct qcow2_bitmap_work *work = st->writer->bitmaps;

    if (!is_aligned(size, QCOW2_SECTOR)) {
        return fmt_fail(im->env, QCOW2_E_SIZE_UNALIGNED);
    }
    if (st->header.version < 3 && st->header.n_snapshots) {
        return fmt_fail(im->env, QCOW2_E_RESIZE_SNAPSHOTS_V2);
    }
    for (const struct qcow2_new_bitmap *b = work ? work->old : 0; b; b = b->next) {
        if (b->flags & QCOW2_BITMAP_IN_USE) {
            return fmt_fail_text(im->env, QCOW2_E_RESIZE_BITMAP, b->name, b->name_length);
        }
    }
    return size < st->active.size && prealloc ? fmt_fail(im->env, FMT_E_UNSUPPORTED) : FMT_OK;
}

int qcow2_truncate(struct fmt_image *im, uint64_t size, uint32_t prealloc, uint32_t flags)
{
    struct qcow2_state *st = im->state;
    uint64_t rest = 0;
    int status = qcow2_writer_start(im);

    if (status) {
        return status;
    }
    /* a disk that ends in the middle of a sector is one of whole sectors */
    if (st->writer->n_promises || align_down(st->header.size, QCOW2_SECTOR) != st->active.size) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    status = judge(im, size, prealloc);
    if (!status) {
        status = qcow2_mark_dirty(im);
    }
    if (!status) {
        status = qcow2_bitmaps_mark(im);
    }
    if (status) {
        return status;
    }
    if (size < st->active.size) {
        return shrink(im, size);
    }
    /* what a shrinking that was cut short left must not be seen again */
    status = qcow2_drop_behind(im, st->active.size, false);
    if (!status) {
        status = qcow2_resize(im, size, prealloc, flags, &rest);
    }
    im->env->result->ret[0] = rest;
    return status;
}
