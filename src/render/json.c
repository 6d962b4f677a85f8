/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>

#include "image/options.h"
#include "render/json.h"

static void append_indented(GString *out, const Value *value, guint depth);

static void append_members(GString *out, const Value *value, guint depth, const char *brackets)
{
    g_autoptr(GPtrArray) order = value_order(value);

    g_string_append_c(out, brackets[0]);
    for (guint i = 0; i < order->len; i++) {
        const ValueMember *member = g_ptr_array_index(order, i);

        g_string_append_printf(out, "%s\n%*s", i > 0 ? "," : "", (int)(depth + 1) * 4, "");
        if (member->key != NULL) {
            options_print_string(out, member->key);
            g_string_append(out, ": ");
        }
        append_indented(out, member->value, depth + 1);
    }
    g_string_append_printf(out, "\n%*s%c", (int)depth * 4, "", brackets[1]);
}

static void append_indented(GString *out, const Value *value, guint depth)
{
    switch (value_type(value)) {
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_UINT:
        value_append_plain(out, value);
        break;
    case VALUE_STRING:
        options_print_string(out, value_get_string(value));
        break;
    case VALUE_OBJECT:
        append_members(out, value, depth, "{}");
        break;
    case VALUE_LIST:
        append_members(out, value, depth, "[]");
        break;
    }
}

void json_append(GString *out, const Value *value)
{
    append_indented(out, value, 0);
}

void json_print(const Value *value)
{
    g_autoptr(GString) text = g_string_new(NULL);

    json_append(text, value);
    puts(text->str);
}
