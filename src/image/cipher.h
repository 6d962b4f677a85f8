/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data that is stored encrypted: extents whose codec is a cipher. */
#ifndef INSTAR_IMAGE_CIPHER_H
#define INSTAR_IMAGE_CIPHER_H

#include "image/image-private.h"

/* The bytes of e (DATA), decrypted by codec cpu worker + 1, or any (IMAGE_ANY_WORKER). */
gboolean image_cipher_read(Image *img, const struct abi_extent *e, guint8 *buf, guint worker,
                           GError **error);
/* Encrypt e->length bytes (NULL: zeros) to where e says. */
gboolean image_cipher_write(Image *img, const struct abi_extent *e, const guint8 *bytes,
                            guint worker, GError **error);

/* The question of an amend: the options and, where they are about key slots, what their secrets
 * stand for. A secret that is not there is left out; *ret_why (NULL before) says why. To be
 * overwritten, and freed with g_byte_array_unref(). */
GByteArray *image_amend_question(Image *img, GBytes *options, gboolean force, GError **ret_why);

/* Has an encrypted image a secret? Its lack is told before what its header lacks. */
gboolean image_check_secret(const Image *img, const ImageOptions *options, GError **error);
/* Is it something wrong with an encryption header, of whatever format? */
gboolean image_is_cipher_status(gint32 status);

/* Give the cell the secret with this id ("key-secret") for an image that was just opened. */
gboolean image_unlock(Image *img, const char *secret, GError **error);

#endif
