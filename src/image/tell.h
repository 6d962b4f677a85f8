/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of a driver (ABI_PROP_MESSAGE), said on the stream they name. */
#ifndef INSTAR_IMAGE_TELL_H
#define INSTAR_IMAGE_TELL_H

#include <glib.h>
#include "abi/props.h"

/* item is of type ABI_PROP_MESSAGE, as read by props_next(). */
void image_tell(const struct props_item *item);
/* All messages of a stream; other records are passed over. FALSE if it is malformed. */
gboolean image_tell_all(const guint8 *props, gsize length);

#endif
