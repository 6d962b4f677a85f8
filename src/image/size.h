/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and sizes as qemu reads them. */
#ifndef INSTAR_IMAGE_SIZE_H
#define INSTAR_IMAGE_SIZE_H

#include <glib.h>

typedef enum { SIZE_OK, SIZE_INVALID, SIZE_TOO_LARGE } SizeVerdict;

/* "512", "0x200", "1.5G", "64k": bytes below 2^64. Suffixes b k M G T P E in either case; a
 * fraction needs a suffix above b and is rounded to the next byte. Warns on stderr about a suffix on a hexadecimal number. */
SizeVerdict size_parse(const char *text, guint64 *ret_bytes);
/* A whole number in C's notation, no suffix; a minus sign wraps around as strtoull's does. */
SizeVerdict size_parse_number(const char *text, guint64 *ret_number);

#endif
