/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coding work on the cell's codec cpus: bytes go through the window of one cpu,
 * many pieces a doorbell. A cpu serves one caller at a time.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "image/image-private.h"

#define PIECE_ALIGN 64u

/* The window of one codec cpu while a batch is made in it. */
typedef struct {
    Image *img;
    guint cpu; /* 1..IMAGE_CODECS */
    guint8 *base;
    guint64 address;
    gsize size, used;
    struct abi_codec work[ABI_MAX_CODEC];
    guint n;
} Batch;

/* Take a cpu: worker's own, or for IMAGE_ANY_WORKER the first that is free. */
static gboolean batch_begin(Batch *batch, Image *img, guint worker, GError **error)
{
    if (worker == IMAGE_ANY_WORKER) {
        for (worker = 0; worker < IMAGE_CODECS && !g_mutex_trylock(&img->codec[worker]); worker++) {
        }
        if (worker == IMAGE_CODECS) {
            worker = 0;
            g_mutex_lock(&img->codec[0]);
        }
    } else {
        worker %= IMAGE_CODECS;
        g_mutex_lock(&img->codec[worker]);
    }
    batch->img = img;
    batch->cpu = worker + 1;
    batch->used = 0;
    batch->n = 0;
    batch->base = cell_window(img->cell, batch->cpu, &batch->address, &batch->size, error);
    if (batch->base == NULL) {
        g_mutex_unlock(&img->codec[worker]);
        return FALSE;
    }
    return TRUE;
}

static void batch_end(Batch *batch)
{
    g_mutex_unlock(&batch->img->codec[batch->cpu - 1]);
}

static gsize aligned(gsize n)
{
    return (n + PIECE_ALIGN - 1) & ~(gsize)(PIECE_ALIGN - 1);
}

/* Is there room for so many bytes more? */
static gboolean batch_fits(const Batch *batch, gsize bytes)
{
    return bytes <= batch->size && batch->used <= batch->size - bytes;
}

/* Room in the window; the caller has asked batch_fits(). */
static gsize batch_place(Batch *batch, gsize bytes)
{
    gsize at = batch->used;

    batch->used += aligned(bytes);
    return at;
}

static void batch_add(Batch *batch, guint32 codec, guint32 direction, gsize in, gsize in_length,
                      gsize out, gsize out_length)
{
    batch->work[batch->n++] = (struct abi_codec){
        .codec = codec,
        .direction = direction,
        .in_address = batch->address + in,
        .in_length = in_length,
        .out_address = batch->address + out,
        .out_length = out_length,
    };
}

/* One doorbell for all of it; results are in batch->work. */
static gboolean batch_run(Batch *batch, GError **error)
{
    struct abi_codec sent[ABI_MAX_CODEC];
    CellCall call = { .cpu = batch->cpu,
                      .op = ABI_JOB_CODEC,
                      .arg = { batch->n },
                      .in = sent,
                      .in_length = batch->n * sizeof *sent,
                      .out = batch->work,
                      .out_size = batch->n * sizeof *sent };

    memcpy(sent, batch->work, call.in_length);
    if (!cell_call(batch->img->cell, &call, error)) {
        return FALSE;
    }
    if (call.result.status < 0 || call.out_length != call.in_length) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "The cell's answer is out of bounds");
        return FALSE;
    }
    for (guint i = 0; i < batch->n; i++) { /* where things are, is what we said */
        gint64 result = batch->work[i].result;

        batch->work[i] = sent[i];
        batch->work[i].result = result > (gint64)sent[i].out_length ? FMT_E_CODEC : result;
    }
    return TRUE;
}

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
static gboolean load_run(Batch *batch, const struct abi_extent *e, guint n, gsize span,
                         GError **error)
{
    guint32 cluster = batch->img->facts.cluster_size;
    gsize in = batch_place(batch, span);

    if (!io_pread(batch->img->handles[e[0].handle], e[0].file_offset, batch->base + in, span, NULL,
                  error)) {
        return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        batch_add(batch, e[i].codec, ABI_DECODE, in + (gsize)(e[i].file_offset - e[0].file_offset),
                  (gsize)e[i].stored_length, batch_place(batch, cluster), cluster);
    }
    return TRUE;
}

/* Decode e[0..n), all COOKED, into buf, as many as fit at once; *ret_done tells how many. */
static gboolean decode_some(Batch *batch, const struct abi_extent *e, guint n, guint8 *buf,
                            guint *ret_done, GError **error)
{
    guint32 cluster = batch->img->facts.cluster_size;
    guint done = 0;

    batch->n = 0;
    batch->used = 0;
    while (done < n && batch->n < ABI_MAX_CODEC) {
        gsize span;
        guint run = stored_run(e + done, MIN(n - done, ABI_MAX_CODEC - batch->n), &span);

        while (run > 0 && !batch_fits(batch, aligned(span) + run * aligned(cluster))) {
            run = stored_run(e + done, run - 1, &span);
            if (run == 1 && !batch_fits(batch, aligned(span) + aligned(cluster))) {
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
    if (!batch_run(batch, error)) {
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
    g_autofree Batch *batch = g_new(Batch, 1);
    gboolean ok = TRUE;

    if (!batch_begin(batch, img, worker, error)) {
        return FALSE;
    }
    for (guint at = 0, done; ok && at < n; at += done) {
        done = 0;
        ok = decode_some(batch, e + at, n - at, buf + (e[at].guest_offset - e[0].guest_offset),
                         &done, error);
    }
    batch_end(batch);
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
static gboolean code_some(Batch *batch, ImageCode *work, guint n, guint *ret_done, GError **error)
{
    guint done;

    batch->n = 0;
    batch->used = 0;
    for (done = 0; done < n && done < ABI_MAX_CODEC; done++) {
        gsize in, out;

        if (work[done].in_length > batch->size || work[done].out_length > batch->size ||
            !batch_fits(batch, aligned(work[done].in_length) + aligned(work[done].out_length))) {
            break;
        }
        in = batch_place(batch, work[done].in_length);
        out = batch_place(batch, work[done].out_length);
        memcpy(batch->base + in, work[done].in, work[done].in_length);
        batch_add(batch, work[done].codec, work[done].direction, in, work[done].in_length, out,
                  work[done].out_length);
    }
    if (done == 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                    "A cluster does not fit into the cell's window");
        return FALSE;
    }
    if (!batch_run(batch, error)) {
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
    g_autofree Batch *batch = NULL;
    gboolean ok = TRUE;

    if (img->cell == NULL) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED, g_strerror(ENOTSUP));
        return FALSE;
    }
    batch = g_new(Batch, 1);
    if (!batch_begin(batch, img, worker, error)) {
        return FALSE;
    }
    for (guint at = 0, done; ok && at < n; at += done) {
        done = 0;
        ok = code_some(batch, work + at, n - at, &done, error);
    }
    batch_end(batch);
    return ok;
}
