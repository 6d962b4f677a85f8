/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From argv to GOption. getopt_long() itself reads the command line, over a
 * table made from the CliOptions, so that glued values, permutation, "--",
 * unique prefixes and messages are the ones qemu-img's users know; what it finds
 * is written out as --name=value, which is all GOption has to understand.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "profile/profile.h"

typedef struct {
    const CliCommand *command;
    CliOption help;
    GPtrArray *rows; /* of const CliOption *: the command's, then help */
} Known;

/* What getopt_long() made of an argv. */
typedef struct {
    GPtrArray *options;  /* "--name" and "--name=value" in the order given; owned */
    GPtrArray *words;    /* what is left; borrowed */
    int failed;          /* '?' or ':' where reading stopped, else 0 */
    const char *culprit; /* the word getopt was at; borrowed */
} Reading;

static void reading_clear(Reading *reading)
{
    g_clear_pointer(&reading->options, g_ptr_array_unref);
    g_clear_pointer(&reading->words, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)

static void known_init(Known *known, const CliCommand *command)
{
    *known = (Known){ .command = command, .rows = g_ptr_array_new() };
    known->help = (CliOption){ CLI_CALL,
                               "help",
                               "h",
                               .target = (gpointer)command,
                               .help = "show this help and exit",
                               .call = help_of_command };
    for (const CliOption *o = command->options; o->arg != CLI_END; o++) {
        g_ptr_array_add(known->rows, (gpointer)o);
    }
    g_ptr_array_add(known->rows, &known->help);
}

/* as_profile: is it of the active profile's version, or an older one's? Ours knows them all. */
static gboolean knows(guint since, gboolean as_profile)
{
    return since == 0 || !as_profile || profile_reaches(since);
}

/* The tables of getopt_long() for what qemu-img of the profile, or ours, knows. Values of long
 * options are numbers above any letter, so that the row can be told from them. */
static char *getopt_tables(const Known *known, gboolean as_profile, gboolean quiet,
                           GArray **ret_longs)
{
    GString *letters = g_string_new(quiet ? ":" : "");
    GArray *longs = g_array_new(TRUE, TRUE, sizeof(struct option));

    for (guint i = 0; i < known->rows->len; i++) {
        const CliOption *o = g_ptr_array_index(known->rows, i);
        int takes = o->value != NULL ? required_argument : no_argument;

        if (knows(o->since, as_profile)) {
            struct option row = { o->name, takes, NULL, 256 + (int)i };
            g_array_append_val(longs, row);
        }
        for (const char *l = o->letters;
             l != NULL && *l != '\0' && knows(o->letters_since, o->letters_strict || as_profile);
             l++) {
            g_string_append_c(letters, *l);
            g_string_append(letters, takes == required_argument ? ":" : "");
        }
    }
    *ret_longs = longs;
    return g_string_free(letters, FALSE);
}

static const CliOption *find_row(const Known *known, int found)
{
    for (guint i = 0; i < known->rows->len; i++) {
        const CliOption *o = g_ptr_array_index(known->rows, i);

        if (found == 256 + (int)i ||
            (found < 256 && o->letters != NULL && strchr(o->letters, found) != NULL)) {
            return o;
        }
    }
    return NULL;
}

/* Read argv as qemu-img of the profile would, or as all that we know. It is permuted. quiet:
 * getopt_long() says nothing. */
static Reading read_words(const Known *known, gboolean as_profile, gboolean quiet, int argc,
                          char **argv)
{
    Reading reading = { g_ptr_array_new_with_free_func(g_free), g_ptr_array_new(), 0, NULL };
    g_autoptr(GArray) longs = NULL;
    g_autofree char *letters = getopt_tables(known, as_profile, quiet, &longs);
    int found;

    optind = 0;
    while ((found = getopt_long(argc, argv, letters, (struct option *)(void *)longs->data, NULL)) !=
           -1) {
        const CliOption *o;

        if (found == '?' || found == ':') {
            reading.failed = found;
            reading.culprit = argv[optind - 1];
            return reading;
        }
        o = find_row(known, found);
        g_ptr_array_add(reading.options, o->value != NULL
                                             ? g_strdup_printf("--%s=%s", o->name, optarg)
                                             : g_strdup_printf("--%s", o->name));
    }
    for (int i = optind; i < argc; i++) {
        g_ptr_array_add(reading.words, argv[i]);
    }
    return reading;
}

/* Newer names work under every profile, unless the older meaning fits. */
static Reading read_words_as_profile(const Known *known, int argc, char **argv)
{
    g_autofree char **copy = g_memdup2(argv, sizeof *argv * ((gsize)argc + 1));
    Reading reading = read_words(known, TRUE, TRUE, argc, copy);

    if (reading.failed != 0) {
        g_autofree char **again = g_memdup2(argv, sizeof *argv * ((gsize)argc + 1));
        Reading newer = read_words(known, FALSE, TRUE, argc, again);

        if (newer.failed == 0) {
            reading_clear(&reading);
            return newer;
        }
        reading_clear(&newer);
    }
    return reading;
}

/* Read again, for getopt to say what is wrong, with name as the program's. */
static void let_getopt_say(const Known *known, const char *name, int argc, char **argv)
{
    g_autofree char **copy = g_memdup2(argv, sizeof *argv * ((gsize)argc + 1));
    g_autofree char *first = g_strdup(name);
    g_auto(Reading) again = { NULL };

    copy[0] = first;
    again = read_words(known, TRUE, FALSE, argc, copy);
}

/* Say what is wrong with the command line, in qemu-img's words or, since 10.1, in getopt's own. */
static int complain(const Known *known, const Reading *reading, int argc, char **argv)
{
    if (profile_has(FACT_GETOPT_WORDS)) {
        g_autofree char *name = g_strdup_printf("%s %s", g_get_prgname(), known->command->name);

        let_getopt_say(known, name, argc, argv);
        cli_try_help(known->command);
        return 1;
    }
    if (known->command->helps_on_error) {
        let_getopt_say(known, known->command->name, argc, argv);
        help_of_program();
        return 0;
    }
    return cli_usage_error(known->command,
                           reading->failed == ':' ? "missing argument for option '%s'"
                                                  : "unrecognized option '%s'",
                           reading->culprit);
}

static gboolean read_output(const CliOption *option, const char *value, GError **error)
{
    CliOutput *output = option->target;

    *output = g_str_equal(value, "human")  ? CLI_HUMAN
              : g_str_equal(value, "json") ? CLI_JSON
                                           : CLI_BAD_OUTPUT;
    if (*output == CLI_BAD_OUTPUT && option->output_strict && !profile_has(FACT_HELP_PER_COMMAND)) {
        return cli_output_valid(*output, error);
    }
    if (*output == CLI_BAD_OUTPUT && profile_has(FACT_HELP_PER_COMMAND)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_USAGE,
                    "--output expects 'human' or 'json', not '%s'", value);
        return FALSE;
    }
    return TRUE;
}

gboolean cli_output_valid(CliOutput output, GError **error)
{
    if (output == CLI_BAD_OUTPUT) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "--output must be used with human or json as argument.");
    }
    return output != CLI_BAD_OUTPUT;
}

/* GOption's callback: name is "--name"; value NULL for a flag. */
static gboolean take_option(const char *name, const char *value, gpointer data, GError **error)
{
    const Known *known = data;
    const CliOption *o = NULL;

    for (guint i = 0; i < known->rows->len; i++) {
        const CliOption *row = g_ptr_array_index(known->rows, i);

        if (g_str_equal(row->name, name + 2)) {
            o = row;
        }
    }
    switch (o->arg) {
    case CLI_FLAG:
        *(gboolean *)o->target = TRUE;
        break;
    case CLI_STRING:
        g_free(*(char **)o->target);
        *(char **)o->target = g_strdup(value);
        break;
    case CLI_OUTPUT:
        return read_output(o, value, error);
    case CLI_CALL:
    case CLI_END:
        return o->call(o, value, error);
    }
    return TRUE;
}

static gboolean hand_to_goption(const Known *known, const Reading *reading, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    GOptionGroup *group = g_option_group_new("options", "", "", (gpointer)known, NULL);
    g_autofree GOptionEntry *entries = g_new0(GOptionEntry, known->rows->len + 1);
    g_autofree char **words = g_new0(char *, reading->options->len + 2);
    int n_words = (int)reading->options->len + 1;
    char **argv = words;

    for (guint i = 0; i < known->rows->len; i++) {
        const CliOption *o = g_ptr_array_index(known->rows, i);

        entries[i].long_name = o->name;
        entries[i].arg = G_OPTION_ARG_CALLBACK;
        entries[i].arg_data = (gpointer)take_option;
        /* FILENAME: any bytes, as they are. */
        entries[i].flags = o->value != NULL ? G_OPTION_FLAG_FILENAME : G_OPTION_FLAG_NO_ARG;
    }
    g_option_group_add_entries(group, entries);
    g_option_context_set_main_group(context, group);
    g_option_context_set_help_enabled(context, FALSE);
    words[0] = (char *)known->command->name;
    for (guint i = 0; i < reading->options->len; i++) {
        words[i + 1] = g_ptr_array_index(reading->options, i);
    }
    return g_option_context_parse(context, &n_words, &argv, error);
}

static void release_values(const CliCommand *command)
{
    for (const CliOption *o = command->options; o->arg != CLI_END; o++) {
        if (o->arg == CLI_STRING) {
            g_clear_pointer((char **)o->target, g_free);
        }
    }
}

/* A subcommand without a table takes its words as they are. */
static int run_bare(const CliCommand *command, int argc, char **argv)
{
    CliOption help = { .target = (gpointer)command };
    g_autoptr(GError) error = NULL;

    for (int i = 1; i < argc; i++) {
        if (g_str_equal(argv[i], "--help") || g_str_equal(argv[i], "-h")) {
            help_of_command(&help, NULL, &error);
            return 0;
        }
    }
    return command->function(command, argc - 1, argv + 1);
}

/* Take a size out of argv that could be read as an option: before 10.1 the last word, whatever it
 * is; then a negative number, wherever it stands. NULL: there is none. */
static char *take_size(int *argc, char **argv)
{
    int at = *argc - 1;
    char *word;

    while (profile_has(FACT_HELP_PER_COMMAND) && at > 0 &&
           (argv[at][0] != '-' || !g_ascii_isdigit(argv[at][1]))) {
        at--;
    }
    if (at < 1) {
        return NULL;
    }
    word = argv[at];
    memmove(argv + at, argv + at + 1, sizeof *argv * (gsize)(*argc - at));
    --*argc;
    return word;
}

int cli_run(const CliCommand *command, int argc, char **argv)
{
    char *size = NULL;
    Known known;
    g_auto(Reading) reading = { NULL };
    g_autoptr(GError) error = NULL;
    int status;

    if (command->options == NULL) {
        return run_bare(command, argc, argv);
    }
    if (command->ends_with_size) {
        if (argc < 3 && !profile_has(FACT_HELP_PER_COMMAND)) {
            return cli_usage_error(command, "Not enough arguments");
        }
        size = take_size(&argc, argv);
    }
    known_init(&known, command);
    reading = read_words_as_profile(&known, argc, argv);
    if (!hand_to_goption(&known, &reading, &error)) {
        status = cli_fail(command, g_steal_pointer(&error));
    } else if (reading.failed != 0) {
        status = complain(&known, &reading, argc, argv);
    } else {
        if (size != NULL) {
            g_ptr_array_add(reading.words, size);
        }
        g_ptr_array_add(reading.words, NULL);
        status =
            command->function(command, (int)reading.words->len - 1, (char **)reading.words->pdata);
    }
    release_values(command);
    g_ptr_array_unref(known.rows);
    return status;
}
