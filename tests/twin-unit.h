/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A case and the test paths it has. They are put one after the other when the first of them is
 * wanted, as the set-up and the pair serve them all; each then tells its own result.
 */
#pragma once

#include "tests/twin-modes.h"
#include "tests/twin-path.h"

struct twin_unit {
    struct twin_fixture *fixture;
    GPtrArray *recordings; /* of struct twin_recording; NULL if nothing borrows from them */
    GPtrArray *entries;    /* of struct twin_entry */
    gboolean done;
};

/* One test path. */
struct twin_entry {
    struct twin_unit *unit; /* borrowed */
    enum twin_mode mode;
    const struct twin_recording *recorded; /* borrowed; NULL in other modes, or if there is none */
    char *version;                         /* of the recording */
    char *reason;                          /* why it is skipped, or NULL */
    GString *report;                       /* empty: it passed */
};

/* A unit for @c below the directory @parent, still without entries; @prepared as for a fixture. */
struct twin_unit *twin_unit_new(const struct twin_case *c, const char *parent, guint number,
                                struct twin_prepared *prepared);
void twin_unit_free(struct twin_unit *unit);

/* A new entry of @unit, which owns it; strings are copied. */
struct twin_entry *twin_unit_add(struct twin_unit *unit, enum twin_mode mode, const char *version,
                                 const struct twin_recording *recorded, const char *reason);

/* Put all entries that are not skipped, unless that was done, and clear the fixture. */
void twin_unit_put(struct twin_unit *unit);
