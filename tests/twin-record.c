/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-record.h"

#include <stdlib.h>
#include <string.h>

int twin_version_compare(const char *a, const char *b)
{
    while (*a && *b) {
        char *end_a;
        char *end_b;
        long part_a = strtol(a, &end_a, 10);
        long part_b = strtol(b, &end_b, 10);

        if (part_a != part_b)
            return part_a < part_b ? -1 : 1;
        a = *end_a == '.' ? end_a + 1 : end_a + strlen(end_a);
        b = *end_b == '.' ? end_b + 1 : end_b + strlen(end_b);
    }
    return (*a != 0) - (*b != 0);
}

struct twin_recording *twin_record(struct twin_fixture *fixture, const char *version,
                                   GError **error)
{
    g_autoptr(GError) failure = NULL;
    gboolean laid = twin_fixture_lay(fixture, &failure);

    if (!laid && !g_error_matches(failure, G_SPAWN_EXIT_ERROR, failure->code)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    struct twin_recording *recording = g_new0(struct twin_recording, 1);
    recording->versions = g_strdupv((char *[]){ (char *)version, NULL });
    if (!laid) {
        g_autoptr(GString) said = g_string_new(failure->message);

        g_string_replace(said, fixture->work, "@DIR@", 0);
        recording->setup_failed = g_utf8_make_valid(said->str, -1);
        return recording;
    }
    struct twin_outcome *outcome = twin_fixture_outcome(fixture, TWIN_REAL, version);
    recording->outcome = twin_outcome_as_text(outcome, fixture->work);
    twin_outcome_free(outcome);
    return recording;
}

static gboolean alike(const struct twin_case *c, const struct twin_recording *a,
                      const struct twin_recording *b)
{
    g_autoptr(GString) report = g_string_new(NULL);

    if (a->setup_failed || b->setup_failed)
        return g_strcmp0(a->setup_failed, b->setup_failed) == 0;
    twin_recorded_compare(report, c, a->outcome, b->outcome, NULL);
    return report->len == 0;
}

static int compare_versions(gconstpointer a, gconstpointer b)
{
    return twin_version_compare(*(const char *const *)a, *(const char *const *)b);
}

static int compare_recordings(gconstpointer a, gconstpointer b)
{
    const struct twin_recording *x = *(const struct twin_recording *const *)a;
    const struct twin_recording *y = *(const struct twin_recording *const *)b;

    return twin_version_compare(x->versions[0], y->versions[0]);
}

/* Take @version out of @recording; FALSE if it has no version left then. */
static gboolean forget(struct twin_recording *recording, const char *version)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (char **p = recording->versions; *p; p++)
        if (!g_str_equal(*p, version))
            g_strv_builder_add(builder, *p);
    g_strfreev(recording->versions);
    recording->versions = g_strv_builder_end(builder);
    return recording->versions[0] != NULL;
}

static void learn(struct twin_recording *recording, const char *version)
{
    guint n = g_strv_length(recording->versions);

    recording->versions = g_renew(char *, recording->versions, n + 2);
    recording->versions[n] = g_strdup(version);
    recording->versions[n + 1] = NULL;
    qsort(recording->versions, n + 1, sizeof(char *), compare_versions);
}

gboolean twin_recordings_merge(GPtrArray *recordings, const struct twin_case *c,
                               struct twin_recording *fresh)
{
    g_autofree char *version = g_strdup(fresh->versions[0]);

    for (guint i = 0; i < recordings->len; i++) {
        struct twin_recording *recording = g_ptr_array_index(recordings, i);

        if (!g_strv_contains((const char *const *)recording->versions, version))
            continue;
        if (alike(c, recording, fresh)) {
            twin_recording_free(fresh);
            return FALSE;
        }
        if (!forget(recording, version))
            g_ptr_array_remove_index(recordings, i);
        break;
    }
    for (guint i = 0; i < recordings->len && fresh; i++) {
        struct twin_recording *recording = g_ptr_array_index(recordings, i);

        if (alike(c, recording, fresh)) {
            learn(recording, version);
            g_clear_pointer(&fresh, twin_recording_free);
        }
    }
    if (fresh)
        g_ptr_array_add(recordings, fresh);
    g_ptr_array_sort(recordings, compare_recordings);
    return TRUE;
}

/* A line of its own, @depth blanks in front. */
static void line(GString *json, guint depth)
{
    g_string_append_printf(json, "\n%*s", (int)depth, "");
}

static void append_output(GString *json, guint depth, const struct twin_output *output)
{
    g_string_append_c(json, '{');
    line(json, depth + 1);
    g_string_append_printf(json, "\"rc\": %d,", output->rc);
    line(json, depth + 1);
    g_string_append(json, "\"stdout\": ");
    twin_json_append_string(json, output->out->str);
    g_string_append_c(json, ',');
    line(json, depth + 1);
    g_string_append(json, "\"stderr\": ");
    twin_json_append_string(json, output->err->str);
    line(json, depth);
    g_string_append_c(json, '}');
}

static void append_outcome(GString *json, const struct twin_case *c,
                           const struct twin_outcome *outcome)
{
    g_string_append(json, "\"run\": ");
    append_output(json, 2, outcome->run);
    g_string_append_c(json, ',');
    line(json, 2);
    g_string_append(json, "\"observe\": {");
    for (guint i = 0; i < c->observe->len; i++) {
        const struct twin_command *command = g_ptr_array_index(c->observe, i);

        g_string_append(json, i ? "," : "");
        line(json, 3);
        twin_json_append_string(json, command->name);
        g_string_append(json, ": ");
        append_output(json, 3, g_ptr_array_index(outcome->observe, i));
    }
    if (c->observe->len)
        line(json, 2);
    g_string_append_c(json, '}');
}

static void append_recording(GString *json, const struct twin_case *c,
                             const struct twin_recording *recording)
{
    g_string_append_c(json, '{');
    line(json, 2);
    g_string_append(json, "\"versions\": [");
    for (char **version = recording->versions; *version; version++) {
        g_string_append(json, version == recording->versions ? "" : ",");
        line(json, 3);
        twin_json_append_string(json, *version);
    }
    line(json, 2);
    g_string_append(json, "],");
    line(json, 2);
    if (recording->setup_failed) {
        g_string_append(json, "\"setup-failed\": ");
        twin_json_append_string(json, recording->setup_failed);
    } else {
        append_outcome(json, c, recording->outcome);
    }
    line(json, 1);
    g_string_append_c(json, '}');
}

char *twin_recordings_text(GPtrArray *recordings, const struct twin_case *c)
{
    GString *json = g_string_new("[");

    for (guint i = 0; i < recordings->len; i++) {
        g_string_append(json, i ? "," : "");
        line(json, 1);
        append_recording(json, c, g_ptr_array_index(recordings, i));
    }
    g_string_append(json, "\n]\n");
    return g_string_free(json, FALSE);
}
