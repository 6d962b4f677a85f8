/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cli/cli.h"
#include "cli/size.h"
#include "profile/profile.h"

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
                    " and %" G_GINT64_FORMAT ".",
                    what, min, max);
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
