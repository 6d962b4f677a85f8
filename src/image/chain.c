/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backing chain: each layer is opened as the one above recorded it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "image/image-private.h"
#include "image/words.h"

/* Do overrides say which file the layer below img is, so that what the image records does not count? */
static gboolean names_file(const Image *img)
{
    return img->backing_options != NULL &&
           options_get(img->backing_options, "file.filename") != NULL;
}

/* The value of an option of the node whose options begin with prefix. */
static const char *node_option(const ImageOptions *options, const char *prefix, const char *name)
{
    g_autofree char *key = g_strconcat(prefix, name, NULL);

    return options_get_string(options, key);
}

/* Give the recorded name to the node that takes it: the first that is no format, from the top. */
static gboolean place_name(ImageOptions *options, const char *format, const char *driver,
                           const char *path, GError **error)
{
    const char *taker = format != NULL ? format : options_get_string(options, "driver");
    gboolean is_format = taker == NULL || driver_kind(taker) == DRIVER_FORMAT;
    g_autoptr(GString) prefix = g_string_new(NULL);
    g_autofree char *name_key = NULL, *driver_key = NULL;

    while (is_format) {
        g_string_append(prefix, "file.");
        taker = node_option(options, prefix->str, "driver");
        is_format = taker != NULL && driver_kind(taker) == DRIVER_FORMAT;
    }
    if (node_option(options, prefix->str, "filename") != NULL) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                            "Can't specify 'file' and 'filename' options at the same time");
        return FALSE;
    }
    name_key = g_strconcat(prefix->str, "filename", NULL);
    driver_key = g_strconcat(prefix->str, "driver", NULL);
    options_set_string(options, name_key, path);
    if (driver != NULL && taker == NULL) {
        options_set_string(options, driver_key, driver);
    }
    return TRUE;
}

/* Options for the layer below img: from its record, with what the user overrode. *ret_format
 * is borrowed. NULL and an error if the name makes no sense. */
static ImageOptions *backing_options(Image *img, const char **ret_format, GError **error)
{
    const char *name = img->backing_full, *driver;
    g_autoptr(ImageOptions) options = NULL;
    g_autofree char *path = NULL;

    *ret_format = NULL;
    /* The user's word counts more than the image's. */
    if (img->backing_options == NULL || options_get(img->backing_options, "driver") == NULL) {
        *ret_format = img->backing_format;
    }
    if (name == NULL || names_file(img)) {
        return options_copy(img->backing_options);
    }
    if (!gate_allows(img, GATE_BACKING, name, error)) {
        return NULL;
    }
    if (g_str_has_prefix(name, "json:")) {
        options = options_from_json(name + strlen("json:"), error);
        for (guint i = 0; options != NULL && img->backing_options != NULL &&
                          i < options_count(img->backing_options);
             i++) {
            options_set(options, options_nth(img->backing_options, i));
        }
        return g_steal_pointer(&options);
    }
    if (!name_parse(name, &driver, &path, error)) {
        return NULL;
    }
    options = img->backing_options != NULL ? options_copy(img->backing_options) : options_new();
    return place_name(options, *ret_format, driver, path, error) ? g_steal_pointer(&options) : NULL;
}

void image_safe_error(GError **error)
{
    static const char hint[] = "\nIs another process using the image [";
    char *message, *second, *first, *rest;

    if (error == NULL || *error == NULL) {
        return;
    }
    message = (*error)->message;
    second = strstr(message, hint);
    first = words_printable(message, second ? (gsize)(second - message) : strlen(message));
    rest = second ? words_printable(second + 1, strlen(second + 1)) : NULL;
    (*error)->message = rest ? g_strconcat(first, "\n", rest, NULL) : g_strdup(first);
    g_free(message);
    g_free(first);
    g_free(rest);
}

/* One layer below img, which has one. */
static Image *open_below(Image *img, ImageFlags more, GError **error)
{
    const ImageFlags kept = IMAGE_NO_IO | IMAGE_FORCE_SHARE | IMAGE_NO_LOCK;
    g_autoptr(ImageOptions) options = NULL;
    g_autoptr(Image) below = NULL;
    const char *format;

    options = backing_options(img, &format, error);
    if (options == NULL) {
        return NULL;
    }
    if (more & IMAGE_WRITE) {
        options_remove(options, "read-only");
    }
    below = image_new((img->flags & kept) | more, img->node.io & ~IO_NO_LOCK);
    below->depth = img->depth + 1;
    below->above = img;
    below->node.force_share = img->node.force_share;
    if (!image_open_node(below, options, format, error) ||
        !gate_no_loop(below, img->backing_full ? img->backing_full : below->path, error)) {
        image_safe_error(error);
        return NULL;
    }
    return g_steal_pointer(&below);
}

/* An image may say which content its backing file has to have. */
static gboolean is_stale(const struct abi_facts *facts, const struct abi_facts *below)
{
    return (facts->flags & ABI_FACT_PARENT_ID) != 0 &&
           ((below->flags & ABI_FACT_CONTENT_ID) == 0 || below->content_id != facts->parent_id);
}

gboolean image_wants_backing(const Image *img)
{
    return !(img->flags & IMAGE_NO_BACKING) && img->backing == NULL && !img->backing_none &&
           (img->backing_name != NULL || img->backing_options != NULL);
}

static void prefix_levels(GError **error, guint levels)
{
    for (guint i = 0; i < levels; i++) {
        g_prefix_error(error, "Could not open backing file: ");
    }
}

/* Options that no layer knew: the lowest tells first. */
static gboolean judge_left(Image *top, GError **error)
{
    g_autoptr(GPtrArray) layers = g_ptr_array_new();

    for (Image *img = top; img != NULL; img = img->backing) {
        g_ptr_array_add(layers, img);
    }
    for (guint i = layers->len; i-- > 0;) {
        Image *img = layers->pdata[i];
        g_autoptr(ImageOptions) left = g_steal_pointer(&img->left);

        if (left != NULL && !node_options_done(left, img->format_name, FALSE, error)) {
            prefix_levels(error, i);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean image_open_backing(Image *top, GError **error)
{
    Image *img = top;
    guint levels = 0;

    /* A loop, not a recursion: the depth is the image's to choose. */
    for (; img != NULL; img = img->backing, levels++) {
        if (img->backing != NULL) {
            continue;
        }
        if (!image_wants_backing(img)) {
            break;
        }
        img->backing = open_below(img, 0, error);
        img->stale = img->backing != NULL && is_stale(&img->facts, &img->backing->facts);
        if (img->backing == NULL) {
            prefix_levels(error, levels + 1);
            return FALSE;
        }
    }
    return judge_left(top, error);
}

gboolean image_reopen_backing(Image *img, ImageFlags more, GError **error)
{
    Image *below = g_steal_pointer(&img->backing), *rest = g_steal_pointer(&below->backing);

    /* Its locks would be in the way of those of the new one. */
    image_unref(below);
    img->backing = open_below(img, more, error);
    if (img->backing == NULL) {
        image_unref(rest);
        return FALSE;
    }
    img->backing->backing = rest;
    if (rest != NULL) {
        rest->above = img->backing;
        img->backing->stale = is_stale(&img->backing->facts, &rest->facts);
    }
    return TRUE;
}

/* Which file a name means for one who stands where img does; NULL: none. Free with free(). */
static char *real_file(const Image *img, const char *name)
{
    g_autofree char *full = image_resolve_name(img->path, name);

    return full != NULL ? realpath(full, NULL) : NULL;
}

/* Is name the backing file of img? */
static gboolean names_backing(const Image *img, const char *name)
{
    gboolean replaced = img->backing_name == NULL || names_file(img);
    const char *recorded = replaced ? img->backing->filename : img->backing_name;
    const char *full = replaced ? img->backing->filename : img->backing_full;
    char *a, *b;
    gboolean same;

    if (name_has_protocol(name) || name_has_protocol(recorded)) {
        return g_str_equal(name, recorded) || g_strcmp0(name, full) == 0;
    }
    a = real_file(img, name);
    b = realpath(full, NULL);
    same = a != NULL && b != NULL && g_str_equal(a, b);
    free(a);
    free(b);
    return same;
}

Image *image_above_backing(Image *img, const char *name)
{
    for (; img != NULL && img->backing != NULL; img = img->backing) {
        if (names_backing(img, name)) {
            return img;
        }
    }
    return NULL;
}
