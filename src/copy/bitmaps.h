/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Persistent bitmaps of an image, listed and copied by ABI_CALL_BITMAP of its driver. */
#ifndef INSTAR_COPY_BITMAPS_H
#define INSTAR_COPY_BITMAPS_H

#include "image/image.h"

/* Bytes of the longest name that can be kept. */
#define COPY_BITMAP_MAX_NAME 1023

typedef struct {
    GBytes *name;          /* as recorded, any bytes */
    guint64 granularity;   /* bytes of disk a bit stands for */
    gboolean enabled;      /* records what is written */
    gboolean inconsistent; /* its content is worth nothing */
    guint64 entry;         /* the driver's word for it */
} CopyBitmap;

/* The bitmaps in the order of info, as CopyBitmap; *ret_size (may be NULL) is how many bytes of
 * disk they are about. Free with g_ptr_array_unref. */
GPtrArray *copy_bitmaps_list(Image *img, guint64 *ret_size, GError **error);
/* FALSE and qemu-img's words if one of them cannot be copied: it is inconsistent. */
gboolean copy_bitmaps_check(GPtrArray *bitmaps, GError **error);
/* Copy the bitmaps of source, which has a driver that knows them, to target; inconsistent ones are
 * left out with a warning. After a failure the target keeps those that were added before, as
 * qemu-img has it. Call it when all data is written; not closed. */
gboolean copy_bitmaps(Image *source, Image *target, GError **error);

#endif
