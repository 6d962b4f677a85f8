/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-modes.h"

enum twin_text_flags twin_live_flags(const struct twin_case *c)
{
    return g_str_equal(c->bucket, "snapshot") ? TWIN_TEXT_CLOCKS
           : g_str_equal(c->bucket, "commit") ? TWIN_TEXT_HOST_OFFSETS
                                              : TWIN_TEXT_PLAIN;
}

void twin_live(const struct twin_pair *pair, GString *report)
{
    const struct twin_fixture *fixture = pair->fixture;

    twin_outcome_compare(report, fixture->c, pair->sides[TWIN_REAL].outcome,
                         pair->sides[TWIN_OURS].outcome, fixture->work,
                         twin_live_flags(fixture->c));
}
