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

/* Wherever "id" stands, it is looked at before all else. */
static gboolean check_id(const char *text, GError **error)
{
    const char *p = text;

    while (*p != '\0') {
        gsize length = strcspn(p, "=,");
        gboolean id = length == 2 && strncmp(p, "id=", 3) == 0;
        g_autofree char *value = NULL;

        p += p[length] == '=' ? length + 1 : 0;
        value = take_value(&p);
        if (id && !valid_id(value)) {
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                        "Parameter 'id' expects an identifier\nIdentifiers consist of letters, "
                        "digits, '-', '.', '_', starting with a letter.");
            return FALSE;
        }
        p += *p == ',';
    }
    return TRUE;
}

/* rules->known says which keys are; whatever it says, there may be an id. */
static gboolean key_allowed(const char *key, const KeyvalRules *rules)
{
    return rules->known == NULL || g_str_equal(key, "id") || g_strv_contains(rules->known, key);
}

static gboolean take_pair(ImageOptions *options, const char **at, const KeyvalRules *rules,
                          gboolean first, GPtrArray *warnings, GError **error)
{
    gsize length = strcspn(*at, "=,");
    g_autofree char *key = g_strndup(*at, length);
    gboolean flag = (*at)[length] != '=';
    g_autofree char *value = NULL;

    *at += flag ? 0 : length + 1;
    value = take_value(at);
    if (flag) {
        gboolean help = g_str_equal(value, "help") || g_str_equal(value, "?");

        g_free(key);
        key = g_steal_pointer(&value);
        if (first && rules->implied != NULL) {
            value = g_steal_pointer(&key);
            key = g_strdup(rules->implied);
        } else if (help && rules->known != NULL) {
            g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_HELP, "");
            return FALSE;
        } else if (help) {
            value = g_strdup("on");
        } else {
            gboolean off = g_str_has_prefix(key, "no");
            g_autofree char *word = g_steal_pointer(&key);

            key = g_strdup(off ? word + 2 : word);
            value = g_strdup(off ? "off" : "on");
            g_ptr_array_add(warnings, g_strdup_printf("short-form boolean option '%s' deprecated\n"
                                                      "Please use %s=%s instead",
                                                      word, key, value));
        }
    }
    if (!key_allowed(key, rules)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Invalid parameter '%s'", key);
        return FALSE;
    }
    options_set_string(options, key, value);
    return TRUE;
}

ImageOptions *options_from_keyval(const char *text, const KeyvalRules *rules, char ***ret_warnings,
                                  GError **error)
{
    g_autoptr(ImageOptions) options = options_new();
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    gboolean ok = check_id(text, error);

    for (const char *p = text; ok && *p != '\0'; p += *p == ',') {
        ok = take_pair(options, &p, rules, p == text, warnings, error);
    }
    g_ptr_array_add(warnings, NULL);
    *ret_warnings = (char **)g_ptr_array_free(g_steal_pointer(&warnings), FALSE);
    return ok ? g_steal_pointer(&options) : NULL;
}
