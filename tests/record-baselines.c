/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-baselines --qemu-img=PATH --qemu-io=PATH --version=X.Y.Z [OPTION...]: run the cases with
 * the tools of one release of qemu and put what it made of them among the recordings. Other
 * versions' outcomes stay as they are, and so does every byte of one that is the same under the
 * normaliser's rules.
 */
#include "config.h"

#include "tests/twin-record.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

struct recorder {
    char *img;
    char *io;
    char *version;
    char **buckets;   /* NULL: all */
    char **cases;     /* patterns over BUCKET/TARGET/NAME; NULL: all */
    gboolean missing; /* only cases without a recording of the version */
    char *data;       /* testsuite-data */
    char *out;        /* the recordings' folder */
    char *scratch;
    guint seen;
    guint done;
    guint changed;
};

static gboolean fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static gboolean fail(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *error = g_error_new_valist(G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, format, args);
    va_end(args);
    return FALSE;
}

/* The tools are there and are what --version says. */
static gboolean check_tools(const struct recorder *recorder, GError **error)
{
    g_setenv("INSTAR_QEMU_IMG", recorder->img, TRUE);
    g_setenv("INSTAR_QEMU_IO", recorder->io, TRUE);
    if (!g_file_test(recorder->io, G_FILE_TEST_IS_EXECUTABLE))
        return fail(error, "%s: no program", recorder->io);

    const char *found = twin_installed_version();
    if (!found)
        return fail(error, "%s: does not tell its version", recorder->img);
    if (!g_str_equal(found, recorder->version))
        return fail(error, "%s is version %s, not %s", recorder->img, found, recorder->version);
    return TRUE;
}

static gboolean is_wanted(const struct recorder *recorder, const struct twin_case *c)
{
    if (!recorder->cases)
        return TRUE;
    for (char **pattern = recorder->cases; *pattern; pattern++)
        if (g_pattern_match_simple(*pattern, c->id))
            return TRUE;
    return FALSE;
}

static gboolean write_recordings(const struct recorder *recorder, const struct twin_case *c,
                                 GPtrArray *recordings, GError **error)
{
    g_autofree char *file = g_strconcat(c->id, ".json", NULL);
    g_autofree char *path = g_build_filename(recorder->out, file, NULL);
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *text = twin_recordings_text(recordings, c);

    if (g_mkdir_with_parents(folder, 0755) != 0)
        return fail(error, "%s: %s", folder, g_strerror(errno));
    printf("%s\n", path);
    return g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, error);
}

static gboolean is_recorded(GPtrArray *recordings, const char *version)
{
    for (guint i = 0; i < recordings->len; i++) {
        const struct twin_recording *recording = g_ptr_array_index(recordings, i);

        if (g_strv_contains((const char *const *)recording->versions, version))
            return TRUE;
    }
    return FALSE;
}

static gboolean record_case(struct recorder *recorder, const struct twin_case *c,
                            struct twin_prepared *prepared, GError **error)
{
    g_autoptr(GPtrArray) recordings = twin_recordings_load(recorder->out, c, error);

    if (!recordings)
        return FALSE;
    recorder->seen++;
    if (recorder->missing && is_recorded(recordings, recorder->version))
        return TRUE;
    struct twin_fixture *fixture =
        twin_fixture_new(c, recorder->scratch, ++recorder->done, prepared);
    struct twin_recording *fresh = twin_record(fixture, recorder->version, error);
    twin_fixture_free(fixture);
    if (!fresh) {
        g_prefix_error(error, "%s: ", c->id);
        return FALSE;
    }
    if (!twin_recordings_merge(recordings, c, fresh))
        return TRUE;
    recorder->changed++;
    return write_recordings(recorder, c, recordings, error);
}

static gboolean record_bucket(struct recorder *recorder, const char *bucket, GError **error)
{
    g_autofree char *dir = g_build_filename(recorder->data, "cases", NULL);
    g_autoptr(GPtrArray) cases = twin_cases_load(dir, bucket, error);

    if (!cases)
        return FALSE;
    if (cases->len == 0)
        return fail(error, "there is no bucket %s", bucket);
    struct twin_prepared *prepared = twin_prepared_new(recorder->scratch, cases);
    gboolean ok = TRUE;
    for (guint i = 0; i < cases->len && ok; i++) {
        const struct twin_case *c = g_ptr_array_index(cases, i);

        ok = !is_wanted(recorder, c) || record_case(recorder, c, prepared, error);
    }
    twin_prepared_free(prepared);
    return ok;
}

static gboolean record(struct recorder *recorder, GError **error)
{
    g_autofree char *dir = g_build_filename(recorder->data, "cases", NULL);
    g_auto(GStrv) all = twin_buckets(dir, error);

    if (!all)
        return FALSE;
    for (char **bucket = recorder->buckets ? recorder->buckets : all; *bucket; bucket++)
        if (!record_bucket(recorder, *bucket, error))
            return FALSE;
    return recorder->seen || fail(error, "no case matches");
}

/* MANIFEST stands beside the recordings, with the program that writes it. */
static gboolean write_manifest(const struct recorder *recorder, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(recorder->out);
    g_autofree char *program = g_build_filename(folder, "make-manifest", NULL);
    char *argv[] = { program, NULL };
    int status = 0;

    if (!g_file_test(program, G_FILE_TEST_EXISTS))
        return TRUE;
    return g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status,
                        error) &&
           g_spawn_check_wait_status(status, error);
}

static gboolean parse_options(struct recorder *recorder, int *argc, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        { "qemu-img", 0, 0, G_OPTION_ARG_FILENAME, &recorder->img, "The release's qemu-img",
          "PATH" },
        { "qemu-io", 0, 0, G_OPTION_ARG_FILENAME, &recorder->io, "The release's qemu-io", "PATH" },
        { "version", 0, 0, G_OPTION_ARG_STRING, &recorder->version, "The release", "X.Y.Z" },
        { "bucket", 0, 0, G_OPTION_ARG_STRING_ARRAY, &recorder->buckets,
          "Only this bucket; may be given again", "BUCKET" },
        { "case", 0, 0, G_OPTION_ARG_STRING_ARRAY, &recorder->cases,
          "Only cases that match (* and ?); may be given again", "BUCKET/TARGET/NAME" },
        { "missing", 0, 0, G_OPTION_ARG_NONE, &recorder->missing,
          "Only cases that have no recording of this release", NULL },
        { "data", 0, 0, G_OPTION_ARG_FILENAME, &recorder->data,
          "The folder that holds cases (default: " TESTSUITE_DATA ")", "DIR" },
        { "out", 0, 0, G_OPTION_ARG_FILENAME, &recorder->out,
          "The recordings' folder (default: expected-outputs of --data)", "DIR" },
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_set_summary(context, "Record what one release of qemu makes of the cases.");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (*argc > 1)
        return fail(error, "'%s' is no option", (*argv)[1]);
    if (!recorder->img || !recorder->io || !recorder->version)
        return fail(error, "--qemu-img, --qemu-io and --version are needed");
    if (!recorder->data)
        recorder->data = g_strdup(TESTSUITE_DATA);
    if (!recorder->out)
        recorder->out = g_build_filename(recorder->data, "expected-outputs", NULL);
    return TRUE;
}

static void recorder_clear(struct recorder *recorder)
{
    if (recorder->scratch)
        g_rmdir(recorder->scratch);
    g_free(recorder->img);
    g_free(recorder->io);
    g_free(recorder->version);
    g_strfreev(recorder->buckets);
    g_strfreev(recorder->cases);
    g_free(recorder->data);
    g_free(recorder->out);
    g_free(recorder->scratch);
}

int main(int argc, char **argv)
{
    struct recorder recorder = { 0 };
    g_autoptr(GError) error = NULL;
    gboolean ok = parse_options(&recorder, &argc, &argv, &error) && check_tools(&recorder, &error);

    if (ok) {
        recorder.scratch = g_dir_make_tmp("record-XXXXXX", &error);
        ok = recorder.scratch && record(&recorder, &error) && write_manifest(&recorder, &error);
    }
    if (ok)
        printf("%s: %u cases run, %u recordings changed\n", recorder.version, recorder.done,
               recorder.changed);
    else
        fprintf(stderr, "record-baselines: %s\n", error->message);
    recorder_clear(&recorder);
    return ok ? 0 : 1;
}
