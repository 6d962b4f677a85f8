/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "image/creation.h"
#include "image/words.h"

void creation_clear(ImageCreation *options)
{
    g_free(options->data_file);
    g_free(options->backing_format);
    g_free(options->cipher_format);
    g_free(options->cipher_option);
    g_free(options->key_secret);
    g_free(options->luks_secret);
}

gboolean creation_refuse(GError **error, const char *format, const char *word)
{
    g_autofree char *safe = words_printable(word, strlen(word));

    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, format, safe);
    return FALSE;
}

static void take_text(char **slot, char *text)
{
    g_free(*slot);
    *slot = text;
}

static gboolean take_prealloc(const char *word, IoPrealloc *ret_prealloc, GError **error)
{
    static const char *const words[] = { "off", "metadata", "falloc", "full" };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_equal(words[i], word)) {
            *ret_prealloc = (IoPrealloc)i;
            return TRUE;
        }
    }
    return creation_refuse(error, "invalid parameter value: %s", word);
}

gboolean creation_take(GBytes *bytes, gboolean prealloc, ImageCreation *options, GError **error)
{
    struct props_reader reader = { 0 };
    struct props_item it;
    gsize size = 0;
    int more;

    if (bytes == NULL) {
        return TRUE;
    }
    reader.base = g_bytes_get_data(bytes, &size);
    reader.size = (guint32)size;
    while ((more = props_next(&reader, &it)) > 0) {
        g_autofree char *key = g_strndup(it.key, it.key_length);
        g_autofree char *text =
            it.type == ABI_PROP_STRING ? g_strndup((const char *)it.value, it.value_length) : NULL;

        if (g_str_equal(key, "nocow")) {
            options->store.nocow = it.number != 0;
        } else if (g_str_equal(key, "extent_size_hint")) {
            options->store.extent_size_hint = it.number;
            options->store.hint_given = TRUE;
        } else if (g_str_equal(key, "data_file") && text != NULL) {
            take_text(&options->data_file, g_steal_pointer(&text));
        } else if (g_str_equal(key, "backing_fmt") && text != NULL) {
            take_text(&options->backing_format, g_steal_pointer(&text));
        } else if (g_str_equal(key, "encrypt.format") && text != NULL) {
            take_text(&options->cipher_format, g_steal_pointer(&text));
        } else if (g_str_equal(key, "encrypt.key-secret") && text != NULL) {
            take_text(&options->key_secret, g_steal_pointer(&text));
        } else if (g_str_equal(key, "key-secret") && text != NULL) {
            take_text(&options->luks_secret, g_steal_pointer(&text));
        } else if (g_str_has_prefix(key, "encrypt.")) {
            take_text(&options->cipher_option, g_strdup(key));
        } else if (g_str_equal(key, "encryption")) {
            options->old_encryption = it.number != 0;
        } else if (prealloc && g_str_equal(key, "preallocation") && text != NULL &&
                   !take_prealloc(text, &options->store.prealloc, error)) {
            return FALSE;
        }
    }
    if (more < 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Malformed options");
        return FALSE;
    }
    return TRUE;
}
