/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The twin suite of one bucket of cases; the program's name says which: test-twin-BUCKET.
 *
 *   /BUCKET/TARGET/NAME/live               beside the installed qemu-img
 *   /BUCKET/TARGET/NAME/baseline/VERSION   against the recording of a release
 *   /BUCKET/TARGET/NAME                    a case that waits, skipped with its reason
 *
 *   INSTAR_TWIN_ONLY=PATTERN   only paths that match (* and ?; without the first slash)
 *   INSTAR_TWIN_ALL=1          also the cases of testsuite-data/skips.json
 *   INSTAR_TEST_KEEP=1         leave the directories and say where
 *   INSTAR_IMG=PATH            the candidate; the real qemu-img is one that passes
 */
#include "config.h"

#include "tests/twin-modes.h"
#include "tests/twin-recording.h"
#include "tests/twin-skip.h"
#include "tests/twin-tree.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

/* One test path. */
struct entry {
    struct twin_fixture *fixture;          /* borrowed */
    const struct twin_recording *recorded; /* NULL: live */
    char *version;                         /* of the recording */
    char *reason;                          /* why it is skipped, or NULL */
};

/* All that lives as long as the program. */
struct suite {
    char *data; /* testsuite-data */
    char *scratch;
    GPtrArray *skips;
    GPtrArray *cases;
    GPtrArray *recordings; /* one array a case */
    GPtrArray *fixtures;
    GPtrArray *entries;
};

static void entry_free(struct entry *entry)
{
    g_free(entry->version);
    g_free(entry->reason);
    g_free(entry);
}

static void say(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++)
        if (**line)
            g_test_message("%s", *line);
}

static void say_case(const struct twin_fixture *fixture)
{
    const struct twin_case *c = fixture->c;

    for (guint i = 0; i < c->setup->len; i++) {
        const struct twin_command *command = g_ptr_array_index(c->setup, i);
        g_autofree char *line = twin_argv_text(command->argv);

        g_test_message("setup: %s", line);
    }
    g_autofree char *line = twin_argv_text(c->run);
    g_test_message("run: %s", line);
    if (g_getenv("INSTAR_TEST_KEEP"))
        g_test_message("directory: %s", fixture->root);
}

static void run_entry(gconstpointer data)
{
    const struct entry *entry = data;
    struct twin_fixture *fixture = entry->fixture;
    g_autoptr(GString) report = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    if (entry->reason) {
        g_test_skip(entry->reason);
        return;
    }
    if (entry->recorded)
        twin_baseline(fixture, entry->version, entry->recorded->outcome, report, &error);
    else
        twin_live(fixture, report, &error);
    if (error)
        g_string_append_printf(report, "  %s\n", error->message);
    if (report->len) {
        say_case(fixture);
        say(report->str);
        g_test_fail();
    }
    if (--fixture->uses == 0)
        twin_fixture_clear(fixture);
}

static void add_entry(struct suite *suite, struct twin_fixture *fixture, const char *id,
                      const char *version, const struct twin_recording *recorded,
                      const char *reason)
{
    const char *only = g_getenv("INSTAR_TWIN_ONLY");
    const struct twin_skip *skip = twin_skip_find(suite->skips, id);

    if (only && *only && !g_pattern_match_simple(only, id))
        return;
    if (!reason && skip && !g_getenv("INSTAR_TWIN_ALL"))
        reason = skip->reason;
    struct entry *entry = g_new0(struct entry, 1);
    entry->fixture = fixture;
    entry->recorded = recorded;
    entry->version = g_strdup(version);
    entry->reason = g_strdup(reason);
    if (!reason)
        fixture->uses++;
    g_ptr_array_add(suite->entries, entry);

    g_autofree char *path = g_strconcat("/", id, NULL);
    g_test_add_data_func(path, entry, run_entry);
}

static void add_case(struct suite *suite, const struct twin_case *c, GPtrArray *recordings)
{
    const struct twin_skip *skip = twin_skip_find(suite->skips, c->id);
    struct twin_fixture *fixture = twin_fixture_new(c, suite->scratch, suite->fixtures->len + 1);

    g_ptr_array_add(suite->fixtures, fixture);
    if (skip && !g_getenv("INSTAR_TWIN_ALL")) {
        add_entry(suite, fixture, c->id, NULL, NULL, skip->reason);
        return;
    }
    g_autofree char *live = g_strconcat(c->id, "/live", NULL);
    add_entry(suite, fixture, live, NULL, NULL, NULL);
    for (guint i = 0; i < recordings->len; i++) {
        const struct twin_recording *recorded = g_ptr_array_index(recordings, i);

        for (char **version = recorded->versions; *version; version++) {
            g_autofree char *id = g_strdup_printf("%s/baseline/%s", c->id, *version);

            add_entry(suite, fixture, id, *version, recorded,
                      recorded->setup_failed ? "this version could not do the set-up" : NULL);
        }
    }
}

static gboolean suite_load(struct suite *suite, const char *bucket, GError **error)
{
    g_autofree char *cases = g_build_filename(suite->data, "cases", NULL);
    g_autofree char *expected = g_build_filename(suite->data, "expected-outputs", NULL);
    g_autofree char *skips = g_build_filename(suite->data, "skips.json", NULL);

    suite->skips = twin_skips_load(skips, error);
    if (!suite->skips)
        return FALSE;
    suite->cases = twin_cases_load(cases, bucket, error);
    if (!suite->cases)
        return FALSE;
    suite->scratch = g_dir_make_tmp("instar-twin-XXXXXX", error);
    if (!suite->scratch)
        return FALSE;
    suite->recordings = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    suite->fixtures = g_ptr_array_new_with_free_func((GDestroyNotify)twin_fixture_free);
    suite->entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    for (guint i = 0; i < suite->cases->len; i++) {
        const struct twin_case *c = g_ptr_array_index(suite->cases, i);
        GPtrArray *recordings = twin_recordings_load(expected, c, error);

        if (!recordings)
            return FALSE;
        g_ptr_array_add(suite->recordings, recordings);
        add_case(suite, c, recordings);
    }
    return TRUE;
}

static void suite_clear(struct suite *suite)
{
    g_clear_pointer(&suite->entries, g_ptr_array_unref);
    g_clear_pointer(&suite->fixtures, g_ptr_array_unref);
    g_clear_pointer(&suite->recordings, g_ptr_array_unref);
    g_clear_pointer(&suite->cases, g_ptr_array_unref);
    g_clear_pointer(&suite->skips, g_ptr_array_unref);
    if (suite->scratch && !g_getenv("INSTAR_TEST_KEEP"))
        g_rmdir(suite->scratch);
    g_free(suite->scratch);
    g_free(suite->data);
}

int main(int argc, char **argv)
{
    g_autofree char *program = g_path_get_basename(argv[0]);
    const char *bucket = strrchr(program, '-') + 1;
    g_autoptr(GError) error = NULL;
    struct suite suite = { 0 };

    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions(); /* go on with the next case after one has failed */
    if (!twin_installed_version()) {
        printf("Bail out! qemu-img and qemu-io are not installed (Debian: qemu-utils)\n");
        return 99;
    }
    suite.data = g_test_build_filename(G_TEST_DIST, "..", "testsuite-data", NULL);
    if (!suite_load(&suite, bucket, &error)) {
        printf("Bail out! %s\n", error->message);
        return 99;
    }
    int status = g_test_run();
    suite_clear(&suite);
    return status;
}
