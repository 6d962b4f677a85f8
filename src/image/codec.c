/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Coding work on the cell's codec cpus: clusters that are read, and pieces of the caller. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "image/cipher.h"
#include "image/codec-batch.h"

/* ---- reading coded clusters ----------------------------------------------------------- */

/* Clusters written one after the other lie so in the file (each bound ends in a sector that the
 * next begins in): how many of e[0..n) can be read at once, and how many bytes. */
static guint stored_run(const struct abi_extent *e, guint n, gsize *ret_span)
{
    guint64 start = e[0].file_offset, end = start + e[0].stored_length;
    guint i;

    for (i = 1; i < n; i++) {
        if (e[i].handle != e[0].handle || e[i].file_offset < e[i - 1].file_offset ||
            e[i].file_offset > end) {
            break;
        }
        end = MAX(end, e[i].file_offset + e[i].stored_length);
    }
    *ret_span = (gsize)(end - start);
    return i;
}

/* Read the stored bytes of the run and add its pieces. FALSE is an error. */
static gboolean load_run(CodecBatch *batch, const struct abi_extent *e, guint n, gsize span,
                         GError **error)
{
    guint32 cluster = batch->img->facts.cluster_size;
    gsize in = codec_batch_place(batch, span);

    if (!io_pread(batch->img->handles[e[0].handle], e[0].file_offset, batch->base + in, span, NULL,
                  error)) {
        return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        codec_batch_add(batch, e[i].codec, ABI_DECODE,
                        in + (gsize)(e[i].file_offset - e[0].file_offset),
                        (gsize)e[i].stored_length, codec_batch_place(batch, cluster), cluster);
    }
    return TRUE;
}

/* Decode e[0..n), all COOKED, into buf, as many as fit at once; *ret_done tells how many. */
static gboolean decode_some(CodecBatch *batch, const struct abi_extent *e, guint n, guint8 *buf,
                            guint *ret_done, GError **error)
{
    guint32 cluster = batch->img->facts.cluster_size;
    guint done = 0;

    batch->n = 0;
    batch->used = 0;
    while (done < n && batch->n < ABI_MAX_CODEC) {
        gsize span;
        guint run = stored_run(e + done, MIN(n - done, ABI_MAX_CODEC - batch->n), &span);

        while (run > 0 && !codec_batch_fits(batch, codec_batch_aligned(span) +
                                                       run * codec_batch_aligned(cluster))) {
            run = stored_run(e + done, run - 1, &span);
            if (run == 1 && !codec_batch_fits(batch, codec_batch_aligned(span) +
                                                         codec_batch_aligned(cluster))) {
                run = 0;
            }
        }
        if (run == 0) {
            break;
        }
        if (!load_run(batch, e + done, run, span, error)) {
            return FALSE;
        }
        done += run;
    }
    if (done == 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                    "A compressed cluster does not fit into the cell's window");
        return FALSE;
    }
    if (!codec_batch_run(batch, error)) {
        return FALSE;
    }
    for (guint i = 0; i < done; i++) {
        if (batch->work[i].result != (gint64)cluster) {
            g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
            return FALSE;
        }
        memcpy(buf + (e[i].guest_offset - e[0].guest_offset),
               batch->base + (batch->work[i].out_address - batch->address) +
                   e[i].guest_offset % cluster,
               (gsize)e[i].length);
    }
    *ret_done = done;
    return TRUE;
}

static gboolean decode_all(Image *img, const struct abi_extent *e, guint n, guint8 *buf,
                           guint worker, GError **error)
{
    g_autofree CodecBatch *batch = g_new(CodecBatch, 1);
    gboolean ok = TRUE;

    if (!codec_batch_begin(batch, img, worker, error)) {
        return FALSE;
    }
    for (guint at = 0, done; ok && at < n; at += done) {
        done = 0;
        ok = decode_some(batch, e + at, n - at, buf + (e[at].guest_offset - e[0].guest_offset),
                         &done, error);
    }
    codec_batch_end(batch);
    return ok;
}

/* The same care as for the driver's answers: entries come back to us through callers. */
static gboolean extent_sane(const Image *img, const struct abi_extent *e, guint64 at)
{
    guint32 cluster = img->facts.cluster_size;

    if (e->guest_offset != at || e->length > G_MAXINT64 - at) {
        return FALSE;
    }
    if (e->kind == ABI_EXT_COOKED) {
        return img->cell != NULL && cluster != 0 && e->handle < img->n_handles && e->length != 0 &&
               at / cluster == (at + e->length - 1) / cluster &&
               e->stored_length <= (guint64)cluster * 2 + 1024;
    }
    return e->kind == ABI_EXT_ZERO || (e->kind == ABI_EXT_DATA && e->handle < img->n_handles);
}

gboolean image_read_extents(Image *img, const struct abi_extent *e, guint n, void *buf,
                            guint worker, GError **error)
{
    guint8 *to = buf;
    guint64 at = n > 0 ? e[0].guest_offset : 0;

    for (guint i = 0; i < n; i++) {
        if (!extent_sane(img, &e[i], at)) {
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "Extent out of bounds");
            return FALSE;
        }
        at += e[i].length;
    }
    for (guint i = 0, run; i < n; i += run) {
        gboolean ok = TRUE;

        run = 1;
        switch (e[i].kind) {
        case ABI_EXT_COOKED:
            while (i + run < n && e[i + run].kind == ABI_EXT_COOKED) {
                run++;
            }
            ok = decode_all(img, e + i, run, to, worker, error);
            break;
        case ABI_EXT_DATA:
            if (e[i].codec != ABI_CODEC_NONE) {
                ok = image_cipher_read(img, &e[i], to, worker, error);
                break;
            }
            ok = io_pread(img->handles[e[i].handle], e[i].file_offset, to, (gsize)e[i].length, NULL,
                          error);
            break;
        default:
            memset(to, 0, (gsize)e[i].length);
            break;
        }
        if (!ok) {
            return FALSE;
        }
        for (guint k = 0; k < run; k++) {
            to += e[i + k].length;
        }
    }
    return TRUE;
}

/* ---- pieces of the caller ------------------------------------------------------------------ */

/* Code as many of work[0..n) as fit at once. */
static gboolean code_some(CodecBatch *batch, ImageCode *work, guint n, guint *ret_done,
                          GError **error)
{
    guint done;

    batch->n = 0;
    batch->used = 0;
    for (done = 0; done < n && done < ABI_MAX_CODEC; done++) {
        gsize in, out;

        if (work[done].in_length > batch->size || work[done].out_length > batch->size ||
            !codec_batch_fits(batch, codec_batch_aligned(work[done].in_length) +
                                         codec_batch_aligned(work[done].out_length))) {
            break;
        }
        in = codec_batch_place(batch, work[done].in_length);
        out = codec_batch_place(batch, work[done].out_length);
        memcpy(batch->base + in, work[done].in, work[done].in_length);
        codec_batch_add(batch, work[done].codec, work[done].direction, in, work[done].in_length,
                        out, work[done].out_length);
    }
    if (done == 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                    "A cluster does not fit into the cell's window");
        return FALSE;
    }
    if (!codec_batch_run(batch, error)) {
        return FALSE;
    }
    for (guint i = 0; i < done; i++) {
        work[i].result = batch->work[i].result;
        if (work[i].result > 0) {
            memcpy(work[i].out, batch->base + (batch->work[i].out_address - batch->address),
                   (gsize)work[i].result);
        }
    }
    *ret_done = done;
    return TRUE;
}

gboolean image_code(Image *img, guint worker, ImageCode *work, guint n, GError **error)
{
    g_autofree CodecBatch *batch = NULL;
    gboolean ok = TRUE;

    if (img->cell == NULL) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED, g_strerror(ENOTSUP));
        return FALSE;
    }
    batch = g_new(CodecBatch, 1);
    if (!codec_batch_begin(batch, img, worker, error)) {
        return FALSE;
    }
    for (guint at = 0, done; ok && at < n; at += done) {
        done = 0;
        ok = code_some(batch, work + at, n - at, &done, error);
    }
    codec_batch_end(batch);
    return ok;
}
