/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a fuzz target over its corpus and, from a fixed seed, over damaged
 * copies of each file. A run is the same each time; libFuzzer goes further.
 */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* Damaged copies of each file; $INSTAR_FUZZ_ROUNDS says another number. */
#define DEFAULT_ROUNDS 150

/* Where headers and first tables are; most damage goes there. */
#define HEAD_BYTES 256

static guint rounds(void)
{
    const char *given = g_getenv("INSTAR_FUZZ_ROUNDS");

    return given != NULL ? (guint)g_ascii_strtoull(given, NULL, 10) : DEFAULT_ROUNDS;
}

/* A number that parsers find hard, big-endian as most formats have it. */
static guint64 hard_number(GRand *rand, gsize size)
{
    const guint64 numbers[] = {
        0,
        1,
        0x7f,
        0xff,
        0x200,
        0x10000,
        G_MAXINT32,
        G_MAXUINT32,
        G_MAXINT64,
        G_MAXUINT64,
        G_GUINT64_CONSTANT(1) << 63,
        G_GUINT64_CONSTANT(1) << 62,
        size,
        size - 1,
        size + 1,
        G_GUINT64_CONSTANT(1) << g_rand_int_range(rand, 0, 64),
        g_rand_int(rand) % (size + 1),
    };

    return GUINT64_TO_BE(numbers[g_rand_int_range(rand, 0, G_N_ELEMENTS(numbers))]);
}

static void damage_once(GRand *rand, GByteArray *image)
{
    static const gsize widths[] = { 1, 2, 4, 8 };
    gsize width = widths[g_rand_int_range(rand, 0, G_N_ELEMENTS(widths))];
    gsize reach = g_rand_boolean(rand) ? MIN(image->len, HEAD_BYTES) : image->len;
    gsize at;
    guint64 number;

    if (image->len < 8)
        return;
    at = g_rand_int(rand) % reach;
    switch (g_rand_int_range(rand, 0, 8)) {
    case 0:
        g_byte_array_set_size(image, (guint)at);
        break;
    case 1:
        image->data[at] ^= (guint8)(1 << g_rand_int_range(rand, 0, 8));
        break;
    case 2:
        image->data[at] = (guint8)g_rand_int(rand);
        break;
    default:
        at -= at % width;
        number = hard_number(rand, image->len);
        if (at + width <= image->len)
            memcpy(image->data + at, (guint8 *)&number + 8 - width, width);
    }
}

static void test_file(gconstpointer data)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20);
    g_autoptr(GError) error = NULL;
    g_autofree char *bytes = NULL;
    gsize length;

    g_file_get_contents(data, &bytes, &length, &error);
    g_assert_no_error(error);
    g_assert_cmpint(LLVMFuzzerTestOneInput((guint8 *)bytes, length), ==, 0);
    for (guint i = 0; i < rounds(); i++) {
        g_autoptr(GByteArray) image = g_byte_array_new();

        g_byte_array_append(image, (guint8 *)bytes, (guint)length);
        for (int n = g_rand_int_range(rand, 1, 5); n > 0; n--)
            damage_once(rand, image);
        /* Of its own exact size, so that a sanitizer sees the first byte read beyond. */
        g_autofree guint8 *copy = g_memdup2(image->data, image->len);
        g_assert_cmpint(LLVMFuzzerTestOneInput(copy, image->len), ==, 0);
    }
}

static int compare_names(gconstpointer a, gconstpointer b, gpointer user_data)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *folder = NULL;
    g_autoptr(GDir) dir = NULL;
    const char *name;

    g_test_init(&argc, &argv, NULL);
    folder = g_build_filename(g_getenv("G_TEST_SRCDIR"), "..", "testsuite-data", "fuzz", fuzz_name,
                              NULL);
    dir = g_dir_open(folder, 0, &error);
    g_assert_no_error(error);
    while ((name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_assert_cmpuint(names->len, >, 0);
    g_ptr_array_sort_with_data(names, compare_names, NULL);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strdup_printf("/fuzz/%s/%s", fuzz_name, (char *)names->pdata[i]);

        g_test_add_data_func_full(path, g_build_filename(folder, names->pdata[i], NULL), test_file,
                                  g_free);
    }
    return g_test_run();
}
