/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk that grows. */
#include "format/qcow2-write.h"

uint64_t qcow2_l1_entries(const struct qcow2_state *st, uint64_t size)
{
    return div_up(size, qcow2_l2_span(st));
}

/* What the disk shows behind the cluster of its old end is to be zeros, though the backing file
 * reaches further. */
static int zero_rest(struct fmt_image *im, uint64_t from, uint64_t to)
{
    const struct qcow2_state *st = im->state;
    uint64_t start = align_up(from, st->cluster_size), l2 = 0;
    int status = FMT_OK;

    for (uint64_t at = start; !status && at < to; at += st->cluster_size) {
        if (!l2 || is_aligned(at, qcow2_l2_span(st))) {
            status = qcow2_l2_own(im, at, &l2);
        }
        if (!status) {
            status = qcow2_entry_set(im, l2, at, st->extended_l2 ? 0 : QCOW2_ZERO,
                                     (uint64_t)UINT32_MAX << 32);
        }
    }
    return status;
}

int qcow2_tell_resize(struct fmt_image *im, int status, int code)
{
    if (status != FMT_E_IO) {
        return status;
    }
    return fmt_fail(im->env, code - (qcow2_writer(im)->creating ? QCOW2_E_IN_CREATE : 0));
}

/* The external data file gets the new size. */
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

int qcow2_resize(struct fmt_image *im, uint64_t size, uint32_t prealloc, uint32_t flags)
{
    struct qcow2_state *st = im->state;
    uint64_t old = st->active.size;
    int status =
        qcow2_tell_resize(im, qcow2_l1_grow(im, qcow2_l1_entries(st, size)), QCOW2_E_RESIZE_L1);

    if (!status && st->data_file_raw && prealloc == ABI_PREALLOC_OFF) {
        /* a raw data file is complete: every cluster has its place in it */
        status = qcow2_preallocate(im, old, size, ABI_PREALLOC_METADATA);
    } else if (!status && prealloc != ABI_PREALLOC_OFF) {
        status = qcow2_preallocate(im, old, size, prealloc);
    } else if (!status && (flags & ABI_TRUNCATE_ZERO)) {
        status = zero_rest(im, old, size);
    }
    if (!status && st->has_data_file) {
        status = resize_data_file(im, size, prealloc);
    }
    if (!status) {
        status = qcow2_tell_resize(im, qcow2_settle(im), QCOW2_E_RESIZE_CLUSTERS);
    }
    if (status) {
        return status;
    }
    st->header.size = st->active.size = size;
    st->view = st->view.l1_offset == st->active.l1_offset ? st->active : st->view;
    return qcow2_tell_resize(im, qcow2_header_fields(im), QCOW2_E_RESIZE_HEADER);
}

int qcow2_truncate(struct fmt_image *im, uint64_t size, uint32_t prealloc, uint32_t flags)
{
    struct qcow2_state *st = im->state;
    int status = qcow2_writer_start(im);

    if (status) {
        return status;
    }
    if (st->writer->n_promises) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    if (!is_aligned(size, QCOW2_SECTOR)) {
        return fmt_fail(im->env, QCOW2_E_SIZE_UNALIGNED);
    }
    if (size < st->active.size) {
        return fmt_fail(im->env, FMT_E_UNSUPPORTED);
    }
    if ((flags & ABI_TRUNCATE_ZERO) && st->header.version < 3) {
        /* no entry says "zeros here, whatever the backing file has" */
        return qcow2_fail_errno(im, QCOW2_ENOTSUP);
    }
    status = qcow2_mark_dirty(im);
    return status ? status : qcow2_resize(im, size, prealloc, flags);
}
