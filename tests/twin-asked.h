/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the candidate asked of its profile while it did a case (INSTAR_IMG_PROFILE_LOG, see
 * profile/profile.h). Under another version that gives the same answers to the same questions it
 * does just the same, and need not be started again.
 */
#pragma once

#include <glib.h>

struct twin_asked;

/*
 * Of the log at @path, which is removed. NULL if it does not tell everything: it is not there, not
 * whole, not that of @runs processes, or the version itself was asked for. No process asks nothing
 * and needs no log. To be freed.
 */
struct twin_asked *twin_asked_take(const char *path, guint runs);
void twin_asked_free(struct twin_asked *asked);

/* What @more asked is asked by @asked as well. */
void twin_asked_add(struct twin_asked *asked, const struct twin_asked *more);

/* Whether the versions @a and @b, as X.Y.Z, give the same answers. */
gboolean twin_asked_alike(const struct twin_asked *asked, const char *a, const char *b);
