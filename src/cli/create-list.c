/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lists that -o takes: name=value,name,noname. */
#include "config.h"

#include <string.h>

#include "cli/create-options.h"

/* A list that is empty, begins with a comma or ends in a single one would change its meaning when
 * joined with another. */
static gboolean list_is_valid(const char *list)
{
    gsize length = strlen(list), commas = 0;

    while (commas < length && list[length - 1 - commas] == ',') {
        commas++;
    }
    return length > 0 && list[0] != ',' && commas % 2 == 0;
}

gboolean create_options_accumulate(const CliOption *option, const char *value, GError **error)
{
    GString **joined = option->target;

    if (!list_is_valid(value)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Invalid option list: %s", value);
        return FALSE;
    }
    if (*joined == NULL) {
        *joined = g_string_new(value);
    } else {
        g_string_append_printf(*joined, ",%s", value);
    }
    return TRUE;
}

/* One element of a list. Name and value are owned; value NULL for a lone word. Answers what is
 * behind it. A doubled comma is one comma in a value, and ends a name. */
static const char *next_element(const char *p, char **ret_name, char **ret_value)
{
    gsize name_length = strcspn(p, "=,");
    GString *value;

    *ret_name = g_strndup(p, name_length);
    *ret_value = NULL;
    p += name_length;
    if (*p == '=') {
        value = g_string_new(NULL);
        for (p++; *p != '\0' && !(p[0] == ',' && p[1] != ','); p += p[0] == ',' ? 2 : 1) {
            g_string_append_c(value, *p);
        }
        *ret_value = g_string_free(value, FALSE);
    }
    return *p == ',' ? p + 1 : p;
}

gboolean create_options_want_help(const char *joined)
{
    while (*joined != '\0') {
        g_autofree char *name = NULL, *value = NULL;

        joined = next_element(joined, &name, &value);
        if (value == NULL && (g_str_equal(name, "help") || g_str_equal(name, "?"))) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean create_options_parse(CreateOptions *options, const char *joined, GError **error)
{
    while (*joined != '\0') {
        g_autofree char *name = NULL, *value = NULL;
        const char *word;
        gboolean negated;

        joined = next_element(joined, &name, &value);
        /* "name" is on, "noname" is off; "id" is nobody's. */
        negated = value == NULL && g_str_has_prefix(name, "no");
        word = negated ? name + 2 : name;
        if (!g_str_equal(word, "id") && !create_options_set(options, word,
                                                            value != NULL ? value
                                                            : negated     ? "off"
                                                                          : "on",
                                                            error)) {
            return FALSE;
        }
    }
    return TRUE;
}
