/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the program, each in a process of its own that already has the program in it.
 *
 * The test holds images in memory many times over, and a child of its would have to copy each
 * page that it touches. The children are those of a process made while there was little to copy.
 */
#pragma once

#include <glib.h>

/*
 * To be called once, before anything else is: what the test has set up by then (cells, secrets,
 * the profile) the commands have, and nothing of what it does later but what is in the journal.
 */
void kill_runner_start(void);
/* No more commands. */
void kill_runner_end(void);

/* Runs one command line without its "qemu-img", in the folder, under the journal if there is one:
 * its status, -1 if it crashed. ret_text: what it said; may be NULL; to be freed. */
int kill_run(const char *folder, const char *command, char **ret_text);
