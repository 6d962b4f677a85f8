/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work for a codec cpu: bytes go through its window, many pieces a doorbell. A cpu serves one
 * caller at a time.
 */
#ifndef INSTAR_IMAGE_CODEC_BATCH_H
#define INSTAR_IMAGE_CODEC_BATCH_H

#include "image/image-private.h"

#define CODEC_BATCH_ALIGN 64u

/* The window of one codec cpu while a batch is made in it. */
typedef struct {
    Image *img;
    guint cpu; /* 1..IMAGE_CODECS */
    guint8 *base;
    guint64 address;
    gsize size, used;
    struct abi_codec work[ABI_MAX_CODEC];
    guint n;
} CodecBatch;

/* Take a cpu: worker's own, or for IMAGE_ANY_WORKER the first that is free. */
gboolean codec_batch_begin(CodecBatch *batch, Image *img, guint worker, GError **error);
void codec_batch_end(CodecBatch *batch);

static inline gsize codec_batch_aligned(gsize n)
{
    return (n + CODEC_BATCH_ALIGN - 1) & ~(gsize)(CODEC_BATCH_ALIGN - 1);
}

/* Is there room for so many bytes more? */
gboolean codec_batch_fits(const CodecBatch *batch, gsize bytes);
/* Room in the window; the caller has asked codec_batch_fits(). */
gsize codec_batch_place(CodecBatch *batch, gsize bytes);
void codec_batch_add(CodecBatch *batch, guint32 codec, guint32 direction, gsize in, gsize in_length,
                     gsize out, gsize out_length);
/* One doorbell for all of it; results are in batch->work. */
gboolean codec_batch_run(CodecBatch *batch, GError **error);

#endif
