/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The secret of an encrypted image goes to its cell, and is gone from the table at once. */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "format/luks-status.h"
#include "image/cipher.h"
#include "image/secret.h"

/* A text of the options, NULL if it is not there; to be freed. */
static char *text_of(GBytes *options, const char *prefix, const char *name)
{
    g_autofree char *key = g_strconcat(prefix, name, NULL);
    struct props_reader reader = { 0 };
    struct props_item it;
    gsize size;

    reader.base = g_bytes_get_data(options, &size);
    reader.size = (guint32)size;
    while (props_next(&reader, &it) > 0) {
        if (it.type == ABI_PROP_STRING && it.key_length == strlen(key) &&
            memcmp(it.key, key, it.key_length) == 0) {
            return g_strndup((const char *)it.value, it.value_length);
        }
    }
    return NULL;
}

gboolean image_amend_keys(Image *img, GBytes *options, gboolean force, GError **error)
{
    static const char *const names[][2] = { { "new-secret", "new" }, { "old-secret", "old" } };
    const char *prefix = img->format == ABI_FORMAT_LUKS ? "" : "encrypt.";
    GByteArray *in = g_byte_array_sized_new(2 * ABI_TABLE_SIZE);
    CellCall call = { .op = ABI_JOB_CALL, .arg = { ABI_CALL_AMEND }, .secret = TRUE };
    g_autoptr(GError) why = NULL;
    gsize length = 0;
    const void *bytes = g_bytes_get_data(options, &length);
    gboolean ok;

    g_byte_array_append(in, bytes, (guint)length);
    secret_append_seed(in);
    secret_append_bool(in, "force", force);
    if (img->key_secret != NULL) {
        secret_append(in, "secret", img->key_secret, NULL);
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *id = text_of(options, prefix, names[i][0]);

        if (id != NULL) {
            secret_append(in, names[i][1], id, why == NULL ? &why : NULL);
        }
    }
    call.in = in->data;
    call.in_length = in->len;
    ok = image_call_cell(img, &call, NULL, error);
    if (!ok && call.result.status == LUKS_E_NO_SECRET && why != NULL) {
        g_clear_error(error);
        g_propagate_error(error, g_steal_pointer(&why));
    }
    secret_wipe(in->data, in->len);
    g_byte_array_unref(in);
    return ok;
}

gboolean image_unlock(Image *img, const char *secret, GError **error)
{
    CellCall call = { .op = ABI_JOB_UNLOCK, .secret = TRUE };
    const guint8 *data;

    if (!secret_find_text(secret, &data, &call.in_length, error)) {
        return FALSE;
    }
    call.in = data;
    g_free(img->key_secret);
    img->key_secret = g_strdup(secret);
    return image_call_cell(img, &call, NULL, error);
}
