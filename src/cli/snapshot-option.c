/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "cli/snapshot-option.h"

#define PREFIX "snapshot."

gboolean snapshot_option_read(const CliOption *option, const char *value, GError **error)
{
    SnapshotOption *snapshot = option->target;
    g_auto(GStrv) pairs = g_strsplit(value, ",", -1);
    char **where = &snapshot->word;

    if (g_str_has_prefix(value, PREFIX)) {
        where = &snapshot->options;
        for (char **pair = pairs; *pair != NULL; pair++) {
            g_autofree char *key = g_strndup(*pair, strcspn(*pair, "="));

            if (!g_str_equal(key, PREFIX "id") && !g_str_equal(key, PREFIX "name")) {
                cli_error("Invalid parameter '%s'", key);
                g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                            "Failed in parsing snapshot param '%s'", value);
                return FALSE;
            }
        }
    }
    g_free(*where);
    *where = g_strdup(value);
    return TRUE;
}

const char *snapshot_option_words(const SnapshotOption *snapshot)
{
    return snapshot->options != NULL ? snapshot->options : snapshot->word;
}

gboolean snapshot_option_select(const SnapshotOption *snapshot, Image *img, GError **error)
{
    const char *words = snapshot_option_words(snapshot);

    if (words != NULL && !image_select_snapshot(img, words, error)) {
        g_prefix_error(error, "Failed to load snapshot: ");
        return FALSE;
    }
    return TRUE;
}
