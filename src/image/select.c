/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Choosing an internal snapshot to read. */
#include "config.h"

#include <string.h>

#include "image/image-private.h"

/* "snapshot.id=..,snapshot.name=..", or one word that is an id or a name. */
static gboolean select_call(CellCall *call, const char *words, GByteArray *in, GError **error)
{
    static const KeyvalRules rules = { NULL, NULL };
    g_autoptr(ImageOptions) options = NULL;
    g_auto(GStrv) warnings = NULL;
    const char *id, *name;

    if (!g_str_has_prefix(words, "snapshot.")) {
        call->arg[0] = ABI_SELECT_ID_OR_NAME;
        g_byte_array_append(in, (const guint8 *)words, (guint)strlen(words));
        return TRUE;
    }
    /* warned of when the option was read */
    options = options_from_keyval(words, &rules, &warnings, error);
    if (options == NULL) {
        return FALSE;
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

static gboolean refuse(const Image *img, GError **error)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED,
                "Block format '%s' used by device "
                "'' does not support temporarily loading internal snapshots",
                img->format_name);
    return FALSE;
}

gboolean image_select_snapshot(Image *img, const char *words, GError **error)
{
    g_autoptr(GByteArray) in = g_byte_array_new();
    g_autoptr(GError) reason = NULL;
    CellCall call = { .op = ABI_JOB_SELECT };

    if (img->cell == NULL) {
        return refuse(img, error);
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
    if (!image_call_cell(img, &call, NULL, &reason)) {
        if (g_error_matches(reason, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED)) {
            return refuse(img, error);
        }
        g_propagate_error(error, g_steal_pointer(&reason));
        return FALSE;
    }
    image_take_size(img, &call.result);
    return TRUE;
}
