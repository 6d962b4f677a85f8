/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between qemu-img versions, as one table of facts with the first
 * version that has each. A leaf room: every host room may ask it.
 *
 * The active profile is INSTAR_IMG_QEMU_VERSION, else what configure chose.
 */
#ifndef INSTAR_PROFILE_H
#define INSTAR_PROFILE_H

#include <glib.h>

/* One fact each; the table in profile.c gives since (and until, where a
 * behaviour went away again) and the recorded case that shows it. */
typedef enum {
    FACT_ALWAYS, /* of every version */
#define PROFILE_FACT(name, since, until, shown_by, words) FACT_##name,
#include "profile/facts.h"
#undef PROFILE_FACT
    PROFILE_N_FACTS
} ProfileFact;

/*
 * Where INSTAR_IMG_PROFILE_LOG names a file, each process adds to it the line "run", and for each
 * different question about its profile "SINCE UNTIL", numbered as below, UNTIL 0 if there is none;
 * "version" if it asked for the version itself. Under two versions with the same answers the program
 * does the same, which saves the test suite most of its runs.
 */

/* Read the environment once; FALSE with a message if it names no version. */
gboolean profile_init(GError **error);
/* Major * 10000 + minor * 100 + micro, 70222 for 7.2.22. */
guint profile_version(void);
/* "7.2.22", as --version prints it. */
const char *profile_version_string(void);
gboolean profile_has(ProfileFact fact);
/* Is the active profile that of version, numbered as above, or of a newer one? */
gboolean profile_reaches(guint version);

#endif
