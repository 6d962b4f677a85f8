/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "image/codec-batch.h"

gboolean codec_batch_begin(CodecBatch *batch, Image *img, guint worker, GError **error)
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

void codec_batch_end(CodecBatch *batch)
{
    g_mutex_unlock(&batch->img->codec[batch->cpu - 1]);
}

gboolean codec_batch_fits(const CodecBatch *batch, gsize bytes)
{
    return bytes <= batch->size && batch->used <= batch->size - bytes;
}

gsize codec_batch_place(CodecBatch *batch, gsize bytes)
{
    gsize at = batch->used;

    batch->used += codec_batch_aligned(bytes);
    return at;
}

void codec_batch_add(CodecBatch *batch, guint32 codec, guint32 direction, gsize in, gsize in_length,
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

gboolean codec_batch_run(CodecBatch *batch, GError **error)
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
