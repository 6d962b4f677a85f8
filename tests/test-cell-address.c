/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a cell's addresses to the host's: the one function every request goes through. */
#include "config.h"

#include "cell/internal.h"

static guint8 first[4096], second[8192], constants[4096];

static const CellCpu cpu = {
    .areas = {
        { 0x10000, sizeof first, first, TRUE },
        { 0x11000, sizeof second, second, TRUE },           /* right behind it, but another */
        { 0x20000, sizeof constants, constants, FALSE },
        { G_MAXUINT64 - 4095, 4095, second, TRUE },
    },
    .n_areas = 4,
};

static const struct {
    const char *name;
    guint64 address, length;
    gboolean write;
    const guint8 *expected;
} rows[] = {
    { "start", 0x10000, 1, TRUE, first },
    { "whole", 0x10000, 4096, TRUE, first },
    { "last-byte", 0x10fff, 1, TRUE, first + 4095 },
    { "past-end", 0x10000, 4097, TRUE, NULL },
    { "over-two-areas", 0x10fff, 2, TRUE, NULL },
    { "second", 0x11000, 8192, FALSE, second },
    { "before", 0xffff, 1, TRUE, NULL },
    { "before-and-in", 0xffff, 2, TRUE, NULL },
    { "at-end", 0x13000, 1, TRUE, NULL },
    { "empty", 0x10000, 0, TRUE, NULL },
    { "wrapping", 0x10010, G_MAXUINT64 - 0xf, TRUE, NULL },
    { "wrapping-to-start", 0x10001, G_MAXUINT64, TRUE, NULL },
    { "longest", 0, G_MAXUINT64, TRUE, NULL },
    { "zero", 0, 1, TRUE, NULL },
    { "top", G_MAXUINT64 - 4095, 4095, TRUE, second },
    { "top-past", G_MAXUINT64 - 4095, 4096, TRUE, NULL },
    { "very-top", G_MAXUINT64, 1, TRUE, NULL },
    { "read-constants", 0x20000, 4096, FALSE, constants },
    { "write-constants", 0x20000, 1, TRUE, NULL },
};

static void test_row(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    guint8 *host =
        cell_translate(&cpu, (CellAddress){ rows[i].address }, rows[i].length, rows[i].write);

    g_assert_true(host == rows[i].expected);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/cell-address/%s", rows[i].name);
        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_row);
    }
    return g_test_run();
}
