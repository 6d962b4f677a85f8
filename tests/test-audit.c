/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables and the recordings of this tree fit each other; and what the audit says if not. */
#include "config.h"

#include "tests/twin-audit.h"

#include <glib/gstdio.h>
#include <string.h>

static void test_tree(void)
{
    g_autofree char *data = g_test_build_filename(G_TEST_DIST, "..", "testsuite-data", NULL);
    g_autoptr(GPtrArray) complaints = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;

    twin_audit(data, complaints, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < complaints->len; i++)
        g_test_fail_printf("%s", (const char *)g_ptr_array_index(complaints, i));
}

#define CASE(name)                                                                                 \
    "{\"target\":\"t\",\"name\":\"" name "\",\"setup\":[],\"run\":[\"qemu-img\"],\"observe\":{}}"
#define VERSIONS(list) "[{\"versions\":[" list "],\"setup-failed\":\"no\"}]"

struct file {
    const char *name;
    const char *text;
};

static const struct {
    const char *path;
    struct file files[6];
    const char *complaint; /* the only one; NULL: none */
} rows[] = {
    { "/audit/good",
      { { "cases/a.json", "[" CASE("x") "," CASE("y") "]" },
        { "cases/a-more.json", "[" CASE("z") "]" },
        { "expected-outputs/a/t/x.json", VERSIONS("\"1.0.0\",\"2.0.0\"") },
        { "expected-outputs/a/t/y.json", VERSIONS("\"1.0.0\",\"2.0.0\"") },
        { "expected-outputs/a/t/z.json", VERSIONS("\"2.0.0\"") } },
      NULL },
    { "/audit/case-without-recording",
      { { "cases/a.json", "[" CASE("x") "," CASE("y") "]" },
        { "expected-outputs/a/t/x.json", VERSIONS("\"1.0.0\"") } },
      "the case a/t/y (a.json) has no recording; make record RECORD_ARGS=--missing" },
    { "/audit/recording-without-case",
      { { "cases/a.json", "[" CASE("x") "]" },
        { "expected-outputs/a/t/x.json", VERSIONS("\"1.0.0\"") },
        { "expected-outputs/a/u/x.json", VERSIONS("\"1.0.0\"") } },
      "the recording a/u/x.json has no case" },
    { "/audit/version-missing-from-a-bucket",
      { { "cases/a.json", "[" CASE("x") "]" },
        { "cases/b.json", "[" CASE("x") "]" },
        { "expected-outputs/a/t/x.json", VERSIONS("\"1.0.0\",\"2.0.0\"") },
        { "expected-outputs/b/t/x.json", VERSIONS("\"2.0.0\"") } },
      "the case b/t/x (b.json) has no recording of version 1.0.0; others have" },
    { "/audit/version-missing-from-a-topic",
      { { "cases/a-b.json", "[" CASE("x") "," CASE("y") "]" },
        { "expected-outputs/a/t/x.json", VERSIONS("\"1.0.0\",\"2.0.0\"") },
        { "expected-outputs/a/t/y.json", VERSIONS("\"1.0.0\"") } },
      "the case a/t/y (a-b.json) has no recording of version 2.0.0; others have" },
};

static void write_files(const char *data, const struct file *files)
{
    for (const struct file *file = files; file->name; file++) {
        g_autofree char *path = g_build_filename(data, file->name, NULL);
        g_autofree char *folder = g_path_get_dirname(path);

        g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
        g_assert_true(g_file_set_contents(path, file->text, -1, NULL));
    }
}

static void test_row(gconstpointer user_data)
{
    guint i = GPOINTER_TO_UINT(user_data);
    g_autofree char *data = g_dir_make_tmp("audit-XXXXXX", NULL);
    g_autoptr(GPtrArray) complaints = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;

    write_files(data, rows[i].files);
    twin_audit(data, complaints, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(complaints->len, ==, rows[i].complaint ? 1 : 0);
    if (rows[i].complaint)
        g_assert_cmpstr(g_ptr_array_index(complaints, 0), ==, rows[i].complaint);
}

/* Bytes that are no recording any more are not passed over. */
static void test_broken(void)
{
    static const struct file files[] = {
        { "cases/a.json", "[" CASE("x") "]" },
        { "expected-outputs/a/t/x.json", "[{\"version\":[\"1.0.0\"],\"setup-failed\":\"no\"}]" },
        { NULL, NULL },
    };
    g_autofree char *data = g_dir_make_tmp("audit-XXXXXX", NULL);
    g_autoptr(GPtrArray) complaints = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;

    write_files(data, files);
    g_assert_false(twin_audit(data, complaints, &error));
    g_assert_nonnull(strstr(error->message, "a/t/x.json: versions is not an array"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/audit/tree", test_tree);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_test_add_data_func(rows[i].path, GUINT_TO_POINTER(i), test_row);
    g_test_add_func("/audit/broken", test_broken);
    return g_test_run();
}
