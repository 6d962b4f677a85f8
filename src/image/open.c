/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening one layer: the file, which format it is, what the driver says of it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "image/cipher.h"
#include "image/words.h"

static gboolean fail(GError **error, ImageError code, const char *words)
{
    g_set_error_literal(error, IMAGE_ERROR, code, words);
    return FALSE;
}

/* ---- locks ------------------------------------------------------------------------------ */

IoLock image_lock_for(const Image *img, gboolean data_file, gboolean steady_too)
{
    const guint steady = IO_PERM_ALL & ~(IO_PERM_WRITE | IO_PERM_RESIZE);
    gboolean raw = img->cell == NULL;
    IoLock lock = { 0, IO_PERM_ALL };

    if (!(img->flags & IMAGE_NO_IO)) {
        lock.perm |= IO_PERM_CONSISTENT_READ;
    }
    if ((img->flags & IMAGE_WRITE) && !img->node.read_only) {
        lock.perm |= IO_PERM_WRITE;
        if (!raw || (img->flags & IMAGE_RESIZE)) {
            lock.perm |= IO_PERM_RESIZE;
        }
    }
    if (img->node.force_share) {
        return lock;
    }
    if ((!raw && !data_file) || steady_too) {
        lock.shared = steady;
    } else if (data_file) {
        lock.shared = IO_PERM_ALL & ~IO_PERM_RESIZE;
    }
    return lock;
}

/* ---- steps of opening ----------------------------------------------------------------------- */

static gboolean start_cell(Image *img, IoFile *file, GError **error)
{
    /* Chains may be long and address space short; a check counts 16 million clusters at a time. */
    const CellConfig config = { .codecs = IMAGE_CODECS,
                                .arena = (img->flags & IMAGE_CHECK) != 0 ? (guint64)48 << 20
                                         : img->depth < 4                ? 0
                                                                         : (guint64)8 << 20 };
    CellRights rights = CELL_READ;
    guint64 size;

    if (img->cell != NULL) {
        return TRUE;
    }
    if (io_writable(file)) {
        rights |= CELL_WRITE | CELL_GROW;
    }
    img->cell = cell_start(&config, error);
    return img->cell != NULL && io_size(file, &size, error) &&
           image_add_handle(img, file, rights, image_growth_bound(size, size), error) >= 0;
}

/* Which format? An empty file is raw, without a look inside. */
static gboolean probe(Image *img, IoFile *file, guint32 *ret_format, GError **error)
{
    struct abi_probe answer = { .format = ABI_FORMAT_RAW };
    CellCall call = { .op = ABI_JOB_PROBE, .out = &answer, .out_size = sizeof answer };
    guint64 size;

    if (!io_size(file, &size, error)) {
        return FALSE;
    }
    if (size != 0) {
        if (!start_cell(img, file, error)) {
            return FALSE;
        }
        if (!image_call_cell(img, &call, NULL, error)) {
            g_prefix_error(error, "Could not read image for determining its format: ");
            return FALSE;
        }
        if (call.out_length != sizeof answer) {
            return fail(error, IMAGE_ERROR_FORMAT, "The cell's answer is too short");
        }
    }
    *ret_format = answer.format;
    if (answer.format == ABI_FORMAT_RAW && img->cell != NULL) {
        cell_free(g_steal_pointer(&img->cell));
        io_unref(img->handles[--img->n_handles]);
    }
    return TRUE;
}

static gboolean open_format(Image *img, IoFile *file, const ImageOptions *options, GError **error)
{
    struct abi_open in = { { sizeof in, ABI_JOB_OPEN, ABI_VERSION }, img->format, 0 };
    g_autofree guint8 *out = NULL;
    CellCall call = { .op = ABI_JOB_OPEN, .in = &in, .in_length = sizeof in };

    if (!start_cell(img, file, error)) {
        return FALSE;
    }
    in.flags |= io_writable(file) ? ABI_OPEN_WRITE : 0;
    in.seed = image_seed();
    in.flags |= img->flags & IMAGE_CHECK ? ABI_OPEN_CHECK : 0;
    in.flags |= img->flags & IMAGE_NO_IO ? ABI_OPEN_NO_IO : 0;
    in.flags |= img->flags & IMAGE_INACTIVE ? ABI_OPEN_INACTIVE : 0;
    in.flags |= img->node.unmap ? ABI_OPEN_DISCARD_UNMAP : 0;
    out = g_malloc(ABI_TABLE_SIZE);
    call.out = out;
    call.out_size = ABI_TABLE_SIZE;
    if (!io_lock(file, image_lock_for(img, FALSE, FALSE), error)) {
        return FALSE;
    }
    if ((img->traits->manners & FORMAT_IS_CIPHER) && !image_check_secret(img, options, error)) {
        return FALSE;
    }
    if (!image_call_cell(img, &call, NULL, error)) {
        g_autoptr(GError) why = NULL;

        if (image_is_cipher_status(call.result.status) && img->traits->secret_prefix != NULL &&
            !image_check_secret(img, options, &why)) {
            g_clear_error(error);
            g_propagate_error(error, g_steal_pointer(&why));
        }
        if (call.result.status == FMT_E_UNSUPPORTED) {
            g_clear_error(error);
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED, "Unknown driver '%s'",
                        img->format_name);
        }
        return FALSE;
    }
    return image_take_facts(img, &call, error) && image_take_names(img, &call, error) &&
           image_set_bound(img, img->size, error);
}

static gboolean open_raw(Image *img, Store *store, ImageOptions *options, GString *strong,
                         GError **error)
{
    guint64 size;

    if (!store_window(store, options, strong, error) || !io_size(store->file, &size, error) ||
        !io_lock(store->file, image_lock_for(img, FALSE, FALSE), error)) {
        return FALSE;
    }
    if (size > G_MAXINT64 - IMAGE_SECTOR) {
        return fail(error, IMAGE_ERROR_OPEN, "File too large");
    }
    img->size = (size + IMAGE_SECTOR - 1) & ~(guint64)(IMAGE_SECTOR - 1);
    img->facts.format = ABI_FORMAT_RAW;
    img->facts.virtual_size = img->size;
    img->facts.flags = ABI_FACT_CAN_ZERO;
    return image_add_handle(img, store->file, 0, 0, error) >= 0;
}

static void name_node(Image *img, const Store *store, const char *strong)
{
    if (store->plain && *strong == '\0') {
        img->filename = g_strdup(store->path);
    } else {
        g_autofree char *json = store_json(img->format_name, strong, store->json);
        img->filename = g_strconcat("json:", json, NULL);
    }
}

void image_warn_probed_raw(const Image *img)
{
    g_autofree char *path = words_printable(img->path, strlen(img->path));

    fprintf(stderr,
            "WARNING: Image format was not specified for '%s' and probing guessed raw.\n"
            "         Automatically detecting the format is dangerous for raw images, write "
            "operations on block 0 will be restricted.\n"
            "         Specify the 'raw' format explicitly to remove the restrictions.\n",
            path);
}

/* ---- options of a format node ------------------------------------------------------------------ */

/* "backing": null or "". */
static void take_no_backing(Image *img, ImageOptions *options)
{
    const Option *option = options_get(options, "backing");

    if (option != NULL && option->type == OPTION_NULL) {
        img->backing_none = TRUE;
        options_remove(options, "backing");
    } else if (option != NULL && option->type == OPTION_STRING && *option->string == '\0') {
        image_warn("Use of \"backing\": \"\" is deprecated; use \"backing\": null instead");
        img->backing_none = TRUE;
        options_remove(options, "backing");
    }
}

/* "backing": an object; nodes cannot be named. */
static gboolean take_backing(Image *img, ImageOptions *options, GError **error)
{
    if (img->flags & IMAGE_NO_BACKING) {
        return TRUE; /* overrides are left, and so unknown */
    }
    if (options_get(options, "backing") != NULL && options_has_prefix(options, "backing")) {
        return fail(error, IMAGE_ERROR_OPEN,
                    "Could not open backing file: Cannot reference an existing block device with "
                    "additional options or a new filename");
    }
    if (options_get(options, "backing") != NULL) {
        g_autofree char *node = options_take_string(options, "backing");
        g_autofree char *safe = words_printable(node, strlen(node));

        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_OPEN,
                    "Could not open backing file: "
                    "Cannot find device='%s' nor node-name='%s'",
                    safe, safe);
        return FALSE;
    }
    if (options_has_prefix(options, "backing") && !img->backing_none) {
        img->backing_options = options_take_prefix(options, "backing");
        if (img->cell == NULL) {
            return fail(error, IMAGE_ERROR_OPEN, "Driver doesn't support backing files");
        }
    }
    return TRUE;
}

static gboolean open_by_format(Image *img, Store *store, ImageOptions *options, GError **error)
{
    g_autoptr(GString) strong = g_string_new(NULL);
    g_autoptr(ImageOptions) data_options = NULL;

    img->path = g_strdup(store->path);
    if (img->format == ABI_FORMAT_RAW) {
        if (!open_raw(img, store, options, strong, error)) {
            return FALSE;
        }
    } else {
        if (!open_format(img, store->file, options, error) ||
            (img->traits->take_options != NULL &&
             !img->traits->take_options(img, options, strong, &data_options, error)) ||
            !image_attach_data_file(img, data_options, error)) {
            return FALSE;
        }
    }
    name_node(img, store, strong->str);
    if (!take_backing(img, options, error)) {
        return FALSE;
    }
    if (image_wants_backing(img)) {
        img->left = options_copy(options);
        return TRUE;
    }
    return node_options_done(options, img->format_name, FALSE, error);
}

/* A protocol driver on top: its bytes, as they are. */
static gboolean open_protocol(Image *img, ImageOptions *options, const char *driver, GError **error)
{
    g_auto(Store) store = { 0 };
    g_autoptr(ImageOptions) none = options_new();
    g_autoptr(GString) strong = g_string_new(NULL);

    options_set_string(options, "driver", driver);
    if (!store_open(options, &img->node, (img->flags & IMAGE_WRITE) != 0, &store, error)) {
        return FALSE;
    }
    image_set_format(img, ABI_FORMAT_RAW, store.driver);
    img->path = g_strdup(store.path);
    img->filename = g_strdup(store.path);
    return open_raw(img, &store, none, strong, error);
}

/* The "file" of a format node, as options of its own. NULL and an error if there is none. */
static ImageOptions *take_file(ImageOptions *options, const char *driver, GError **error)
{
    const Option *option = options_get(options, "file");
    gboolean nested = options_has_prefix(options, "file");

    if (option != NULL && option->type == OPTION_STRING) {
        g_autofree char *safe = words_printable(option->string, strlen(option->string));

        if (nested) {
            fail(error, IMAGE_ERROR_NAME,
                 "Cannot reference an existing block device with "
                 "additional options or a new filename");
        } else {
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                        "Cannot find device='%s' nor node-name='%s'", safe, safe);
        }
        return NULL;
    }
    options_remove(options, "file");
    if (!nested) {
        fail(error, IMAGE_ERROR_NAME,
             driver != NULL ? "A block device must be specified for \"file\""
                            : "Must specify either driver or file");
        return NULL;
    }
    return options_take_prefix(options, "file");
}

static gboolean unknown_driver(const char *driver, GError **error)
{
    g_autofree char *safe = words_printable(driver, strlen(driver));

    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Unknown driver '%s'", safe);
    return FALSE;
}

gboolean image_open_node(Image *img, ImageOptions *options, const char *format, GError **error)
{
    g_autofree char *driver = g_strdup(format ? format : options_get_string(options, "driver"));
    gboolean writing = (img->flags & IMAGE_WRITE) != 0;
    g_autoptr(ImageOptions) below = NULL;
    NodeOptions inherited = img->node;
    g_auto(Store) store = { 0 };
    guint32 number;

    inherited.unmap = TRUE; /* the format decides */
    options_remove(options, "driver");
    if (driver != NULL && driver_kind(driver) == DRIVER_NONE) {
        return unknown_driver(driver, error);
    }
    take_no_backing(img, options);
    if (driver != NULL && driver_kind(driver) == DRIVER_PROTOCOL) {
        return open_protocol(img, options, driver, error);
    }
    if (driver != NULL && options_get(options, "file") == NULL &&
        !options_has_prefix(options, "file") &&
        !node_options_take(options, &img->node, writing, FALSE, error)) {
        return FALSE;
    }
    /* what the file is said to be is judged before what the image is */
    below = take_file(options, driver, error);
    if (below == NULL) {
        return FALSE;
    }
    node_options_hand_down(options, below);
    if (!store_open(below, &inherited, writing, &store, error) ||
        !node_options_take(options, &img->node, writing, FALSE, error)) {
        return FALSE;
    }
    if (driver != NULL) {
        number = format_by_name(driver)->number;
    } else if (!probe(img, store.file, &number, error)) {
        return FALSE;
    }
    image_set_format(img, number, format_by_number(number)->name);
    if (!open_by_format(img, &store, options, error)) {
        return FALSE;
    }
    if (writing && (img->node.read_only || !io_writable(store.file))) {
        return fail(error, IMAGE_ERROR_OPEN, "Block node is read-only");
    }
    if (writing && driver == NULL && img->format == ABI_FORMAT_RAW && img->above == NULL) {
        img->probed_raw = TRUE;
        image_warn_probed_raw(img);
    }
    return TRUE;
}

/* Once all layers are there, keep writers off all of them. */
static gboolean hold_steady(Image *img, GError **error)
{
    for (; img != NULL; img = img->backing) {
        for (guint i = 0; i < img->n_handles; i++) {
            if (!io_lock(img->handles[i], image_lock_for(img, i != 0, TRUE), error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

/* ---- the whole ------------------------------------------------------------------------------------ */

Image *image_open(ImageSpec *spec, ImageFlags flags, IoFlags cache, GError **error)
{
    g_autoptr(ImageOptions) options = options_copy(spec->options);
    g_autoptr(Image) img = image_new(flags, cache);

    if (spec->is_opts && (flags & IMAGE_FORCE_SHARE) && options_get(options, "force-share") &&
        g_strcmp0(options_get_string(options, "force-share"), "on") != 0) {
        fail(error, IMAGE_ERROR_NAME, "--force-share/-U conflicts with image options");
        return NULL;
    }
    if (flags & IMAGE_FORCE_SHARE) {
        options_remove(options, "force-share"); /* -U stands above what a json: name says */
    }
    for (guint i = 0; spec->warnings != NULL && spec->warnings[i] != NULL; i++) {
        image_warn("%s", spec->warnings[i]);
    }
    if (!image_open_node(img, options, spec->format, error) ||
        (!(flags & IMAGE_NO_BACKING) && !image_open_backing(img, error)) ||
        ((flags & IMAGE_STEADY) && !hold_steady(img, error))) {
        if (!(flags & IMAGE_BARE_ERROR)) {
            g_prefix_error(error, "Could not open '%s': ", spec->name);
        }
        return NULL;
    }
    return g_steal_pointer(&img);
}
