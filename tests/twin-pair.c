/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-pair.h"

#include "tests/twin-digest.h"
#include "tests/twin-tree.h"

#include <glib/gstdio.h>

static gboolean move(const char *from, const char *to, GError **error)
{
    return g_rename(from, to) == 0 || twin_system_error(error, to);
}

static gboolean side_run(struct twin_pair *pair, enum twin_who who, GError **error)
{
    struct twin_fixture *fixture = pair->fixture;
    struct twin_side *side = &pair->sides[who];

    if (!twin_fixture_lay(fixture, error))
        return FALSE;
    side->began = twin_digest_tree(fixture->work, error);
    if (!side->began)
        return FALSE;
    side->outcome = twin_fixture_outcome(fixture, who, twin_installed_version());
    twin_fixture_settle(fixture);
    side->files = twin_tree_list(fixture->work, error);
    pair->placed = side;
    return side->files != NULL;
}

/* A directory that was left by an earlier run of the same pair is in the way. */
static gboolean clear_old(const struct twin_pair *pair, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(pair->sides); i++)
        if (g_file_test(pair->sides[i].beside, G_FILE_TEST_EXISTS) &&
            !twin_tree_remove(pair->sides[i].beside, error))
            return FALSE;
    return TRUE;
}

struct twin_pair *twin_pair_run(struct twin_fixture *fixture, GError **error)
{
    struct twin_pair *pair = g_new0(struct twin_pair, 1);
    struct twin_side *ours = &pair->sides[TWIN_OURS];

    pair->fixture = fixture;
    ours->beside = g_build_filename(fixture->root, "ours", NULL);
    pair->sides[TWIN_REAL].beside = g_build_filename(fixture->root, "real", NULL);
    if (clear_old(pair, error) && side_run(pair, TWIN_OURS, error) &&
        move(fixture->work, ours->beside, error) && side_run(pair, TWIN_REAL, error))
        return pair;
    twin_pair_free(pair);
    return NULL;
}

gboolean twin_pair_place(struct twin_pair *pair, enum twin_who who, GError **error)
{
    const struct twin_side *wanted = &pair->sides[who];

    if (pair->placed == wanted)
        return TRUE;
    if (!move(pair->fixture->work, pair->placed->beside, error) ||
        !move(wanted->beside, pair->fixture->work, error))
        return FALSE;
    pair->placed = wanted;
    return TRUE;
}

char *twin_pair_path(const struct twin_pair *pair, enum twin_who who, const char *name)
{
    const struct twin_side *side = &pair->sides[who];

    return g_build_filename(pair->placed == side ? pair->fixture->work : side->beside, name, NULL);
}

void twin_pair_free(struct twin_pair *pair)
{
    for (guint i = 0; i < G_N_ELEMENTS(pair->sides); i++) {
        struct twin_side *side = &pair->sides[i];

        g_free(side->beside);
        g_free(side->began);
        g_clear_pointer(&side->outcome, twin_outcome_free);
        g_clear_pointer(&side->files, g_ptr_array_unref);
    }
    g_free(pair);
}
