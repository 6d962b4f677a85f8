/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The twin suite's own parts: its tables' schema, what it hides of an output, what it reports. */
#include "config.h"

#include "tests/testutil.h"
#include "tests/twin-asked.h"
#include "tests/twin-digest.h"
#include "tests/twin-outcome.h"
#include "tests/twin-path.h"
#include "tests/twin-recording.h"
#include "tests/twin-skip.h"
#include "tests/twin-tree.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define DIVERGENCES "DIVERGENCES.md: "
#define CASE(more) "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[],\"observe\":{}" more "}]"
#define RUN ",\"run\":[\"qemu-img\",\"info\"]"

static const struct {
    const char *path;
    const char *text;
    const char *message; /* part of the error's; NULL: the table is good */
} tables[] = {
    { "/schema/good", CASE(RUN ",\"env\":[\"A=b\"],\"umask\":\"077\""), NULL },
    { "/schema/good-builtin",
      "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[[\"make-file\",\"a\",\"b\"]],"
      "\"observe\":{\"x\":[\"qemu-img\"]}" RUN "}]",
      NULL },
    { "/schema/not-json", "[{]", "Parse error" },
    { "/schema/not-an-array", "{}", "not an array" },
    { "/schema/case-not-an-object", "[1]", "not an object" },
    { "/schema/unknown-key", CASE(RUN ",\"colour\":1"), "unknown key 'colour'" },
    { "/schema/key-twice", CASE(RUN ",\"run\":[\"qemu-img\",\"map\"]"), "'run' is there twice" },
    { "/schema/observation-twice",
      "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[],"
      "\"observe\":{\"x\":[\"qemu-img\"],\"x\":[\"qemu-io\"]}" RUN "}]",
      "'x' is there twice" },
    { "/schema/unsafe-file",
      "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[[\"remove\",\"../x\"]],\"observe\":{}" RUN "}]",
      "'../x' is not safe as a file name" },
    { "/schema/unsafe-absolute-file",
      "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[[\"make-dir\",\"/x\"]],\"observe\":{}" RUN "}]",
      "'/x' is not safe as a file name" },
    { "/schema/no-run", CASE(""), "has no key 'run'" },
    { "/schema/run-not-qemu-img", CASE(",\"run\":[\"qemu-io\"]"), "does not begin with qemu-img" },
    { "/schema/run-empty", CASE(",\"run\":[]"), "does not begin with qemu-img" },
    { "/schema/run-number", CASE(",\"run\":[\"qemu-img\",1]"), "not a string" },
    { "/schema/env-no-value", CASE(RUN ",\"env\":[\"A\"]"), "not NAME=VALUE" },
    { "/schema/unchecked-without-reason", CASE(RUN ",\"unchecked\":\"\""), "reason" },
    { "/schema/umask-decimal", CASE(RUN ",\"umask\":\"099\""), "octal" },
    { "/schema/setup-unknown",
      "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[[\"rm\",\"x\"]],\"observe\":{}" RUN "}]",
      "no command here" },
    { "/schema/builtin-arguments",
      "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[[\"make-file\",\"x\"]],\"observe\":{}" RUN "}]",
      "no command here" },
    { "/schema/observe-builtin",
      "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[],\"observe\":{\"x\":[\"make-dir\",\"d\"]}" RUN
      "}]",
      "no command here" },
    { "/schema/unsafe-name",
      "[{\"target\":\"t\",\"name\":\"../n\",\"setup\":[],\"observe\":{}" RUN "}]", "not safe" },
    { "/schema/unsafe-target",
      "[{\"target\":\"a/b\",\"name\":\"n\",\"setup\":[],\"observe\":{}" RUN "}]", "not safe" },
    { "/schema/unsafe-observation",
      "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[],\"observe\":{\"a b\":[\"qemu-img\"]}" RUN
      "}]",
      "not a safe name" },
    { "/schema/name-twice",
      "[{\"target\":\"t\",\"name\":\"n\",\"setup\":[],\"observe\":{}" RUN "},"
      "{\"target\":\"t\",\"name\":\"n\",\"setup\":[],\"observe\":{}" RUN "}]",
      "two cases are called b/t/n" },
};

static void test_table(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) cases = twin_cases_parse(tables[i].text, "b", &error);

    if (!tables[i].message) {
        g_assert_no_error(error);
        g_assert_cmpuint(cases->len, ==, 1);
        return;
    }
    g_assert_null(cases);
    g_assert_nonnull(strstr(error->message, tables[i].message));
}

static const struct {
    const char *path;
    enum twin_text_flags flags;
    const char *text;
    const char *normalised; /* NULL: as it is */
} texts[] = {
    { "/text/actual-size", 0, "    \"actual-size\": 200704,\n", "    \"actual-size\": #,\n" },
    { "/text/disk-size", 0, "disk size: 1.5 MiB\ndisk size: 0 B\n",
      "disk size: #\ndisk size: #\n" },
    { "/text/disk-size-unknown", 0, "disk size: unavailable\n", NULL },
    { "/text/virtual-size", 0, "\"virtual-size\": 200704,\n", NULL },
    { "/text/cid", 0, "\"cid\": 12, \"parent-cid\": 4294967295",
      "\"cid\": #, \"parent-cid\": 4294967295" },
    { "/text/parent-cid", 0, "\"parent-cid\": 42949672", "\"parent-cid\": #" },
    { "/text/cid-human", 0, "    cid: 12\n    parent cid: 4294967295\n",
      "    cid: #\n    parent cid: 4294967295\n" },
    { "/text/iterations", 0, "master key iters: 12\n\"iters\": 5",
      "master key iters: #\n\"iters\": #" },
    { "/text/dates-kept", 0, "\"date-sec\": 5, 2020-01-02 03:04:05", NULL },
    { "/text/dates", TWIN_TEXT_CLOCKS, "\"date-sec\": 5, \"date-nsec\": 6, 2020-01-02 03:04:05",
      "\"date-sec\": #, \"date-nsec\": #, #" },
    { "/text/vm-clock", TWIN_TEXT_CLOCKS, "\"vm-clock-sec\": 5, 00:00:00.000", NULL },
    { "/text/offset-kept", 0, "\"offset\": 65536}", NULL },
    { "/text/offset", TWIN_TEXT_HOST_OFFSETS, "\"offset\": 65536}", "\"offset\": #}" },
    { "/text/map-rows-merge", TWIN_TEXT_HOST_OFFSETS,
      "[{ \"start\": 0, \"length\": 10, \"data\": true, \"offset\": 5},\n"
      "{ \"start\": 10, \"length\": 10, \"data\": true, \"offset\": 99}]\n",
      "\"data\": true, \"offset\": #} from 0 to 20\n" },
    { "/text/map-rows-gap", TWIN_TEXT_HOST_OFFSETS,
      "[{ \"start\": 0, \"length\": 10, \"data\": true, \"offset\": 5},\n"
      "{ \"start\": 20, \"length\": 10, \"data\": true, \"offset\": 99}]\n",
      "\"data\": true, \"offset\": #} from 0 to 10\n"
      "\"data\": true, \"offset\": #} from 20 to 30\n" },
    { "/text/progress", 0, "    (0.00/100%)\r    (50.00/100%)\r    (100.00/100%)\r\n",
      "    (0.00/100%)\r…\r    (100.00/100%)\r\n" },
    { "/text/progress-one", 0, "    (0.00/100%)\r", "    (0.00/100%)\r…\r    (0.00/100%)\r" },
    { "/text/progress-back", 0, "    (50.00/100%)\r    (40.00/100%)\r", NULL },
    { "/text/progress-shape", 0, "   (50.00/100%)\r   (60.0/100%)\r", NULL },
    { "/text/directory", 0, "/a/dir/x: no\n", "@DIR@/x: no\n" },
};

static void test_text(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    GString *text = g_string_new(texts[i].text);
    GString *result = twin_text_normalise(text, "/a/dir", texts[i].flags);

    g_assert_cmpstr(result->str, ==, texts[i].normalised ? texts[i].normalised : texts[i].text);
    g_string_free(text, TRUE);
    g_string_free(result, TRUE);
}

static void test_sizes(void)
{
    const struct {
        const char *a;
        const char *b;
        gboolean agree;
    } rows[] = {
        { "\"actual-size\": 1000", "\"actual-size\": 1000", TRUE },
        { "\"actual-size\": 1000", "\"actual-size\": 150000", TRUE },
        { "\"actual-size\": 1000", "\"actual-size\": 1500000", FALSE },
        { "\"actual-size\": 1000", "", FALSE },
        { "\"actual-size\": 0", "\"cluster-size\": 2097152, \"actual-size\": 2097152", TRUE },
        { "\"actual-size\": 0", "\"cluster-size\": 2097152, \"actual-size\": 4194304", FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        GString *a = g_string_new(rows[i].a);
        GString *b = g_string_new(rows[i].b);

        g_assert_cmpint(twin_text_sizes_agree(a, b), ==, rows[i].agree);
        g_string_free(a, TRUE);
        g_string_free(b, TRUE);
    }
}

static void write_at(const char *path, off_t offset, const char *text, off_t size)
{
    int fd = g_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    g_assert_cmpint(pwrite(fd, text, strlen(text), offset), ==, (ssize_t)strlen(text));
    g_assert_cmpint(close(fd), ==, 0);
}

/* The same bytes are one digest, however the file holds them; other bytes, places, lengths not. */
static void test_digest(void)
{
    const struct {
        const char *path;
        off_t offset;
        const char *text;
        off_t size;
        gboolean same;
    } rows[] = {
        { "same", 100000, "abc", 200000, TRUE },   { "bytes", 100000, "abd", 200000, FALSE },
        { "place", 104096, "abc", 200000, FALSE }, { "size", 100000, "abc", 200001, FALSE },
        { "empty", 0, "", 200000, FALSE },
    };
    g_autofree char *dense = g_malloc0(200000);
    g_autoptr(GError) error = NULL;

    memcpy(dense + 100000, "abc", 3);
    g_assert_true(g_file_set_contents("dense", dense, 200000, NULL));
    g_autofree char *want = twin_digest_file("dense", &error);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        write_at(rows[i].path, rows[i].offset, rows[i].text, rows[i].size);
        g_autofree char *have = twin_digest_file(rows[i].path, &error);

        g_assert_no_error(error);
        g_assert_cmpint(g_str_equal(have, want), ==, rows[i].same);
    }
    g_autofree char *layout = twin_digest_layout("dense", &error);
    g_autofree char *sparse = twin_digest_layout("same", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(layout, !=, sparse);
    g_assert_null(twin_digest_file("none", &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

static void test_wanted(void)
{
    g_autoptr(GPtrArray) cases = twin_cases_parse(CASE(RUN), "b", NULL);
    const struct twin_case *c = g_ptr_array_index(cases, 0);
    g_autofree char *path = twin_path(c, TWIN_BASELINE, "1.2.3");

    g_assert_cmpstr(path, ==, "baseline/b/t/n/1.2.3");
    g_assert_true(twin_path_is_wanted(NULL, c, path));
    g_assert_true(twin_path_is_wanted("", c, path));
    g_assert_true(twin_path_is_wanted("b/t/*", c, path));
    g_assert_true(twin_path_is_wanted("x */1.2.3", c, path));
    g_assert_false(twin_path_is_wanted("x y", c, path));
    g_assert_false(twin_path_is_wanted("*/live", c, path));
}

static void test_report(void)
{
    struct twin_output *want = twin_output_new(0, "a\nb\nc\n", "");
    struct twin_output *have = twin_output_new(1, "a\nB\nc\n", "\x1b[1m");
    g_autoptr(GString) report = g_string_new(NULL);

    twin_output_compare(report, "run", want, want, NULL, TWIN_TEXT_PLAIN);
    g_assert_cmpstr(report->str, ==, "");
    twin_output_compare(report, "run", want, have, NULL, TWIN_TEXT_PLAIN);
    g_assert_cmpstr(report->str, ==,
                    "  run, status: want 0, have 1\n"
                    "  run, stdout from line 2:\n"
                    "    want b\n    want c\n    have B\n    have c\n"
                    "  run, stderr from line 1:\n    want nothing\n"
                    "    have \\033[1m (no newline)\n");
    twin_output_free(want);
    twin_output_free(have);
}

static void test_killed(void)
{
    char *argv[] = { (char *)"sh", (char *)"-c", (char *)"echo before; sleep 60 & sleep 60", NULL };
    char *envp[] = { (char *)"PATH=/usr/bin:/bin", NULL };
    struct twin_process process = {
        .path = "/bin/sh",
        .argv = argv,
        .dir = ".",
        .envp = envp,
        .umask = 022,
        .seconds = 1,
    };
    struct twin_output *output = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(twin_process_run(&process, &output, &error));
    g_assert_no_error(error);
    g_assert_cmpint(output->rc, ==, -9);
    g_assert_cmpstr(output->out->str, ==, "before\n");
    g_assert_cmpstr(output->err->str, ==, "[killed after 1 seconds]\n");
    twin_output_free(output);
}

/* Use up the rows of @skips that are of some modes of @c. */
static void find_modes(GPtrArray *skips, const struct twin_case *c, GPtrArray *recordings)
{
    for (enum twin_mode mode = TWIN_LIVE; mode < TWIN_BASELINE; mode++) {
        g_autofree char *path = twin_path(c, mode, NULL);

        twin_skip_find(skips, path);
    }
    for (guint i = 0; i < recordings->len; i++) {
        const struct twin_recording *recording = g_ptr_array_index(recordings, i);

        for (char **version = recording->versions; *version; version++) {
            g_autofree char *path = twin_path(c, TWIN_BASELINE, *version);

            twin_skip_find(skips, path);
        }
    }
}

/* Every table loads with its recordings, and every row of the skip table matches something. */
static void test_all_tables(void)
{
    g_autofree char *data = g_test_build_filename(G_TEST_DIST, "..", "testsuite-data", NULL);
    g_autofree char *dir = g_build_filename(data, "cases", NULL);
    g_autofree char *expected = g_build_filename(data, "expected-outputs", NULL);
    g_autofree char *skip_table = g_build_filename(data, "skips.json", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) skips = twin_skips_load(skip_table, &error);
    g_assert_no_error(error);
    g_auto(GStrv) buckets = twin_buckets(dir, &error);
    g_assert_no_error(error);

    for (char **bucket = buckets; *bucket; bucket++) {
        g_autofree char *program = g_strconcat("test-twin-", *bucket, NULL);
        g_autofree char *path = g_test_build_filename(G_TEST_BUILT, program, NULL);
        g_autoptr(GPtrArray) cases = twin_cases_load(dir, *bucket, &error);

        g_assert_no_error(error);
        if (!g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
            g_test_fail_printf("the bucket %s has no program %s", *bucket, program);
        for (guint i = 0; i < cases->len; i++) {
            const struct twin_case *c = g_ptr_array_index(cases, i);
            g_autoptr(GPtrArray) recordings = twin_recordings_load(expected, c, &error);

            g_assert_no_error(error);
            if (!twin_skip_find(skips, c->id))
                find_modes(skips, c, recordings);
        }
    }
    for (guint i = 0; i < skips->len; i++) {
        const struct twin_skip *skip = g_ptr_array_index(skips, i);

        if (!skip->used)
            g_test_fail_printf("skips.json: %s matches nothing", skip->pattern);
    }
}

/*
 * Nothing is skipped but for a driver still to come, or for what DIVERGENCES.md tells, which is
 * then quoted.
 */
static void test_skip_reasons(void)
{
    g_autofree char *table =
        g_test_build_filename(G_TEST_DIST, "..", "testsuite-data/skips.json", NULL);
    g_autofree char *page =
        g_test_build_filename(G_TEST_DIST, "..", "testsuite-data/DIVERGENCES.md", NULL);
    g_autofree char *told = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) skips = twin_skips_load(table, &error);

    g_assert_no_error(error);
    g_file_get_contents(page, &told, NULL, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < skips->len; i++) {
        const struct twin_skip *skip = g_ptr_array_index(skips, i);

        if (g_pattern_match_simple("the format * has no driver yet", skip->reason))
            continue;
        if (!g_str_has_prefix(skip->reason, DIVERGENCES))
            g_test_fail_printf("skips.json: %s: the reason is neither a driver still to come nor "
                               "a quotation, '" DIVERGENCES "...'",
                               skip->pattern);
        else if (!strstr(told, skip->reason + strlen(DIVERGENCES)))
            g_test_fail_printf("skips.json: %s: DIVERGENCES.md does not say '%s'", skip->pattern,
                               skip->reason + strlen(DIVERGENCES));
    }
}

static void test_asked(void)
{
    static const struct {
        const char *log;
        guint runs;
        const char *versions[2]; /* NULL: the log cannot be relied on */
        gboolean alike;
    } rows[] = {
        { "run\n", 1, { "6.0.0", "11.0.0" }, TRUE },
        { "", 1, { NULL }, FALSE },
        { "run\n", 2, { NULL }, FALSE },
        { "run\n60100 0\nrun\n", 1, { NULL }, FALSE },
        { "run\n60100 0", 1, { NULL }, FALSE },
        { "run\n60100\n", 1, { NULL }, FALSE },
        { "run\n60100 0\nversion\n", 1, { NULL }, FALSE },
        { "run\n60100 0\nrun\n80000 0\n", 2, { "6.1.0", "7.2.22" }, TRUE },
        { "run\n60100 0\nrun\n80000 0\n", 2, { "7.2.22", "8.0.0" }, FALSE },
        { "run\n60100 0\nrun\n80000 0\n", 2, { "6.0.0", "6.1.0" }, FALSE },
        { "run\n80000 90100\n", 1, { "7.2.0", "9.1.0" }, TRUE },
        { "run\n80000 90100\n", 1, { "9.0.0", "9.1.0" }, FALSE },
    };

    g_assert_null(twin_asked_take("nothing", 1));
    twin_asked_free(twin_asked_take("nothing", 0));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_file_set_contents("log", rows[i].log, -1, NULL);
        struct twin_asked *asked = twin_asked_take("log", rows[i].runs);

        g_assert_false(g_file_test("log", G_FILE_TEST_EXISTS));
        g_assert_cmpint(asked != NULL, ==, rows[i].versions[0] != NULL);
        if (asked) {
            g_assert_cmpint(twin_asked_alike(asked, rows[i].versions[0], rows[i].versions[1]), ==,
                            rows[i].alike);
            twin_asked_free(asked);
        }
    }
}

/* What the program itself tells that it asked. */
static void test_asked_of_program(void)
{
    static const struct {
        const char *words;
        const char *like, *unlike; /* 7.2.22; NULL: it tells that its version is printed */
    } rows[] = {
        { "create -q -f qcow2 x 1M", "9.1.0", "10.1.0" },
        { "info --output=json x", "7.0.0", "8.0.0" },
        { "--version", NULL, NULL },
    };

    g_setenv("INSTAR_IMG_PROFILE_LOG", "log", TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        test_run("%s %s", test_instar_img(), rows[i].words);
        struct twin_asked *asked = twin_asked_take("log", 1);

        g_assert_cmpint(asked != NULL, ==, rows[i].like != NULL);
        if (asked) {
            g_assert_true(twin_asked_alike(asked, "7.2.22", rows[i].like));
            g_assert_false(twin_asked_alike(asked, "7.2.22", rows[i].unlike));
            twin_asked_free(asked);
        }
    }
    g_unsetenv("INSTAR_IMG_PROFILE_LOG");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *path = g_strconcat("/twin-harness", tables[i].path, NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_table);
    }
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *path = g_strconcat("/twin-harness", texts[i].path, NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_text);
    }
    g_test_add_func("/twin-harness/sizes-on-disk", test_sizes);
    g_test_add_func("/twin-harness/digest", test_digest);
    g_test_add_func("/twin-harness/wanted", test_wanted);
    g_test_add_func("/twin-harness/report", test_report);
    g_test_add_func("/twin-harness/asked", test_asked);
    g_test_add_func("/twin-harness/asked-of-program", test_asked_of_program);
    g_test_add_func("/twin-harness/killed", test_killed);
    g_test_add_func("/twin-harness/all-tables", test_all_tables);
    g_test_add_func("/twin-harness/skip-reasons", test_skip_reasons);
    return g_test_run();
}
