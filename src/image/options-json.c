/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options from a json: name, and their way back into one. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "image/image.h"
#include "image/json-library.h"
#include "image/options.h"

/* Nested further, a name is nonsense; qemu stops at 1024. */
#define MAX_DEPTH 64u

/* json-glib's findings in the words of qemu's parser. Its codes leave much open, its messages say
 * more; where they are of no help (they may be translated), the general words stand. */
static char *words_for(const GError *failed)
{
    const char *word = strstr(failed->message, "unexpected identifier `");

    if (strstr(failed->message, "expected end of file") != NULL) {
        return g_strdup("Expecting at most one JSON value");
    }
    if (word != NULL) {
        word += strlen("unexpected identifier `");
        return g_strdup_printf("JSON parse error, invalid keyword '%.*s'", (int)strcspn(word, "'"),
                               word);
    }
    if (strstr(failed->message, "end of file") != NULL) {
        return g_strdup("JSON parse error, premature EOI");
    }
    switch (failed->code) {
    case JSON_PARSER_ERROR_MISSING_COLON:
        return g_strdup("JSON parse error, missing : in object pair");
    case JSON_PARSER_ERROR_MISSING_COMMA:
        return g_strdup("JSON parse error, expected separator in dict");
    default:
        return g_strdup("JSON parse error, expecting value");
    }
}

static gboolean fail(GError **error, const char *words)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Could not parse the JSON options: %s",
                words);
    return FALSE;
}

static gboolean add_node(ImageOptions *options, const char *key, JsonNode *node, guint depth,
                         GError **error);

static gboolean add_object(ImageOptions *options, const char *prefix, JsonObject *object,
                           guint depth, GError **error)
{
    g_autoptr(GList) members = json_object_get_members(object);

    for (GList *l = members; l != NULL; l = l->next) {
        g_autofree char *key = prefix ? g_strconcat(prefix, ".", l->data, NULL) : g_strdup(l->data);

        if (!add_node(options, key, json_object_get_member(object, l->data), depth, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean add_array(ImageOptions *options, const char *prefix, JsonArray *array, guint depth,
                          GError **error)
{
    for (guint i = 0; i < json_array_get_length(array); i++) {
        g_autofree char *key = g_strdup_printf("%s.%u", prefix, i);

        if (!add_node(options, key, json_array_get_element(array, i), depth, error)) {
            return FALSE;
        }
    }
    return TRUE;
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
static gboolean add_node(ImageOptions *options, const char *key, JsonNode *node, guint depth,
                         GError **error)
{
    if (depth == MAX_DEPTH) {
        return fail(error, "JSON parse error, nested too deeply");
    }
    if (JSON_NODE_HOLDS_OBJECT(node)) {
        return add_object(options, key, json_node_get_object(node), depth + 1, error);
    }
    if (JSON_NODE_HOLDS_ARRAY(node)) {
        return add_array(options, key, json_node_get_array(node), depth + 1, error);
    }
    if (depth > 1 || options_get(options, key) == NULL) {
        add_scalar(options, key, node);
    }
    return TRUE;
}

/* json-glib lets the last of two equal keys win without a word: count them. */
typedef struct {
    GHashTable *members; /* JsonObject -> members seen */
    gboolean duplicate;
} Watch;

static void on_member(JsonParser *parser, JsonObject *object, const char *name, gpointer data)
{
    Watch *watch = data;
    guint seen = GPOINTER_TO_UINT(g_hash_table_lookup(watch->members, object)) + 1;

    g_hash_table_insert(watch->members, object, GUINT_TO_POINTER(seen));
    if (seen > json_object_get_size(object)) {
        watch->duplicate = TRUE;
    }
}

ImageOptions *options_from_json(const char *text, GError **error)
{
    g_autoptr(JsonParser) parser = NULL;
    g_autoptr(GHashTable) members = g_hash_table_new(NULL, NULL);
    Watch watch = { members, FALSE };
    g_autoptr(GError) failed = NULL;
    g_autoptr(ImageOptions) options = options_new();
    JsonNode *root;

    if (!json_library_load(error)) {
        return NULL;
    }
    parser = json_parser_new_immutable();
    g_signal_connect(parser, "object-member", G_CALLBACK(on_member), &watch);
    if (!json_parser_load_from_data(parser, text, -1, &failed)) {
        g_autofree char *words = words_for(failed);

        fail(error, words);
        return NULL;
    }
    root = json_parser_get_root(parser);
    if (root == NULL) {
        fail(error, "Expecting a JSON value");
        return NULL;
    }
    if (watch.duplicate) {
        fail(error, "JSON parse error, duplicate key");
        return NULL;
    }
    if (!JSON_NODE_HOLDS_OBJECT(root)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Invalid JSON object given");
        return NULL;
    }
    if (!add_object(options, NULL, json_node_get_object(root), 1, error)) {
        return NULL;
    }
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
