/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The secret of an encrypted image goes to its cell, and is gone from the table at once. */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "image/cipher.h"
#include "image/secret.h"

static gboolean has_prefix(GBytes *options, const char *prefix)
{
    struct props_reader reader = { 0 };
    struct props_item it;
    gsize size, length = strlen(prefix);

    reader.base = g_bytes_get_data(options, &size);
    reader.size = (guint32)size;
    while (props_next(&reader, &it) > 0) {
        if (it.key_length >= length && memcmp(it.key, prefix, length) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

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
        if (it.type == ABI_PROP_STRING && props_is(&it, key)) {
            return g_strndup((const char *)it.value, it.value_length);
        }
    }
    return NULL;
}

GByteArray *image_amend_question(Image *img, GBytes *options, gboolean force, GError **ret_why)
{
    static const char *const names[][2] = { { "new-secret", "new" }, { "old-secret", "old" } };
    const char *prefix = img->traits->secret_prefix;
    GByteArray *in = g_byte_array_sized_new(2 * ABI_TABLE_SIZE);
    gsize length = 0;
    const void *bytes = g_bytes_get_data(options, &length);

    g_byte_array_append(in, bytes, (guint)length);
    if (!has_prefix(options, prefix)) {
        return in;
    }
    secret_append_seed(in);
    secret_append_bool(in, "force", force);
    if (img->key_secret != NULL) {
        secret_append(in, "secret", img->key_secret, NULL);
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *id = text_of(options, prefix, names[i][0]);

        if (id != NULL) {
            secret_append(in, names[i][1], id, *ret_why == NULL ? ret_why : NULL);
        }
    }
    return in;
}

gboolean image_is_cipher_status(gint32 status)
{
    return status <= FMT_E_LUKS_FIRST && status > FMT_E_LUKS_FIRST - 1000;
}

gboolean image_check_secret(const Image *img, const ImageOptions *options, GError **error)
{
    g_autofree char *key = g_strconcat(img->traits->secret_prefix, "key-secret", NULL);
    const Option *option = options_get(options, key);
    const guint8 *data;
    gsize length;

    if (img->flags & IMAGE_NO_IO) {
        return TRUE;
    }
    if (option == NULL || option->type != OPTION_STRING) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Parameter '%s' is required for cipher",
                    key);
        return FALSE;
    }
    return secret_find_text(option->string, &data, &length, error);
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
