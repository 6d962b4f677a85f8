/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What "info" tells about an image, as a value tree and as text. */
#ifndef INSTAR_RENDER_INFO_H
#define INSTAR_RENDER_INFO_H

#include "image/image.h"
#include "render/value.h"

/* The object of --output=json for one layer: an object with qemu's member names, those the active
 * profile has. Asks the cell for snapshots and format-specific data. Free with value_free. */
Value *info_collect(Image *img, GError **error);
/* An object whose member "snapshots" is the list of them, of a format image. Free likewise. */
Value *info_collect_snapshots(Image *img, GError **error);
/* What info_collect() told, as text on stdout. named_by_image: the file name, too, came out of an image. */
void info_print(const Value *info, gboolean named_by_image);
/* "ID  TAG ..." and a line for each of a list of snapshots. */
void info_append_snapshots(GString *out, const Value *snapshots);

#endif
