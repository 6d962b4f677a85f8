/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "copy/bitmaps.h"
#include "image/words.h"

/* Bytes of a question beside the bits it carries: a name and a few members. */
#define QUESTION_ROOM 4096u

/* A question being put together. */
typedef struct {
    guint8 *bytes;
    struct props_writer props;
} Question;

static void question_clear(Question *q)
{
    g_clear_pointer(&q->bytes, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Question, question_clear)

static void question_begin(Question *q, const char *action, guint32 room)
{
    q->bytes = g_malloc(QUESTION_ROOM + room);
    q->props = (struct props_writer){ .base = q->bytes, .size = QUESTION_ROOM + room };
    props_string(&q->props, "action", action);
}

static void put_name(Question *q, const CopyBitmap *b)
{
    gsize length;
    const void *name = g_bytes_get_data(b->name, &length);

    props_bytes(&q->props, "name", name, (guint32)length);
}

static GBytes *ask(Image *img, Question *q, GError **error)
{
    g_autoptr(GBytes) in = g_bytes_new_static(q->bytes, q->props.used);

    return image_call(img, ABI_CALL_BITMAP, in, error);
}

static gboolean tell(Image *img, Question *q, GError **error)
{
    g_autoptr(GBytes) answer = ask(img, q, error);

    return answer != NULL;
}

static void bitmap_free(gpointer data)
{
    CopyBitmap *b = data;

    g_bytes_unref(b->name);
    g_free(b);
}

static gboolean is_key(const struct props_item *item, const char *key)
{
    return item->key_length == strlen(key) && memcmp(item->key, key, item->key_length) == 0;
}

static CopyBitmap *take_bitmap(struct props_reader *reader)
{
    CopyBitmap *b = g_new0(CopyBitmap, 1);
    struct props_item item;

    while (props_next(reader, &item) > 0 && item.type != ABI_PROP_END) {
        if (is_key(&item, "name") && b->name == NULL) {
            b->name = g_bytes_new(item.value, MIN(item.value_length, ABI_MAX_NAME));
        } else if (is_key(&item, "granularity")) {
            b->granularity = item.number;
        } else if (is_key(&item, "enabled")) {
            b->enabled = item.number != 0;
        } else if (is_key(&item, "inconsistent")) {
            b->inconsistent = item.number != 0;
        } else if (is_key(&item, "entry")) {
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
            g_ptr_array_add(bitmaps, take_bitmap(&reader));
        } else if (is_key(&item, "size") && ret_size != NULL) {
            *ret_size = item.number;
        } else if (is_key(&item, "next")) {
            /* a list that does not go on is at its end */
            more = item.number > *from;
            *from = item.number;
        }
    }
    return more;
}

GPtrArray *copy_bitmaps_list(Image *img, guint64 *ret_size, GError **error)
{
    g_autoptr(GPtrArray) bitmaps = g_ptr_array_new_with_free_func(bitmap_free);
    guint64 from = 0;
    gboolean more = TRUE;

    while (more) {
        g_auto(Question) q = { 0 };
        g_autoptr(GBytes) answer = NULL;

        question_begin(&q, "list", 0);
        props_u64(&q.props, "from", from);
        answer = ask(img, &q, error);
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
    g_auto(Question) q = { 0 };

    question_begin(&q, "add", 0);
    put_name(&q, b);
    props_u64(&q.props, "granularity", b->granularity);
    props_bool(&q.props, "enabled", b->enabled);
    props_bool(&q.props, "dry-run", dry_run);
    if (!tell(target, &q, error)) {
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
    g_auto(Question) read = { 0 }, set = { 0 };
    g_autoptr(GBytes) answer = NULL;
    struct props_reader reader = { 0 };
    struct props_item item;
    const guint8 *bits = NULL;
    guint32 n = 0;
    guint64 start = *at;
    gsize length;

    question_begin(&read, "read", 0);
    props_u64(&read.props, "entry", b->entry);
    props_u64(&read.props, "at", *at);
    answer = ask(source, &read, error);
    if (answer == NULL) {
        return FALSE;
    }
    reader.base = g_bytes_get_data(answer, &length);
    reader.size = (guint32)length;
    while (props_next(&reader, &item) > 0) {
        if (is_key(&item, "at")) {
            start = item.number;
        } else if (is_key(&item, "bits")) {
            bits = item.value;
            n = item.value_length;
        }
    }
    *ret_more = n > 0 && start >= *at && start < G_MAXUINT64 - n;
    if (!*ret_more) {
        return TRUE;
    }
    *at = start + n;
    question_begin(&set, "set", n);
    put_name(&set, b);
    props_u64(&set.props, "at", start);
    props_bytes(&set.props, "bits", bits, n);
    return tell(target, &set, error);
}

static gboolean copy_one(Image *source, Image *target, const CopyBitmap *b, GError **error)
{
    g_auto(Question) begin = { 0 };
    guint64 at = 0;
    gboolean more = TRUE;

    /* its turn, even if nothing is set in it: where its table lies depends on that */
    question_begin(&begin, "set", 0);
    put_name(&begin, b);
    if (!tell(target, &begin, error)) {
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
    g_auto(Question) last = { 0 };
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
            question_begin(&last, "drop", 0);
            tell(target, &last, NULL);
            return FALSE;
        }
    }
    question_begin(&last, "store", 0);
    if (!tell(target, &last, ok ? error : &late)) {
        return FALSE;
    }
    return ok;
}
