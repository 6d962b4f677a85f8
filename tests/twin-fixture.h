/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory a case runs in. Its set-up is done once by the real tools, and once more by our
 * own create with the real qemu-io where that is wanted; each mode then works on a fresh copy,
 * always under the same path, so that absolute names agree too.
 */
#pragma once

#include "tests/twin-outcome.h"
#include "tests/twin-prepared.h"

struct twin_fixture {
    const struct twin_case *c;
    struct twin_prepared *prepared; /* borrowed; NULL: nothing is shared with other cases */
    char *root;                     /* holds all below; removed with the fixture */
    char *work;                     /* where commands run */
    char *setups[2];   /* by enum twin_who: what was set up, copied to work by twin_fixture_lay() */
    gboolean ready[2]; /* it is there */
    char *profile_log; /* where the candidate tells what it asks of its profile; NULL: nowhere */
};

/*
 * A fixture for @c below the directory @parent. Nothing is made before it is laid. @prepared, if
 * not NULL, has to live as long as the fixture.
 */
struct twin_fixture *twin_fixture_new(const struct twin_case *c, const char *parent, guint number,
                                      struct twin_prepared *prepared);
void twin_fixture_free(struct twin_fixture *fixture);

/* A fresh work directory, set up. FALSE with @error set, and what a failed set-up said in it. */
gboolean twin_fixture_lay(struct twin_fixture *fixture, GError **error);

/* The same, with images that the candidate made. What it refuses to make the real one makes. */
gboolean twin_fixture_lay_ours(struct twin_fixture *fixture, GError **error);

/* Remove all files of the fixture, unless INSTAR_TEST_KEEP is set. */
void twin_fixture_clear(struct twin_fixture *fixture);

/*
 * Run @argv in the work directory. "qemu-img" is who @who says; the candidate follows @version.
 * @DIR@ in an argument is the work directory's path. Failing to start a program ends the test
 * program; whatever the command itself did is the output, to be freed.
 */
struct twin_output *twin_fixture_run(const struct twin_fixture *fixture, char **argv,
                                     enum twin_who who, const char *version, guint umask);

/* The same for a question about what a command has left, under the installed version. */
struct twin_output *twin_fixture_ask(const struct twin_fixture *fixture, const char *const *argv,
                                     enum twin_who who);

/* Make what map says of the work directory's files independent of who has read them before. */
void twin_fixture_settle(const struct twin_fixture *fixture);

/* Command @n of the case by @who: 0 is its run, others its observations, which count from 1. */
struct twin_output *twin_fixture_command(const struct twin_fixture *fixture, guint n,
                                         enum twin_who who, const char *version);

/* All of them; to be freed. */
struct twin_outcome *twin_fixture_outcome(const struct twin_fixture *fixture, enum twin_who who,
                                          const char *version);

/* Version of the installed qemu-img, as X.Y.Z; NULL if it or qemu-io is not installed. */
const char *twin_installed_version(void);
