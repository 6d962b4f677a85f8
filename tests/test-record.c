/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making recordings: how a version's outcome is put among others', what is written, and that the
 * installed version, recorded anew, leaves every byte as it is (of a sample; make check-record
 * does all).
 */
#include "config.h"

#include "tests/twin-record.h"

#include <glib/gstdio.h>
#include <string.h>

#define OUTPUT(out) "{\"rc\": 0, \"stdout\": \"" out "\", \"stderr\": \"\"}"

static GPtrArray *one_case(void)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *cases = twin_cases_parse("[{\"target\":\"t\",\"name\":\"n\",\"setup\":[],"
                                        "\"run\":[\"qemu-img\"],"
                                        "\"observe\":{\"x\":[\"qemu-img\"]}}]",
                                        "b", &error);

    g_assert_no_error(error);
    return cases;
}

static struct twin_recording *fresh(const char *version, const char *out, const char *failed)
{
    struct twin_recording *recording = g_new0(struct twin_recording, 1);

    recording->versions = g_strdupv((char *[]){ (char *)version, NULL });
    recording->setup_failed = g_strdup(failed);
    if (!failed) {
        recording->outcome = twin_outcome_new();
        recording->outcome->run = twin_output_new(0, out, "");
        g_ptr_array_add(recording->outcome->observe, twin_output_new(1, "", "no"));
    }
    return recording;
}

/* Versions by outcome, as "1.0.0 2.0.0=text, 3.0.0=other". */
static char *summary(GPtrArray *recordings)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (guint i = 0; i < recordings->len; i++) {
        const struct twin_recording *recording = g_ptr_array_index(recordings, i);
        g_autofree char *versions = g_strjoinv(" ", recording->versions);
        g_autofree char *both = g_strdup_printf(
            "%s=%s", versions,
            recording->setup_failed ? recording->setup_failed : recording->outcome->run->out->str);

        g_strv_builder_add(builder, both);
    }
    g_auto(GStrv) parts = g_strv_builder_end(builder);
    return g_strjoinv(", ", parts);
}

static const struct {
    const char *version;
    const char *out;
    const char *failed;
    gboolean changes;
    const char *summary;
} steps[] = {
    { "7.2.0", "disk size: 1 KiB", NULL, TRUE, "7.2.0=disk size: 1 KiB" },
    { "7.2.0", "disk size: 2 KiB", NULL, FALSE, "7.2.0=disk size: 1 KiB" }, /* this varies */
    { "7.2.22", "disk size: 2 KiB", NULL, TRUE, "7.2.0 7.2.22=disk size: 1 KiB" },
    { "10.0.0", "other", NULL, TRUE, "7.2.0 7.2.22=disk size: 1 KiB, 10.0.0=other" },
    { "6.0.0", "other", NULL, TRUE, "6.0.0 10.0.0=other, 7.2.0 7.2.22=disk size: 1 KiB" },
    { "7.2.0", "other", NULL, TRUE, "6.0.0 7.2.0 10.0.0=other, 7.2.22=disk size: 1 KiB" },
    { "7.2.22", NULL, "no", TRUE, "6.0.0 7.2.0 10.0.0=other, 7.2.22=no" },
    { "7.2.22", NULL, "no", FALSE, "6.0.0 7.2.0 10.0.0=other, 7.2.22=no" },
    { "6.0.0", NULL, "no", TRUE, "6.0.0 7.2.22=no, 7.2.0 10.0.0=other" },
    { "7.2.22", "other", NULL, TRUE, "6.0.0=no, 7.2.0 7.2.22 10.0.0=other" },
};

static void test_merge(void)
{
    g_autoptr(GPtrArray) cases = one_case();
    const struct twin_case *c = g_ptr_array_index(cases, 0);
    g_autoptr(GPtrArray) recordings =
        g_ptr_array_new_with_free_func((GDestroyNotify)twin_recording_free);

    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        struct twin_recording *next = fresh(steps[i].version, steps[i].out, steps[i].failed);

        g_assert_cmpint(twin_recordings_merge(recordings, c, next), ==, steps[i].changes);
        g_autofree char *result = summary(recordings);
        g_assert_cmpstr(result, ==, steps[i].summary);
    }
}

static void test_text(void)
{
    g_autoptr(GPtrArray) cases = one_case();
    const struct twin_case *c = g_ptr_array_index(cases, 0);
    g_autoptr(GPtrArray) recordings =
        g_ptr_array_new_with_free_func((GDestroyNotify)twin_recording_free);

    g_ptr_array_add(recordings, fresh("6.0.0", NULL, "no"));
    g_ptr_array_add(recordings, fresh("7.0.0", "a\"\\\n\r\t\x1b é €😀", NULL));
    g_autofree char *text = twin_recordings_text(recordings, c);
    g_assert_cmpstr(
        text, ==,
        "[\n {\n  \"versions\": [\n   \"6.0.0\"\n  ],\n  \"setup-failed\": \"no\"\n },\n"
        " {\n  \"versions\": [\n   \"7.0.0\"\n  ],\n  \"run\": {\n   \"rc\": 0,\n"
        "   \"stdout\": \"a\\\"\\\\\\n\\r\\t\\u001b \\u00e9 \\u20ac\\ud83d\\ude00\",\n"
        "   \"stderr\": \"\"\n  },\n  \"observe\": {\n   \"x\": {\n    \"rc\": 1,\n"
        "    \"stdout\": \"\",\n    \"stderr\": \"no\"\n   }\n  }\n }\n]\n");
}

static char *data_file(const char *first, const char *second)
{
    return g_test_build_filename(G_TEST_DIST, "..", "testsuite-data", first, second, NULL);
}

/* What the recorder writes of a file it has read is the same file. */
static void test_rewritten(void)
{
    g_autofree char *dir = data_file("cases", NULL);
    g_autofree char *expected = data_file("expected-outputs", NULL);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) buckets = twin_buckets(dir, &error);

    g_assert_no_error(error);
    for (char **bucket = buckets; *bucket; bucket++) {
        g_autoptr(GPtrArray) cases = twin_cases_load(dir, *bucket, &error);

        g_assert_no_error(error);
        for (guint i = 0; i < cases->len; i++) {
            const struct twin_case *c = g_ptr_array_index(cases, i);
            g_autoptr(GPtrArray) recordings = twin_recordings_load(expected, c, &error);
            g_autofree char *file = g_strconcat(c->id, ".json", NULL);
            g_autofree char *path = g_build_filename(expected, file, NULL);
            g_autofree char *before = NULL;

            g_assert_no_error(error);
            if (recordings->len == 0)
                continue;
            g_autofree char *after = twin_recordings_text(recordings, c);
            g_assert_true(g_file_get_contents(path, &before, NULL, NULL));
            if (!g_str_equal(before, after))
                g_test_fail_printf("%s would be written in another way", file);
        }
    }
}

/* Run the recorder on @id of the tables in @data; @version is what it is told. */
static void run_recorder(const char *data, const char *out, const char *version, const char *id,
                         char **ret_err, int *ret_status)
{
    g_autofree char *program = g_test_build_filename(G_TEST_BUILT, "record-baselines", NULL);
    g_autofree char *img = g_find_program_in_path("qemu-img");
    g_autofree char *io = g_find_program_in_path("qemu-io");
    g_autoptr(GError) error = NULL;
    const char *argv[] = { program,     "--qemu-img", img,      "--qemu-io", io,
                           "--version", version,      "--data", data,        "--out",
                           out,         "--case",     id,       NULL };

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, ret_err,
                 ret_status, &error);
    g_assert_no_error(error);
}

/* One case of many kinds; dates, sizes, iterations and host offsets vary among them. */
static const char *const sample[] = {
    "bitmap/qcow2/add",          "check/qcow2/leak-r-all",
    "cli/usage/convert-no-args", "commit/qcow2/1M-seeded-implicit",
    "luks/luks/create-info",     "rebase/qcow2/unsafe",
    "snapshot/qcow2/create",     "info/vmdk/garbage",
    "convert/options/progress",  "create/qcow2/backing-no-size",
};

static void test_sample(gconstpointer data)
{
    const char *id = data;
    g_autofree char *file = g_strconcat(id, ".json", NULL);
    g_autofree char *data_dir = data_file(NULL, NULL);
    g_autofree char *given = data_file("expected-outputs", file);
    g_autofree char *copy = g_build_filename("out", file, NULL);
    g_autofree char *folder = g_path_get_dirname(copy);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree char *err = NULL;
    gsize length;
    int status;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(given, &before, &length, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents(copy, before, (gssize)length, NULL));
    run_recorder(data_dir, "out", twin_installed_version(), id, &err, &status);
    g_assert_cmpstr(err, ==, "");
    g_assert_cmpint(status, ==, 0);
    g_assert_true(g_file_get_contents(copy, &after, NULL, NULL));
    if (strstr(before, twin_installed_version()))
        g_assert_cmpstr(after, ==, before);
    else
        g_assert_nonnull(strstr(after, twin_installed_version()));
}

static void test_wrong_version(void)
{
    g_autofree char *data = data_file(NULL, NULL);
    g_autofree char *err = NULL;
    int status;

    run_recorder(data, "out", "1.2.3", sample[0], &err, &status);
    g_assert_cmpint(status, !=, 0);
    g_assert_nonnull(strstr(err, ", not 1.2.3"));
}

static void test_no_case(void)
{
    g_autofree char *data = data_file(NULL, NULL);
    g_autofree char *err = NULL;
    int status;

    run_recorder(data, "out", twin_installed_version(), "nothing/*", &err, &status);
    g_assert_cmpint(status, !=, 0);
    g_assert_nonnull(strstr(err, "no case matches"));
}

static void copy_in(const char *name, const char *folder)
{
    g_autofree char *from = data_file(name, NULL);
    g_autofree char *to = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(from, &text, NULL, &error);
    g_assert_no_error(error);
    g_file_set_contents_full(to, text, -1, G_FILE_SET_CONTENTS_NONE, 0755, &error);
    g_assert_no_error(error);
}

/* A tree with one case whose set-up cannot be done: it is recorded so, and listed. */
static void test_setup_failed(void)
{
    static const char table[] = "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[[\"qemu-img\","
                                "\"create\",\"-f\",\"raw\",\"x\",\"nonsense\"]],"
                                "\"run\":[\"qemu-img\"],\"observe\":{}}]";
    g_autofree char *err = NULL;
    g_autofree char *text = NULL;
    g_autofree char *manifest = NULL;
    int status;

    g_assert_cmpint(g_mkdir_with_parents("tree/cases", 0755), ==, 0);
    g_assert_true(g_file_set_contents("tree/cases/a.json", table, -1, NULL));
    copy_in("make-manifest", "tree");
    copy_in("ORIGINS", "tree");
    run_recorder("tree", "tree/expected-outputs", twin_installed_version(), "*", &err, &status);
    g_assert_cmpstr(err, ==, "");
    g_assert_cmpint(status, ==, 0);
    g_assert_true(g_file_get_contents("tree/expected-outputs/a/t/n.json", &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "\"setup-failed\": \"set-up 'qemu-img create -f raw x nonsense' "
                                  "ended with 1: "));
    g_assert_true(g_file_get_contents("tree/MANIFEST", &manifest, NULL, NULL));
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    g_autofree char *line = g_strdup_printf("%s\texpected-outputs/a/t/n.json\tqemu-img %s\t", sum,
                                            twin_installed_version());
    g_assert_nonnull(strstr(manifest, line));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/record/merge", test_merge);
    g_test_add_func("/record/text", test_text);
    g_test_add_func("/record/rewritten", test_rewritten);
    for (guint i = 0; i < G_N_ELEMENTS(sample); i++) {
        g_autofree char *path = g_strconcat("/record/sample/", sample[i], NULL);

        g_test_add_data_func(path, sample[i], test_sample);
    }
    g_test_add_func("/record/setup-failed", test_setup_failed);
    g_test_add_func("/record/wrong-version", test_wrong_version);
    g_test_add_func("/record/no-case", test_no_case);
    return g_test_run();
}
