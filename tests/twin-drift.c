/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-modes.h"

#include "tests/twin-record.h"

static void compare_setups(GString *report, const char *recorded, const char *now)
{
    if (g_strcmp0(recorded, now) != 0)
        g_string_append_printf(report, "  set-up: want %s, have %s\n",
                               recorded ? recorded : "it done", now ? now : "it done");
}

gboolean twin_drift(struct twin_fixture *fixture, const struct twin_pair *pair,
                    const struct twin_recording *recording, GString *report, GError **error)
{
    struct twin_recording *now =
        pair ? NULL : twin_record(fixture, twin_installed_version(), error);

    if (!pair && !now)
        return FALSE;
    const struct twin_outcome *outcome = pair ? pair->sides[TWIN_REAL].outcome : now->outcome;
    if (recording->outcome && outcome)
        twin_recorded_compare(report, fixture->c, recording->outcome, outcome, fixture->work);
    else
        compare_setups(report, recording->setup_failed, now ? now->setup_failed : NULL);
    if (report->len)
        g_string_append_printf(
            report,
            "  the installed qemu-img %s is not what was recorded; if it is right now: "
            "make record RECORD_ARGS=--case='%s'\n",
            twin_installed_version(), fixture->c->id);
    if (now)
        twin_recording_free(now);
    return TRUE;
}
