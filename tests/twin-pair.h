/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A case done twice: by the candidate and by the installed qemu-img, each in a fresh copy of one
 * set-up and under the same path; both results are kept.
 */
#pragma once

#include "tests/twin-fixture.h"

/* What one of them left behind. */
struct twin_side {
    char *beside; /* where its directory waits while the other's is the work directory */
    char *began;  /* twin_digest_tree() of the directory before the run */
    struct twin_outcome *outcome;
    GPtrArray *files; /* of struct twin_file, before anybody else has looked at them */
};

struct twin_pair {
    struct twin_fixture *fixture;   /* borrowed */
    struct twin_side sides[2];      /* by enum twin_who */
    const struct twin_side *placed; /* whose directory is the work directory now */
};

/* NULL with @error set if the set-up failed or files could not be read. */
struct twin_pair *twin_pair_run(struct twin_fixture *fixture, GError **error);

/* Make the directory of @who the work directory. */
gboolean twin_pair_place(struct twin_pair *pair, enum twin_who who, GError **error);

/* Path of @name in the directory of @who, wherever that is now; to be freed. */
char *twin_pair_path(const struct twin_pair *pair, enum twin_who who, const char *name);

/* The directories stay until the fixture is cleared. */
void twin_pair_free(struct twin_pair *pair);
