/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nodes that hold bytes: files and devices, and raw windows of them. */
#include "config.h"

#include <string.h>

#include "base/checked.h"
#include "image/image-private.h"
#include "image/words.h"

/* Nodes below each other in one name. */
#define MAX_NESTING 16u

void store_clear(Store *store)
{
    io_unref(store->file);
    g_free(store->driver);
    g_free(store->path);
    g_free(store->json);
    memset(store, 0, sizeof *store);
}

static gboolean fail(GError **error, const char *words)
{
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_NAME, words);
    return FALSE;
}

static gboolean fail_value(GError **error, const char *format, const char *value)
{
    g_autofree char *safe = words_printable(value, strlen(value));

    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, format, safe);
    return FALSE;
}

/* ---- file and host_device ------------------------------------------------------- */

static gboolean take_locking(ImageOptions *options, NodeOptions *node, GError **error)
{
    static const char *const words[] = { "auto", "on", "off", NULL };
    g_autofree char *word = options_take_string(options, "locking");

    if (word != NULL && !g_strv_contains(words, word)) {
        return fail_value(error, "invalid parameter value: %s", word);
    }
    if (g_strcmp0(word, "off") == 0) {
        node->io |= IO_NO_LOCK;
    }
    return TRUE;
}

/* How qemu would submit its requests: checked, and without meaning here. */
static gboolean take_aio(ImageOptions *options, const NodeOptions *node, GError **error)
{
    static const char *const words[] = { "threads", "native", "io_uring", NULL };
    g_autofree char *word = options_take_string(options, "aio");

    if (word != NULL && !g_strv_contains(words, word)) {
        return fail_value(error, "invalid parameter value: %s", word);
    }
    if (g_strcmp0(word, "native") == 0 && !(node->io & IO_NO_CACHE)) {
        return fail(error, "aio=native was specified, but it requires cache.direct=on, which was "
                           "not specified.");
    }
    return TRUE;
}

static gboolean take_file_options(ImageOptions *options, NodeOptions *node, GError **error)
{
    g_autofree char *manager = NULL;
    gboolean unused = FALSE;

    if (!take_aio(options, node, error) || !take_locking(options, node, error) ||
        !options_take_bool(options, "drop-cache", &unused, error) ||
        !options_take_bool(options, "x-check-cache-dropped", &unused, error)) {
        return FALSE;
    }
    manager = options_take_string(options, "pr-manager");
    if (manager != NULL) {
        return fail_value(error, "No persistent reservation manager with id '%s'", manager);
    }
    return TRUE;
}

static char *file_json(const char *driver, const char *path)
{
    GString *text = g_string_new("{\"driver\": ");

    options_print_string(text, driver);
    g_string_append(text, ", \"filename\": ");
    options_print_string(text, path);
    g_string_append_c(text, '}');
    return g_string_free(text, FALSE);
}

static gboolean open_file(ImageOptions *options, const char *driver, NodeOptions *node,
                          gboolean writing, Store *store, GError **error)
{
    IoFlags flags;

    store->path = g_strdup(options_get_string(options, "filename"));
    options_remove(options, "filename");
    if (driver == NULL) {
        driver = io_is_device(store->path) ? "host_device" : "file";
    }
    store->driver = g_strdup(driver);
    if (!take_file_options(options, node, error)) {
        return FALSE;
    }
    flags = node->io | (g_str_equal(driver, "file") ? IO_ONLY_FILE : IO_ONLY_DEVICE);
    if (writing && !node->read_only) {
        flags |= IO_WRITE;
    }
    store->file = io_open(store->path, flags, error);
    if (store->file == NULL) {
        return FALSE;
    }
    store->plain = TRUE;
    store->json = file_json(driver, store->path);
    return node_options_done(options, driver, TRUE, error);
}

/* ---- raw windows -------------------------------------------------------------------- */

static void add_strong(GString *strong, const ImageOptions *options, const char *key)
{
    const Option *option = options_get(options, key);

    if (option != NULL) {
        options_print_string(strong, key);
        g_string_append(strong, ": ");
        options_print_value(strong, option);
        g_string_append_c(strong, '\n');
    }
}

static gboolean check_window(guint64 room, guint64 offset, guint64 size, gboolean sized,
                             GError **error)
{
    if (offset > room) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_OPEN,
                    "Offset (%" G_GUINT64_FORMAT ") cannot be greater than size of the containing "
                    "file (%" G_GUINT64_FORMAT ")",
                    offset, room);
        return FALSE;
    }
    if (sized && size > room - offset) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_OPEN,
                    "The sum of offset (%" G_GUINT64_FORMAT ") and size (%" G_GUINT64_FORMAT
                    ") has to be smaller or equal to the  actual size of the containing file "
                    "(%" G_GUINT64_FORMAT ")",
                    offset, size, room);
        return FALSE;
    }
    if (sized && size % IMAGE_SECTOR != 0) {
        return fail(error, "Specified size is not multiple of 512");
    }
    return TRUE;
}

gboolean store_window(Store *store, ImageOptions *options, GString *ret_strong, GError **error)
{
    guint64 offset = 0, size = 0, room;
    gboolean sized = FALSE;

    add_strong(ret_strong, options, "offset");
    add_strong(ret_strong, options, "size");
    if (!options_take_size(options, "offset", &offset, NULL, error) ||
        !options_take_size(options, "size", &size, &sized, error)) {
        return FALSE;
    }
    if (offset == 0 && !sized) {
        return TRUE;
    }
    /* To qemu a file ends with a whole sector. */
    if (!io_size(store->file, &room, error) ||
        !check_window(align_up(room, IMAGE_SECTOR), offset, size, sized, error)) {
        return FALSE;
    }
    IoFile *window = io_slice(store->file, offset, sized ? size : G_MAXUINT64);
    io_unref(store->file);
    store->file = window;
    return TRUE;
}

static gboolean open_nested(ImageOptions *options, const NodeOptions *inherited, gboolean writing,
                            guint depth, Store *store, GError **error);

static gboolean open_raw(ImageOptions *options, NodeOptions *node, gboolean writing, guint depth,
                         Store *store, GError **error)
{
    g_autoptr(ImageOptions) below = options_take_prefix(options, "file");
    g_autoptr(GString) strong = g_string_new(NULL);
    g_autofree char *json = NULL;

    if (options_count(below) == 0) {
        return fail(error, "A block device must be specified for \"file\"");
    }
    if (!open_nested(below, node, writing, depth + 1, store, error) ||
        !store_window(store, options, strong, error) ||
        !node_options_done(options, "raw", FALSE, error)) {
        return FALSE;
    }
    json = g_steal_pointer(&store->json);
    store->json = store_json("raw", strong->str, json);
    store->plain = FALSE;
    g_free(store->driver);
    store->driver = g_strdup("raw");
    return TRUE;
}

static gboolean open_nested(ImageOptions *options, const NodeOptions *inherited, gboolean writing,
                            guint depth, Store *store, GError **error)
{
    g_autofree char *driver = g_strdup(options_get_string(options, "driver"));
    gboolean is_file = driver == NULL || driver_kind(driver) == DRIVER_PROTOCOL;
    NodeOptions node = *inherited;

    if (depth == MAX_NESTING) {
        return fail(error, "Nodes are nested too deeply");
    }
    if (driver == NULL && options_get_string(options, "filename") == NULL) {
        return fail(error, "Must specify either driver or file");
    }
    options_remove(options, "driver");
    if (driver != NULL && driver_kind(driver) == DRIVER_NONE) {
        return fail_value(error, "Unknown driver '%s'", driver);
    }
    if (!node_options_take(options, &node, writing, is_file, error)) {
        return FALSE;
    }
    if (is_file) {
        return open_file(options, driver, &node, writing, store, error);
    }
    if (!g_str_equal(driver, "raw")) {
        return fail_value(error, "Driver '%s' is supported as the top of a name only", driver);
    }
    return open_raw(options, &node, writing, depth, store, error);
}

gboolean store_open(ImageOptions *options, const NodeOptions *inherited, gboolean writing,
                    Store *ret_store, GError **error)
{
    return open_nested(options, inherited, writing, 0, ret_store, error);
}

/* ---- names ------------------------------------------------------------------------------ */

static gint by_bucket(gconstpointer a, gconstpointer b)
{
    const char *const *line_a = a, *const *line_b = b;
    g_autofree char *key_a = g_strndup(*line_a + 1, strcspn(*line_a + 1, "\""));
    g_autofree char *key_b = g_strndup(*line_b + 1, strcspn(*line_b + 1, "\""));

    return (gint)options_bucket(key_a) - (gint)options_bucket(key_b);
}

char *store_json(const char *driver, const char *strong, const char *file_json_text)
{
    g_auto(GStrv) lines = NULL;
    GString *text = g_string_new(strong);
    g_autofree char *inner = NULL;

    g_string_append_printf(text, "\"driver\": \"%s\"\n\"file\": %s", driver, file_json_text);
    lines = g_strsplit(text->str, "\n", -1);
    g_string_free(text, TRUE);
    qsort(lines, g_strv_length(lines), sizeof *lines, by_bucket);
    inner = g_strjoinv(", ", lines);
    return g_strconcat("{", inner, "}", NULL);
}
