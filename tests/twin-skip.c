/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-skip.h"

#include "tests/twin-json.h"

static void skip_free(struct twin_skip *skip)
{
    g_free(skip->pattern);
    g_free(skip->reason);
    g_free(skip);
}

static struct twin_skip *parse_skip(JsonNode *node, GError **error)
{
    JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *pattern = object ? twin_json_string(object, "pattern") : NULL;
    const char *reason = object ? twin_json_string(object, "reason") : NULL;

    if (!pattern || !reason || !*reason || json_object_get_size(object) != 2) {
        twin_json_fail(error, "%s: a row is not pattern and reason", pattern ? pattern : "?");
        return NULL;
    }
    struct twin_skip *skip = g_new0(struct twin_skip, 1);
    skip->pattern = g_strdup(pattern);
    skip->reason = g_strdup(reason);
    return skip;
}

GPtrArray *twin_skips_load(const char *path, GError **error)
{
    g_autoptr(GPtrArray) skips = g_ptr_array_new_with_free_func((GDestroyNotify)skip_free);
    g_autoptr(JsonNode) root = twin_json_load_array(NULL, path, error);

    if (!root)
        return NULL;
    JsonArray *array = json_node_get_array(root);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        struct twin_skip *skip = parse_skip(json_array_get_element(array, i), error);

        if (!skip) {
            g_prefix_error(error, "%s: ", path);
            return NULL;
        }
        g_ptr_array_add(skips, skip);
    }
    return g_steal_pointer(&skips);
}

struct twin_skip *twin_skip_find(GPtrArray *skips, const char *id)
{
    for (guint i = 0; i < skips->len; i++) {
        struct twin_skip *skip = g_ptr_array_index(skips, i);

        if (g_pattern_match_simple(skip->pattern, id)) {
            skip->used = TRUE;
            return skip;
        }
    }
    return NULL;
}
