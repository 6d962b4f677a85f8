/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of an image that exists: what is the driver's, and what is the host's. */
#include "config.h"

#include "abi/props.h"
#include "image/image-private.h"

gboolean image_amend_known(const char *format, GError **error)
{
    if (format_by_name(format) == ABI_FORMAT_QCOW2) {
        return TRUE;
    }
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED,
                "Format driver '%s' does not support option amendment", format);
    return FALSE;
}

/* One call; *ret_downgrade: the older version is wanted, once all else is done. */
static gboolean call_driver(Image *img, GBytes *in, gboolean *ret_downgrade, GError **error)
{
    g_autoptr(GBytes) out = image_call(img, ABI_CALL_AMEND, in, error);
    struct props_reader reader = { 0 };
    struct props_item item;

    if (out == NULL) {
        return FALSE;
    }
    reader.base = g_bytes_get_data(out, NULL);
    reader.size = (guint32)g_bytes_get_size(out);
    *ret_downgrade = props_next(&reader, &item) > 0 && item.type == ABI_PROP_BOOL;
    return TRUE;
}

static gboolean downgrade(Image *img, GError **error)
{
    guint8 bytes[64];
    struct props_writer w = { .base = bytes, .size = sizeof bytes };
    g_autoptr(GBytes) in = NULL;
    gboolean unused;

    props_bool(&w, "downgrade", TRUE);
    in = g_bytes_new(bytes, w.used);
    return call_driver(img, in, &unused, error);
}

gboolean image_amend(Image *img, GBytes *options, guint64 size, GError **error)
{
    gboolean older = FALSE;

    if (size > G_MAXINT64) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                            "Image size cannot be negative");
        return FALSE;
    }
    if (!image_set_bound(img, MAX(size, img->size), error) ||
        (g_bytes_get_size(options) > 0 && !call_driver(img, options, &older, error))) {
        return FALSE;
    }
    if (size != 0 && size != img->size &&
        !image_truncate(img, size, ABI_PREALLOC_OFF, FALSE, error)) {
        return FALSE;
    }
    return !older || downgrade(img, error);
}
