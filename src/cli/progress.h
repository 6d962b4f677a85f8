/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Progress: "    (12.34/100%)" and a carriage return on stdout with -p; without it, one
 * such line on stderr for each SIGUSR1. One at a time in a program.
 */
#ifndef INSTAR_CLI_PROGRESS_H
#define INSTAR_CLI_PROGRESS_H

#include <glib.h>

/* Begin, without a line as yet, and with one that says 0.00 if shown. Steps of less than least percent are not shown. */
void progress_prepare(gboolean shown, double least);
void progress_start(gboolean shown, double least);
/* The line that says 0.00, after progress_prepare(). */
void progress_first(void);
/* done of total, any unit. Has CopyProgress's shape; user_data is not used. Safe from any thread,
 * one at a time. */
void progress_update(guint64 done, guint64 total, gpointer user_data);
/* The same of work that qemu-img adds up step by step, in single precision: more of total is done. */
void progress_add(guint64 more, guint64 total);
/* End the line. Without effect if nothing was begun. */
void progress_end(void);

#endif
