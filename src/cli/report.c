/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>

#include "cli/cli.h"
#include "profile/profile.h"

G_DEFINE_QUARK(instar - cli - error - quark, cli_error)

/* stdio, as g_printerr() would rewrite bytes that are not UTF-8. */
static void report(const char *message)
{
    fprintf(stderr, "%s: %s\n", g_get_prgname(), message);
}

static void report_args(const char *format, va_list args) G_GNUC_PRINTF(1, 0);
static void report_args(const char *format, va_list args)
{
    g_autofree char *message = g_strdup_vprintf(format, args);

    report(message);
}

void cli_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report_args(format, args);
    va_end(args);
}

void cli_try_help(const CliCommand *command)
{
    if (command != NULL && profile_has(FACT_HELP_PER_COMMAND)) {
        fprintf(stderr, "Try 'qemu-img %s --help' for more information\n", command->name);
    } else {
        fputs("Try 'qemu-img --help' for more information\n", stderr);
    }
}

int cli_usage_error(const CliCommand *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report_args(format, args);
    va_end(args);
    cli_try_help(command);
    return 1;
}

int cli_fail(const CliCommand *command, GError *error)
{
    int status = command != NULL && command->failure != 0 ? command->failure : 1;

    if (g_error_matches(error, CLI_ERROR, CLI_ERROR_DONE)) {
        status = 0;
    } else if (!g_error_matches(error, CLI_ERROR, CLI_ERROR_SILENT)) {
        report(error->message);
        if (g_error_matches(error, CLI_ERROR, CLI_ERROR_USAGE)) {
            cli_try_help(command);
            status = 1;
        }
    }
    g_error_free(error);
    return status;
}
