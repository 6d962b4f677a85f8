/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which creation options there are, and "-o help". */
#include "config.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/create-options.h"
#include "image/formats.h"
#include "image/image.h"
#include "profile/profile.h"

/* What a device can be asked; its size is given. */
static const struct fmt_option device_rows[] = {
    { .name = "preallocation",
      .type = FMT_OPTION_STRING,
      .help = "Preallocation mode (allowed values: off)" },
};
static const struct fmt_option_table device_options = { "host_device", device_rows,
                                                        G_N_ELEMENTS(device_rows) };

/* What holds bytes is made with the options of raw, and its own. */
static const struct {
    const char *protocol;
    const struct fmt_option_table *own;
} protocols[] = {
    { "file", &file_options },
    { "host_device", &device_options },
};

static gboolean has_row(const GPtrArray *rows, const char *name)
{
    for (guint i = 0; i < rows->len; i++) {
        if (strcmp(((const struct fmt_option *)g_ptr_array_index(rows, i))->name, name) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Append the rows of a table that the active profile knows; a name that is there stays. */
static void add_table(GPtrArray *rows, const struct fmt_option_table *table)
{
    for (size_t i = 0; i < table->n_rows; i++) {
        const struct fmt_option *row = &table->rows[i];

        if (profile_reaches(row->since * 100u) && !has_row(rows, row->name)) {
            g_ptr_array_add(rows, (gpointer)row);
        }
    }
}

static gboolean is_device(const char *filename)
{
    GStatBuf st;

    return g_str_has_prefix(filename, "host_device:") ||
           (g_stat(filename, &st) == 0 && (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)));
}

GPtrArray *create_options_rows(const char *format, const char *filename, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    const ImageFormat *known = format_by_name(format);

    if (known != NULL && known->create_options != NULL) {
        add_table(rows, known->create_options);
    }
    for (gsize p = 0; p < G_N_ELEMENTS(protocols); p++) {
        if (g_str_equal(protocols[p].protocol, format)) {
            add_table(rows, &raw_options);
            add_table(rows, protocols[p].own);
        }
    }
    if (rows->len == 0) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    image_driver_known(format)
                        ? "Format driver '%s' does not support image creation"
                        : "Unknown file format '%s'",
                    format);
        return NULL;
    }
    if (filename != NULL) {
        add_table(rows, is_device(filename) ? &device_options : &file_options);
    }
    return g_steal_pointer(&rows);
}

static int compare_rows(gconstpointer a, gconstpointer b)
{
    const struct fmt_option *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

GPtrArray *create_options_amend_rows(const char *format, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();

    if (!image_amend_known(format, error)) {
        return NULL;
    }
    add_table(rows, format_by_name(format)->amend_options);
    return g_steal_pointer(&rows);
}

void create_options_print(GPtrArray *rows)
{
    static const char *const types[] = {
        [FMT_OPTION_STRING] = "str",
        [FMT_OPTION_BOOL] = "bool (on/off)",
        [FMT_OPTION_NUMBER] = "num",
        [FMT_OPTION_SIZE] = "size",
    };

    g_ptr_array_sort(rows, compare_rows);
    for (guint i = 0; i < rows->len; i++) {
        const struct fmt_option *row = g_ptr_array_index(rows, i);
        g_autofree char *head = g_strdup_printf("%s=<%s>", row->name, types[row->type]);

        printf("  %-22s - %s\n", head, row->help);
    }
}

gboolean create_options_help(const char *format, const char *filename, GError **error)
{
    g_autoptr(GPtrArray) rows = create_options_rows(format, filename, error);

    if (rows == NULL || (filename != NULL && !image_check_protocol(filename, error))) {
        return FALSE;
    }
    if (filename != NULL) {
        puts("Supported options:");
    } else {
        printf("Supported %s options:\n", format);
    }
    create_options_print(rows);
    if (filename == NULL) {
        puts("\nThe protocol level may support further options.\n"
             "Specify the target filename to include those options.");
    }
    return TRUE;
}
