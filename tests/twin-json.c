/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-json.h"

G_DEFINE_QUARK(twin - json - error, twin_json_error)

gboolean twin_json_fail(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error)
        *error = g_error_new_valist(TWIN_JSON_ERROR, TWIN_JSON_ERROR_SCHEMA, format, args);
    va_end(args);
    return FALSE;
}

/* The library lets the last of two members of one name win; here that is a mistake. */
struct members {
    GHashTable *seen; /* object and name */
    char *twice;      /* the first name that an object has twice, or NULL */
};

static void see_member(JsonParser *parser, JsonObject *object, const char *name, gpointer data)
{
    struct members *members = data;

    if (!g_hash_table_add(members->seen, g_strdup_printf("%p %s", (void *)object, name)) &&
        !members->twice)
        members->twice = g_strdup(name);
}

JsonNode *twin_json_load_array(const char *text, const char *path, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct members members = { .seen = seen };

    g_signal_connect(parser, "object-member", G_CALLBACK(see_member), &members);
    gboolean ok = text ? json_parser_load_from_data(parser, text, -1, error)
                       : json_parser_load_from_file(parser, path, error);
    g_autofree char *twice = members.twice;

    if (!ok)
        return NULL;
    if (twice) {
        twin_json_fail(error, "'%s' is there twice", twice);
        return NULL;
    }
    JsonNode *root = json_parser_steal_root(parser);
    if (!root || !JSON_NODE_HOLDS_ARRAY(root)) {
        twin_json_fail(error, "not an array");
        g_clear_pointer(&root, json_node_unref);
    }
    return root;
}

const char *twin_json_string(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
                                                                   : NULL;
}

char **twin_json_strv(JsonNode *node, const char *what, GError **error)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    if (!node || !JSON_NODE_HOLDS_ARRAY(node)) {
        twin_json_fail(error, "%s is not an array", what);
        return NULL;
    }
    JsonArray *array = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonNode *element = json_array_get_element(array, i);

        if (json_node_get_value_type(element) != G_TYPE_STRING) {
            twin_json_fail(error, "%s has an element that is not a string", what);
            return NULL;
        }
        g_strv_builder_add(builder, json_node_get_string(element));
    }
    return g_strv_builder_end(builder);
}

void twin_json_append_string(GString *json, const char *text)
{
    static const char names[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                  ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\' };

    g_string_append_c(json, '"');
    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (c < sizeof names && names[c])
            g_string_append_printf(json, "\\%c", names[c]);
        else if (c >= 0x20 && c < 0x80)
            g_string_append_c(json, (char)c);
        else if (c < 0x10000)
            g_string_append_printf(json, "\\u%04x", c);
        else
            g_string_append_printf(json, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10),
                                   0xdc00 + (c & 0x3ff));
    }
    g_string_append_c(json, '"');
}
