/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "copy/bitmap-ask.h"

/* Bytes of a question beside the bits it carries: a name and a few members. */
#define QUESTION_ROOM 4096u

void bitmap_question_clear(BitmapQuestion *q)
{
    g_clear_pointer(&q->bytes, g_free);
}

void bitmap_question_begin(BitmapQuestion *q, const char *action, guint32 room)
{
    q->bytes = g_malloc(QUESTION_ROOM + room);
    q->props = (struct props_writer){ .base = q->bytes, .size = QUESTION_ROOM + room };
    props_string(&q->props, "action", action);
}

void bitmap_question_name(BitmapQuestion *q, const CopyBitmap *b)
{
    gsize length;
    const void *name = g_bytes_get_data(b->name, &length);

    props_bytes(&q->props, "name", name, (guint32)length);
}

GBytes *bitmap_ask(Image *img, BitmapQuestion *q, GError **error)
{
    g_autoptr(GBytes) in = g_bytes_new_static(q->bytes, q->props.used);

    return image_call(img, ABI_CALL_BITMAP, in, error);
}

gboolean bitmap_tell(Image *img, BitmapQuestion *q, GError **error)
{
    g_autoptr(GBytes) answer = bitmap_ask(img, q, error);

    return answer != NULL;
}

gboolean bitmap_bits(GBytes *answer, guint64 from, BitmapBits *ret_bits)
{
    struct props_reader reader = { 0 };
    struct props_item item;
    BitmapBits bits = { .at = from };
    gsize length;

    reader.base = g_bytes_get_data(answer, &length);
    reader.size = (guint32)length;
    while (props_next(&reader, &item) > 0) {
        if (props_is(&item, "at")) {
            bits.at = item.number;
        } else if (props_is(&item, "bits")) {
            bits.bytes = item.value;
            bits.n = item.value_length;
        }
    }
    *ret_bits = bits;
    return bits.n > 0 && bits.at >= from && bits.at < G_MAXUINT64 - bits.n;
}
