/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words made of a cell's numbers, and the profile they follow. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "image/formats.h"
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

/* Codes of one table, with the table they stand in; rows of one code follow each other, and differ
 * in the fact they want. */
static void add_codes(GHashTable *codes, const WordsTable *table)
{
    for (gsize i = 0; i < table->n_rows; i++) {
        const WordsRow *row = &table->rows[i], *before = i > 0 ? row - 1 : NULL;

        g_assert_cmpint(row->code, <, 0);
        if (before != NULL && before->code == row->code) {
            g_assert_cmpint(row->since, !=, before->since);
        } else if (!g_hash_table_insert(codes, GINT_TO_POINTER(row->code), (gpointer)table)) {
            g_test_message("code %d has words in two places", row->code);
            g_test_fail();
        }
    }
}

/* A code is looked for table by table: it may stand in one only. */
static void test_codes_once(void)
{
    g_autoptr(GHashTable) codes = g_hash_table_new(NULL, NULL);
    const ImageFormat *format;

    add_codes(codes, &words_general);
    for (guint f = 0; (format = format_nth(f)) != NULL; f++) {
        for (guint t = 0; t < FORMAT_MAX_WORDS && format->words[t] != NULL; t++) {
            add_codes(codes, format->words[t]);
        }
    }
    g_assert_cmpuint(g_hash_table_size(codes), >, 250);
}

/* Each format is there once, by name and by number. */
static void test_formats_once(void)
{
    const ImageFormat *format;

    for (guint f = 0; (format = format_nth(f)) != NULL; f++) {
        g_assert_true(format_by_name(format->name) == format);
        g_assert_true(format_by_number(format->number) == format);
        if (format->create_options != NULL) {
            g_assert_cmpstr(format->create_options->format, ==, format->name);
        }
        if (format->amend_options != NULL) {
            g_assert_cmpstr(format->amend_options->format, ==, format->name);
        }
    }
    g_assert_null(format_by_name("file"));
    g_assert_true(format_by_number(ABI_FORMAT_NONE) == &format_raw);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/words/values", test_values);
    g_test_add_func("/words/printable", test_printable);
    g_test_add_func("/words/codes-once", test_codes_once);
    g_test_add_func("/formats/once", test_formats_once);
    g_test_add_func("/profile/version", test_profile);
    return g_test_run();
}
