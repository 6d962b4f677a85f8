/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the byte store and the host want from the options of a new image. */
#ifndef INSTAR_IMAGE_CREATION_H
#define INSTAR_IMAGE_CREATION_H

#include "image/image-private.h"

struct ImageCreation {
    IoCreate store;
    char *data_file;
    char *backing_format, *cipher_format;
    gboolean old_encryption;
    char *cipher_option; /* the first of those that only LUKS has, or of any */
    char *key_secret;    /* id; NULL: none is named */
    char *luks_secret;   /* of a format that is nothing but encryption */
};
void creation_clear(ImageCreation *creation);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImageCreation, creation_clear)

/* Read a props stream (NULL: none). prealloc: preallocation is the store's business, not the
 * format's. */
gboolean creation_take(GBytes *options, gboolean prealloc, ImageCreation *creation, GError **error);
/* FALSE, and format with the word made safe. */
gboolean creation_refuse(GError **error, const char *format, const char *word);

#endif
