/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What info, map and check say of an image that a pair has left behind. */
#pragma once

#include "tests/twin-pair.h"

/* Answers are NULL where the question makes no sense for the image. */
struct twin_reading {
    char *format; /* as info probed it; NULL if it did not open */
    struct twin_output *info;
    struct twin_output *map;   /* not of a disk that takes minutes to walk through */
    struct twin_output *check; /* not by the real one where the case is too much for it */
};

/*
 * @who reads the file @name in the directory that is placed, in JSON. What a program was asked of
 * its own result by the case itself is not asked again.
 */
struct twin_reading *twin_reading_new(const struct twin_pair *pair, const char *name,
                                      enum twin_who who);
void twin_reading_free(struct twin_reading *reading);
