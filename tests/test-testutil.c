/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The environment that tap-run promises to each test. */
#include "config.h"

#include <glib.h>

#include "tests/testutil.h"

static void test_program(void)
{
    g_assert_true(g_file_test(test_instar_img(), G_FILE_TEST_IS_EXECUTABLE));
}

static void test_fresh_directory(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(".", 0, &error);

    g_assert_no_error(error);
    g_assert_null(g_dir_read_name(dir));
}

static void test_variables(void)
{
    g_assert_cmpstr(g_getenv("G_DEBUG"), ==, "fatal-warnings");
    g_assert_nonnull(g_getenv("MALLOC_PERTURB_"));
    g_assert_true(g_file_test(g_getenv("G_TEST_SRCDIR"), G_FILE_TEST_IS_DIR));
    g_assert_true(g_file_test(g_getenv("G_TEST_BUILDDIR"), G_FILE_TEST_IS_DIR));
    if (g_file_test("/dev/kvm", G_FILE_TEST_EXISTS))
        g_assert_nonnull(g_getenv("INSTAR_TEST_KVM"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/testutil/program", test_program);
    g_test_add_func("/testutil/fresh-directory", test_fresh_directory);
    g_test_add_func("/testutil/variables", test_variables);
    return g_test_run();
}
