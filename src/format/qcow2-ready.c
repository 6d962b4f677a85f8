/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has to be done to an image before it may be written (spec "Header": the feature bits). */
#include "format/qcow2-write.h"

/* Whatever the bits we do not know promise, it will not be true any more. */
static int clear_unknown(struct fmt_image *im)
{
    struct qcow2_header *h = &qcow2_state(im)->header;

    if (!(h->autoclear & ~QCOW2_AUTOCLEAR_KNOWN)) {
        return FMT_OK;
    }
    h->autoclear &= QCOW2_AUTOCLEAR_KNOWN;
    return qcow2_header_fields(im);
}

/* Bitmaps that somebody let go stale: the header names them no more. */
static int forget_bitmaps(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;

    if (!st->stale_bitmaps || st->header.version < 3) {
        return FMT_OK;
    }
    return qcow2_header_write(im);
}

/* Counts were left for later, and later never came. */
static int repair(struct fmt_image *im, struct props_writer *messages)
{
    struct abi_check found = { .flags = 0 };
    struct fmt_env *env = im->env;

    if (!(qcow2_state(im)->header.incompatible & QCOW2_INCOMPAT_DIRTY)) {
        return FMT_OK;
    }
    int status = qcow2_check(im, ABI_FIX_LEAKS | ABI_FIX_ERRORS, &found, messages);
    if (!status && found.check_errors) {
        env->result->io_errno = QCOW2_EIO;
        status = FMT_E_IO;
    }
    if (status == FMT_E_IO || status == FMT_E_CORRUPT_CLUSTER) {
        status = fmt_fail(env, QCOW2_E_DIRTY_REPAIR);
    }
    return status;
}

int qcow2_make_ready(struct fmt_image *im, struct props_writer *messages)
{
    const uint32_t not_now = ABI_OPEN_CHECK | ABI_OPEN_NO_IO | ABI_OPEN_INACTIVE;

    if (!(im->flags & ABI_OPEN_WRITE) || (im->flags & not_now)) {
        return FMT_OK;
    }
    int status = clear_unknown(im);
    if (!status) {
        status = forget_bitmaps(im);
    }
    return status ? status : repair(im, messages);
}
