/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each fact of src/profile is shown by a recorded case: between the version before and the first
 * one with it, and again where it ends, that case's outcome changes.
 */
#include "config.h"

#include "tests/twin-path.h"
#include "tests/twin-record.h"
#include "tests/twin-skip.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    guint since; /* major * 10000 + minor * 100 + micro */
    guint until;
    const char *shown_by;
} facts[] = {
#define PROFILE_FACT(name, since, until, shown_by, words) { #name, since, until, shown_by },
#include "profile/facts.h"
#undef PROFILE_FACT
};

static guint number_of(const char *version)
{
    g_auto(GStrv) parts = g_strsplit(version, ".", 3);

    g_assert_cmpuint(g_strv_length(parts), ==, 3);
    return (guint)(atoi(parts[0]) * 10000 + atoi(parts[1]) * 100 + atoi(parts[2]));
}

/* The case called @id, borrowed from @cases; NULL if there is none. */
static const struct twin_case *find_case(GPtrArray *cases, const char *id)
{
    for (guint i = 0; i < cases->len; i++) {
        const struct twin_case *c = g_ptr_array_index(cases, i);

        if (g_str_equal(c->id, id))
            return c;
    }
    return NULL;
}

/* The recordings of the last version before @number and of the first from it on. */
static void find_neighbours(GPtrArray *recordings, guint number,
                            const struct twin_recording **ret_before,
                            const struct twin_recording **ret_after)
{
    guint before = 0;
    guint after = G_MAXUINT;

    *ret_before = *ret_after = NULL;
    for (guint i = 0; i < recordings->len; i++) {
        const struct twin_recording *recording = g_ptr_array_index(recordings, i);

        for (char **version = recording->versions; *version; version++) {
            guint n = number_of(*version);

            if (n < number && n > before) {
                before = n;
                *ret_before = recording;
            } else if (n >= number && n < after) {
                after = n;
                *ret_after = recording;
            }
        }
    }
}

static void assert_changes(const struct twin_case *c, GPtrArray *recordings, guint number)
{
    const struct twin_recording *before;
    const struct twin_recording *after;
    g_autoptr(GString) report = g_string_new(NULL);

    find_neighbours(recordings, number, &before, &after);
    if (!before || !after || !before->outcome || !after->outcome) {
        g_test_fail_printf("%s is not recorded on both sides of %u", c->id, number);
        return;
    }
    twin_recorded_compare(report, c, before->outcome, after->outcome, NULL);
    if (report->len == 0)
        g_test_fail_printf("the outcome of %s does not change at %u", c->id, number);
}

static void test_fact(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autofree char *dir = g_test_build_filename(G_TEST_DIST, "..", "testsuite-data/cases", NULL);
    g_autofree char *expected =
        g_test_build_filename(G_TEST_DIST, "..", "testsuite-data/expected-outputs", NULL);
    g_autofree char *bucket = g_strndup(facts[i].shown_by, strcspn(facts[i].shown_by, "/"));
    g_autoptr(GError) error = NULL;

    g_autoptr(GPtrArray) cases = twin_cases_load(dir, bucket, &error);
    g_assert_no_error(error);
    const struct twin_case *c = find_case(cases, facts[i].shown_by);
    if (!c) {
        g_test_fail_printf("no case covers %s: '%s' is none (name one as BUCKET/TARGET/NAME)",
                           facts[i].name, facts[i].shown_by);
        return;
    }
    g_autoptr(GPtrArray) recordings = twin_recordings_load(expected, c, &error);
    g_assert_no_error(error);
    g_assert_true(facts[i].since || facts[i].until);
    if (facts[i].since)
        assert_changes(c, recordings, facts[i].since);
    if (facts[i].until)
        assert_changes(c, recordings, facts[i].until);
}

/* Whether anything begins or ends at @number. */
static gboolean is_fact(guint number)
{
    for (guint i = 0; i < G_N_ELEMENTS(facts); i++)
        if (facts[i].since == number || facts[i].until == number)
            return TRUE;
    return FALSE;
}

/* Whether @skips let ours differ from @version of @c, or at all. */
static gboolean is_skipped(GPtrArray *skips, const struct twin_case *c, const char *version)
{
    g_autofree char *path = twin_path(c, TWIN_BASELINE, version);

    return twin_skip_find(skips, c->id) || twin_skip_find(skips, path);
}

static void check_changes(const struct twin_case *c, GPtrArray *recordings, GPtrArray *skips)
{
    for (guint i = 0; i < recordings->len; i++) {
        const struct twin_recording *recording = g_ptr_array_index(recordings, i);

        for (char **version = recording->versions; *version; version++) {
            guint number = number_of(*version);
            const struct twin_recording *before;
            const struct twin_recording *after;
            g_autoptr(GString) report = g_string_new(NULL);

            find_neighbours(recordings, number, &before, &after);
            if (before && before->outcome && after->outcome)
                twin_recorded_compare(report, c, before->outcome, after->outcome, NULL);
            if (report->len && !is_fact(number) && !is_skipped(skips, c, before->versions[0]))
                g_test_fail_printf("the outcome of %s changes at %s, where no fact begins or ends",
                                   c->id, *version);
        }
    }
}

/* Wherever a version differs from the one before it, there is a fact that says so. */
static void test_changes(void)
{
    g_autofree char *dir = g_test_build_filename(G_TEST_DIST, "..", "testsuite-data/cases", NULL);
    g_autofree char *expected =
        g_test_build_filename(G_TEST_DIST, "..", "testsuite-data/expected-outputs", NULL);
    g_autofree char *table =
        g_test_build_filename(G_TEST_DIST, "..", "testsuite-data/skips.json", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) skips = twin_skips_load(table, &error);
    g_auto(GStrv) buckets = twin_buckets(dir, &error);

    g_assert_no_error(error);
    for (char **bucket = buckets; *bucket; bucket++) {
        g_autoptr(GPtrArray) cases = twin_cases_load(dir, *bucket, &error);

        g_assert_no_error(error);
        for (guint i = 0; i < cases->len; i++) {
            const struct twin_case *c = g_ptr_array_index(cases, i);
            g_autoptr(GPtrArray) recordings = twin_recordings_load(expected, c, &error);

            g_assert_no_error(error);
            check_changes(c, recordings, skips);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (guint i = 0; i < G_N_ELEMENTS(facts); i++) {
        g_autofree char *path = g_strconcat("/profile/", facts[i].name, NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_fact);
    }
    g_test_add_func("/profile/every-change-is-a-fact", test_changes);
    return g_test_run();
}
