/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything to the disk, in the order that leaves at worst leaks. */
#include "format/qcow2-bitmap.h"

/* The host has written what it had to between the old end of the disk and the new one. */
static int publish_size(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;

    st->header.size = st->active.size;
    return qcow2_tell_resize(im, qcow2_header_fields(im), QCOW2_E_RESIZE_HEADER);
}

int qcow2_flush(struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;
    int status = FMT_OK;

    if (!(im->flags & ABI_OPEN_WRITE)) {
        return FMT_OK;
    }
    /* data before the tables that point to it */
    if (st->has_data_file && im->data_handle) {
        status = fmt_flush(im->env, im->data_handle);
        if (!status && st->writer) {
            st->writer->published = false;
        }
    }
    if (!status && st->writer) {
        if (st->writer->dead || st->dead) {
            return qcow2_fail_errno(im, QCOW2_EIO);
        }
        status = qcow2_settle(im);
        if (!status) {
            status = qcow2_cache_write_back(im, QCOW2_KIND_L1);
        }
    }
    /* a size that is no number of sectors stays until it is changed */
    if (!status && align_down(st->header.size, QCOW2_SECTOR) != st->active.size) {
        status = publish_size(im);
    }
    return status ? status : fmt_flush(im->env, 0);
}

int qcow2_end_coded(struct fmt_image *im)
{
    uint64_t size;

    if (!qcow2_writer(im)->coded) {
        return FMT_OK;
    }
    int status = fmt_file_size(im->env, 0, &size);

    if (!status && !is_aligned(size, QCOW2_SECTOR)) {
        status = fmt_truncate(im->env, 0, align_up(size, QCOW2_SECTOR), ABI_PREALLOC_OFF);
    }
    qcow2_writer(im)->coded = false;
    return status;
}

/* Opened for writing and never written: does the image show it all the same, as with qemu-img? */
static bool must_start(const struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;
    uint32_t relevant = ABI_OPEN_WRITE | ABI_OPEN_CHECK | ABI_OPEN_INACTIVE;

    return st->mend_bitmaps ||
           (!st->writer && (im->flags & relevant) == ABI_OPEN_WRITE &&
            (st->header.crypt_method == QCOW2_CRYPT_NONE || st->unlocked) && st->bitmaps.n);
}

int qcow2_close(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    int status = must_start(im) ? qcow2_writer_start(im) : FMT_OK;
    struct qcow2_writer *w = st->writer;

    if (status || !w || w->dead || st->dead) {
        return status;
    }
    if (w->n_promises) {
        status = qcow2_promises_drop(im);
        if (!status) {
            status = qcow2_flush(im);
        }
    }
    if (!status && qcow2_bitmaps_pending(w)) {
        status = qcow2_bitmap_store(im, 0, 0);
    }
    if (!status) {
        status = qcow2_end_coded(im);
    }
    if (!status && w->marked) {
        st->header.incompatible &= ~QCOW2_INCOMPAT_DIRTY;
        status = qcow2_header_fields(im);
    }
    return status;
}
