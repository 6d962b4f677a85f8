/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the cases of a bucket begin with in common. Starting a program costs more than most set-up
 * commands do, and hundreds of cases start from the same few images: what the first commands of a
 * set-up made is kept where other cases begin with the same, and each of them gets a copy.
 */
#pragma once

#include "tests/twin-case.h"
#include "tests/twin-process.h"

struct twin_prepared;

/* Nothing yet, below the directory @parent, for the set-ups of @cases (of struct twin_case). */
struct twin_prepared *twin_prepared_new(const char *parent, GPtrArray *cases);

/* Also removes what was kept, unless INSTAR_TEST_KEEP is set. */
void twin_prepared_free(struct twin_prepared *prepared);

/*
 * The longest kept beginning of the set-up of @c by @who: the number of its commands in @n, and
 * the directory that they made, borrowed. NULL if there is none. It is to be read only.
 */
const char *twin_prepared_find(const struct twin_prepared *prepared, const struct twin_case *c,
                               enum twin_who who, guint *n);

/*
 * Where the directory is to be copied to that the first @n commands of the set-up of @c made, for
 * TWIN_OURS with our own create: borrowed, and taken for filled from now on. NULL if no other case
 * gains by it, or if it cannot be shared, as an absolute name is in a command.
 */
const char *twin_prepared_keep(struct twin_prepared *prepared, const struct twin_case *c,
                               enum twin_who who, guint n);
