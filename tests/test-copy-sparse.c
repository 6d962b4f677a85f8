/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which zeros of a buffer convert leaves out, as qemu-img does (seen in its write calls). */
#include "config.h"

#include <string.h>

#include "base/zero.h"
#include "copy/sparse.h"

#define SECTOR 512u

typedef struct {
    const char *name;
    guint min;           /* sectors */
    guint start;         /* sector of the guest */
    const char *sectors; /* 'x' data, '.' zeros; a number before repeats */
    const char *runs;    /* lengths in sectors, data positive, zeros in brackets */
} Row;

static const Row rows[] = {
    { "all-data", 8, 0, "16x", "16" },
    { "all-zero", 8, 0, "16.", "(16)" },
    { "block", 8, 0, "8x8.8x", "8 (8) 8" },
    { "short-zeros-are-data", 8, 0, "8x7.9x", "24" },
    { "data-rounds-up", 8, 0, "1x15.8x", "8 (8) 8" },
    { "zeros-round-down", 8, 0, "15.1x8.", "(8) 8 (8)" },
    { "tail-inside-block", 8, 0, "8x3.", "8 (3)" },
    { "tail-data", 8, 0, "8.3x", "(8) 3" },
    { "tail-mixed", 8, 0, "8.1x2.", "(8) 3" },
    { "start-inside-block", 8, 5, "3.8x", "(3) 8" },
    { "start-mixed", 8, 5, "2.9x", "11" },
    { "one-sector", 1, 0, "1x1.1x2.", "1 (1) 1 (2)" },
    { "three-sectors-gap-short", 3, 0, "2x2.2x", "6" },
    { "three-sectors-gap-long", 3, 0, "2x4.2x", "2 (4) 2" },
    { "gap-at-end", 3, 0, "2x2.", "2 (2)" },
    { "gap-at-start", 3, 0, "2.2x", "(2) 2" },
    { "two-gaps", 3, 0, "2x2.2x2.2x8.", "10 (8)" },
    { "buffer-shorter-than-min", 64, 0, "2x4.2x", "8" },
    { "buffer-shorter-all-zero", 64, 0, "8.", "(8)" },
    { "buffer-shorter-gap-at-end", 24, 0, "8x8.", "16" },
};

static gsize fill(const char *sectors, guint8 *buf)
{
    gsize n = 0;

    while (*sectors) {
        char *end;
        gulong repeat = strtoul(sectors, &end, 10);
        memset(buf + n * SECTOR, 0, repeat * SECTOR);
        for (gulong i = 0; i < repeat && *end == 'x'; i++) {
            buf[(n + i) * SECTOR + (i * 37) % SECTOR] = 1;
        }
        n += repeat;
        sectors = end + 1;
    }
    return n * SECTOR;
}

static void test_row(gconstpointer data)
{
    const Row *row = data;
    g_autofree guint8 *buf = g_malloc(256 * SECTOR);
    g_autoptr(GString) runs = g_string_new(NULL);
    CopySparse sparse = copy_sparse_init(row->min * SECTOR, SECTOR);
    gsize length = fill(row->sectors, buf);

    for (gsize at = 0; at < length;) {
        gboolean is_data;
        gsize run =
            copy_sparse_run(&sparse, buf + at, row->start * SECTOR + at, length - at, &is_data);
        g_assert_cmpuint(run, >, 0);
        g_string_append_printf(runs, is_data ? "%s%u" : "%s(%u)", at ? " " : "",
                               (guint)(run / SECTOR));
        at += run;
    }
    g_assert_cmpstr(runs->str, ==, row->runs);
}

static void test_zero(void)
{
    guint8 buf[200];

    for (gsize start = 0; start < 8; start++) {
        for (gsize length = 0; start + length <= sizeof buf; length++) {
            memset(buf, 0xff, sizeof buf);
            memset(buf + start, 0, length);
            g_assert_true(bytes_are_zero(buf + start, length));
            for (gsize i = 0; i < length; i++) {
                buf[start + i] = 1;
                g_assert_false(bytes_are_zero(buf + start, length));
                buf[start + i] = 0;
            }
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/zero", test_zero);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/copy/sparse/%s", rows[i].name);
        g_test_add_data_func(path, &rows[i], test_row);
    }
    return g_test_run();
}
