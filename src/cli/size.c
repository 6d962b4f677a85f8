/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/size.h"
#include "profile/profile.h"

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
            cli_warning("Using a multiplier suffix on hex numbers is deprecated: %s", text);
        }
    }
    if (shift < 0 || *end != '\0' || (shift == 0 && fraction != 0)) {
        return SIZE_INVALID;
    }
    part = (guint64)(fraction * (double)(1ull << shift));
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

gboolean size_argument(const char *what, const char *text, gint64 min, gint64 max,
                       gint64 *ret_bytes, GError **error)
{
    guint64 bytes = 0;
    SizeVerdict verdict = size_parse(text, &bytes);

    if (verdict == SIZE_OK && bytes <= (guint64)max && bytes >= (guint64)min) {
        *ret_bytes = (gint64)bytes;
        return TRUE;
    }
    if (verdict != SIZE_INVALID) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "Invalid %s specified. Must be between %" G_GINT64_FORMAT
                    " and %" G_GINT64_FORMAT ".", what, min, max);
    } else if (profile_has(FACT_SIZE_QUOTED)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Invalid %s specified: '%s'", what, text);
    } else {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "Invalid %s specified. You may use k, M, G, T, P or E suffixes for\n"
                    "%s: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.",
                    what, g_get_prgname());
    }
    return FALSE;
}
