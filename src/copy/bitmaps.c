/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "copy/bitmap-ask.h"
#include "copy/bitmaps.h"
#include "image/words.h"

void copy_bitmap_free(gpointer data)
{
    CopyBitmap *b = data;

    g_bytes_unref(b->name);
    g_free(b);
}

CopyBitmap *copy_bitmap_take(struct props_reader *reader)
{
    CopyBitmap *b = g_new0(CopyBitmap, 1);
    struct props_item item;

    while (props_next(reader, &item) > 0 && item.type != ABI_PROP_END) {
        if (props_is(&item, "name") && b->name == NULL) {
            b->name = g_bytes_new(item.value, MIN(item.value_length, ABI_MAX_NAME));
        } else if (props_is(&item, "granularity")) {
            b->granularity = item.number;
        } else if (props_is(&item, "enabled")) {
            b->enabled = item.number != 0;
        } else if (props_is(&item, "inconsistent")) {
            b->inconsistent = item.number != 0;
        } else if (props_is(&item, "entry")) {
            b->entry = item.number;
        }
    }
    if (b->name == NULL) {
        b->name = g_bytes_new(NULL, 0);
    }
    return b;
}

/* Take one answer to "list"; *from becomes where the next one begins. */
static gboolean take_list(GBytes *answer, GPtrArray *bitmaps, guint64 *ret_size, guint64 *from)
{
    struct props_reader reader = { 0 };
    struct props_item item;
    gboolean more = FALSE;
    gsize length;

    reader.base = g_bytes_get_data(answer, &length);
    reader.size = (guint32)length;
    while (props_next(&reader, &item) > 0) {
        if (item.type == ABI_PROP_OBJECT) {
            g_ptr_array_add(bitmaps, copy_bitmap_take(&reader));
        } else if (props_is(&item, "size") && ret_size != NULL) {
            *ret_size = item.number;
        } else if (props_is(&item, "next")) {
            /* a list that does not go on is at its end */
            more = item.number > *from;
            *from = item.number;
        }
    }
    return more;
}

GPtrArray *copy_bitmaps_list(Image *img, guint64 *ret_size, GError **error)
{
    g_autoptr(GPtrArray) bitmaps = g_ptr_array_new_with_free_func(copy_bitmap_free);
    guint64 from = 0;
    gboolean more = TRUE;

    while (more) {
        g_auto(BitmapQuestion) q = { 0 };
        g_autoptr(GBytes) answer = NULL;

        bitmap_question_begin(&q, "list", 0);
        props_u64(&q.props, "from", from);
        answer = bitmap_ask(img, &q, error);
        if (answer == NULL) {
            return NULL;
        }
        more = take_list(answer, bitmaps, ret_size, &from);
    }
    return g_steal_pointer(&bitmaps);
}

static char *name_of(const CopyBitmap *b)
{
    gsize length;
    const void *name = g_bytes_get_data(b->name, &length);

    return words_printable(name, length);
}

/* qemu-img goes through them from the last to the first. */
gboolean copy_bitmaps_check(GPtrArray *bitmaps, GError **error)
{
    for (guint i = bitmaps->len; i > 0; i--) {
        const CopyBitmap *b = bitmaps->pdata[i - 1];

        if (b->inconsistent) {
            g_autofree char *name = name_of(b);
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                        "Cannot copy inconsistent bitmap '%s'\nTry --skip-broken-bitmaps, or use "
                        "'qemu-img bitmap --remove' to delete it",
                        name);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean add(Image *target, const CopyBitmap *b, gboolean dry_run, GError **error)
{
    g_auto(BitmapQuestion) q = { 0 };

    if (g_bytes_get_size(b->name) == 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                    "Failed to create bitmap : Bitmap name cannot be empty");
        return FALSE;
    }
    bitmap_question_begin(&q, "add", 0);
    bitmap_question_name(&q, b);
    props_u64(&q.props, "granularity", b->granularity);
    props_bool(&q.props, "enabled", b->enabled);
    props_bool(&q.props, "dry-run", dry_run);
    if (!bitmap_tell(target, &q, error)) {
        g_autofree char *name = name_of(b);
        g_prefix_error(error, "Failed to create bitmap %s: ", name);
        return FALSE;
    }
    return TRUE;
}

/* Add them; *ret_added: so many of the last ones are. */
static gboolean add_all(GPtrArray *bitmaps, Image *target, guint64 size, guint *ret_added,
                        GError **error)
{
    guint64 target_size = image_facts(target)->virtual_size;

    for (*ret_added = 0; *ret_added < bitmaps->len; ++*ret_added) {
        const CopyBitmap *b = bitmaps->pdata[bitmaps->len - 1 - *ret_added];
        g_autofree char *name = name_of(b);

        if (b->inconsistent) {
            image_warn("Skipping inconsistent bitmap '%s'", name);
            continue;
        }
        if (!add(target, b, size != target_size, error)) {
            return FALSE;
        }
        if (size != target_size) {
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                        "Failed to populate bitmap %s: Bitmaps are of different sizes (destination "
                        "size is %" G_GUINT64_FORMAT ", source size is %" G_GUINT64_FORMAT ") and "
                        "can't be merged",
                        name, target_size, size);
            return FALSE;
        }
    }
    return TRUE;
}

/* The next bits of b from *at on to the target; *ret_more FALSE: there are none. */
static gboolean copy_bits(Image *source, Image *target, const CopyBitmap *b, guint64 *at,
                          gboolean *ret_more, GError **error)
{
    g_auto(BitmapQuestion) read = { 0 }, set = { 0 };
    g_autoptr(GBytes) answer = NULL;
    BitmapBits bits;

    bitmap_question_begin(&read, "read", 0);
    props_u64(&read.props, "entry", b->entry);
    props_u64(&read.props, "at", *at);
    answer = bitmap_ask(source, &read, error);
    if (answer == NULL) {
        return FALSE;
    }
    *ret_more = bitmap_bits(answer, *at, &bits);
    if (!*ret_more) {
        return TRUE;
    }
    *at = bits.at + bits.n;
    bitmap_question_begin(&set, "set", bits.n);
    bitmap_question_name(&set, b);
    props_u64(&set.props, "at", bits.at);
    props_bytes(&set.props, "bits", bits.bytes, bits.n);
    return bitmap_tell(target, &set, error);
}

static gboolean copy_one(Image *source, Image *target, const CopyBitmap *b, GError **error)
{
    g_auto(BitmapQuestion) begin = { 0 };
    guint64 at = 0;
    gboolean more = TRUE;

    /* its turn, even if nothing is set in it: where its table lies depends on that */
    bitmap_question_begin(&begin, "set", 0);
    bitmap_question_name(&begin, b);
    if (!bitmap_tell(target, &begin, error)) {
        return FALSE;
    }
    while (more) {
        if (!copy_bits(source, target, b, &at, &more, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean copy_bitmaps(Image *source, Image *target, GError **error)
{
    guint64 size = 0;
    g_autoptr(GPtrArray) bitmaps = copy_bitmaps_list(source, &size, error);
    g_autoptr(GError) late = NULL;
    g_auto(BitmapQuestion) last = { 0 };
    guint added = 0;
    gboolean ok;

    if (bitmaps == NULL) {
        return FALSE;
    }
    ok = add_all(bitmaps, target, size, &added, error);
    for (guint i = bitmaps->len - added; i < bitmaps->len; i++) {
        const CopyBitmap *b = bitmaps->pdata[i];

        if (!b->inconsistent && !copy_one(source, target, b, ok ? error : &late)) {
            g_autofree char *name = name_of(b);
            g_prefix_error(ok ? error : &late, "Failed to populate bitmap %s: ", name);
            /* half a bitmap is worth nothing */
            bitmap_question_begin(&last, "drop", 0);
            bitmap_tell(target, &last, NULL);
            return FALSE;
        }
    }
    bitmap_question_begin(&last, "store", 0);
    if (!bitmap_tell(target, &last, ok ? error : &late)) {
        return FALSE;
    }
    return ok;
}
