/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One persistent bitmap of an image that is open for writing is changed, step by step. Errors are
 * in qemu-img's words. What was done before a step failed stands; copy_bitmap_edit_store() brings
 * it to the image, of any outcome.
 */
#ifndef INSTAR_COPY_BITMAP_EDIT_H
#define INSTAR_COPY_BITMAP_EDIT_H

#include "image/image.h"

typedef struct CopyBitmapEdit CopyBitmapEdit;

/* name is what the user calls it, NULL: of no single one. img and name must stay. */
CopyBitmapEdit *copy_bitmap_edit_new(Image *img, const char *name, GError **error);
void copy_bitmap_edit_free(CopyBitmapEdit *edit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CopyBitmapEdit, copy_bitmap_edit_free)

/* granularity: bytes; 0: as the cluster size, within 4 KiB and 64 KiB. */
gboolean copy_bitmap_edit_add(CopyBitmapEdit *edit, guint64 granularity, GError **error);
/* On the disk at once. */
gboolean copy_bitmap_edit_remove(CopyBitmapEdit *edit, GError **error);
/* This one, and each other that the image has, in any state; on the disk at once, one after the
 * other. None is no error. */
gboolean copy_bitmap_edit_remove_all(CopyBitmapEdit *edit, GError **error);
gboolean copy_bitmap_edit_clear(CopyBitmapEdit *edit, GError **error);
gboolean copy_bitmap_edit_enable(CopyBitmapEdit *edit, gboolean enabled, GError **error);
/* What the bitmap called name of source records is recorded by this one, too; source may be the
 * image itself, and must stay. */
gboolean copy_bitmap_edit_merge(CopyBitmapEdit *edit, Image *source, const char *name,
                                GError **error);
/* All of it to the image; not closed. */
gboolean copy_bitmap_edit_store(CopyBitmapEdit *edit, GError **error);

#endif
