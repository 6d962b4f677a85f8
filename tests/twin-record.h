/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making recordings: what a release does is put among what the others did, and written. */
#pragma once

#include "tests/twin-fixture.h"
#include "tests/twin-recording.h"

/*
 * Run the case of @fixture with the real tools, which are of @version. Returns a recording of that
 * one version, a set-up that failed included, to be freed. NULL with @error set if the case could
 * not be put at all.
 */
struct twin_recording *twin_record(struct twin_fixture *fixture, const char *version,
                                   GError **error);

/*
 * Put @fresh, of one version, among @recordings of @c, as twin_recordings_load() gave them. An
 * outcome that equals a recorded one under the normaliser's rules joins it, and what that says
 * stays; any other becomes a recording of its own. What the version is recorded with so far goes.
 * Returns whether anything is different now. @fresh is consumed.
 */
gboolean twin_recordings_merge(GPtrArray *recordings, const struct twin_case *c,
                               struct twin_recording *fresh);

/* The text of the file that holds @recordings of @c: the same recordings, the same bytes. */
char *twin_recordings_text(GPtrArray *recordings, const struct twin_case *c);

/* Less than, equal to or greater than zero, as @a is older, the same or newer than @b. */
int twin_version_compare(const char *a, const char *b);
