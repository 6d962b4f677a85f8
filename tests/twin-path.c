/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-path.h"

char *twin_path(const struct twin_case *c, enum twin_mode mode, const char *version)
{
    switch (mode) {
    case TWIN_LIVE:
        return g_strconcat(c->id, "/live", NULL);
    case TWIN_ROUND_TRIP:
        return g_strconcat("round-trip/", c->id, NULL);
    case TWIN_DRIFT:
        return g_strconcat("drift/", c->id, NULL);
    case TWIN_BASELINE:
        return g_strconcat("baseline/", c->id, "/", version, NULL);
    }
    g_return_val_if_reached(NULL);
}

gboolean twin_path_is_wanted(const char *patterns, const struct twin_case *c, const char *path)
{
    g_auto(GStrv) list = g_strsplit(patterns ? patterns : "", " ", -1);
    gboolean any = FALSE;

    for (char **pattern = list; *pattern; pattern++) {
        if (!**pattern)
            continue;
        any = TRUE;
        if (g_pattern_match_simple(*pattern, c->id) || g_pattern_match_simple(*pattern, path))
            return TRUE;
    }
    return !any;
}
