/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest bytes: extents of a layer, plain ones read directly, coded ones by codec.c, holes from the
 * layer below. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "image/image-private.h"

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

gboolean image_refuse_stale(GError **error)
{
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EINVAL));
    return FALSE;
}

static gboolean read_layer(Image *img, guint64 offset, guint8 *buf, gsize length, GError **error)
{
    struct abi_extent e[IMAGE_BATCH];
    guint n;

    while (length > 0) {
        if (!image_next_extents(img, offset, length, e, &n, error)) {
            return FALSE;
        }
        for (guint i = 0; i < n; i++) {
            gsize part = (gsize)e[i].length;
            gboolean ok = TRUE;

            switch (e[i].kind) {
            case ABI_EXT_DATA:
                ok = image_read_extents(img, &e[i], 1, buf, IMAGE_ANY_WORKER, error);
                break;
            case ABI_EXT_COOKED:
                ok = read_cooked(img, &e[i], buf, error);
                break;
            case ABI_EXT_HOLE:
                if (img->stale) {
                    ok = image_refuse_stale(error);
                    break;
                }
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
