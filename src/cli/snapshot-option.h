/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -l of commands that read a snapshot: one word, or snapshot.id=...,snapshot.name=... */
#ifndef INSTAR_CLI_SNAPSHOT_OPTION_H
#define INSTAR_CLI_SNAPSHOT_OPTION_H

#include "cli/cli.h"
#include "image/image.h"

typedef struct {
    char *word, *options; /* the last of each; options count if both are given */
} SnapshotOption;

/* CLI_CALL; target is SnapshotOption *. Which keys there are is known when options are read. */
gboolean snapshot_option_read(const CliOption *option, const char *value, GError **error);
/* What was asked for; NULL: nothing. */
const char *snapshot_option_words(const SnapshotOption *snapshot);
/* Let img show it, if there is one to show. */
gboolean snapshot_option_select(const SnapshotOption *snapshot, Image *img, GError **error);

#endif
