/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "image/words.h"
#include "render/human.h"

char *human_size(guint64 bytes)
{
    static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
    guint unit = 0;
    double value = (double)bytes;

    /* A unit is taken from a thousand of the one below, so that there are never four digits. */
    while (value >= 1000.0 && unit + 1 < G_N_ELEMENTS(units)) {
        value /= 1024.0;
        unit++;
    }
    return g_strdup_printf("%0.3g %sB", value, units[unit]);
}

static void append_scalar(GString *out, const Value *value)
{
    if (value_type(value) == VALUE_STRING) {
        g_autofree char *text =
            words_printable(value_get_string(value), strlen(value_get_string(value)));
        g_string_append(out, text);
    } else {
        value_append_plain(out, value);
    }
}

void human_append_tree(GString *out, const Value *value, guint indent)
{
    g_autoptr(GPtrArray) order = value_order(value);

    for (guint i = 0; i < order->len; i++) {
        const ValueMember *member = g_ptr_array_index(order, i);
        ValueType type = value_type(member->value);
        gboolean composite = type == VALUE_OBJECT || type == VALUE_LIST;

        g_string_append_printf(out, "%*s", (int)indent * 4, "");
        if (member->key == NULL) {
            g_string_append_printf(out, "[%u]", i);
        } else {
            g_autofree char *key = g_strdelimit(g_strdup(member->key), "-", ' ');

            g_string_append(out, key);
        }
        g_string_append(out, composite ? ":\n" : ": ");
        if (composite) {
            human_append_tree(out, member->value, indent + 1);
        } else {
            append_scalar(out, member->value);
            g_string_append_c(out, '\n');
        }
    }
}
