/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing: the driver plans where bytes go, the host moves them, the driver publishes. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "image/image-private.h"

/* Steps taken from the driver at a time. */
#define STEPS 256u
/* Bytes of one question: what a driver plans for clusters of any size in one go. */
#define QUESTION (2u << 20)

static gboolean broken_answer(GError **error)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "The cell's answer is out of bounds");
    return FALSE;
}

/* ---- plans ------------------------------------------------------------------------------- */

/* Raw: bytes go where they are; zeros and discards are done at once. */
static gboolean raw_plan(Image *img, const struct abi_extent *in, guint n_in,
                         struct abi_extent *out, guint max, guint *ret_count, guint *ret_taken,
                         GError **error)
{
    IoFile *file = img->handles[0];
    guint n = 0, i;

    for (i = 0; i < n_in; i++) {
        gboolean ok = TRUE;

        switch (in[i].kind) {
        case ABI_EXT_DATA:
            if (n == max) {
                goto full;
            }
            out[n] = in[i];
            out[n].file_offset = in[i].guest_offset;
            out[n].handle = 0;
            out[n++].flags = ABI_EXTF_OFFSET;
            break;
        case ABI_EXT_ZERO:
            ok = io_zero(file, in[i].guest_offset, in[i].length,
                         (in[i].flags & ABI_EXTF_UNMAP) != 0, error);
            break;
        case ABI_EXT_DISCARD:
            ok = io_discard(file, in[i].guest_offset, in[i].length, error);
            break;
        case ABI_EXT_LINK:
        case ABI_EXT_ABORT:
            break;
        default:
            ok = FALSE;
            g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED, g_strerror(ENOTSUP));
            break;
        }
        if (!ok) {
            return FALSE;
        }
    }
full:
    *ret_count = n;
    *ret_taken = i;
    return TRUE;
}

static gboolean steps_valid(const Image *img, const struct abi_extent *e, guint n)
{
    for (guint i = 0; i < n; i++) {
        if (e[i].handle >= img->n_handles || e[i].file_offset > G_MAXINT64 ||
            e[i].length > G_MAXINT64 - e[i].file_offset || e[i].guest_offset > G_MAXINT64 ||
            e[i].length > G_MAXINT64 - e[i].guest_offset || e[i].length == 0) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean image_write_plan(Image *img, const struct abi_extent *in, guint n_in,
                          struct abi_extent *out, guint max, guint *ret_count, guint *ret_taken,
                          GError **error)
{
    CellCall call = { .op = ABI_JOB_WRITE, .in = in, .out = out };
    g_autofree struct abi_extent *marked = NULL;

    if (img->cell == NULL) {
        return raw_plan(img, in, n_in, out, max, ret_count, ret_taken, error);
    }
    n_in = MIN(n_in, ABI_MAX_EXTENTS);
    if (img->stale) {
        call.in = marked = g_memdup2(in, n_in * sizeof *in);
        for (guint i = 0; i < n_in; i++) {
            marked[i].flags |= ABI_EXTF_STALE;
        }
    }
    max = MIN(max, ABI_MAX_EXTENTS);
    call.in_length = n_in * sizeof *in;
    call.arg[0] = n_in;
    call.arg[1] = max;
    call.out_size = max * sizeof *out;
    if (!image_call_cell(img, &call, NULL, error)) {
        return FALSE;
    }
    image_forget(img);
    *ret_count = (guint)MIN(call.result.ret[0], max);
    *ret_taken = (guint)MIN(call.result.ret[1], n_in);
    if (call.out_length != *ret_count * sizeof *out || !steps_valid(img, out, *ret_count)) {
        return broken_answer(error);
    }
    return TRUE;
}

/* ---- doing the steps of one question ------------------------------------------------------- */

/* Complete a cluster with what the guest saw there until now. */
static gboolean fill_old(Image *img, const struct abi_extent *e, GError **error)
{
    g_autofree guint8 *bytes = NULL;
    gsize chunk = (gsize)MIN(e->length, (guint64)MAX(img->facts.cluster_size, 65536));

    bytes = g_malloc(chunk);
    for (guint64 at = 0; at < e->length; at += chunk) {
        gsize n = (gsize)MIN(e->length - at, chunk);
        struct abi_extent part = *e;

        part.guest_offset += at;
        part.file_offset += at;
        part.length = n;
        if (!image_read(img, e->guest_offset + at, bytes, n, error) ||
            !image_store(img, &part, bytes, IMAGE_ANY_WORKER, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean image_do_step(Image *img, const struct abi_extent *e, const guint8 *bytes, GError **error)
{
    switch (e->kind) {
    case ABI_EXT_DATA:
        return image_store(img, e, bytes, IMAGE_ANY_WORKER, error);
    case ABI_EXT_FILL_OLD:
        return fill_old(img, e, error);
    case ABI_EXT_FILL_ZERO:
        return ((e->flags & ABI_EXTF_FRESH) && e->codec == ABI_CODEC_NONE) ||
               image_store(img, e, NULL, IMAGE_ANY_WORKER, error);
    default:
        return broken_answer(error);
    }
}

/* Ask one question until it is taken whole, do what comes back, publish it. buf: the bytes of
 * DATA, for the guest range of the question. */
static gboolean write_range(Image *img, struct abi_extent question, const guint8 *buf,
                            GError **error)
{
    g_autofree struct abi_extent *step = g_new(struct abi_extent, STEPS);
    guint64 start = question.guest_offset, end = start + question.length;

    while (question.guest_offset < end) {
        guint count = 0, taken = 0, linked;
        guint64 reached = question.guest_offset;

        if (!image_write_plan(img, &question, 1, step, STEPS, &count, &taken, error)) {
            return FALSE;
        }
        for (guint i = 0; i < count; i++) {
            gboolean data = step[i].kind == ABI_EXT_DATA;

            if (data && (buf == NULL || step[i].guest_offset < start ||
                         step[i].guest_offset + step[i].length > end)) {
                return broken_answer(error);
            }
            if (!image_do_step(img, &step[i], data ? buf + (step[i].guest_offset - start) : NULL,
                               error)) {
                for (guint k = 0; k < count; k++) { /* best effort: the error is what counts */
                    step[k].kind = ABI_EXT_ABORT;
                }
                image_write_plan(img, step, count, step, STEPS, &linked, &taken, NULL);
                return FALSE;
            }
            if (data) {
                reached = MAX(reached, step[i].guest_offset + step[i].length);
            }
        }
        for (guint i = 0; i < count; i++) {
            step[i].kind = ABI_EXT_LINK;
        }
        for (guint at = 0; img->cell != NULL && at < count; at += linked) {
            guint unused;

            linked = 0;
            if (!image_write_plan(img, step + at, count - at, step, 0, &unused, &linked, error)) {
                return FALSE;
            }
            if (linked == 0) {
                return broken_answer(error);
            }
        }
        if (taken == 1) {
            return TRUE;
        }
        if (reached == question.guest_offset) {
            return broken_answer(error);
        }
        question.length = end - reached;
        question.guest_offset = reached;
    }
    return TRUE;
}

static gboolean check_range(const Image *img, guint64 offset, guint64 length, GError **error)
{
    if (offset > img->size || length > img->size - offset) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
        return FALSE;
    }
    return TRUE;
}

gboolean image_write(Image *img, guint64 offset, const void *buf, gsize length, GError **error)
{
    struct abi_extent question = { .guest_offset = offset, .length = length, .kind = ABI_EXT_DATA };

    if (!check_range(img, offset, length, error)) {
        return FALSE;
    }
    if (img->cell == NULL) {
        return io_pwrite(img->handles[0], offset, buf, length, error);
    }
    for (gsize at = 0; at < length; at += QUESTION) {
        question.guest_offset = offset + at;
        question.length = MIN(length - at, QUESTION);
        if (!write_range(img, question, (const guint8 *)buf + at, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean image_write_zeroes(Image *img, guint64 offset, guint64 length, gboolean may_unmap,
                            GError **error)
{
    struct abi_extent question = { .guest_offset = offset,
                                   .length = length,
                                   .kind = ABI_EXT_ZERO,
                                   .flags = may_unmap ? ABI_EXTF_UNMAP : 0 };

    if (!check_range(img, offset, length, error)) {
        return FALSE;
    }
    if (img->cell == NULL) {
        return io_zero(img->handles[0], offset, length, may_unmap, error);
    }
    return write_range(img, question, NULL, error);
}

/* ---- the whole image -------------------------------------------------------------------------- */

static gboolean writable(const Image *img)
{
    return img->n_handles > 0 && io_writable(img->handles[0]);
}

static gboolean flush_files(Image *img, GError **error)
{
    for (guint i = img->n_handles; i > 0; i--) { /* data before the file that names it */
        if (io_writable(img->handles[i - 1]) && !io_flush(img->handles[i - 1], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean image_flush(Image *img, GError **error)
{
    CellCall call = { .op = ABI_JOB_FLUSH };

    if (!writable(img)) {
        return TRUE;
    }
    if (img->cell != NULL && !image_call_cell(img, &call, NULL, error)) {
        return FALSE;
    }
    return flush_files(img, error);
}

gboolean image_close(Image *img, GError **error)
{
    CellCall call = { .op = ABI_JOB_CLOSE };
    g_autoptr(GError) later = NULL;
    gboolean ok = TRUE;

    if (!writable(img)) {
        return TRUE;
    }
    if (img->cell != NULL) {
        ok = image_call_cell(img, &call, NULL, error);
    }
    if (ok) {
        ok = flush_files(img, error);
    }
    for (guint i = 0; i < img->n_handles; i++) {
        if (!io_close(img->handles[i], ok ? error : &later)) {
            g_clear_error(&later);
            ok = FALSE;
        }
    }
    return ok;
}

static gboolean truncate_raw(Image *img, guint64 size, guint32 prealloc, gboolean exact,
                             GError **error)
{
    IoFile *file = img->handles[0];
    guint64 old = 0;

    if (exact && io_kind(file) == IO_KIND_HOST_DEVICE &&
        (!io_size(file, &old, error) || old != size)) {
        g_clear_error(error);
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "Cannot resize device files");
        return FALSE;
    }
    return io_truncate(file, size, (IoPrealloc)prealloc, error);
}

/* Between the old end of the disk and the end of its cluster the backing file would be seen. */
static gboolean fill_rest(Image *img, guint64 from, guint64 to, GError **error)
{
    g_autofree guint8 *zeros = NULL;

    if (to <= from) {
        return TRUE;
    }
    if (to > img->size || to - from > MAX(img->facts.cluster_size, 1)) {
        return broken_answer(error);
    }
    zeros = g_malloc0((gsize)(to - from));
    return image_write(img, from, zeros, (gsize)(to - from), error) && image_flush(img, error);
}

gboolean image_truncate(Image *img, guint64 size, guint32 prealloc, gboolean exact, gint *ret_errno,
                        GError **error)
{
    /* of qemu-img: no disk is longer, whatever its format */
    const guint64 longest = 0x7fffffffc0000000;
    CellCall call = { .op = ABI_JOB_TRUNCATE, .arg = { size, prealloc } };
    guint64 old = img->size;
    g_autoptr(GError) why = NULL;
    gint unused;

    ret_errno = ret_errno != NULL ? ret_errno : &unused;
    *ret_errno = EIO;
    if (size > longest) {
        *ret_errno = EFBIG;
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO,
                    "offset(%" G_GUINT64_FORMAT ") exceeds maximum(%" G_GUINT64_FORMAT ")", size,
                    longest);
        return FALSE;
    }
    if (img->backing != NULL && img->backing->size > img->size) {
        call.arg[2] = ABI_TRUNCATE_ZERO;
    }
    if (img->cell == NULL) {
        if (!truncate_raw(img, size, prealloc, exact, &why)) {
            *ret_errno = why->domain == IO_ERROR ? why->code : EINVAL;
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    } else {
        if (!image_set_bound(img, size, error)) {
            return FALSE;
        }
        if (!image_call_cell(img, &call, ret_errno, error)) {
            if (call.result.status == FMT_E_UNSUPPORTED) {
                g_clear_error(error);
                g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED,
                            "Image format driver does not support resize");
            }
            return FALSE;
        }
        img->facts.virtual_size = size;
    }
    image_forget(img);
    img->size = (size + IMAGE_SECTOR - 1) & ~(guint64)(IMAGE_SECTOR - 1);
    return fill_rest(img, old, call.result.ret[0], error);
}
