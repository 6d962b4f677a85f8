/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "image/size.h"

/* Shift of a suffix, -1 for another letter. */
static int suffix_shift(char letter)
{
    static const char letters[] = "bkmgtpe";
    const char *found = letter != '\0' ? strchr(letters, g_ascii_tolower(letter)) : NULL;

    return found != NULL ? (int)(found - letters) * 10 : -1;
}

SizeVerdict size_parse(const char *text, guint64 *ret_bytes)
{
    const char *start = text + strspn(text, " \t\n\v\f\r");
    gboolean hex = g_ascii_strncasecmp(start, "0x", 2) == 0;
    double fraction = 0, whole;
    guint64 value, part;
    char *end;
    int shift = 0;

    if (*start == '-') {
        return SIZE_INVALID;
    }
    errno = 0;
    value = strtoull(text, &end, hex ? 16 : 10);
    if (end == text || (hex && end == start + 1)) {
        return SIZE_INVALID;
    }
    if (errno == ERANGE) {
        return SIZE_TOO_LARGE;
    }
    if (*end == '.' && !hex) {
        /* Digits only: no second point, no exponent. */
        gsize digits = strspn(end + 1, "0123456789");
        g_autofree char *tail = g_strndup(end, digits + 1);

        fraction = digits > 0 ? modf(g_ascii_strtod(tail, NULL), &whole) : 0;
        end += digits + 1;
    }
    if (*end != '\0') {
        shift = suffix_shift(*end++);
        if (hex && shift >= 0) {
            image_warn("Using a multiplier suffix on hex numbers is deprecated: %s", text);
        }
    }
    if (shift < 0 || *end != '\0' || (shift == 0 && fraction != 0)) {
        return SIZE_INVALID;
    }
    part = (guint64)(fraction * (double)(1ull << shift) + 0.5);
    if (value > G_MAXUINT64 >> shift || (value << shift) > G_MAXUINT64 - part) {
        return SIZE_TOO_LARGE;
    }
    *ret_bytes = (value << shift) + part;
    return SIZE_OK;
}

SizeVerdict size_parse_number(const char *text, guint64 *ret_number)
{
    char *end;
    guint64 value;

    errno = 0;
    value = strtoull(text, &end, 0);
    if (end == text || *end != '\0') {
        return SIZE_INVALID;
    }
    if (errno == ERANGE) {
        return SIZE_TOO_LARGE;
    }
    *ret_number = value;
    return SIZE_OK;
}
