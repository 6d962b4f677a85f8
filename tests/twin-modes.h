/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways a case is put to the candidate. Each appends every difference to @report, and returns
 * FALSE with @error set if the case could not be put at all.
 */
#pragma once

#include "tests/twin-pair.h"
#include "tests/twin-recording.h"

/* What varies between two programs that run at almost the same time. */
enum twin_text_flags twin_live_flags(const struct twin_case *c);

/* Beside the installed qemu-img: the same output, status and answers to the case's questions. */
void twin_live(const struct twin_pair *pair, GString *report);

/*
 * What both left behind: two sets of files that began byte-identical have the same names, modes
 * and lengths again; info, map and check say the same of both sides' images, by whichever program;
 * and so does the SHA-256 of what a guest sees in them. Files that are the same byte for byte need
 * no second reading.
 */
gboolean twin_round_trip(struct twin_pair *pair, GString *report, GError **error);

/*
 * The installed qemu-img against the @recording of its version: what it does now is what it did.
 * @pair may be NULL, then the case is run for this.
 */
gboolean twin_drift(struct twin_fixture *fixture, const struct twin_pair *pair,
                    const struct twin_recording *recording, GString *report, GError **error);

/* What the candidate did with one case, version by version; see twin_baseline(). */
struct twin_baselines;
struct twin_baselines *twin_baselines_new(void);
void twin_baselines_free(struct twin_baselines *baselines);

/*
 * The candidate under the profile of @version, in a set-up of its own making, against what that
 * version printed. If @pair is there, @version is the installed one, and what the candidate did
 * beside it counts. So does what a command of the case did before, for @baselines, under a version
 * that answers alike all that it asked; with INSTAR_TWIN_EACH=1 it is done for each version.
 */
gboolean twin_baseline(struct twin_fixture *fixture, const struct twin_pair *pair,
                       struct twin_baselines *baselines, const char *version,
                       const struct twin_outcome *recorded, GString *report, GError **error);
