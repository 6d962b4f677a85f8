/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of an image that exists: what is the driver's, and what is the host's. */
#include "config.h"

#include "abi/props.h"
#include "image/cipher.h"
#include "image/secret.h"
#include "image/tell.h"

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

/* Who hears of it. */
typedef struct {
    ImageProgress progress;
    gpointer user_data;
} AmendTale;

/* A cell may say what it likes: it is at most the end. Without a total it is only a sign of life. */
static gboolean tell(guint64 done, guint64 total, gpointer user_data)
{
    AmendTale *tale = user_data;

    if (total != 0) {
        tale->progress(MIN(done, total), total, tale->user_data);
    }
    return TRUE;
}

/* One call; *ret_downgrade: the older version is wanted, once all else is done. */
static gboolean call_driver(Image *img, GBytes *options, ImageAmendFlags flags,
                            gboolean *ret_downgrade, AmendTale *tale, GError **error)
{
    g_autoptr(GError) why = NULL;
    GByteArray *in = image_amend_question(img, options, (flags & IMAGE_AMEND_FORCE) != 0, &why);
    guint8 out[64];
    CellCall call = { .op = ABI_JOB_CALL,
                      .arg = { ABI_CALL_AMEND },
                      .secret = TRUE,
                      .progress = tell,
                      .progress_data = tale,
                      .out = out,
                      .out_size = sizeof out };
    struct props_reader reader = { 0 };
    struct props_item item;
    gboolean ok;

    secret_append_bool(in, "shown", (flags & IMAGE_AMEND_SHOWN) != 0);
    call.in = in->data;
    call.in_length = in->len;
    ok = image_call_cell(img, &call, NULL, error);
    secret_wipe(in->data, in->len);
    g_byte_array_unref(in);
    image_forget(img);
    if (call.emitted != NULL) {
        /* a table was found broken */
        image_tell_all(call.emitted->data, call.emitted->len);
        g_byte_array_unref(call.emitted);
    }
    if (!ok) {
        if (call.result.status == FMT_E_NO_SECRET && why != NULL) {
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

static gboolean downgrade(Image *img, ImageAmendFlags flags, AmendTale *tale, GError **error)
{
    guint8 bytes[64];
    struct props_writer w = { .base = bytes, .size = sizeof bytes };
    g_autoptr(GBytes) in = NULL;
    gboolean unused;

    props_bool(&w, "downgrade", TRUE);
    in = g_bytes_new(bytes, w.used);
    return call_driver(img, in, flags, &unused, tale, error);
}

gboolean image_amend(Image *img, GBytes *options, guint64 size, ImageAmendFlags flags,
                     ImageProgress progress, gpointer user_data, GError **error)
{
    AmendTale tale = { progress, user_data };
    gboolean older = FALSE;

    if (size > G_MAXINT64) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                            "Image size cannot be negative");
        return FALSE;
    }
    if (!image_set_bound(img, MAX(size, img->size), error) ||
        !call_driver(img, options, flags, &older, &tale, error)) {
        return FALSE;
    }
    if (size != 0 && !image_truncate(img, size, ABI_PREALLOC_OFF, FALSE, NULL, error)) {
        return FALSE;
    }
    return !older || downgrade(img, flags, &tale, error);
}
