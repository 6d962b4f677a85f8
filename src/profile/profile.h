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

/* Read the environment once; FALSE with a message if it names no version. */
gboolean profile_init(GError **error);
/* Major * 10000 + minor * 100 + micro, 70222 for 7.2.22. */
guint profile_version(void);
/* "7.2.22", as --version prints it. */
const char *profile_version_string(void);
gboolean profile_has(ProfileFact fact);

#endif
