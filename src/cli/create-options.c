/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "cli/cli.h"
#include "cli/create-options.h"
#include "cli/size.h"
#include "format/options.h"

typedef struct {
    const struct fmt_option *row;
    char *text;     /* as given, NULL: not given */
    guint64 number; /* SIZE, NUMBER and BOOL: the value, given or fallback */
} Slot;

struct CreateOptions {
    guint n_slots;
    Slot slots[]; /* in the order of the tables, the format's first */
};

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
            g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Parameter '%s' expects 'on' or 'off'",
                        row->name);
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
                        "peta-\nand exabytes, respectively.",
                        row->name);
        }
        return verdict == SIZE_OK;
    default:
        return TRUE;
    }
}

CreateOptions *create_options_new(const char *format, const char *filename, GError **error)
{
    g_autoptr(GPtrArray) rows = create_options_rows(format, filename, error);

    return rows != NULL ? create_options_new_rows(rows) : NULL;
}

CreateOptions *create_options_new_rows(const GPtrArray *rows)
{
    CreateOptions *options;

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

void create_options_unset(CreateOptions *options, const char *name)
{
    Slot *slot = find_slot(options, name);

    if (slot != NULL) {
        g_clear_pointer(&slot->text, g_free);
    }
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
