/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the bytes of one layer are: asked of the driver, or of the file system for raw. */
#include "config.h"

#include "image/image-private.h"

/* Guest bytes asked for ahead, so that a reader that goes on rings once for many reads. */
#define LOOKAHEAD_BYTES ((guint64)16 << 20)

static gboolean broken_answer(GError **error)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "The cell's answer is out of bounds");
    return FALSE;
}

/* What a reader relies on, whatever the cell says: ascending, without gaps, kinds it knows, file
 * ranges that are ranges. */
static gboolean extents_valid(const Image *img, const struct abi_extent *e, guint n, guint64 start,
                              guint64 end, guint64 next)
{
    guint64 at = start;

    for (guint i = 0; i < n; i++) {
        gboolean stored = e[i].kind == ABI_EXT_DATA || e[i].kind == ABI_EXT_COOKED;

        if (e[i].guest_offset != at || e[i].length == 0 || e[i].length > end - at ||
            e[i].kind < ABI_EXT_DATA || e[i].kind > ABI_EXT_COOKED) {
            return FALSE;
        }
        at += e[i].length;
        if (stored && (e[i].handle >= img->n_handles || e[i].file_offset > G_MAXINT64 ||
                       e[i].length > G_MAXINT64 - e[i].file_offset)) {
            return FALSE;
        }
        if (e[i].kind == ABI_EXT_COOKED &&
            (img->facts.cluster_size == 0 ||
             e[i].guest_offset / img->facts.cluster_size != (at - 1) / img->facts.cluster_size ||
             e[i].stored_length > (guint64)img->facts.cluster_size * 2 + 1024 ||
             e[i].stored_length > G_MAXINT64 - e[i].file_offset)) {
            return FALSE;
        }
    }
    return at == next && next > start;
}

/* Ask the driver; called with its mutex held. */
static gboolean ask_extents(Image *img, guint64 start, guint64 length, struct abi_extent *out,
                            guint max, guint *ret_count, guint64 *ret_next, GError **error)
{
    CellCall call = { .op = ABI_JOB_EXTENTS,
                      .arg = { start, length, 0, max },
                      .out = out,
                      .out_size = max * sizeof *out };

    if (!image_call_locked(img, &call, NULL, error)) {
        return FALSE;
    }
    *ret_count = (guint)MIN(call.result.ret[0], max);
    *ret_next = call.result.ret[1];
    if (call.out_length != *ret_count * sizeof *out ||
        !extents_valid(img, out, *ret_count, start, start + length, *ret_next)) {
        return broken_answer(error);
    }
    return TRUE;
}

/* Data or hole, as the file system tells. A hole of a raw image is its own zeros. */
static gboolean raw_extents(Image *img, guint64 start, guint64 length, struct abi_extent *out,
                            guint max, guint *ret_count, guint64 *ret_next, GError **error)
{
    guint n = 0;

    while (n < max && length > 0) {
        gboolean data;
        guint64 part;

        if (!io_block_status(img->handles[0], start, length, &data, &part, error)) {
            return FALSE;
        }
        out[n++] = (struct abi_extent){ .guest_offset = start,
                                        .length = part,
                                        .file_offset = start,
                                        .kind = data ? ABI_EXT_DATA : ABI_EXT_ZERO,
                                        .flags = ABI_EXTF_OFFSET | ABI_EXTF_ALLOCATED };
        start += part;
        length -= part;
    }
    *ret_count = n;
    *ret_next = start;
    return TRUE;
}

gboolean image_extents(Image *img, guint64 start, guint64 length, struct abi_extent *out, guint max,
                       guint *ret_count, guint64 *ret_next, GError **error)
{
    gboolean ok;

    *ret_count = 0;
    *ret_next = start;
    if (start >= img->size || max == 0) {
        return TRUE;
    }
    length = MIN(length, img->size - start);
    if (length == 0) {
        return TRUE;
    }
    if (img->cell == NULL) {
        return raw_extents(img, start, length, out, max, ret_count, ret_next, error);
    }
    g_mutex_lock(&img->driver);
    ok =
        ask_extents(img, start, length, out, MIN(max, ABI_MAX_EXTENTS), ret_count, ret_next, error);
    g_mutex_unlock(&img->driver);
    return ok;
}

/* Copy what is known of [offset, offset + length), at least one extent, clipped to the range. */
gboolean image_next_extents(Image *img, guint64 offset, guint64 length, struct abi_extent *out,
                            guint *ret_count, GError **error)
{
    KnownExtents *known;
    guint n = 0, low = 0, high;
    gboolean ok = TRUE;

    g_mutex_lock(&img->driver);
    if (img->known == NULL) {
        img->known = g_new0(KnownExtents, 1);
    }
    known = img->known;
    if (known->count == 0 || offset < known->start || offset >= known->end) {
        known->start = offset;
        ok = ask_extents(img, offset, MIN(MAX(length, LOOKAHEAD_BYTES), img->size - offset),
                         known->entry, IMAGE_LOOKAHEAD, &known->count, &known->end, error);
        if (!ok) {
            known->count = 0;
        }
    }
    high = known->count;
    while (ok && low + 1 < high) { /* the last one that begins at or before offset */
        guint middle = (low + high) / 2;

        if (known->entry[middle].guest_offset <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    for (; ok && n < IMAGE_BATCH && length > 0 && low < known->count; low++, n++) {
        struct abi_extent e = known->entry[low];
        guint64 skip = offset - e.guest_offset;

        e.guest_offset = offset;
        e.length = MIN(e.length - skip, length);
        if (e.kind == ABI_EXT_DATA) {
            e.file_offset += skip;
        }
        out[n] = e;
        offset += e.length;
        length -= e.length;
    }
    g_mutex_unlock(&img->driver);
    *ret_count = n;
    return ok;
}
