/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ways a case is put to the candidate. Each reports every difference into @report. */
#pragma once

#include "tests/twin-fixture.h"

/*
 * Beside the installed qemu-img: both run the case on twin directories, with equal outputs and
 * files; then each reads the other's files, and the real one compares their contents.
 * FALSE with @error set if the case could not be put at all.
 */
gboolean twin_live(struct twin_fixture *fixture, GString *report, GError **error);

/* Under the profile of @version, against what that version printed. */
gboolean twin_baseline(struct twin_fixture *fixture, const char *version,
                       const struct twin_outcome *recorded, GString *report, GError **error);
