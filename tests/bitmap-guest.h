/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitmaps of a guest's image: what ABI_CALL_BITMAP is asked, and what stands in the image. */
#pragma once

#include "tests/qcow2-guest.h"

/* One question. What is 0 or NULL is left out. */
typedef struct {
    const char *action, *name;
    guint64 granularity, at, from, to, entry;
    gboolean enabled, dry_run;
    const guint8 *bits;
    guint n; /* bytes */
} BitmapAsk;

/* FALSE: guest->status. answer (may be NULL) is filled with the driver's. */
gboolean bitmap_guest_ask(Guest *guest, const BitmapAsk *ask, GByteArray *answer);

/* A bitmap as it stands in the image. */
typedef struct {
    char *name;
    guint64 granularity;
    gboolean enabled, inconsistent;
    GByteArray *bits; /* all of them; empty if inconsistent */
} BitmapState;

/* All bitmaps of the opened image, in their order; NULL: guest->status. Free with
 * g_ptr_array_unref. */
GPtrArray *bitmap_guest_states(Guest *guest);
const BitmapState *bitmap_states_find(GPtrArray *states, const char *name);
/* The same granularity, switch and bits? */
gboolean bitmap_state_equal(const BitmapState *a, const BitmapState *b);
