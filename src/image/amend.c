/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of an image that exists: what is the driver's, and what is the host's. */
#include "config.h"

#include "abi/props.h"
#include "format/luks-status.h"
#include "image/cipher.h"
#include "image/secret.h"

gboolean image_amend_known(const char *format, GError **error)
{
    const ImageFormat *row = format_by_name(format);

    if (row != NULL && row->amend_options != NULL) {
        return TRUE;
    }
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED,
                "Format driver '%s' does not support option amendment", format);
    return FALSE;
}

/* One call; *ret_downgrade: the older version is wanted, once all else is done. */
static gboolean call_driver(Image *img, GBytes *options, gboolean force, gboolean *ret_downgrade,
                            GError **error)
{
    g_autoptr(GError) why = NULL;
    GByteArray *in = image_amend_question(img, options, force, &why);
    guint8 out[64];
    CellCall call = { .op = ABI_JOB_CALL,
                      .arg = { ABI_CALL_AMEND },
                      .in = in->data,
                      .in_length = in->len,
                      .secret = TRUE,
                      .out = out,
                      .out_size = sizeof out };
    gboolean ok = image_call_cell(img, &call, NULL, error);
    struct props_reader reader = { 0 };
    struct props_item item;

    secret_wipe(in->data, in->len);
    g_byte_array_unref(in);
    image_forget(img);
    if (!ok) {
        if (call.result.status == LUKS_E_NO_SECRET && why != NULL) {
            g_clear_error(error);
            g_propagate_error(error, g_steal_pointer(&why));
        }
        return FALSE;
    }
    reader.base = out;
    reader.size = (guint32)call.out_length;
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
    return call_driver(img, in, FALSE, &unused, error);
}

gboolean image_amend(Image *img, GBytes *options, guint64 size, gboolean force, GError **error)
{
    gboolean older = FALSE;

    if (size > G_MAXINT64) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                            "Image size cannot be negative");
        return FALSE;
    }
    if (!image_set_bound(img, MAX(size, img->size), error) ||
        !call_driver(img, options, force, &older, error)) {
        return FALSE;
    }
    if (size != 0 && size != img->size &&
        !image_truncate(img, size, ABI_PREALLOC_OFF, FALSE, error)) {
        return FALSE;
    }
    return !older || downgrade(img, error);
}
