/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words made of a cell's numbers, and the profile they follow. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "image/words.h"
#include "profile/profile.h"

static void test_values(void)
{
    const guint64 args[] = { 7, 255 };
    g_autofree char *io = words_of(FMT_E_IO, args, 2, NULL, 0, ENOSPC);
    g_autofree char *cluster = words_of(FMT_E_CORRUPT_CLUSTER, args, 2, NULL, 0, 0);
    g_autofree char *unknown = words_of(-30000, args, 2, NULL, 0, 0);
    struct abi_result result = { .status = FMT_E_CORRUPT_CLUSTER };

    g_assert_cmpstr(io, ==, "No space left on device");
    g_assert_cmpstr(cluster, ==, "Input/output error");
    g_assert_cmpstr(unknown, ==, "Unknown failure -30000 of the format driver");
    g_assert_cmpint(words_errno(&result), ==, EIO);
    result.io_errno = ENOSPC;
    g_assert_cmpint(words_errno(&result), ==, ENOSPC);
}

static void test_printable(void)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "plain", "plain" },
        { "gr\303\274n", "gr\303\274n" },
        { "\033[2Jx", "\\x1b[2Jx" },
        { "a\nb\tc\177", "a\\x0ab\\x09c\\x7f" },
        { "\377\302", "\\xff\\xc2" },
        { "\302\233", "\\xc2\\x9b" },          /* a C1 control: CSI */
        { "\342\200\256", "\\xe2\\x80\\xae" }, /* writes from right to left from here on */
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *out = words_printable(rows[i].in, strlen(rows[i].in));
        g_assert_cmpstr(out, ==, rows[i].out);
    }
    g_autofree char *zero = words_printable("ab\0cd", 5);
    g_assert_cmpstr(zero, ==, "ab");
}

static void test_profile(void)
{
    static const struct {
        const char *text;
        guint version; /* 0: refused */
    } rows[] = {
        { "7.2.22", 70222 }, { "6.0.0", 60000 }, { "10.1", 100100 }, { "7", 0 },      { "7.2.", 0 },
        { "7.2.x", 0 },      { "7.2.1.1", 0 },   { "7.222.1", 0 },   { " 7.2.1", 0 }, { ".7.2", 0 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        g_setenv("INSTAR_IMG_QEMU_VERSION", rows[i].text, TRUE);
        g_assert_cmpint(profile_init(&error), ==, rows[i].version != 0);
        if (rows[i].version != 0) {
            g_assert_no_error(error);
            g_assert_cmpuint(profile_version(), ==, rows[i].version);
            g_assert_cmpint(profile_has(FACT_INFO_CHILDREN), ==, rows[i].version >= 80000);
        } else {
            g_assert_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
        }
    }
    g_unsetenv("INSTAR_IMG_QEMU_VERSION");
    g_assert_true(profile_init(NULL));
    g_assert_cmpstr(profile_version_string(), ==, INSTAR_QEMU_VERSION);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/words/values", test_values);
    g_test_add_func("/words/printable", test_printable);
    g_test_add_func("/profile/version", test_profile);
    return g_test_run();
}
