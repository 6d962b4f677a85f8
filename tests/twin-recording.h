/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What real releases of qemu-img made of a case: testsuite-data/expected-outputs. */
#pragma once

#include "tests/twin-outcome.h"

/* One distinct outcome and the versions that gave it. */
struct twin_recording {
    char **versions;
    char *setup_failed; /* what these versions said as they could not do the set-up, or NULL */
    struct twin_outcome *outcome; /* NULL exactly if the set-up failed */
};

/*
 * All recordings of @c below @dir, an array of struct twin_recording that owns its elements;
 * empty if there is no file for @c. NULL with @error set if the file is not as the schema says,
 * names a version twice or does not have the observations of @c.
 */
GPtrArray *twin_recordings_load(const char *dir, const struct twin_case *c, GError **error);

void twin_recording_free(struct twin_recording *recording);

/*
 * Compare @have, which happened in the directory @dir (NULL: it is recorded too), with what was
 * @recorded; append each difference to @report.
 */
void twin_recorded_compare(GString *report, const struct twin_case *c,
                           const struct twin_outcome *recorded, const struct twin_outcome *have,
                           const char *dir);
