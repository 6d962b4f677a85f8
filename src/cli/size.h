/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes on the command line. */
#ifndef INSTAR_CLI_SIZE_H
#define INSTAR_CLI_SIZE_H

#include "image/size.h"

/* size_parse() for an argument of the command line: what is "image size" or so, min and max are both
 * included. The message is qemu-img's. */
gboolean size_argument(const char *what, const char *text, gint64 min, gint64 max,
                       gint64 *ret_bytes, GError **error);

#endif
