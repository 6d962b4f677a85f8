/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings in JSON text, byte for byte as qemu writes them. */
#include "config.h"

#include <string.h>

#include "image/options.h"

gint32 options_code_point(const char **text)
{
    const guchar **p = (const guchar **)text;
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

void options_print_string(GString *out, const char *text)
{
    static const char plain[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";

    g_string_append_c(out, '"');
    for (const char *p = text; *p != '\0';) {
        gint32 code = options_code_point(&p);
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

void options_print_text(GString *out, const char *key, const char *text)
{
    g_string_append_printf(out, "\"%s\": ", key);
    options_print_string(out, text);
    g_string_append_c(out, '\n');
}
