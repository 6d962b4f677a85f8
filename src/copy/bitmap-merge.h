/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bits of some bitmaps set in one of another image, in the order of the disk. */
#ifndef INSTAR_COPY_BITMAP_MERGE_H
#define INSTAR_COPY_BITMAP_MERGE_H

#include "copy/bitmaps.h"

typedef struct BitmapMerge BitmapMerge;

/* What is to be merged: bitmap of source, about size bytes of disk. source must stay. */
BitmapMerge *bitmap_merge_new(Image *source, const CopyBitmap *bitmap, guint64 size);
void bitmap_merge_free(BitmapMerge *merge);
/* All of them (GPtrArray of BitmapMerge) into that bitmap of target. */
gboolean bitmap_merge_all(GPtrArray *merges, Image *target, const CopyBitmap *bitmap,
                          GError **error);

#endif
