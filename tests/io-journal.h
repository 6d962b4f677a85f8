/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A back end of src/io for tests: whatever changes a regular file below a folder
 * goes through here, is written down in order, and can be made to fail.
 *
 * It takes the place of the system calls that src/io changes files with, by the
 * linker's --wrap, so that nothing of the room is left out. The journal is
 * shared with child processes: a test forks, the child runs a command, and the
 * test reads what was done to the files, also when the child has died.
 */
#pragma once

#include <glib.h>

typedef enum {
    JOURNAL_WRITE,    /* length bytes at offset */
    JOURNAL_TRUNCATE, /* offset is the new size */
    JOURNAL_ZERO,     /* a range reads as zeros, and the file reaches its end */
    JOURNAL_PUNCH,    /* a range reads as zeros, the size stays */
    JOURNAL_REACH,    /* the file is at least offset + length bytes long */
    JOURNAL_FLUSH,    /* of one file */
} JournalKind;

typedef struct {
    JournalKind kind;
    guint file; /* index of journal_file() */
    guint64 offset, length;
    const guint8 *bytes; /* of JOURNAL_WRITE; in the journal */
} JournalEntry;

/* Forget everything and look at files below folder (absolute, real) from now on. */
void journal_begin(const char *folder);
/* Let the n-th change from now (0: the next) fail with code, and all that follow, too, if
 * lasting. code 0: none. Changes that failed are not in the journal. */
void journal_fail(guint64 n, int code, gboolean lasting);
/* How many changes failed. */
guint64 journal_failures(void);
/* No more journal, no more failures. */
void journal_end(void);

guint journal_length(void);
JournalEntry journal_entry(guint n);
/* Name of a file below the folder; n_files of them were changed. */
guint journal_n_files(void);
const char *journal_file(guint n);
/* Was there too much for the journal? */
gboolean journal_overflowed(void);
