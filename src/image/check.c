/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "image/image-private.h"

gboolean image_check(Image *img, guint32 fix, struct abi_check *ret_check, GBytes **ret_messages,
                     GError **error)
{
    g_autofree guint8 *out = g_malloc(ABI_TABLE_SIZE);
    g_autoptr(GByteArray) messages = NULL;
    CellCall call = { .op = ABI_JOB_CHECK, .arg = { fix }, .out = out, .out_size = ABI_TABLE_SIZE };
    gint code = 0;
    gboolean ok = image_call_cell(img, &call, &code, error);

    /* what did not fit into the last answer was told already */
    messages = g_byte_array_new();
    if (!ok) {
        /* What was found until then is told all the same. */
        *ret_messages = g_byte_array_free_to_bytes(g_steal_pointer(&messages));
        if (call.result.status == FMT_E_UNSUPPORTED && error != NULL) {
            (*error)->code = IMAGE_ERROR_UNSUPPORTED;
        } else if (call.result.status < 0 && error != NULL) {
            g_clear_error(error);
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "Check failed: %s", g_strerror(code));
        }
        return FALSE;
    }
    if (call.out_length < sizeof *ret_check) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "The cell's answer is too short");
        return FALSE;
    }
    memcpy(ret_check, out, sizeof *ret_check);
    g_byte_array_append(messages, out + sizeof *ret_check,
                        (guint)(call.out_length - sizeof *ret_check));
    *ret_messages = g_byte_array_free_to_bytes(g_steal_pointer(&messages));
    if (fix != 0) {
        image_forget(img);
    }
    return TRUE;
}
