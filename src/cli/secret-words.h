/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands behind "--object secret,id=...": where the bytes come from, and how they are written. */
#ifndef INSTAR_CLI_SECRET_WORDS_H
#define INSTAR_CLI_SECRET_WORDS_H

#include <glib.h>

/* As given, NULL where nothing was; either data or file is there. */
typedef struct {
    const char *id;     /* its own */
    const char *format; /* "raw" or "base64" */
    const char *keyid;  /* id of the secret that holds the AES-256 key of the bytes */
    const char *iv;     /* base64, 16 bytes */
    const char *data, *file;
} SecretWords;

/* The bytes themselves; to be overwritten and freed with g_free. Errors are CLI_ERROR_FAILED, or
 * those of the secret named by keyid. */
gboolean secret_make(const SecretWords *words, guint8 **ret_data, gsize *ret_length,
                     GError **error);

#endif
