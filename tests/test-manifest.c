/* SPDX-License-Identifier: GPL-2.0-or-later */
/* testsuite-data/MANIFEST names every file in the folders beside it, and none has changed. */
#include "config.h"

#include "tests/twin-tree.h"

#include <string.h>

#define REMEDY "run testsuite-data/make-manifest if this is meant"

/* Path to SHA-256, as MANIFEST has them; aborts the test on a line of another shape. */
static GHashTable *read_manifest(const char *data)
{
    GHashTable *sums = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *path = g_build_filename(data, "MANIFEST", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line && **line; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, "\t", -1);

        g_assert_cmpuint(g_strv_length(fields), ==, 4);
        for (char **field = fields; *field; field++)
            g_assert_cmpstr(*field, !=, "");
        g_assert_cmpuint(strlen(fields[0]), ==, 64);
        g_assert_true(g_hash_table_insert(sums, g_strdup(fields[1]), g_strdup(fields[0])));
    }
    return sums;
}

static char *data_dir(void)
{
    return g_test_build_filename(G_TEST_DIST, "..", "testsuite-data", NULL);
}

static void test_listed(void)
{
    g_autofree char *data = data_dir();
    g_autoptr(GHashTable) sums = read_manifest(data);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) files = twin_tree_list(data, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < files->len; i++) {
        const struct twin_file *file = g_ptr_array_index(files, i);

        if (strchr(file->name, '/') && !g_hash_table_contains(sums, file->name))
            g_test_fail_printf("%s is not listed; " REMEDY, file->name);
    }
}

static void test_unchanged(void)
{
    g_autofree char *data = data_dir();
    g_autoptr(GHashTable) sums = read_manifest(data);
    GHashTableIter iter;
    gpointer name;
    gpointer sum;

    g_hash_table_iter_init(&iter, sums);
    while (g_hash_table_iter_next(&iter, &name, &sum)) {
        g_autofree char *path = g_build_filename(data, name, NULL);
        g_autofree char *text = NULL;
        gsize length;

        if (!g_file_get_contents(path, &text, &length, NULL)) {
            g_test_fail_printf("%s is listed but not there; " REMEDY, (char *)name);
            continue;
        }
        g_autofree char *found =
            g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)text, length);
        if (!g_str_equal(found, sum))
            g_test_fail_printf("%s has changed; " REMEDY, (char *)name);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/manifest/every-file-is-listed", test_listed);
    g_test_add_func("/manifest/no-file-has-changed", test_unchanged);
    return g_test_run();
}
