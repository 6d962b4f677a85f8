/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Storage that was preallocated and never written: bytes an image counts as data
 * but which are holes in its file. qemu-img looks for them only in images whose
 * file occupies far less than the clusters in use need, because asking the file
 * system for each cluster costs time.
 */
#ifndef INSTAR_COPY_HOLES_H
#define INSTAR_COPY_HOLES_H

#include "image/image.h"

/* What is known of one layer; begin with zeros. */
typedef struct {
    gboolean examined;
    gboolean worth; /* the layer may have such storage */
} CopyHoles;

/* Is there a hole in file at offset? *length, in bytes and at least 1, is cut to where the answer
 * changes. Answers FALSE where holes are not looked for and where the file cannot tell. */
gboolean copy_holes_look(CopyHoles *holes, Image *layer, IoFile *file, guint64 offset,
                         guint64 *length);

#endif
