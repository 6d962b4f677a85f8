/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions of ABI_CALL_BITMAP to a driver, and their answers (see format/qcow2-bitmap.h). */
#ifndef INSTAR_COPY_BITMAP_ASK_H
#define INSTAR_COPY_BITMAP_ASK_H

#include "abi/props.h"
#include "copy/bitmaps.h"

/* A question being put together: props takes its members. */
typedef struct {
    guint8 *bytes;
    struct props_writer props;
} BitmapQuestion;

void bitmap_question_clear(BitmapQuestion *q);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BitmapQuestion, bitmap_question_clear)

/* room: bytes that it carries beside a name and a few members. */
void bitmap_question_begin(BitmapQuestion *q, const char *action, guint32 room);
void bitmap_question_name(BitmapQuestion *q, const CopyBitmap *b);
GBytes *bitmap_ask(Image *img, BitmapQuestion *q, GError **error);
/* The same where nothing is answered. */
gboolean bitmap_tell(Image *img, BitmapQuestion *q, GError **error);

/* The members of an object "bitmap", to its end. Free with copy_bitmap_free. */
CopyBitmap *copy_bitmap_take(struct props_reader *reader);
void copy_bitmap_free(gpointer bitmap);

/* Bits of an answer to "read"; they belong to the answer. */
typedef struct {
    guint64 at; /* byte of the bitmap */
    const guint8 *bytes;
    guint32 n;
} BitmapBits;
/* FALSE: there are none from byte "from" on. */
gboolean bitmap_bits(GBytes *answer, guint64 from, BitmapBits *ret_bits);

#endif
