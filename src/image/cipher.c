/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data that is stored encrypted: read into, or written from, the window of a codec cpu, which
 * codes it where it lies. Sectors are coded whole; where a caller wants less of one, the rest is
 * read with it, and for writing kept.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "image/cipher.h"
#include "image/codec-batch.h"

/* Bytes coded at once; the pages of a window stay in memory once they were used. */
#define PIECE (1u << 20)

/* Code length bytes that lie at the start of the window. */
static gboolean run_cipher(CodecBatch *batch, guint32 codec, guint32 direction, guint64 sector,
                           gsize length, GError **error)
{
    batch->n = 0;
    codec_batch_add(batch, codec, direction, 0, length, 0, length);
    batch->work[0].sector = sector;
    if (!codec_batch_run(batch, error)) {
        return FALSE;
    }
    if (batch->work[0].result != (gint64)length) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
        return FALSE;
    }
    return TRUE;
}

/* A part of an extent, in whole sectors. */
typedef struct {
    guint64 file, number; /* offset in the file; number of the first sector */
    gsize head, length;   /* bytes in front of what is asked for; bytes in all */
    gsize wanted;
} Sectors;

static Sectors sectors_at(const struct abi_extent *e, guint64 at)
{
    guint64 file = e->file_offset + at, guest = e->guest_offset + at;
    Sectors s = { .head = (gsize)(file % IMAGE_SECTOR) };

    s.wanted = (gsize)MIN(e->length - at, PIECE - s.head);
    s.length = align_up(s.head + s.wanted, IMAGE_SECTOR);
    s.file = file - s.head;
    s.number = (e->codec == ABI_CODEC_CIPHER_GUEST ? guest - s.head : s.file) / IMAGE_SECTOR;
    return s;
}

static gboolean read_sectors(CodecBatch *batch, const struct abi_extent *e, const Sectors *s,
                             gsize from, gsize length, GError **error)
{
    return io_pread(batch->img->handles[e->handle], s->file + from, batch->base, length, NULL,
                    error) &&
           run_cipher(batch, e->codec, ABI_DECODE, s->number + from / IMAGE_SECTOR, length, error);
}

gboolean image_cipher_read(Image *img, const struct abi_extent *e, guint8 *buf, guint worker,
                           GError **error)
{
    g_autofree CodecBatch *batch = g_new(CodecBatch, 1);
    gboolean ok = TRUE;

    if (!codec_batch_begin(batch, img, worker, error)) {
        return FALSE;
    }
    for (guint64 at = 0; ok && at < e->length;) {
        Sectors s = sectors_at(e, at);

        ok = read_sectors(batch, e, &s, 0, s.length, error);
        if (ok) {
            memcpy(buf + at, batch->base + s.head, s.wanted);
        }
        at += s.wanted;
    }
    codec_batch_end(batch);
    return ok;
}

/* What the first and the last sector hold beside what is written. */
static gboolean keep_edges(CodecBatch *batch, const struct abi_extent *e, const Sectors *s,
                           guint8 *edges, GError **error)
{
    gsize tail = s->length - IMAGE_SECTOR;

    if (s->head != 0) {
        if (!read_sectors(batch, e, s, 0, IMAGE_SECTOR, error)) {
            return FALSE;
        }
        memcpy(edges, batch->base, IMAGE_SECTOR);
    }
    if (s->head + s->wanted != s->length) {
        if (!read_sectors(batch, e, s, tail, IMAGE_SECTOR, error)) {
            return FALSE;
        }
        memcpy(edges + IMAGE_SECTOR, batch->base, IMAGE_SECTOR);
    }
    return TRUE;
}

static gboolean write_sectors(CodecBatch *batch, const struct abi_extent *e, const Sectors *s,
                              const guint8 *bytes, GError **error)
{
    guint8 edges[2 * IMAGE_SECTOR];
    gsize tail = s->length - IMAGE_SECTOR, end = s->head + s->wanted;

    if (!keep_edges(batch, e, s, edges, error)) {
        return FALSE;
    }
    if (end != s->length) {
        memcpy(batch->base + tail, edges + IMAGE_SECTOR, IMAGE_SECTOR);
    }
    if (s->head != 0) {
        memcpy(batch->base, edges, IMAGE_SECTOR);
    }
    if (bytes != NULL) {
        memcpy(batch->base + s->head, bytes, s->wanted);
    } else {
        memset(batch->base + s->head, 0, s->wanted);
    }
    return run_cipher(batch, e->codec, ABI_ENCODE, s->number, s->length, error) &&
           io_pwrite(batch->img->handles[e->handle], s->file, batch->base, s->length, error);
}

gboolean image_cipher_write(Image *img, const struct abi_extent *e, const guint8 *bytes,
                            guint worker, GError **error)
{
    g_autofree CodecBatch *batch = g_new(CodecBatch, 1);
    gboolean ok = TRUE;

    if (!codec_batch_begin(batch, img, worker, error)) {
        return FALSE;
    }
    for (guint64 at = 0; ok && at < e->length;) {
        Sectors s = sectors_at(e, at);

        ok = write_sectors(batch, e, &s, bytes != NULL ? bytes + at : NULL, error);
        at += s.wanted;
    }
    codec_batch_end(batch);
    return ok;
}

gboolean image_store(Image *img, const struct abi_extent *e, const guint8 *bytes, guint worker,
                     GError **error)
{
    IoFile *file = img->handles[e->handle];

    if (e->codec != ABI_CODEC_NONE && img->cell != NULL) {
        return image_cipher_write(img, e, bytes, worker, error);
    }
    return bytes != NULL ? io_pwrite(file, e->file_offset, bytes, (gsize)e->length, error)
                         : io_zero(file, e->file_offset, e->length, FALSE, error);
}
