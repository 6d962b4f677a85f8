/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands that tests/test-kill.c ends at every moment, and what they work on.
 */
#pragma once

#include <glib.h>

#include "image/image.h"

#define KILL_MOST_SETUP 12u
#define KILL_MOST_IMAGES 3u
#define KILL_MOST_SNAPSHOTS 2u

typedef enum {
    ROW_UNSAFE = 1 << 0,  /* nothing is flushed, as asked for: no losses of power */
    ROW_DAMAGED = 1 << 1, /* the image is not sound in front; it reads the same all the time */
    ROW_ONCE = 1 << 2,    /* what was done cannot be done again: then it says so, status 1 */
    /* As with qemu-img nothing can be completed: compressed clusters are not written over, and of an
     * image that was cut off while it changed bitmaps are not to be trusted. */
    ROW_NO_AGAIN = 1 << 3,
} KillRowFlags;

typedef struct {
    const char *name;
    /* Commands in front; "write NAME FORMAT OFFSET LENGTH BYTE", "poke NAME OFFSET HEX" and
     * "copy FROM TO" are done here. */
    const char *setup[KILL_MOST_SETUP];
    const char *command;
    const char *images[KILL_MOST_IMAGES]; /* "FORMAT NAME": what the guest may see */
    const char
        *snapshots[KILL_MOST_SNAPSHOTS]; /* of the first image: each keeps its disk, all of it */
    guint unit;                          /* bytes of a cluster */
    KillRowFlags flags;
} KillRow;

/* The table that the program is linked with: kill-rows.c for test-kill, kill-rows-features.c for
 * test-kill-features. */
extern const KillRow kill_rows[];
extern const guint kill_n_rows;

/* ---- the folder of a row (kill-guest.c) ---- */

/* Work in folder from now on; borrowed. */
void kill_enter(const char *folder);
/* Do what stands in front of the row's command. */
void kill_set_up(const KillRow *row);

/* What the guest sees of all images of a row. */
typedef struct {
    GByteArray *image[KILL_MOST_IMAGES];
    GByteArray *snapshot[KILL_MOST_SNAPSHOTS];
} KillGuest;

void kill_guest_clear(KillGuest *guest);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KillGuest, kill_guest_clear)

/* Read them. FALSE and a reason if one is not to be read. */
gboolean kill_look(const KillRow *row, KillGuest *guest, GError **error);
/* The secrets that rows may name, with the id as their text: the key of what is encrypted, and
 * another one. */
#define KILL_SECRET "s"
#define KILL_OTHER_SECRET "n"
/* "OPTION=VALUE,..." of an encrypted image, its format written as in images; NULL: it is not. */
char *kill_options(const char *format, const char *name);
/* Open an image of the folder, without locks and flushes; NULL and a reason. */
Image *kill_open(const char *format, const char *name, ImageFlags flags, GError **error);
