/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The target of a conversion: made, or found, and opened. */
#ifndef INSTAR_CLI_CONVERT_TARGET_H
#define INSTAR_CLI_CONVERT_TARGET_H

#include "image/image.h"

#define CONVERT_KEY_SECRETS 2u /* options that name one */

typedef struct {
    /* what is wanted; strings are borrowed */
    const char *filename;
    const char *format;                   /* NULL: told by image_opts */
    const char *options;                  /* -o, joined; NULL: none */
    const char *backing, *backing_format; /* -B, -F */
    const char *cache_word;
    gboolean image_opts;
    gboolean exists;       /* -n */
    gboolean claimed_zero; /* --target-is-zero */
    gboolean compress, sparse, bitmaps, skip_broken;
    /* what convert_target_open() finds */
    Image *img;
    gboolean has_backing;              /* as the user says: -B */
    guint64 backing_size;              /* of the target's real backing file; else G_MAXUINT64 */
    gboolean is_zero;                  /* what is not written reads as zeros */
    char *secret[CONVERT_KEY_SECRETS]; /* ids the new image was encrypted with; NULL: not */
    gboolean direct;                   /* written without the page cache, or a device */
} ConvertTarget;

/* Make (unless it exists) and open the target for total bytes from the sources. Messages are
 * whole. */
gboolean convert_target_open(ConvertTarget *target, GPtrArray *sources, guint64 total,
                             GError **error);
void convert_target_clear(ConvertTarget *target);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ConvertTarget, convert_target_clear)

#endif
