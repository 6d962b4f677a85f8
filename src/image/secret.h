/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secrets by their ids (--object secret,id=...): passphrases and keys, for the whole program.
 * They are overwritten when the program ends.
 */
#ifndef INSTAR_IMAGE_SECRET_H
#define INSTAR_IMAGE_SECRET_H

#include <glib.h>

/* Take data (g_malloc, length bytes) under an id; FALSE, and nothing taken, if there is one of that
 * name. */
gboolean secret_add(const char *id, guint8 *data, gsize length);
/* The bytes of a secret, borrowed. "No secret with id 'x'". */
gboolean secret_find(const char *id, const guint8 **ret_data, gsize *ret_length, GError **error);
/* A passphrase: must be UTF-8, and ends at its first zero byte. */
gboolean secret_find_text(const char *id, const guint8 **ret_data, gsize *ret_length,
                          GError **error);
/* Append a passphrase, as a string property, to a stream. FALSE leaves the stream as it was. */
gboolean secret_append(GByteArray *props, const char *key, const char *id, GError **error);
void secret_append_bool(GByteArray *props, const char *key, gboolean value);
/* Append "seed": random bytes for a cell that draws keys from them. */
void secret_append_seed(GByteArray *props);
/* Overwrite length bytes so that no compiler leaves it out. */
void secret_wipe(void *p, gsize length);

#endif
