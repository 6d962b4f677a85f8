/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which backing file an image names. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "abi/props.h"
#include "image/image-private.h"
#include "profile/profile.h"

/* Names are longer than anything a header holds long before this. */
#define MOST_NAME 4096u

/* A name without a format leads to probing, which newer versions do not record. */
static gboolean check_format(const char *name, const char *format, GError **error)
{
    if (name == NULL || format != NULL) {
        return TRUE;
    }
    if (profile_has(FACT_BACKING_FORMAT_NEEDED)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "backing format must be specified");
        return FALSE;
    }
    image_warn("Deprecated use of backing file without explicit backing format, use of this image "
               "requires potentially unsafe format probing");
    return TRUE;
}

static void put_name(struct props_writer *w, const char *key, const char *name)
{
    if (name != NULL) {
        props_bytes(w, key, name, (guint32)strlen(name));
    }
}

gboolean image_set_backing(Image *img, const char *name, const char *format, gint *ret_errno,
                           GError **error)
{
    guint8 bytes[4 * MOST_NAME];
    struct props_writer w = { .base = bytes, .size = sizeof bytes };
    CellCall call = { .op = ABI_JOB_CALL, .arg = { ABI_CALL_SET_BACKING }, .in = bytes };

    *ret_errno = EINVAL;
    if (name != NULL && *name == '\0') {
        name = NULL;
    }
    if (!check_format(name, format, error)) {
        return FALSE;
    }
    put_name(&w, "file", name);
    put_name(&w, "format", name != NULL ? format : NULL);
    if (w.full) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_NAME, g_strerror(EINVAL));
        return FALSE;
    }
    call.in_length = w.used;
    return image_call_cell(img, &call, ret_errno, error);
}

gboolean image_make_empty(Image *img, GError **error)
{
    CellCall call = { .op = ABI_JOB_CALL, .arg = { ABI_CALL_MAKE_EMPTY } };
    GError *why = NULL;
    gboolean ok = image_call_cell(img, &call, NULL, &why);

    image_forget(img);
    if (!ok && call.result.status == FMT_E_UNSUPPORTED) {
        why->code = IMAGE_ERROR_UNSUPPORTED;
    }
    if (!ok) {
        g_propagate_error(error, why);
    }
    return ok;
}
