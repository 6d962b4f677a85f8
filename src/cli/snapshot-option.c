/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>

#include "cli/snapshot-option.h"
#include "image/options.h"

#define PREFIX "snapshot."

/* Are these options of a snapshot? What is wrong is said at once. */
static gboolean check_options(const char *words, GError **error)
{
    static const char *const known[] = { PREFIX "id", PREFIX "name", NULL };
    static const KeyvalRules rules = { .known = known };
    g_autoptr(GError) reason = NULL;
    g_auto(GStrv) warnings = NULL;
    g_autoptr(ImageOptions) options = options_from_keyval(words, &rules, &warnings, &reason);

    for (char **warning = warnings; *warning != NULL; warning++) {
        image_warn("%s", *warning);
    }
    if (options != NULL) {
        return TRUE;
    }
    if (g_error_matches(reason, IMAGE_ERROR, IMAGE_ERROR_HELP)) {
        puts("snapshot options:\n"
             "  " PREFIX "id=<str>      - snapshot id\n"
             "  " PREFIX "name=<str>    - snapshot name");
    } else {
        cli_error("%s", reason->message);
    }
    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Failed in parsing snapshot param '%s'", words);
    return FALSE;
}

gboolean snapshot_option_read(const CliOption *option, const char *value, GError **error)
{
    SnapshotOption *snapshot = option->target;
    char **where = &snapshot->word;

    if (g_str_has_prefix(value, PREFIX)) {
        where = &snapshot->options;
        if (!check_options(value, error)) {
            return FALSE;
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
