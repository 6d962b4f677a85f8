/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-modes.h"

gboolean twin_baseline(struct twin_fixture *fixture, const char *version,
                       const struct twin_outcome *recorded, GString *report, GError **error)
{
    enum twin_text_flags flags = TWIN_TEXT_CLOCKS;

    if (!twin_fixture_lay(fixture, error))
        return FALSE;
    if (g_str_equal(fixture->c->bucket, "commit"))
        flags |= TWIN_TEXT_HOST_OFFSETS;

    struct twin_outcome *ours = twin_fixture_outcome(fixture, TWIN_OURS, version);
    twin_outcome_compare(report, fixture->c, recorded, ours, fixture->work, flags);
    twin_outcome_free(ours);
    return TRUE;
}
