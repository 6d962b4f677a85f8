/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-modes.h"

gboolean twin_baseline(struct twin_fixture *fixture, const struct twin_pair *pair,
                       const char *version, const struct twin_outcome *recorded, GString *report,
                       GError **error)
{
    if (pair) {
        twin_recorded_compare(report, fixture->c, recorded, pair->sides[TWIN_OURS].outcome,
                              fixture->work);
        return TRUE;
    }
    if (!twin_fixture_lay_ours(fixture, error))
        return FALSE;

    struct twin_outcome *ours = twin_fixture_outcome(fixture, TWIN_OURS, version);
    twin_recorded_compare(report, fixture->c, recorded, ours, fixture->work);
    twin_outcome_free(ours);
    return TRUE;
}
