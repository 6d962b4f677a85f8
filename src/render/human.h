/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pieces of qemu-img's human output. */
#ifndef INSTAR_RENDER_HUMAN_H
#define INSTAR_RENDER_HUMAN_H

#include "render/value.h"

/* "1.31 MiB": three digits, units of 1024 from B to EiB. Free with g_free. */
char *human_size(guint64 bytes);
/* Append the members of an object or list, one a line, each indent * 4 columns in; what is below
 * them goes deeper. Dashes of keys become spaces. Strings are made safe for a terminal. */
void human_append_tree(GString *out, const Value *value, guint indent);

#endif
