/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions and option tables of the subcommands, for commands.c and tests. */
#ifndef INSTAR_CLI_COMMANDS_H
#define INSTAR_CLI_COMMANDS_H

#include "cli/cli.h"

int cmd_later(const CliCommand *self, int n_args, char **args);

#endif
