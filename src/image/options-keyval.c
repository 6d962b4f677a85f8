/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options from --image-opts: "key=value,key=value", where ",," is a comma in a value. */
#include "config.h"

#include <string.h>

#include "image/image.h"
#include "image/options.h"

/* Everything up to the next lone comma, with doubled ones made single. */
static char *take_value(const char **at)
{
    GString *value = g_string_new(NULL);
    const char *p = *at;

    for (; *p != '\0'; p++) {
        if (*p == ',' && *++p != ',') {
            p--;
            break;
        }
        g_string_append_c(value, *p);
    }
    *at = p;
    return g_string_free(value, FALSE);
}

static gboolean valid_id(const char *text)
{
    if (!g_ascii_isalpha(*text)) {
        return FALSE;
    }
    return strspn(text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-._") == strlen(text);
}

/* "key" alone is key=on, "nokey" is key=off; both are out of use, and said to be. */
static void add_flag(ImageOptions *options, const char *word, GPtrArray *warnings)
{
    gboolean off = g_str_has_prefix(word, "no");
    const char *key = off ? word + 2 : word;
    const char *value = off ? "off" : "on";

    g_ptr_array_add(warnings, g_strdup_printf("short-form boolean option '%s' deprecated\n"
                                              "Please use %s=%s instead",
                                              word, key, value));
    options_set_string(options, key, value);
}

ImageOptions *options_from_keyval(const char *text, char ***ret_warnings, GError **error)
{
    g_autoptr(ImageOptions) options = options_new();
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    const char *p = text;
    gboolean first = TRUE;

    while (*p != '\0') {
        gsize length = strcspn(p, "=,");

        if (p[length] == '=') {
            g_autofree char *key = g_strndup(p, length);
            g_autofree char *value = NULL;

            p += length + 1;
            value = take_value(&p);
            if (g_str_equal(key, "id") && !valid_id(value)) {
                g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                            "Parameter 'id' expects an identifier\nIdentifiers consist of letters, "
                            "digits, '-', '.', '_', starting with a letter.");
                return NULL;
            }
            options_set_string(options, key, value);
        } else {
            g_autofree char *word = take_value(&p);

            if (first) {
                options_set_string(options, "file", word); /* the implied key */
            } else {
                add_flag(options, word, warnings);
            }
        }
        first = FALSE;
        if (*p == ',') {
            p++;
        }
    }
    if (ret_warnings != NULL) {
        g_ptr_array_add(warnings, NULL);
        *ret_warnings = (char **)g_ptr_array_free(g_steal_pointer(&warnings), FALSE);
    }
    return g_steal_pointer(&options);
}
