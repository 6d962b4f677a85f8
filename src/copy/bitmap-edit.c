/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "copy/bitmap-ask.h"
#include "copy/bitmap-edit.h"
#include "copy/bitmap-merge.h"

/* Of the granularity that nobody chose. */
#define LEAST_DEFAULT 4096u
#define MOST_DEFAULT 65536u
#define LEAST_GRANULARITY 512u
/* How qemu-img calls the node of an image that has no name: the last digits vary there. */
#define NODE "#block100"

struct CopyBitmapEdit {
    Image *img;
    const char *name;
    CopyBitmap *bitmap; /* NULL: it is not there */
    GPtrArray *merges;  /* of BitmapMerge, since it was cleared last */
};

static gboolean refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static gboolean refuse(GError **error, const char *format, ...)
{
    g_autofree char *words = NULL;
    va_list args;

    va_start(args, format);
    words = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, words);
    return FALSE;
}

/* Does its format know of bitmaps? Whether this image can hold one is the driver's to say. */
static gboolean has_bitmaps(const Image *img)
{
    return (image_facts(img)->flags & ABI_FACT_BITMAP_CALL) != 0;
}

/* The bitmap called name of img. *ret NULL: there is none. */
static gboolean find(Image *img, const char *name, CopyBitmap **ret, guint64 *ret_size,
                     GError **error)
{
    g_auto(BitmapQuestion) q = { 0 };
    g_autoptr(GBytes) answer = NULL;
    struct props_reader reader = { 0 };
    struct props_item item;
    gsize length;

    *ret = NULL;
    /* longer than any name can be: the question has no room for it */
    if (!has_bitmaps(img) || *name == '\0' || strlen(name) > G_MAXUINT16 / 32) {
        return TRUE;
    }
    bitmap_question_begin(&q, "find", 0);
    props_string(&q.props, "name", name);
    answer = bitmap_ask(img, &q, error);
    if (answer == NULL) {
        return FALSE;
    }
    reader.base = g_bytes_get_data(answer, &length);
    reader.size = (guint32)length;
    while (props_next(&reader, &item) > 0) {
        if (item.type == ABI_PROP_OBJECT && *ret == NULL) {
            *ret = copy_bitmap_take(&reader);
        } else if (props_is(&item, "size")) {
            *ret_size = item.number;
        }
    }
    return TRUE;
}

CopyBitmapEdit *copy_bitmap_edit_new(Image *img, const char *name, GError **error)
{
    g_autoptr(CopyBitmapEdit) edit = g_new0(CopyBitmapEdit, 1);
    guint64 size;

    edit->img = img;
    edit->name = name;
    edit->merges = g_ptr_array_new_with_free_func((GDestroyNotify)bitmap_merge_free);
    return name == NULL || find(img, name, &edit->bitmap, &size, error) ? g_steal_pointer(&edit)
                                                                        : NULL;
}

void copy_bitmap_edit_free(CopyBitmapEdit *edit)
{
    g_clear_pointer(&edit->bitmap, copy_bitmap_free);
    g_ptr_array_unref(edit->merges);
    g_free(edit);
}

static gboolean is_there(const CopyBitmap *b, const char *name, gboolean in_any_state,
                         GError **error)
{
    if (b == NULL) {
        return refuse(error, "Dirty bitmap '%s' not found", name);
    }
    if (b->inconsistent && !in_any_state) {
        return refuse(error,
                      "Bitmap '%s' is inconsistent and cannot be used\n"
                      "Try block-dirty-bitmap-remove to delete this bitmap from disk",
                      name);
    }
    return TRUE;
}

/* A question about this bitmap that only changes something. */
static gboolean change(CopyBitmapEdit *edit, const char *action, gboolean enabled, GError **error)
{
    g_auto(BitmapQuestion) q = { 0 };

    bitmap_question_begin(&q, action, 0);
    props_string(&q.props, "name", edit->name);
    props_bool(&q.props, "enabled", enabled);
    return bitmap_tell(edit->img, &q, error);
}

static guint64 default_granularity(Image *img)
{
    guint32 cluster = image_facts(img)->cluster_size;

    return cluster == 0 ? MOST_DEFAULT : CLAMP(cluster, LEAST_DEFAULT, MOST_DEFAULT);
}

gboolean copy_bitmap_edit_add(CopyBitmapEdit *edit, guint64 granularity, GError **error)
{
    g_auto(BitmapQuestion) q = { 0 };

    if (*edit->name == '\0') {
        return refuse(error, "Bitmap name cannot be empty");
    }
    if (granularity == 0) {
        granularity = default_granularity(edit->img);
    }
    if (granularity < LEAST_GRANULARITY || granularity > (guint64)1 << 31 ||
        (granularity & (granularity - 1)) != 0) {
        return refuse(error, "Granularity must be power of 2 and at least %u", LEAST_GRANULARITY);
    }
    if (edit->bitmap != NULL) {
        return refuse(error, "Bitmap already exists: %s", edit->name);
    }
    if (!has_bitmaps(edit->img)) {
        return refuse(error, "Can't store persistent bitmaps to " NODE ": %s", g_strerror(ENOTSUP));
    }
    /* where there can be none that is told first, by the driver */
    if ((image_facts(edit->img)->flags & ABI_FACT_BITMAPS) != 0 &&
        strlen(edit->name) > COPY_BITMAP_MAX_NAME) {
        return refuse(error,
                      "Can't make bitmap '%s' persistent in '" NODE "': Name length exceeds "
                      "maximum (" G_STRINGIFY(COPY_BITMAP_MAX_NAME) " characters)",
                      edit->name);
    }
    bitmap_question_begin(&q, "add", 0);
    props_string(&q.props, "name", edit->name);
    props_u64(&q.props, "granularity", granularity);
    props_bool(&q.props, "enabled", TRUE);
    if (!bitmap_tell(edit->img, &q, error)) {
        g_prefix_error(error, "Can't make bitmap '%s' persistent in '" NODE "': ", edit->name);
        return FALSE;
    }
    edit->bitmap = g_new0(CopyBitmap, 1);
    edit->bitmap->name = g_bytes_new(edit->name, strlen(edit->name));
    edit->bitmap->granularity = granularity;
    return TRUE;
}

gboolean copy_bitmap_edit_remove(CopyBitmapEdit *edit, GError **error)
{
    if (!is_there(edit->bitmap, edit->name, TRUE, error) || !change(edit, "remove", FALSE, error)) {
        return FALSE;
    }
    g_ptr_array_set_size(edit->merges, 0);
    g_clear_pointer(&edit->bitmap, copy_bitmap_free);
    return TRUE;
}

gboolean copy_bitmap_edit_remove_all(CopyBitmapEdit *edit, GError **error)
{
    g_autoptr(GPtrArray) all = NULL;

    if (!has_bitmaps(edit->img)) {
        return TRUE;
    }
    /* one that was just made is not listed yet */
    if (edit->bitmap != NULL && !change(edit, "remove", FALSE, error)) {
        return FALSE;
    }
    all = copy_bitmaps_list(edit->img, NULL, error);
    for (guint i = 0; all != NULL && i < all->len; i++) {
        g_auto(BitmapQuestion) q = { 0 };

        bitmap_question_begin(&q, "remove", 0);
        bitmap_question_name(&q, all->pdata[i]);
        if (!bitmap_tell(edit->img, &q, error)) {
            return FALSE;
        }
    }
    g_ptr_array_set_size(edit->merges, 0);
    g_clear_pointer(&edit->bitmap, copy_bitmap_free);
    return all != NULL;
}

gboolean copy_bitmap_edit_clear(CopyBitmapEdit *edit, GError **error)
{
    if (!is_there(edit->bitmap, edit->name, FALSE, error) || !change(edit, "clear", FALSE, error)) {
        return FALSE;
    }
    g_ptr_array_set_size(edit->merges, 0);
    return TRUE;
}

gboolean copy_bitmap_edit_enable(CopyBitmapEdit *edit, gboolean enabled, GError **error)
{
    return is_there(edit->bitmap, edit->name, FALSE, error) &&
           change(edit, "record", enabled, error);
}

gboolean copy_bitmap_edit_merge(CopyBitmapEdit *edit, Image *source, const char *name,
                                GError **error)
{
    CopyBitmap *found = NULL;
    guint64 size = 0, own = image_facts(edit->img)->virtual_size;
    gboolean ok;

    if (!is_there(edit->bitmap, edit->name, TRUE, error) ||
        !find(source, name, &found, &size, error)) {
        return FALSE;
    }
    ok = is_there(found, name, TRUE, error) && is_there(edit->bitmap, edit->name, FALSE, error) &&
         is_there(found, name, FALSE, error);
    if (ok && size != own) {
        ok = refuse(error,
                    "Bitmaps are of different sizes (destination size is %" G_GUINT64_FORMAT
                    ", source size is %" G_GUINT64_FORMAT ") and can't be merged",
                    own, size);
    }
    /* it holds what it holds already */
    if (ok && !(source == edit->img && g_str_equal(name, edit->name))) {
        g_ptr_array_add(edit->merges, bitmap_merge_new(source, found, size));
    }
    g_clear_pointer(&found, copy_bitmap_free);
    return ok;
}

gboolean copy_bitmap_edit_store(CopyBitmapEdit *edit, GError **error)
{
    g_auto(BitmapQuestion) q = { 0 };

    if (edit->bitmap != NULL && !bitmap_merge_all(edit->merges, edit->img, edit->bitmap, error)) {
        /* half of what was to be merged is worth nothing; what was done before stands */
        change(edit, "drop", FALSE, NULL);
        return FALSE;
    }
    if (!has_bitmaps(edit->img)) {
        return TRUE;
    }
    bitmap_question_begin(&q, "store", 0);
    if (!bitmap_tell(edit->img, &q, error)) {
        g_prefix_error(error, "Lost persistent bitmaps during inactivation of node '" NODE "': ");
        return FALSE;
    }
    return TRUE;
}
