/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What real releases of qemu-img made of a case: testsuite-data/expected-outputs. */
#pragma once

#include "tests/twin-outcome.h"

/* One distinct outcome and the versions that gave it. */
struct twin_recording {
    char **versions;
    gboolean setup_failed;        /* these versions could not do the set-up: no outcome */
    struct twin_outcome *outcome; /* NULL exactly if setup_failed */
};

/*
 * All recordings of @c below @dir, an array of struct twin_recording that owns its elements;
 * empty if there is no file for @c. NULL with @error set if the file is not as the schema says,
 * names a version twice or does not have the observations of @c.
 */
GPtrArray *twin_recordings_load(const char *dir, const struct twin_case *c, GError **error);
