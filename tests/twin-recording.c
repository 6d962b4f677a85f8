/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-recording.h"

void twin_recording_free(struct twin_recording *recording)
{
    g_strfreev(recording->versions);
    g_free(recording->setup_failed);
    g_clear_pointer(&recording->outcome, twin_outcome_free);
    g_free(recording);
}

typedef struct twin_recording recording_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(recording_auto, twin_recording_free)

static struct twin_output *parse_output(JsonNode *node, GError **error)
{
    if (!node || !JSON_NODE_HOLDS_OBJECT(node)) {
        twin_json_fail(error, "an output is not an object");
        return NULL;
    }
    JsonObject *object = json_node_get_object(node);
    JsonNode *rc = json_object_get_member(object, "rc");
    const char *out = twin_json_string(object, "stdout");
    const char *err = twin_json_string(object, "stderr");
    if (json_object_get_size(object) != 3 || !rc || !out || !err ||
        json_node_get_value_type(rc) != G_TYPE_INT64) {
        twin_json_fail(error, "an output is not rc, stdout and stderr");
        return NULL;
    }
    return twin_output_new((int)json_node_get_int(rc), out, err);
}

static gboolean parse_observations(struct twin_outcome *outcome, JsonNode *node,
                                   const struct twin_case *c, GError **error)
{
    if (!node || !JSON_NODE_HOLDS_OBJECT(node))
        return twin_json_fail(error, "observe is not an object");
    JsonObject *object = json_node_get_object(node);
    if (json_object_get_size(object) != c->observe->len)
        return twin_json_fail(error, "other observations than the case's");
    for (guint i = 0; i < c->observe->len; i++) {
        const struct twin_command *command = g_ptr_array_index(c->observe, i);
        struct twin_output *output =
            parse_output(json_object_get_member(object, command->name), error);

        if (!output) {
            g_prefix_error(error, "observe %s: ", command->name);
            return FALSE;
        }
        g_ptr_array_add(outcome->observe, output);
    }
    return TRUE;
}

static struct twin_recording *parse_recording(JsonNode *node, const struct twin_case *c,
                                              GError **error)
{
    g_autoptr(recording_auto) recording = g_new0(struct twin_recording, 1);

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        twin_json_fail(error, "an outcome is not an object");
        return NULL;
    }
    JsonObject *object = json_node_get_object(node);
    JsonNode *versions = json_object_get_member(object, "versions");
    recording->versions = twin_json_strv(versions, "versions", error);
    if (!recording->versions)
        return NULL;
    recording->setup_failed = g_strdup(twin_json_string(object, "setup-failed"));
    if (json_object_get_size(object) != (recording->setup_failed ? 2 : 3)) {
        twin_json_fail(error, "an outcome has a missing or unknown key");
        return NULL;
    }
    if (recording->setup_failed)
        return g_steal_pointer(&recording);
    recording->outcome = twin_outcome_new();
    recording->outcome->run = parse_output(json_object_get_member(object, "run"), error);
    if (!recording->outcome->run ||
        !parse_observations(recording->outcome, json_object_get_member(object, "observe"), c,
                            error))
        return NULL;
    return g_steal_pointer(&recording);
}

static gboolean versions_are_new(GHashTable *seen, char **versions, GError **error)
{
    for (char **version = versions; *version; version++) {
        if (g_hash_table_add(seen, g_strdup(*version)))
            continue;
        return twin_json_fail(error, "version %s is there twice", *version);
    }
    return TRUE;
}

static gboolean parse_file(GPtrArray *recordings, const char *path, const struct twin_case *c,
                           GError **error)
{
    g_autoptr(JsonNode) root = twin_json_load_array(NULL, path, error);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    if (!root)
        return FALSE;
    JsonArray *array = json_node_get_array(root);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        struct twin_recording *recording =
            parse_recording(json_array_get_element(array, i), c, error);

        if (!recording)
            return FALSE;
        g_ptr_array_add(recordings, recording);
        if (!versions_are_new(seen, recording->versions, error))
            return FALSE;
    }
    return TRUE;
}

GPtrArray *twin_recordings_load(const char *dir, const struct twin_case *c, GError **error)
{
    g_autoptr(GPtrArray) recordings =
        g_ptr_array_new_with_free_func((GDestroyNotify)twin_recording_free);
    g_autofree char *file = g_strconcat(c->id, ".json", NULL);
    g_autofree char *path = g_build_filename(dir, file, NULL);

    if (g_file_test(path, G_FILE_TEST_EXISTS) && !parse_file(recordings, path, c, error)) {
        g_prefix_error(error, "%s: ", path);
        return NULL;
    }
    return g_steal_pointer(&recordings);
}

void twin_recorded_compare(GString *report, const struct twin_case *c,
                           const struct twin_outcome *recorded, const struct twin_outcome *have,
                           const char *dir)
{
    enum twin_text_flags flags = TWIN_TEXT_CLOCKS;
    struct twin_outcome *text = twin_outcome_as_text(have, dir);

    if (g_str_equal(c->bucket, "commit"))
        flags |= TWIN_TEXT_HOST_OFFSETS;
    twin_outcome_compare(report, c, recorded, text, NULL, flags);
    twin_outcome_free(text);
}
