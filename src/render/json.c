/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "render/json.h"

/* The code point at *p, which moves on; -1 for a sequence that is none. qemu reads sequences of up
 * to six bytes before it judges them, and takes C0 80 for zero. */
static gint32 next_code_point(const guchar **p)
{
    static const guint32 least[] = { 0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000 };
    guint lead = *(*p)++, length, n = 1;
    guint32 code;

    if (lead < 0x80) {
        return (gint32)lead;
    }
    if (lead < 0xC0 || lead >= 0xFE) {
        return -1;
    }
    length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : lead < 0xFC ? 5 : 6;
    code = lead & (0x7Fu >> length);
    for (; n < length && (**p & 0xC0) == 0x80; n++) {
        code = code << 6 | (*(*p)++ & 0x3Fu);
    }
    if (n < length || (code < least[length] && !(length == 2 && code == 0)) || code > 0x10FFFF ||
        (code >= 0xD800 && code < 0xE000) || (code >= 0xFDD0 && code <= 0xFDEF) ||
        (code & 0xFFFE) == 0xFFFE) {
        return -1;
    }
    return (gint32)code;
}

void json_append_string(GString *out, const char *text)
{
    static const char plain[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";

    g_string_append_c(out, '"');
    for (const guchar *p = (const guchar *)text; *p != '\0';) {
        gint32 code = next_code_point(&p);
        const char *found = code > 0 && code < 0x80 ? strchr(plain, code) : NULL;

        if (found != NULL) {
            g_string_append_printf(out, "\\%c", escaped[found - plain]);
        } else if (code >= 0x20 && code < 0x7F) {
            g_string_append_c(out, (char)code);
        } else if (code > 0xFFFF) {
            g_string_append_printf(out, "\\u%04X\\u%04X", 0xD800 + ((guint)code - 0x10000) / 0x400,
                                   0xDC00 + ((guint)code - 0x10000) % 0x400);
        } else {
            g_string_append_printf(out, "\\u%04X", code < 0 ? 0xFFFD : (guint)code);
        }
    }
    g_string_append_c(out, '"');
}

static void append_indented(GString *out, const Value *value, guint depth);

static void append_members(GString *out, const Value *value, guint depth, const char *brackets)
{
    g_autoptr(GPtrArray) order = value_order(value);

    g_string_append_c(out, brackets[0]);
    for (guint i = 0; i < order->len; i++) {
        const ValueMember *member = g_ptr_array_index(order, i);

        g_string_append_printf(out, "%s\n%*s", i > 0 ? "," : "", (int)(depth + 1) * 4, "");
        if (member->key != NULL) {
            json_append_string(out, member->key);
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
        g_string_append(out, value_get_bool(value) ? "true" : "false");
        break;
    case VALUE_INT:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value_get_int(value));
        break;
    case VALUE_UINT:
        g_string_append_printf(out, "%" G_GUINT64_FORMAT, value_get_uint(value));
        break;
    case VALUE_STRING:
        json_append_string(out, value_get_string(value));
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
