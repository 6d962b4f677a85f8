/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -T/--trace [[enable=]PATTERN][,events=FILE][,file=FILE]: accepted and checked as
 * qemu-img does. There are no trace events here, so a pattern without wildcards
 * is an event that does not exist.
 */
#ifndef INSTAR_CLI_TRACE_H
#define INSTAR_CLI_TRACE_H

#include <glib.h>

/* One -T. FALSE with a message, or CLI_ERROR_DONE for "help". */
gboolean trace_option(const char *words, GError **error);

#endif
