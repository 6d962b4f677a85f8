/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <getopt.h>

#include "cell/cell.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/trace.h"

enum { OPTION_CELL = 256 };

static const struct option longs[] = {
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { "trace", required_argument, NULL, 'T' },
    { "cell", required_argument, NULL, OPTION_CELL },
    { NULL },
};

/* FALSE: stop with *ret_status. */
static gboolean take(int found, const char *culprit, int *ret_status)
{
    g_autoptr(GError) error = NULL;

    switch (found) {
    case 'h':
        help_of_program();
        *ret_status = 0;
        return FALSE;
    case 'V':
        help_version();
        *ret_status = 0;
        return FALSE;
    case ':':
        *ret_status = cli_usage_error(NULL, "missing argument for option '%s'", culprit);
        return FALSE;
    case '?':
        *ret_status = cli_usage_error(NULL, "unrecognized option '%s'", culprit);
        return FALSE;
    case 'T':
        trace_option(optarg, &error);
        break;
    case OPTION_CELL:
        cell_choose(optarg, &error);
        break;
    default:
        break;
    }
    if (error != NULL) {
        *ret_status = cli_fail(NULL, g_steal_pointer(&error));
        return FALSE;
    }
    return TRUE;
}

gboolean cli_read_global(int argc, char **argv, int *ret_at, int *ret_status)
{
    int found;

    optind = 0;
    /* "+": what follows the subcommand's name is the subcommand's. */
    while ((found = getopt_long(argc, argv, "+:hVT:", longs, NULL)) != -1) {
        if (!take(found, argv[optind - 1], ret_status)) {
            return FALSE;
        }
    }
    *ret_at = optind;
    return TRUE;
}
