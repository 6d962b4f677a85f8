/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a case came to: the output of its run and of each observation. And how two differ. */
#pragma once

#include "tests/twin-case.h"
#include "tests/twin-process.h"
#include "tests/twin-text.h"

struct twin_outcome {
    struct twin_output *run;
    GPtrArray *observe; /* of struct twin_output, in the order of the case's table */
};

struct twin_outcome *twin_outcome_new(void);
void twin_outcome_free(struct twin_outcome *outcome);

/*
 * Compare two outputs of one command after normalisation; where they differ, append to @report
 * what was wanted and what came. @what names the command there.
 */
void twin_output_compare(GString *report, const char *what, const struct twin_output *want,
                         const struct twin_output *have, const char *dir,
                         enum twin_text_flags flags);

/* The same for the run and all observations of @c. */
void twin_outcome_compare(GString *report, const struct twin_case *c,
                          const struct twin_outcome *want, const struct twin_outcome *have,
                          const char *dir, enum twin_text_flags flags);

/*
 * @outcome as a recording can hold it, to be freed: @dir (NULL: none) is @DIR@, and what is not
 * UTF-8 is replaced. The identity on an outcome that came from a recording.
 */
struct twin_outcome *twin_outcome_as_text(const struct twin_outcome *outcome, const char *dir);

/* @argv as one line that a shell would take; to be freed. */
char *twin_argv_text(char **argv);
