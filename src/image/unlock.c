/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The secret of an encrypted image goes to its cell, and is gone from the table at once. */
#include "config.h"

#include "image/cipher.h"
#include "image/secret.h"

gboolean image_unlock(Image *img, const char *secret, GError **error)
{
    CellCall call = { .op = ABI_JOB_UNLOCK, .secret = TRUE };
    const guint8 *data;

    if (!secret_find_text(secret, &data, &call.in_length, error)) {
        return FALSE;
    }
    call.in = data;
    return image_call_cell(img, &call, NULL, error);
}
