/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options from a json: name, and their way back into one. */
#include "config.h"

#include "image/image.h"
#include "image/json-dialect.h"
#include "image/json-library.h"
#include "image/options.h"

static void add_node(ImageOptions *options, const char *key, JsonNode *node, guint depth);

/* What holds nothing is an option of its own. */
static void add_empty(ImageOptions *options, const char *key, const char *text)
{
    if (options_get(options, key) == NULL) {
        options_set(options, &(Option){ (char *)key, OPTION_EMPTY, (char *)text, 0, 0 });
    }
}

static void add_object(ImageOptions *options, const char *prefix, JsonObject *object, guint depth)
{
    g_autoptr(GList) members = json_object_get_members(object);

    if (prefix && members == NULL) {
        add_empty(options, prefix, "{}");
    }
    for (GList *l = members; l != NULL; l = l->next) {
        g_autofree char *key = prefix ? g_strconcat(prefix, ".", l->data, NULL) : g_strdup(l->data);

        add_node(options, key, json_object_get_member(object, l->data), depth);
    }
}

static void add_array(ImageOptions *options, const char *prefix, JsonArray *array, guint depth)
{
    guint n = json_array_get_length(array);

    if (n == 0) {
        add_empty(options, prefix, "[]");
    }
    for (guint i = 0; i < n; i++) {
        g_autofree char *key = g_strdup_printf("%s.%u", prefix, i);

        add_node(options, key, json_array_get_element(array, i), depth);
    }
}

static void add_scalar(ImageOptions *options, const char *key, JsonNode *node)
{
    Option option = { .key = (char *)key, .type = OPTION_NULL };

    if (JSON_NODE_HOLDS_VALUE(node)) {
        switch (json_node_get_value_type(node)) {
        case G_TYPE_STRING:
            option.type = OPTION_STRING;
            option.string = (char *)json_node_get_string(node);
            break;
        case G_TYPE_BOOLEAN:
            option.type = OPTION_BOOL;
            option.number = json_node_get_boolean(node);
            break;
        case G_TYPE_INT64:
            option.type = OPTION_INT;
            option.number = json_node_get_int(node);
            break;
        default:
            option.type = OPTION_DOUBLE;
            option.real = json_node_get_double(node);
            break;
        }
    }
    options_set(options, &option);
}

/* Scalars first and nested ones later, so that of "file.filename" and "file": {"filename"} the
 * nested one counts. */
static void add_node(ImageOptions *options, const char *key, JsonNode *node, guint depth)
{
    if (JSON_NODE_HOLDS_OBJECT(node)) {
        add_object(options, key, json_node_get_object(node), depth + 1);
    } else if (JSON_NODE_HOLDS_ARRAY(node)) {
        add_array(options, key, json_node_get_array(node), depth + 1);
    } else if (depth > 1 || options_get(options, key) == NULL) {
        add_scalar(options, key, node);
    }
}

ImageOptions *options_from_json(const char *text, GError **error)
{
    g_autofree char *plain = json_dialect_to_plain(text, error);
    g_autoptr(JsonParser) parser = NULL;
    g_autoptr(GError) failed = NULL;
    g_autoptr(ImageOptions) options = options_new();

    if (plain == NULL || !json_library_load(error)) {
        return NULL;
    }
    parser = json_parser_new_immutable();
    if (!json_parser_load_from_data(parser, plain, -1, &failed)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Could not parse the JSON options: %s",
                    failed->message);
        return NULL;
    }
    JsonNode *root = json_parser_get_root(parser);
    if (!JSON_NODE_HOLDS_OBJECT(root)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Invalid JSON object given");
        return NULL;
    }
    add_object(options, NULL, json_node_get_object(root), 1);
    return g_steal_pointer(&options);
}

/* ---- printing ---------------------------------------------------------------------- */

void options_print_value(GString *out, const Option *value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    switch (value->type) {
    case OPTION_STRING:
        options_print_string(out, value->string);
        break;
    case OPTION_EMPTY:
        g_string_append(out, value->string);
        break;
    case OPTION_INT:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value->number);
        break;
    case OPTION_DOUBLE:
        g_string_append(out, g_ascii_formatd(number, sizeof number, "%.17g", value->real));
        break;
    case OPTION_BOOL:
        g_string_append(out, value->number ? "true" : "false");
        break;
    case OPTION_NULL:
        g_string_append(out, "null");
        break;
    }
}
