/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "image/image.h"
#include "image/options.h"
#include "image/size.h"

/* Lists are short (a name in an image has at most 1023 bytes), so a search is a walk. */
struct ImageOptions {
    GPtrArray *items; /* of Option, in the order of their buckets */
};

#define N_BUCKETS 512u

static void option_free(gpointer data)
{
    Option *option = data;

    g_free(option->key);
    g_free(option->string);
    g_free(option);
}

ImageOptions *options_new(void)
{
    ImageOptions *options = g_new(ImageOptions, 1);

    options->items = g_ptr_array_new_with_free_func(option_free);
    return options;
}

void options_free(ImageOptions *options)
{
    if (options != NULL) {
        g_ptr_array_unref(options->items);
        g_free(options);
    }
}

ImageOptions *options_copy(const ImageOptions *options)
{
    ImageOptions *copy = options_new();

    for (guint i = options_count(options); i > 0; i--) {
        options_set(copy, options_nth(options, i - 1));
    }
    return copy;
}

guint options_bucket(const char *key)
{
    gsize length = strlen(key);
    guint32 h = 0x238F13AFu * (guint32)length;

    for (gsize i = 0; i < length; i++) {
        h += (guint32)(guchar)key[i] << (i * 5 % 24);
    }
    return (1103515243u * h + 12345u) % N_BUCKETS;
}

guint options_count(const ImageOptions *options)
{
    return options->items->len;
}

const Option *options_nth(const ImageOptions *options, guint i)
{
    return g_ptr_array_index(options->items, i);
}

static gint find(const ImageOptions *options, const char *key)
{
    for (guint i = 0; i < options->items->len; i++) {
        if (g_str_equal(options_nth(options, i)->key, key)) {
            return (gint)i;
        }
    }
    return -1;
}

const Option *options_get(const ImageOptions *options, const char *key)
{
    gint at = find(options, key);

    return at < 0 ? NULL : options_nth(options, (guint)at);
}

const char *options_get_string(const ImageOptions *options, const char *key)
{
    const Option *option = options_get(options, key);

    return option != NULL && option->type == OPTION_STRING ? option->string : NULL;
}

/* The part behind "prefix.", NULL for another key. */
static const char *behind_prefix(const char *key, const char *prefix)
{
    gsize length = strlen(prefix);

    return strncmp(key, prefix, length) == 0 && key[length] == '.' ? key + length + 1 : NULL;
}

gboolean options_has_prefix(const ImageOptions *options, const char *prefix)
{
    for (guint i = 0; i < options->items->len; i++) {
        if (behind_prefix(options_nth(options, i)->key, prefix) != NULL) {
            return TRUE;
        }
    }
    return FALSE;
}

/* A new key comes first within its bucket. */
static void insert(ImageOptions *options, Option *option)
{
    guint bucket = options_bucket(option->key);
    guint at = 0;

    while (at < options->items->len && options_bucket(options_nth(options, at)->key) < bucket) {
        at++;
    }
    g_ptr_array_insert(options->items, (gint)at, option);
}

void options_set(ImageOptions *options, const Option *value)
{
    gint at = find(options, value->key);
    Option *option = g_new(Option, 1);

    *option = *value;
    option->key = g_strdup(value->key);
    option->string = g_strdup(value->string);
    if (at >= 0) {
        option_free(g_ptr_array_index(options->items, at));
        g_ptr_array_index(options->items, at) = option;
    } else {
        insert(options, option);
    }
}

void options_set_string(ImageOptions *options, const char *key, const char *value)
{
    Option option = { (char *)key, OPTION_STRING, (char *)value, 0, 0 };

    options_set(options, &option);
}

void options_set_null(ImageOptions *options, const char *key)
{
    Option option = { (char *)key, OPTION_NULL, NULL, 0, 0 };

    options_set(options, &option);
}

gboolean options_remove(ImageOptions *options, const char *key)
{
    gint at = find(options, key);

    if (at >= 0) {
        g_ptr_array_remove_index(options->items, (guint)at);
    }
    return at >= 0;
}

ImageOptions *options_take_prefix(ImageOptions *options, const char *prefix)
{
    ImageOptions *taken = options_new();

    for (guint i = options->items->len; i > 0; i--) {
        const Option *option = options_nth(options, i - 1);
        const char *rest = behind_prefix(option->key, prefix);

        if (rest != NULL) {
            Option value = *option;

            value.key = (char *)rest;
            options_set(taken, &value);
            g_ptr_array_remove_index(options->items, i - 1);
        }
    }
    return taken;
}

/* ---- typed values --------------------------------------------------------------- */

static gboolean bad_value(GError **error, const char *key, const char *expected)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Parameter '%s' expects %s", key, expected);
    return FALSE;
}

/* As the text it would have been in --image-opts; NULL for null and what is empty. Free with g_free. */
static char *value_text(const Option *option)
{
    switch (option->type) {
    case OPTION_STRING:
        return g_strdup(option->string);
    case OPTION_INT:
        return g_strdup_printf("%" G_GINT64_FORMAT, option->number);
    case OPTION_DOUBLE:
        return g_strdup_printf("%.17g", option->real);
    case OPTION_BOOL:
        return g_strdup(option->number ? "on" : "off");
    case OPTION_NULL:
    case OPTION_EMPTY:
        break;
    }
    return NULL;
}

char *options_take_string(ImageOptions *options, const char *key)
{
    const Option *option = options_get(options, key);
    char *text = option != NULL ? value_text(option) : NULL;

    options_remove(options, key);
    return text;
}

gboolean options_take_bool(ImageOptions *options, const char *key, gboolean *ret_value,
                           GError **error)
{
    static const char *const yes[] = { "on", "yes", "true", "y", NULL };
    static const char *const no[] = { "off", "no", "false", "n", NULL };
    g_autofree char *text = options_take_string(options, key);

    if (text == NULL) {
        return TRUE;
    }
    if (!g_strv_contains(yes, text) && !g_strv_contains(no, text)) {
        return bad_value(error, key, "'on' or 'off'");
    }
    *ret_value = g_strv_contains(yes, text);
    return TRUE;
}

gboolean options_take_size(ImageOptions *options, const char *key, guint64 *ret_value,
                           gboolean *ret_given, GError **error)
{
    g_autofree char *text = options_take_string(options, key);
    guint64 value = 0;

    if (text == NULL) {
        return TRUE;
    }
    switch (size_parse(text, &value)) {
    case SIZE_OK:
        break;
    case SIZE_TOO_LARGE:
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                    "Value '%s' is out of range for parameter '%s'", text, key);
        return FALSE;
    case SIZE_INVALID:
        return bad_value(error, key,
                         "a non-negative number below 2^64\n"
                         "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, "
                         "peta-\nand exabytes, respectively.");
    }
    *ret_value = value;
    if (ret_given != NULL) {
        *ret_given = TRUE;
    }
    return TRUE;
}

gboolean options_take_number(ImageOptions *options, const char *key, guint64 *ret_value,
                             GError **error)
{
    g_autofree char *text = options_take_string(options, key);
    guint64 value = 0;

    if (text == NULL) {
        return TRUE;
    }
    switch (size_parse_number(text, &value)) {
    case SIZE_OK:
        break;
    case SIZE_TOO_LARGE:
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                    "Value '%s' is too large for parameter '%s'", text, key);
        return FALSE;
    case SIZE_INVALID:
        return bad_value(error, key, "a number");
    }
    *ret_value = value;
    return TRUE;
}
