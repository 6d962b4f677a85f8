/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/props.h"
#include "cli/cli.h"
#include "cli/create-options.h"
#include "cli/size.h"
#include "format/options.h"
#include "image/image.h"
#include "profile/profile.h"

typedef struct {
    const struct fmt_option *row;
    char *text;                 /* as given, NULL: not given */
    guint64 number;             /* SIZE, NUMBER and BOOL: the value, given or fallback */
} Slot;

struct CreateOptions {
    guint n_slots;
    Slot slots[];               /* in the order of the tables, the format's first */
};

/* What a device can be asked; its size is given. */
static const struct fmt_option device_rows[] = {
    { .name = "preallocation", .type = FMT_OPTION_STRING,
      .help = "Preallocation mode (allowed values: off)" },
};
static const struct fmt_option_table device_options = {
    "host_device", device_rows, G_N_ELEMENTS(device_rows)
};

/* The tables of what can be made, without those of the file below. */
static const struct {
    const char *format;
    const struct fmt_option_table *tables[2];
} formats[] = {
    { "qcow2", { &qcow2_options } },
    { "raw", { &raw_options } },
    { "file", { &raw_options, &file_options } },
    { "host_device", { &raw_options, &device_options } },
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

        if (row->since * 100u <= profile_version() && !has_row(rows, row->name)) {
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

/* The rows of a format, and of the file below if it has a name: const struct fmt_option *. */
static GPtrArray *collect_rows(const char *format, const char *filename, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();

    for (gsize f = 0; f < G_N_ELEMENTS(formats); f++) {
        for (gsize t = 0; t < 2 && g_str_equal(formats[f].format, format); t++) {
            if (formats[f].tables[t] != NULL) {
                add_table(rows, formats[f].tables[t]);
            }
        }
    }
    if (rows->len == 0) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    image_driver_known(format)
                        ? "Format driver '%s' does not support image creation"
                        : "Unknown file format '%s'", format);
        return NULL;
    }
    if (filename != NULL) {
        add_table(rows, is_device(filename) ? &device_options : &file_options);
    }
    return g_steal_pointer(&rows);
}

/* A list that is empty, begins with a comma or ends in a single one would change its meaning when
 * joined with another. */
static gboolean list_is_valid(const char *list)
{
    gsize length = strlen(list), commas = 0;

    while (commas < length && list[length - 1 - commas] == ',') {
        commas++;
    }
    return length > 0 && list[0] != ',' && commas % 2 == 0;
}

gboolean create_options_accumulate(const CliOption *option, const char *value, GError **error)
{
    GString **joined = option->target;

    if (!list_is_valid(value)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Invalid option list: %s", value);
        return FALSE;
    }
    if (*joined == NULL) {
        *joined = g_string_new(value);
    } else {
        g_string_append_printf(*joined, ",%s", value);
    }
    return TRUE;
}

/* One element of a list. Name and value are owned; value NULL for a lone word. Answers what is
 * behind it. A doubled comma is one comma in a value, and ends a name. */
static const char *next_element(const char *p, char **ret_name, char **ret_value)
{
    gsize name_length = strcspn(p, "=,");
    GString *value;

    *ret_name = g_strndup(p, name_length);
    *ret_value = NULL;
    p += name_length;
    if (*p == '=') {
        value = g_string_new(NULL);
        for (p++; *p != '\0' && !(p[0] == ',' && p[1] != ','); p += p[0] == ',' ? 2 : 1) {
            g_string_append_c(value, *p);
        }
        *ret_value = g_string_free(value, FALSE);
    }
    return *p == ',' ? p + 1 : p;
}

gboolean create_options_want_help(const char *joined)
{
    while (*joined != '\0') {
        g_autofree char *name = NULL, *value = NULL;

        joined = next_element(joined, &name, &value);
        if (value == NULL && (g_str_equal(name, "help") || g_str_equal(name, "?"))) {
            return TRUE;
        }
    }
    return FALSE;
}

static int compare_rows(gconstpointer a, gconstpointer b)
{
    const struct fmt_option *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

gboolean create_options_help(const char *format, const char *filename, GError **error)
{
    static const char *const types[] = {
        [FMT_OPTION_STRING] = "str",
        [FMT_OPTION_BOOL] = "bool (on/off)",
        [FMT_OPTION_NUMBER] = "num",
        [FMT_OPTION_SIZE] = "size",
    };
    g_autoptr(GPtrArray) rows = collect_rows(format, filename, error);

    if (rows == NULL || (filename != NULL && !image_check_protocol(filename, error))) {
        return FALSE;
    }
    g_ptr_array_sort(rows, compare_rows);
    if (filename != NULL) {
        puts("Supported options:");
    } else {
        printf("Supported %s options:\n", format);
    }
    for (guint i = 0; i < rows->len; i++) {
        const struct fmt_option *row = g_ptr_array_index(rows, i);
        g_autofree char *head = g_strdup_printf("%s=<%s>", row->name, types[row->type]);

        printf("  %-22s - %s\n", head, row->help);
    }
    if (filename == NULL) {
        puts("\nThe protocol level may support further options.\n"
             "Specify the target filename to include those options.");
    }
    return TRUE;
}

/* Make a number of a text by the row's type. */
static gboolean convert(const struct fmt_option *row, const char *text, guint64 *ret_number,
                        GError **error)
{
    static const char *const yes[] = { "on", "yes", "true", "y", NULL };
    static const char *const no[] = { "off", "no", "false", "n", NULL };
    SizeVerdict verdict;

    *ret_number = 0;
    switch (row->type) {
    case FMT_OPTION_BOOL:
        *ret_number = g_strv_contains(yes, text);
        if (!*ret_number && !g_strv_contains(no, text)) {
            g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                        "Parameter '%s' expects 'on' or 'off'", row->name);
            return FALSE;
        }
        return TRUE;
    case FMT_OPTION_NUMBER:
        verdict = size_parse_number(text, ret_number);
        if (verdict == SIZE_TOO_LARGE) {
            g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                        "Value '%s' is too large for parameter '%s'", text, row->name);
        } else if (verdict == SIZE_INVALID) {
            g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Parameter '%s' expects a number",
                        row->name);
        }
        return verdict == SIZE_OK;
    case FMT_OPTION_SIZE:
        verdict = size_parse(text, ret_number);
        if (verdict == SIZE_TOO_LARGE) {
            g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                        "Value '%s' is out of range for parameter '%s'", text, row->name);
        } else if (verdict == SIZE_INVALID) {
            g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                        "Parameter '%s' expects a non-negative number below 2^64\n"
                        "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, "
                        "peta-\nand exabytes, respectively.", row->name);
        }
        return verdict == SIZE_OK;
    default:
        return TRUE;
    }
}

CreateOptions *create_options_new(const char *format, const char *filename, GError **error)
{
    g_autoptr(GPtrArray) rows = collect_rows(format, filename, error);
    CreateOptions *options;

    if (rows == NULL) {
        return NULL;
    }
    options = g_malloc0(sizeof *options + sizeof options->slots[0] * rows->len);
    options->n_slots = rows->len;
    for (guint i = 0; i < rows->len; i++) {
        Slot *slot = &options->slots[i];

        slot->row = g_ptr_array_index(rows, i);
        if (slot->row->fallback != NULL) {
            convert(slot->row, slot->row->fallback, &slot->number, NULL);
        }
    }
    return options;
}

void create_options_free(CreateOptions *options)
{
    for (guint i = 0; options != NULL && i < options->n_slots; i++) {
        g_free(options->slots[i].text);
    }
    g_free(options);
}

static Slot *find_slot(const CreateOptions *options, const char *name)
{
    for (guint i = 0; i < options->n_slots; i++) {
        if (strcmp(options->slots[i].row->name, name) == 0) {
            return (Slot *)&options->slots[i];
        }
    }
    return NULL;
}

gboolean create_options_set(CreateOptions *options, const char *name, const char *value,
                            GError **error)
{
    Slot *slot = find_slot(options, name);
    guint64 number;

    if (slot == NULL) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Invalid parameter '%s'", name);
        return FALSE;
    }
    if (!convert(slot->row, value, &number, error)) {
        return FALSE;
    }
    g_free(slot->text);
    slot->text = g_strdup(value);
    slot->number = number;
    return TRUE;
}

gboolean create_options_parse(CreateOptions *options, const char *joined, GError **error)
{
    while (*joined != '\0') {
        g_autofree char *name = NULL, *value = NULL;
        const char *word;
        gboolean negated;

        joined = next_element(joined, &name, &value);
        /* "name" is on, "noname" is off; "id" is nobody's. */
        negated = value == NULL && g_str_has_prefix(name, "no");
        word = negated ? name + 2 : name;
        if (!g_str_equal(word, "id") &&
            !create_options_set(options, word, value != NULL ? value : negated ? "off" : "on",
                                error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean create_options_has_name(const CreateOptions *options, const char *name)
{
    return find_slot(options, name) != NULL;
}

const char *create_options_get(const CreateOptions *options, const char *name)
{
    const Slot *slot = find_slot(options, name);

    return slot != NULL ? slot->text : NULL;
}

guint64 create_options_get_number(const CreateOptions *options, const char *name)
{
    const Slot *slot = find_slot(options, name);

    return slot != NULL ? slot->number : 0;
}

char *create_options_line(const CreateOptions *options)
{
    GString *line = g_string_new(NULL);

    for (guint i = 0; i < options->n_slots; i++) {
        const Slot *slot = &options->slots[i];
        const char *text = slot->text != NULL ? slot->text : slot->row->fallback;

        if (text == NULL) {
            continue;
        }
        g_string_append_printf(line, "%s%s=", line->len > 0 ? " " : "", slot->row->name);
        if (slot->row->type == FMT_OPTION_STRING) {
            g_auto(GStrv) parts = g_strsplit(text, ",", -1);
            g_autofree char *doubled = g_strjoinv(",,", parts);

            g_string_append(line, doubled);
        } else if (slot->row->type == FMT_OPTION_BOOL) {
            g_string_append(line, text);
        } else {
            /* Signed, as qemu-img prints it. */
            g_string_append_printf(line, "%" G_GINT64_FORMAT, (gint64)slot->number);
        }
    }
    return g_string_free(line, FALSE);
}

GBytes *create_options_props(const CreateOptions *options)
{
    gsize room = 0;
    struct props_writer writer = { 0 };

    for (guint i = 0; i < options->n_slots; i++) {
        room += 512 + (options->slots[i].text != NULL ? strlen(options->slots[i].text) : 0);
    }
    writer.base = g_malloc0(room);
    writer.size = (guint32)room;
    for (guint i = 0; i < options->n_slots; i++) {
        const Slot *slot = &options->slots[i];
        const char *text = slot->text != NULL ? slot->text : slot->row->fallback;

        if (text == NULL || g_str_equal(slot->row->name, "size")) {
            continue;
        }
        if (slot->row->type == FMT_OPTION_STRING) {
            props_string(&writer, slot->row->name, text);
        } else if (slot->row->type == FMT_OPTION_BOOL) {
            props_bool(&writer, slot->row->name, slot->number != 0);
        } else {
            props_u64(&writer, slot->row->name, slot->number);
        }
    }
    return g_bytes_new_take(writer.base, writer.used);
}
