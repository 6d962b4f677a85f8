/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The twin suite of one bucket of cases; the program's name says which: test-twin-BUCKET.
 *
 *   /BUCKET/TARGET/NAME/live             beside the installed qemu-img
 *   /round-trip/BUCKET/TARGET/NAME       what both left behind, read by both
 *   /drift/BUCKET/TARGET/NAME            the installed qemu-img against its recording
 *   /baseline/BUCKET/TARGET/NAME/VERSION ours against the recording of a release
 *   /BUCKET/TARGET/NAME                  a case that waits, skipped with its reason
 *   /stale-skips/PATTERN                 something that PATTERN skips would indeed fail
 *
 *   INSTAR_TWIN_ONLY="PATTERN ..." only what matches (* and ?) as BUCKET/TARGET/NAME or as a path
 *                              without its first slash
 *   INSTAR_TWIN_ALL=1          also the cases of testsuite-data/skips.json
 *   INSTAR_TWIN_EACH=1         ours is started for each version, also where it asked nothing that
 *                              tells them apart
 *   INSTAR_TEST_KEEP=1         leave the directories and say where
 *   INSTAR_IMG=PATH            the candidate; the real qemu-img is one that passes
 */
#include "config.h"

#include "tests/twin-skip.h"
#include "tests/twin-unit.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

/* A row of the skip table, and what it skips here. */
struct stale {
    const struct twin_skip *skip; /* borrowed */
    GPtrArray *entries;           /* of struct twin_entry, of units that have no others */
};

/* All that lives as long as the program. */
struct suite {
    const char *installed; /* version of the real qemu-img */
    GHashTable *recorded;  /* names of tables with recordings of that version */
    char *data;            /* testsuite-data */
    char *scratch;
    GPtrArray *skips;
    GPtrArray *cases;
    struct twin_prepared *prepared;
    GPtrArray *units;
    GPtrArray *stales;
};

static void stale_free(struct stale *stale)
{
    g_ptr_array_unref(stale->entries);
    g_free(stale);
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
    const struct twin_entry *entry = data;

    if (entry->reason) {
        g_test_skip(entry->reason);
        return;
    }
    twin_unit_put(entry->unit);
    if (entry->report->len) {
        say_case(entry->unit->fixture);
        say(entry->report->str);
        g_test_fail();
    }
}

/* A row of the skip table under which nothing fails any more should go. */
static void run_stale(gconstpointer data)
{
    const struct stale *stale = data;

    for (guint i = 0; i < stale->entries->len; i++) {
        struct twin_entry *entry = g_ptr_array_index(stale->entries, i);

        twin_unit_put(entry->unit);
        if (entry->report->len)
            return;
    }
    g_test_fail_printf("skips.json: nothing that %s skips fails here; the row should go",
                       stale->skip->pattern);
}

static struct twin_unit *unit_new(struct suite *suite, const struct twin_case *c)
{
    struct twin_unit *unit =
        twin_unit_new(c, suite->scratch, suite->units->len + 1, suite->prepared);

    g_ptr_array_add(suite->units, unit);
    return unit;
}

/* Remember that @skip skips @c, or of it what @mode (and @version, @recorded) say. */
static void add_stale(struct suite *suite, const struct twin_skip *skip, const struct twin_case *c,
                      enum twin_mode mode, const char *version,
                      const struct twin_recording *recorded)
{
    struct stale *stale = NULL;

    for (guint i = 0; i < suite->stales->len && !stale; i++) {
        struct stale *row = g_ptr_array_index(suite->stales, i);

        stale = row->skip == skip ? row : NULL;
    }
    if (!stale) {
        g_autofree char *path = g_strconcat("/stale-skips/", skip->pattern, NULL);

        stale = g_new0(struct stale, 1);
        stale->skip = skip;
        stale->entries = g_ptr_array_new();
        g_ptr_array_add(suite->stales, stale);
        g_test_add_data_func(path, stale, run_stale);
    }
    g_ptr_array_add(stale->entries,
                    twin_unit_add(unit_new(suite, c), mode, version, recorded, NULL));
}

static void add_entry(struct suite *suite, struct twin_unit *unit, enum twin_mode mode,
                      const char *version, const struct twin_recording *recorded,
                      const char *reason)
{
    const struct twin_case *c = unit->fixture->c;
    g_autofree char *id = twin_path(c, mode, version);
    const struct twin_skip *skip = twin_skip_find(suite->skips, id);

    if (!twin_path_is_wanted(g_getenv("INSTAR_TWIN_ONLY"), c, id))
        return;
    if (!reason && skip && !g_getenv("INSTAR_TWIN_ALL")) {
        reason = skip->reason;
        add_stale(suite, skip, c, mode, version, recorded);
    }
    g_autofree char *path = g_strconcat("/", id, NULL);
    g_test_add_data_func(path, twin_unit_add(unit, mode, version, recorded, reason), run_entry);
}

/* The one of @recordings that is of @version; NULL if there is none. */
static const struct twin_recording *recording_of(GPtrArray *recordings, const char *version)
{
    for (guint i = 0; i < recordings->len; i++) {
        const struct twin_recording *recording = g_ptr_array_index(recordings, i);

        if (g_strv_contains((const char *const *)recording->versions, version))
            return recording;
    }
    return NULL;
}

/* A case that waits: what it would say is asked only by the row that makes it wait. */
static void add_skipped(struct suite *suite, struct twin_unit *unit, const struct twin_skip *skip)
{
    const struct twin_case *c = unit->fixture->c;

    if (!twin_path_is_wanted(g_getenv("INSTAR_TWIN_ONLY"), c, c->id))
        return;
    g_autofree char *path = g_strconcat("/", c->id, NULL);
    g_test_add_data_func(path, twin_unit_add(unit, TWIN_LIVE, NULL, NULL, skip->reason), run_entry);
    add_stale(suite, skip, c, TWIN_LIVE, NULL, NULL);
    add_stale(suite, skip, c, TWIN_ROUND_TRIP, NULL, NULL);
}

static void add_baselines(struct suite *suite, struct twin_unit *unit)
{
    for (guint i = 0; i < unit->recordings->len; i++) {
        const struct twin_recording *recorded = g_ptr_array_index(unit->recordings, i);

        for (char **version = recorded->versions; *version; version++)
            add_entry(suite, unit, TWIN_BASELINE, *version, recorded,
                      recorded->setup_failed ? "this version could not do the set-up" : NULL);
    }
}

static void add_case(struct suite *suite, const struct twin_case *c, GPtrArray *recordings)
{
    const struct twin_skip *skip =
        g_getenv("INSTAR_TWIN_ALL") ? NULL : twin_skip_find(suite->skips, c->id);
    struct twin_unit *unit = unit_new(suite, c);
    const struct twin_recording *installed = recording_of(recordings, suite->installed);

    unit->recordings = recordings;
    if (skip) {
        add_skipped(suite, unit, skip);
    } else {
        add_entry(suite, unit, TWIN_LIVE, NULL, NULL, NULL);
        add_entry(suite, unit, TWIN_ROUND_TRIP, NULL, NULL, NULL);
    }
    if (g_hash_table_contains(suite->recorded, c->table))
        add_entry(suite, unit, TWIN_DRIFT, NULL, installed, NULL);
    if (!skip)
        add_baselines(suite, unit);
}

static gboolean load_cases(struct suite *suite, const char *bucket, GError **error)
{
    g_autofree char *dir = g_build_filename(suite->data, "cases", NULL);
    g_autofree char *expected = g_build_filename(suite->data, "expected-outputs", NULL);
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    suite->cases = twin_cases_load(dir, bucket, error);
    if (!suite->cases)
        return FALSE;
    suite->prepared = twin_prepared_new(suite->scratch, suite->cases);
    for (guint i = 0; i < suite->cases->len; i++) {
        const struct twin_case *c = g_ptr_array_index(suite->cases, i);
        GPtrArray *recordings = twin_recordings_load(expected, c, error);

        if (!recordings)
            return FALSE;
        if (recording_of(recordings, suite->installed))
            g_hash_table_add(suite->recorded, c->table);
        g_ptr_array_add(all, recordings);
    }
    for (guint i = 0; i < suite->cases->len; i++)
        add_case(suite, g_ptr_array_index(suite->cases, i), g_ptr_array_index(all, i));
    return TRUE;
}

static gboolean suite_load(struct suite *suite, const char *bucket, GError **error)
{
    g_autofree char *skips = g_build_filename(suite->data, "skips.json", NULL);

    suite->skips = twin_skips_load(skips, error);
    if (!suite->skips)
        return FALSE;
    suite->scratch = g_dir_make_tmp("instar-twin-XXXXXX", error);
    if (!suite->scratch)
        return FALSE;
    suite->recorded = g_hash_table_new(g_str_hash, g_str_equal);
    suite->units = g_ptr_array_new_with_free_func((GDestroyNotify)twin_unit_free);
    suite->stales = g_ptr_array_new_with_free_func((GDestroyNotify)stale_free);
    return load_cases(suite, bucket, error);
}

static void suite_clear(struct suite *suite)
{
    g_clear_pointer(&suite->stales, g_ptr_array_unref);
    g_clear_pointer(&suite->units, g_ptr_array_unref);
    g_clear_pointer(&suite->prepared, twin_prepared_free);
    g_clear_pointer(&suite->recorded, g_hash_table_unref);
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
    struct suite suite = { .installed = twin_installed_version() };

    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions(); /* go on with the next case after one has failed */
    if (!suite.installed) {
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
