/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --object secret,id=...: the words are read and checked as qemu-img does; a
 * secret is known by its id from then on. Other types of objects are refused.
 */
#ifndef INSTAR_CLI_OBJECT_H
#define INSTAR_CLI_OBJECT_H

#include "cli/cli.h"

/* CLI_CALL of --object. */
gboolean object_option(const CliOption *option, const char *value, GError **error);

/* The row every command with images has. */
#define OBJECT_OPTION                                                                              \
    CLI_OPTION(CLI_CALL, "object", NULL, NULL, "OBJDEF", "define an object, such as a secret",     \
               .call = object_option)

#endif
