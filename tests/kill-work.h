/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kill leaves: a command was run once with a journal (io-journal.h), and
 * any state its files could be found in is made again from the files of before
 * and a part of the journal.
 */
#pragma once

#include <glib.h>

/* The files of a folder, by name; content in memory. */
typedef struct KillFiles KillFiles;
KillFiles *kill_files_read(const char *folder);
/* Make folder hold just these files. */
void kill_files_write(const KillFiles *files, const char *folder);
KillFiles *kill_files_copy(const KillFiles *files);
/* Equal for equal content. Free with g_free. */
char *kill_files_digest(const KillFiles *files);
void kill_files_free(KillFiles *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KillFiles, kill_files_free)

/* What becomes of changes that were not flushed. */
typedef enum {
    KILL_KEEP,    /* all is there: the program was killed */
    KILL_DROP,    /* nothing is: the power went */
    KILL_SHUFFLE, /* some are, in pieces of unit bytes */
} KillLoss;
#define KILL_LOSSES 3u

/* Files after the first n changes of the journal. */
KillFiles *kill_files_after(const KillFiles *start, guint n, KillLoss loss, guint unit);
