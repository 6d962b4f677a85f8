/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making images: the byte store first, then the format in a cell. What is left
 * after a failure is what qemu-img leaves: nothing of a format, an empty file of raw.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/creation.h"
#include "image/secret.h"

/* The errno, kept where the caller words it itself. */
static gboolean pass_error(GError *failed, GError **error)
{
    gboolean too_big = g_error_matches(failed, IO_ERROR, EFBIG);

    g_set_error_literal(error, IMAGE_ERROR, too_big ? IMAGE_ERROR_TOO_BIG : IMAGE_ERROR_IO,
                        failed->message);
    g_error_free(failed);
    return FALSE;
}

/* ---- the byte store ------------------------------------------------------------------- */

static IoFlags driver_flags(const char *driver)
{
    if (driver == NULL) {
        return 0;
    }
    return g_str_equal(driver, "file") ? IO_ONLY_FILE : IO_ONLY_DEVICE;
}

static gboolean create_store(const char *path, IoFlags flags, guint64 size, const IoCreate *how,
                             GError **error)
{
    g_autofree char *warning = NULL;
    GError *failed = NULL;
    gboolean ok = io_create(path, size, how, flags, &warning, &failed);

    if (warning != NULL) {
        image_warn("%s", warning);
    }
    return ok || pass_error(failed, error);
}

/* Nothing is left of an image that did not come to be; devices stay. */
static void remove_store(const char *path)
{
    if (g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        unlink(path);
    } else if (!io_is_device(path)) {
        /* one name for image and data file: it is gone already */
        fprintf(stderr, "%s: %s is not a regular file: %s\n", g_get_prgname(), path,
                g_strerror(ENOENT));
    }
}

/* ---- formats ------------------------------------------------------------------------------ */

/* Open a just made store for the format and attach it. */
static gboolean attach_store(Image *img, const char *path, IoFlags flags, guint64 bound,
                             guint64 *ret_handle, GError **error)
{
    g_autoptr(IoFile) file = io_open(path, flags | IO_WRITE, error);
    int handle;

    if (file == NULL) {
        return FALSE;
    }
    handle = image_add_handle(img, file, CELL_READ | CELL_WRITE | CELL_GROW, bound, error);
    *ret_handle = (guint64)handle;
    return handle >= 0;
}

/* The image first, then the data file, which looks at others before it takes its own. */
static gboolean lock_stores(Image *img, GError **error)
{
    const guint used = IO_PERM_CONSISTENT_READ | IO_PERM_WRITE | IO_PERM_RESIZE;
    const guint steady = IO_PERM_ALL & ~(IO_PERM_WRITE | IO_PERM_RESIZE);
    const guint sized = IO_PERM_ALL & ~IO_PERM_RESIZE;

    if (!io_lock(img->handles[0], (IoLock){ used, steady }, error)) {
        return FALSE;
    }
    return img->n_handles == 1 || (io_lock(img->handles[1], (IoLock){ 0, sized }, error) &&
                                   io_lock(img->handles[1], (IoLock){ used, sized }, error));
}

/* The options, with what encryption needs of the host: the secret that is named, and chance. Without
 * the secret the driver will not go on; *ret_why is then what there is to say. */
static GByteArray *with_secret(const struct abi_create *head, GBytes *options, const char *id,
                               GError **ret_why)
{
    /* Never moved: what is left behind could not be overwritten. */
    GByteArray *in = g_byte_array_sized_new(2 * ABI_TABLE_SIZE);
    gsize length = 0;
    const void *bytes = options != NULL ? g_bytes_get_data(options, &length) : NULL;

    g_byte_array_append(in, (const guint8 *)head, sizeof *head);
    g_byte_array_append(in, bytes, (guint)length);
    if (id != NULL) {
        secret_append(in, "secret", id, ret_why);
        secret_append_seed(in);
    }
    return in;
}

/* flags: ABI_CREATE_*. */
static gboolean call_create(Image *img, guint32 flags, guint64 size, GBytes *options,
                            const char *secret, guint64 data_handle, GError **error)
{
    struct abi_create head = {
        { sizeof head, ABI_JOB_CREATE, ABI_VERSION }, img->format, flags, size, image_seed()
    };
    CellCall call = { .op = ABI_JOB_CREATE, .arg = { data_handle }, .secret = secret != NULL };
    g_autoptr(GError) why = NULL;
    GByteArray *in = with_secret(&head, options, secret, &why);
    gint code = 0;
    gboolean ok = FALSE;

    call.in = in->data;
    call.in_length = in->len;
    if (in->len > ABI_TABLE_SIZE) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "The options are too long");
    } else {
        ok = image_call_cell(img, &call, &code, error);
    }
    secret_wipe(in->data, in->len);
    g_byte_array_unref(in);
    if (ok) {
        return TRUE;
    }
    if (call.result.status == FMT_E_UNSUPPORTED) {
        g_clear_error(error);
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED,
                    "Format driver '%s' does not support image creation", img->format_name);
    } else if (call.result.status == FMT_E_NO_SECRET && why != NULL) {
        g_clear_error(error);
        g_propagate_error(error, g_steal_pointer(&why));
    } else if (code == EFBIG && error != NULL && *error != NULL) {
        (*error)->code = IMAGE_ERROR_TOO_BIG;
    }
    return FALSE;
}

static gboolean create_data_file(Image *img, const ImageCreation *options, IoFlags flags,
                                 guint64 bound, char **ret_path, guint64 *ret_handle,
                                 GError **error)
{
    const IoCreate empty = IO_CREATE_DEFAULTS;
    g_autofree char *path = NULL;
    const char *driver;

    if (!name_parse(options->data_file, &driver, &path, error) ||
        !create_store(path, flags | driver_flags(driver), 0, &empty, error)) {
        return FALSE;
    }
    *ret_path = g_strdup(path);
    return attach_store(img, path, flags, bound, ret_handle, error);
}

/* Some devices take all and keep nothing. */
static gboolean is_kept(const char *filename, const char *path, const ImageFormat *format,
                        GError **error)
{
    const ImageFlags look = IMAGE_NO_BACKING | IMAGE_NO_IO | IMAGE_NO_LOCK | IMAGE_BARE_ERROR;
    g_autoptr(ImageSpec) spec = NULL;
    g_autoptr(Image) img = NULL;

    if (!io_is_device(path)) {
        return TRUE;
    }
    spec = image_spec_from_name(filename, format->name, error);
    img = spec != NULL ? image_open(spec, look, 0, error) : NULL;
    return img != NULL;
}

static gboolean create_format(const char *filename, const char *path, IoFlags flags,
                              const ImageFormat *format, guint64 size, GBytes *bytes,
                              const ImageCreation *options, GError **error)
{
    const FormatManners manners = format->manners;
    const CellConfig config = { 0 };
    guint64 bound = image_growth_bound(0, size), handle = 0;
    g_autoptr(Image) img = image_new(IMAGE_WRITE, flags);
    g_autofree char *data_path = NULL;
    g_autoptr(GBytes) props = NULL;
    gboolean ok;

    image_set_format(img, format->number, format->name);
    img->cell = cell_start(&config, error);
    if (img->cell == NULL ||
        ((manners & FORMAT_JUDGES_FIRST) &&
         !call_create(img, ABI_CREATE_JUDGE, size, bytes, NULL, 0, error)) ||
        (props = create_props(filename, path, bytes, manners, error)) == NULL ||
        !create_store(path, flags, 0, &options->store, error)) {
        return FALSE;
    }
    ok = attach_store(img, path, flags, bound, &handle, error) &&
         (options->data_file == NULL ||
          create_data_file(img, options, flags & ~(IO_ONLY_FILE | IO_ONLY_DEVICE), bound,
                           &data_path, &handle, error)) &&
         lock_stores(img, error) &&
         call_create(img, 0, size, props,
                     options->luks_secret ? options->luks_secret : options->key_secret, handle,
                     error) &&
         image_close(img, error) && is_kept(filename, path, format, error);
    if (!ok) {
        remove_store(path);
        if (data_path != NULL) {
            remove_store(data_path);
        }
    }
    return ok;
}

gboolean image_create(const char *filename, const char *name, guint64 size, GBytes *options,
                      IoFlags cache, GError **error)
{
    gboolean protocol = driver_kind(name) == DRIVER_PROTOCOL;
    const ImageFormat *format = protocol ? &format_raw : format_by_name(name);
    gboolean raw = format == &format_raw;
    g_auto(ImageCreation) taken = { .store = IO_CREATE_DEFAULTS };
    g_autofree char *path = NULL;
    const char *driver;
    IoFlags flags;

    if (format == NULL) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Unknown file format '%s'", name);
        return FALSE;
    }
    if (!name_parse(filename, &driver, &path, error) ||
        !creation_take(options, raw || (format->manners & FORMAT_STORE_PREALLOC), &taken, error) ||
        (format->judge_creation != NULL && !format->judge_creation(&taken, error))) {
        return FALSE;
    }
    /* How the image is used later is no matter of making it. */
    flags = (cache & (IO_NO_FLUSH | IO_NO_LOCK)) | driver_flags(protocol ? name : driver);
    if (!raw) {
        return create_format(filename, path, flags, format, size, options, &taken, error);
    }
    if (size > G_MAXINT64 - (IMAGE_SECTOR - 1)) {
        /* Of raw an empty file is left. */
        return create_store(path, flags, 0, &taken.store, error) &&
               creation_refuse(error, "Could not resize file: %s", g_strerror(EINVAL));
    }
    if (!g_str_equal(name, "host_device")) {
        size = (size + IMAGE_SECTOR - 1) & ~(guint64)(IMAGE_SECTOR - 1);
    }
    return create_store(path, flags, size, &taken.store, error);
}
