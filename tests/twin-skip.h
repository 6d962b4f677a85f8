/* SPDX-License-Identifier: GPL-2.0-or-later */
/* testsuite-data/skips.json: which cases wait, and for what. */
#pragma once

#include <glib.h>

struct twin_skip {
    char *pattern; /* with * and ?, over bucket/target/name or bucket/target/name/mode */
    char *reason;
    gboolean used; /* it has matched something */
};

/* All rows of the table in @path, in order. NULL with @error set if it is not as its schema. */
GPtrArray *twin_skips_load(const char *path, GError **error);

/* The first row whose pattern matches @id, marked as used; NULL if none does. */
struct twin_skip *twin_skip_find(GPtrArray *skips, const char *id);
