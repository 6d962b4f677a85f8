/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One command run to its end: no standard input, both outputs kept apart, a time limit. */
#pragma once

#include <glib.h>

/* Which program is "qemu-img" in a command. */
enum twin_who {
    TWIN_REAL, /* the installed one */
    TWIN_OURS, /* the candidate */
};

struct twin_output {
    int rc;       /* exit status; minus the signal's number if one ended it */
    GString *out; /* standard output, any bytes */
    GString *err; /* standard error */
};

struct twin_process {
    const char *path; /* the program's file */
    char **argv;      /* argv[0] is the name the program sees itself called by */
    const char *dir;  /* working directory */
    char **envp;      /* whole environment */
    guint umask;
    guint seconds; /* after which it and its children are killed */
};

/*
 * Run @process and wait for it. TRUE with @ret filled, to be given to twin_output_free(); an
 * output whose program was killed over its time limit has rc -9 and says so at the end of err.
 * FALSE with @error set only if it could not be started or read.
 */
gboolean twin_process_run(const struct twin_process *process, struct twin_output **ret,
                          GError **error);

struct twin_output *twin_output_new(int rc, const char *out, const char *err);
struct twin_output *twin_output_copy(const struct twin_output *output);
void twin_output_free(struct twin_output *output);
