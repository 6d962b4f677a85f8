/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: subcommands, their option tables, errors and exit statuses.
 *
 * A subcommand is one file cmd-<name>.c with one table of CliOption and one
 * function, and a row in commands.c. cli_run() reads the options with
 * getopt_long's manners, hands them to GOption and calls the function with what
 * is left. Man page and shell completion follow the tables; a test compares.
 */
#ifndef INSTAR_CLI_H
#define INSTAR_CLI_H

#include <glib.h>

typedef struct CliCommand CliCommand;
typedef struct CliOption CliOption;

#define CLI_ERROR (cli_error_quark())
GQuark cli_error_quark(void);
typedef enum {
    CLI_ERROR_FAILED, /* a message, status 1 */
    CLI_ERROR_USAGE,  /* the same, followed by "Try 'qemu-img --help' for more information" */
    CLI_ERROR_SILENT, /* status 1; all was said already */
    CLI_ERROR_DONE,   /* no failure: stop with status 0 (a help text was printed) */
} CliError;

typedef enum { CLI_HUMAN, CLI_JSON, CLI_BAD_OUTPUT } CliOutput;

typedef enum {
    CLI_END = 0,
    CLI_FLAG,   /* target: gboolean *, becomes TRUE */
    CLI_STRING, /* target: char **, the last one wins; any bytes; freed by cli_run() */
    CLI_OUTPUT, /* target: CliOutput *, --output */
    CLI_CALL,   /* call is called, in the order of the command line */
} CliArg;

struct CliOption {
    CliArg arg;
    const char *name;    /* long name, without dashes; never NULL */
    const char *letters; /* short names, often one; NULL: none */
    gpointer target;
    const char *value; /* what help calls the value; NULL: takes none */
    const char *help;
    /* First qemu-img (major * 10000 + minor * 100) that has the long name, and the short ones;
     * 0: all known, CLI_OURS: none. An older profile knows the name too, but reads the command
     * line without it first. */
    guint since, letters_since;
    gboolean output_strict;  /* CLI_OUTPUT: every profile complains of a bad value at once */
    gboolean letters_strict; /* an older profile refuses the short names, as that version does */
    gboolean (*call)(const CliOption *option, const char *value, GError **error);
};

/* A row; more members follow by name: CLI_OPTION(CLI_FLAG, "quiet", "q", &quiet, NULL, "print
 * nothing but errors", .since = CLI_LONG_NAMES). */
#define CLI_OPTION(kind, long_name, short_names, where, metavar, words, ...)                       \
    {                                                                                              \
        .arg = kind, .name = long_name, .letters = short_names, .target = where, .value = metavar, \
        .help = words, __VA_ARGS__                                                                 \
    }

#define CLI_OURS G_MAXUINT
/* qemu-img gave each short option a long name then. */
#define CLI_LONG_NAMES 100100

struct CliCommand {
    const char *name;
    const char *summary;  /* one line for --help */
    const char *synopsis; /* what follows the name in --help */
    /* n_args words are left. Answers the exit status. */
    int (*function)(const CliCommand *self, int n_args, char **args);
    const CliOption *options; /* ends with CLI_END; NULL: the function gets all words */
    /* Before the usage errors of 10.1 an unknown option was told by getopt itself and answered with the
     * help text, status 0. */
    gboolean helps_on_error;
    int failure; /* status of a failure other than of usage; 0 means 1 */
    /* The last word is a size, which may begin with a minus sign and is no option then. */
    gboolean ends_with_size;
};

/* All subcommands by name, ended by a NULL name (commands.c). */
extern const CliCommand cli_commands[];
const CliCommand *cli_command_by_name(const char *name);

/* Everything behind main(). Answers the exit status. */
int cli_main(int argc, char **argv);
/* Read the options of a subcommand (argv[0] is its name) and run it. */
int cli_run(const CliCommand *command, int argc, char **argv);
/* The program's own options in front of the subcommand; *ret_at is where it stands in argv.
 * FALSE: stop with *ret_status. */
gboolean cli_read_global(int argc, char **argv, int *ret_at, int *ret_status);

/* ---- errors (report.c) ---------------------------------------------------- */

/* "PROGRAM: MESSAGE" and a newline on stderr, PROGRAM being the last part of argv[0]. Bytes go out
 * as they are: what comes from an image is made printable before it enters a message. */
void cli_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Say an error and free it. Answers the exit status: 0 for CLI_ERROR_DONE, 1 for a usage error, else
 * the command's own for failures. command may be NULL. */
int cli_fail(const CliCommand *command, GError *error);
/* A usage error: message, then where to look for help. Answers 1. */
int cli_usage_error(const CliCommand *command, const char *format, ...) G_GNUC_PRINTF(2, 3);
void cli_try_help(const CliCommand *command);

/* ---- values ----------------------------------------------------------------- */

/* FALSE (and the error) if --output was neither human nor json. Older profiles complain here,
 * after the file names were counted; newer ones already while reading the options. */
gboolean cli_output_valid(CliOutput output, GError **error);

#endif
