/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON of qemu: strings may stand in single quotes and know the escape \',
 * there is exactly one value, no member comes twice, and mistakes have words of
 * their own. What is allowed was found by running qemu-img.
 */
#ifndef INSTAR_IMAGE_JSON_DIALECT_H
#define INSTAR_IMAGE_JSON_DIALECT_H

#include <glib.h>

/* Objects and arrays within each other, as qemu has it. */
#define JSON_DIALECT_DEPTH 1024u

/* The same value in plain JSON (RFC 8259), UTF-8, for a library to read; free with g_free. A whole
 * number that is too large for 64 bits with a sign, but not for 64 without, becomes a string, a
 * larger one gets a fraction. NULL and an error (IMAGE_ERROR_NAME), in qemu's words, for text that
 * qemu does not take. */
char *json_dialect_to_plain(const char *text, GError **error);

#endif
