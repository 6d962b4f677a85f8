/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --version and --help. */
#ifndef INSTAR_CLI_HELP_H
#define INSTAR_CLI_HELP_H

#include "cli/cli.h"

/* "qemu-img version X.Y.Z", then our own line. */
void help_version(void);
/* The program's --help. */
void help_of_program(void);
/* CLI_CALL of --help in a subcommand, whose CliCommand is option->target: its own help, or the
 * program's under profiles that have no other. Always FALSE with CLI_ERROR_DONE. */
gboolean help_of_command(const CliOption *option, const char *value, GError **error);

#endif
