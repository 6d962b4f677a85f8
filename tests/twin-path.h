/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a case is called in each of the ways it is put: the names of test paths. */
#pragma once

#include "tests/twin-case.h"

enum twin_mode {
    TWIN_LIVE,       /* BUCKET/TARGET/NAME/live */
    TWIN_ROUND_TRIP, /* round-trip/BUCKET/TARGET/NAME */
    TWIN_DRIFT,      /* drift/BUCKET/TARGET/NAME */
    TWIN_BASELINE,   /* baseline/BUCKET/TARGET/NAME/VERSION */
};

/* The name of @c put in @mode, without a slash in front; @version for a baseline. To be freed. */
char *twin_path(const struct twin_case *c, enum twin_mode mode, const char *version);

/*
 * Whether one of the @patterns (with * and ?, apart by blanks; NULL or none: always) matches
 * @path or the id of @c.
 */
gboolean twin_path_is_wanted(const char *patterns, const struct twin_case *c, const char *path);
