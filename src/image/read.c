/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest bytes: extents of a layer, plain ones read directly, coded ones by codec.c, holes from the
 * layer below. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "image/image-private.h"

/* Guest bytes asked for ahead, so that a reader that goes on rings once for many reads. */
#define LOOKAHEAD_BYTES ((guint64)16 << 20)
/* Extents taken from what is known at a time. */
#define BATCH 32u

void image_forget(Image *img)
{
    g_mutex_lock(&img->driver);
    if (img->known != NULL) {
        img->known->count = 0;
        img->known->start = img->known->end = 0;
    }
    g_mutex_unlock(&img->driver);
    g_mutex_lock(&img->decoded_mutex);
    for (guint i = 0; i < IMAGE_DECODED; i++) {
        img->decoded[i].start = G_MAXUINT64;
    }
    g_mutex_unlock(&img->decoded_mutex);
}

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
             e[i].guest_offset / img->facts.cluster_size !=
                 (at - 1) / img->facts.cluster_size ||
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
    CellCall call = { .op = ABI_JOB_EXTENTS, .arg = { start, length, 0, max },
                      .out = out, .out_size = max * sizeof *out };

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
        out[n++] = (struct abi_extent){ .guest_offset = start, .length = part, .file_offset = start,
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
    ok = ask_extents(img, start, length, out, MIN(max, ABI_MAX_EXTENTS), ret_count, ret_next, error);
    g_mutex_unlock(&img->driver);
    return ok;
}

/* Copy what is known of [offset, offset + length), at least one extent, clipped to the range. */
static gboolean next_extents(Image *img, guint64 offset, guint64 length, struct abi_extent *out,
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
    while (ok && low + 1 < high) {              /* the last one that begins at or before offset */
        guint middle = (low + high) / 2;

        if (known->entry[middle].guest_offset <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    for (; ok && n < BATCH && length > 0 && low < known->count; low++, n++) {
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

/* One part of a coded cluster, by way of the clusters decoded before. */
static gboolean read_cooked(Image *img, const struct abi_extent *e, guint8 *buf, GError **error)
{
    guint32 cluster = img->facts.cluster_size;
    guint64 start = e->guest_offset - e->guest_offset % cluster;
    DecodedCluster *found = NULL;
    gboolean ok = TRUE;

    if (e->length == cluster) {
        return image_read_extents(img, e, 1, buf, IMAGE_ANY_WORKER, error);
    }
    g_mutex_lock(&img->decoded_mutex);
    for (guint i = 0; i < IMAGE_DECODED; i++) {
        if (img->decoded[i].start == start) {
            found = &img->decoded[i];
        }
    }
    if (found == NULL) {
        struct abi_extent whole = *e;

        found = &img->decoded[img->decoded_next];
        img->decoded_next = (img->decoded_next + 1) % IMAGE_DECODED;
        if (found->bytes == NULL) {
            found->bytes = g_malloc(cluster);
        }
        whole.guest_offset = start;
        whole.length = cluster;
        ok = image_read_extents(img, &whole, 1, found->bytes, IMAGE_ANY_WORKER, error);
        found->start = ok ? start : G_MAXUINT64;
    }
    if (ok) {
        memcpy(buf, found->bytes + (e->guest_offset - start), e->length);
    }
    g_mutex_unlock(&img->decoded_mutex);
    return ok;
}

static gboolean read_layer(Image *img, guint64 offset, guint8 *buf, gsize length, GError **error)
{
    struct abi_extent e[BATCH];
    guint n;

    while (length > 0) {
        if (!next_extents(img, offset, length, e, &n, error)) {
            return FALSE;
        }
        for (guint i = 0; i < n; i++) {
            gsize part = (gsize)e[i].length;
            gboolean ok = TRUE;

            switch (e[i].kind) {
            case ABI_EXT_DATA:
                ok = io_pread(img->handles[e[i].handle], e[i].file_offset, buf, part, NULL, error);
                break;
            case ABI_EXT_COOKED:
                ok = read_cooked(img, &e[i], buf, error);
                break;
            case ABI_EXT_HOLE:
                if (img->backing != NULL) {
                    ok = image_read(img->backing, e[i].guest_offset, buf, part, error);
                    break;
                }
                memset(buf, 0, part);
                break;
            default:
                memset(buf, 0, part);
                break;
            }
            if (!ok) {
                return FALSE;
            }
            buf += part;
            offset += part;
            length -= part;
        }
    }
    return TRUE;
}

gboolean image_read(Image *img, guint64 offset, void *buf, gsize length, GError **error)
{
    gsize inside = offset < img->size ? (gsize)MIN(length, img->size - offset) : 0;

    memset((guint8 *)buf + inside, 0, length - inside);
    if (img->cell == NULL) {
        return io_pread(img->handles[0], offset, buf, inside, NULL, error);
    }
    return read_layer(img, offset, buf, inside, error);
}

gboolean image_read_extent(Image *img, const struct abi_extent *e, void *buf, guint worker,
                           GError **error)
{
    return image_read_extents(img, e, 1, buf, worker, error);
}

/* "snapshot.id=..,snapshot.name=..", or one word that is an id or a name. */
static gboolean select_call(CellCall *call, const char *words, GByteArray *in, GError **error)
{
    g_autoptr(ImageOptions) options = NULL;
    g_auto(GStrv) warnings = NULL;
    const char *id, *name;

    if (!g_str_has_prefix(words, "snapshot.")) {
        call->arg[0] = ABI_SELECT_ID_OR_NAME;
        g_byte_array_append(in, (const guint8 *)words, (guint)strlen(words));
        return TRUE;
    }
    options = options_from_keyval(words, &warnings, error);
    if (options == NULL) {
        return FALSE;
    }
    for (guint i = 0; warnings[i] != NULL; i++) {
        image_warn("%s", warnings[i]);
    }
    id = options_get_string(options, "snapshot.id");
    name = options_get_string(options, "snapshot.name");
    call->arg[0] = id && name ? ABI_SELECT_ID_AND_NAME : id ? ABI_SELECT_ID : ABI_SELECT_NAME;
    if (id != NULL) {
        g_byte_array_append(in, (const guint8 *)id, (guint)strlen(id) + (name ? 1 : 0));
    }
    if (name != NULL) {
        g_byte_array_append(in, (const guint8 *)name, (guint)strlen(name));
    }
    return TRUE;
}

gboolean image_select_snapshot(Image *img, const char *words, GError **error)
{
    g_autoptr(GByteArray) in = g_byte_array_new();
    CellCall call = { .op = ABI_JOB_SELECT };

    if (img->cell == NULL) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED, "Block format '%s' used by device "
                    "'' does not support temporarily loading internal snapshots", img->format_name);
        return FALSE;
    }
    if (!select_call(&call, words, in, error)) {
        return FALSE;
    }
    if (in->len > 2 * ABI_MAX_NAME) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "Can't find snapshot");
        return FALSE;
    }
    call.in = in->data;
    call.in_length = in->len;
    if (!image_call_cell(img, &call, NULL, error)) {
        return FALSE;
    }
    if (call.result.ret[0] != 0 && call.result.ret[0] <= G_MAXINT64 - IMAGE_SECTOR) {
        img->facts.virtual_size = call.result.ret[0];
        img->size = (call.result.ret[0] + IMAGE_SECTOR - 1) & ~(guint64)(IMAGE_SECTOR - 1);
    }
    image_forget(img);
    return TRUE;
}
