/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making, applying and deleting internal snapshots. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi/props.h"
#include "image/image-private.h"
#include "image/tell.h"

/* Room of a question: a name of an argument, and what goes with it. */
#define QUESTION 256u

/* *ret_errno goes with an error, ENOENT: there is no such snapshot. */
static gboolean call_snapshot(Image *img, const char *action, const char *name, gint *ret_errno,
                              GError **error)
{
    gsize length = strlen(name);
    guint32 room = QUESTION + (guint32)MIN(length, ABI_TABLE_SIZE / 2);
    g_autofree guint8 *bytes = g_malloc(room);
    struct props_writer w = { .base = bytes, .size = room };
    CellCall call = { .op = ABI_JOB_CALL, .arg = { ABI_CALL_SNAPSHOT }, .in = bytes };
    gint64 now = g_get_real_time();
    gboolean ok;

    props_string(&w, "action", action);
    props_bytes(&w, "name", name, (guint32)MIN(length, ABI_TABLE_SIZE));
    props_u64(&w, "date-sec", (guint64)(now / G_USEC_PER_SEC));
    props_u64(&w, "date-nsec", (guint64)(now % G_USEC_PER_SEC) * 1000);
    if (w.full) {
        *ret_errno = ENAMETOOLONG;
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_NAME, g_strerror(ENAMETOOLONG));
        return FALSE;
    }
    call.in_length = w.used;
    ok = image_call_cell(img, &call, ret_errno, error);
    if (call.emitted != NULL) {
        /* a table was found broken */
        image_tell_all(call.emitted->data, call.emitted->len);
        g_byte_array_unref(call.emitted);
    }
    if (!ok) {
        return FALSE;
    }
    image_take_size(img, &call.result);
    return TRUE;
}

gboolean image_snapshot_create(Image *img, const char *name, gint *ret_errno, GError **error)
{
    return call_snapshot(img, "create", name, ret_errno, error);
}

/* No image of this format has snapshots: there is no driver, or it does not know the call. */
static gboolean never_has_any(const GError *reason)
{
    return g_error_matches(reason, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED);
}

gboolean image_snapshot_apply(Image *img, const char *name, GError **error)
{
    g_autoptr(GError) reason = NULL;
    gint code = 0;

    if (call_snapshot(img, "apply", name, &code, &reason)) {
        return TRUE;
    }
    if (never_has_any(reason)) {
        if (img->probed_raw) {
            image_warn_probed_raw(img); /* qemu-img opens it anew */
        }
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED,
                            "Block driver does not support snapshots");
    } else if (code == EBUSY) {
        g_propagate_error(error, g_steal_pointer(&reason));
    } else {
        if (code != ENOENT && !g_str_equal(reason->message, g_strerror(code))) {
            fprintf(stderr, "%s: %s\n", g_get_prgname(), reason->message);
        }
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "Failed to load snapshot: %s",
                    g_strerror(code));
    }
    return FALSE;
}

gboolean image_snapshot_delete(Image *img, const char *name, GError **error)
{
    g_autoptr(GError) reason = NULL;
    gint code = 0;

    if (call_snapshot(img, "delete", name, &code, &reason)) {
        return TRUE;
    }
    if (never_has_any(reason) || code == ENOENT) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED, "snapshot not found");
    } else {
        g_propagate_error(error, g_steal_pointer(&reason));
    }
    return FALSE;
}
