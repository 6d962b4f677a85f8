/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What "check" tells. */
#ifndef INSTAR_RENDER_CHECK_H
#define INSTAR_RENDER_CHECK_H

#include "abi/abi.h"
#include "render/value.h"

/* The object of --output=json. Free with value_free. */
Value *check_collect(const char *filename, const char *format, const struct abi_check *check);
/* The same as text on stdout. */
void check_print(const struct abi_check *check);
/* What was found while checking, in order: a stream of ABI_PROP_MESSAGE, each to stdout or stderr.
 * FALSE if the stream is malformed. */
gboolean check_print_messages(GBytes *messages);

#endif
