/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tables, recordings and the skip table need of JSON beyond json-glib. */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>

#define TWIN_JSON_ERROR (twin_json_error_quark())
GQuark twin_json_error_quark(void);
enum twin_json_error {
    TWIN_JSON_ERROR_SCHEMA, /* well-formed, but not what its schema says */
};

/* Set @error to a schema error with these words. Always FALSE. */
gboolean twin_json_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * The array at the root of @text (of the file @path if @text is NULL), as a node to be freed
 * with json_node_unref(). NULL with @error set if it is no JSON or no array, or names a member
 * of an object twice.
 */
JsonNode *twin_json_load_array(const char *text, const char *path, GError **error);

/* The member @name of @object if it is a string, else NULL. Borrowed from @object. */
const char *twin_json_string(JsonObject *object, const char *name);

/* An array of strings. NULL with @error set if @node (NULL allowed) is anything else. */
char **twin_json_strv(JsonNode *node, const char *what, GError **error);

/* Append @text (UTF-8) to @json as a JSON string of ASCII characters only, with its quotes. */
void twin_json_append_string(GString *json, const char *text);
