/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The case tables: testsuite-data/cases/BUCKET.json and BUCKET-TOPIC.json. The schema is told in
 * testsuite-data/README.md and held strictly: whatever it does not name is an error.
 */
#pragma once

#include "tests/twin-json.h"

/* One command: argv, and the name it is observed under (NULL in a setup). */
struct twin_command {
    char *name;
    char **argv;
};

/* Whether it changes no file, so that it says the same a second time. */
gboolean twin_command_only_looks(const struct twin_command *command);

struct twin_case {
    char *bucket; /* the subcommand, or "cli" */
    char *target; /* the format, or what else the case is about */
    char *name;
    char *id;           /* bucket/target/name, unique */
    char *table;        /* name of the table's file; NULL if it was given as text */
    GPtrArray *setup;   /* of struct twin_command, run first, never by the candidate */
    char **run;         /* the command under test */
    GPtrArray *observe; /* of struct twin_command, asked afterwards */
    char **env;         /* NAME=VALUE for run and observe; never NULL */
    guint umask;        /* for run; 022 unless the table says otherwise */
    char *unchecked;    /* why the installed qemu-img checks no result; NULL: it does */
};

void twin_case_free(struct twin_case *c);

/*
 * All cases of @bucket, from every table in @dir whose name is BUCKET.json or BUCKET-….json, in
 * the tables' order. Returns an array of struct twin_case that owns its elements, or NULL with
 * @error set: unreadable, against the schema, or one name given twice.
 */
GPtrArray *twin_cases_load(const char *dir, const char *bucket, GError **error);

/* The same for one table given as text. */
GPtrArray *twin_cases_parse(const char *text, const char *bucket, GError **error);

/* Names of all buckets that have a table in @dir, sorted, NULL-terminated. */
char **twin_buckets(const char *dir, GError **error);

/* Whether @name may be a file name of ours: letters, digits, and _ + - . = not in front. */
gboolean twin_name_is_safe(const char *name);
