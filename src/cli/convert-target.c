/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/convert-target.h"
#include "cli/create-options.h"
#include "copy/bitmaps.h"
#include "image/formats.h"

/* The handle of an external data file, as image/ attaches it. */
#define DATA_FILE_HANDLE 1

/* What a new image was encrypted with, it is opened with. */
static const char *const key_secrets[CONVERT_KEY_SECRETS] = { "encrypt.key-secret", "key-secret" };

static gboolean refuse(GError **error, const char *format, const char *word)
{
    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, format, word);
    return FALSE;
}

static gboolean is_given(const CreateOptions *options, const char *name)
{
    return create_options_has_name(options, name) && create_options_get(options, name) != NULL;
}

static gboolean is_on(const CreateOptions *options, const char *name)
{
    const char *value = is_given(options, name) ? create_options_get(options, name) : NULL;

    return value != NULL && !g_str_equal(value, "off");
}

/* -B and -F stand above backing_file and backing_fmt of -o. */
static gboolean take_backing(ConvertTarget *t, CreateOptions *options, guint n_sources,
                             GError **error)
{
    if (t->backing != NULL && !create_options_set(options, "backing_file", t->backing, NULL)) {
        return refuse(error, "Backing file not supported for file format '%s'", t->format);
    }
    if (t->backing_format != NULL &&
        !create_options_set(options, "backing_fmt", t->backing_format, NULL)) {
        return refuse(error, "Backing file format not supported for file format '%s'", t->format);
    }
    if (!is_given(options, "backing_file")) {
        return TRUE;
    }
    t->has_backing = TRUE;
    if (n_sources > 1) {
        return refuse(error,
                      "Having a backing file for the target makes no sense when "
                      "concatenating multiple input images%s",
                      "");
    }
    if (!is_given(options, "backing_fmt")) {
        return refuse(error, "Use of backing file requires explicit backing format%s", "");
    }
    return TRUE;
}

/* Formats that are never compressed, and what is no format but bytes. */
static gboolean is_plain_only(const char *name)
{
    const ImageFormat *format = format_by_name(name);

    return format == NULL || (format->manners & FORMAT_PLAIN_ONLY) != 0;
}

static gboolean check_compression(const ConvertTarget *t, const CreateOptions *options,
                                  GError **error)
{
    if (!t->compress) {
        return TRUE;
    }
    if (is_plain_only(t->format)) {
        return refuse(error, "Compression not supported for this file format%s", "");
    }
    if (is_on(options, "encryption") || is_given(options, "encrypt.format")) {
        return refuse(error, "Compression and encryption not supported at the same time%s", "");
    }
    if (is_on(options, "preallocation")) {
        return refuse(error, "Compression and preallocation not supported at the same time%s", "");
    }
    return TRUE;
}

static gboolean check_bitmaps(const ConvertTarget *t, GPtrArray *sources, GError **error)
{
    if (!t->bitmaps) {
        return TRUE;
    }
    if (sources->len > 1) {
        return refuse(error, "Copying bitmaps only possible with single source%s", "");
    }
    if ((image_facts(sources->pdata[0])->flags & ABI_FACT_BITMAPS) == 0) {
        return refuse(error, "Source lacks bitmap support%s", "");
    }
    g_autoptr(GPtrArray) bitmaps = copy_bitmaps_list(sources->pdata[0], NULL, error);
    return bitmaps != NULL && (t->skip_broken || copy_bitmaps_check(bitmaps, error));
}

static gboolean create(ConvertTarget *t, GPtrArray *sources, guint64 total, GError **error)
{
    g_autoptr(CreateOptions) options = NULL;
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, total);
    g_autoptr(GBytes) props = NULL;

    if ((image_driver_known(t->format) && !image_check_protocol(t->filename, error)) ||
        (options = create_options_new(t->format, t->filename, error)) == NULL ||
        (t->options != NULL && !create_options_parse(options, t->options, error)) ||
        !create_options_set(options, "size", size, error) ||
        !take_backing(t, options, sources->len, error) || !check_compression(t, options, error)) {
        return FALSE;
    }
    if (!check_bitmaps(t, sources, error)) {
        return FALSE;
    }
    t->is_zero = !is_on(options, "preallocation");
    for (guint i = 0; i < G_N_ELEMENTS(key_secrets); i++) {
        t->secret[i] = is_given(options, key_secrets[i])
                           ? g_strdup(create_options_get(options, key_secrets[i]))
                           : NULL;
    }
    props = create_options_props(options);
    if (!image_create(t->filename, t->format, total, props, 0, error)) {
        g_prefix_error(error, "%s: error while converting %s: ", t->filename, t->format);
        return FALSE;
    }
    return TRUE;
}

/* Does a fresh image read as zeros? Clusters that are not there do; what is preallocated, or raw,
 * does if it is a file: a device holds what it held. */
static gboolean fresh_is_zero(const ConvertTarget *t)
{
    guint32 flags = image_facts(t->img)->flags;
    IoFile *file = (flags & ABI_FACT_DATA_FILE) != 0
                       ? image_file_by_handle(t->img, DATA_FILE_HANDLE)
                       : image_file(t->img);

    if (image_facts(t->img)->cluster_size != 0 && t->is_zero) {
        return TRUE;
    }
    if ((flags & ABI_FACT_ENCRYPTED) != 0) {
        return FALSE; /* zeros of the file, decrypted, are none */
    }
    return file != NULL && io_kind(file) != IO_KIND_HOST_DEVICE;
}

static gboolean check_opened(ConvertTarget *t, guint64 total, GError **error)
{
    guint32 flags = image_facts(t->img)->flags;

    if (t->bitmaps && (flags & ABI_FACT_BITMAPS) == 0) {
        return refuse(error, "Format driver '%s' does not support bitmaps",
                      image_format_name(t->img));
    }
    if (t->exists && t->compress && (flags & ABI_FACT_CAN_COMPRESS) == 0) {
        return refuse(error, "Compression not supported for this file format%s", "");
    }
    if (t->exists && image_size(t->img) < total) {
        return refuse(error, "output file is smaller than input file%s", "");
    }
    return TRUE;
}

gboolean convert_target_open(ConvertTarget *t, GPtrArray *sources, guint64 total, GError **error)
{
    ImageFlags flags = IMAGE_WRITE | (t->sparse ? IMAGE_UNMAP : 0);
    g_autoptr(ImageSpec) spec = NULL;
    IoFlags cache = 0;

    if (t->exists) {
        t->has_backing = t->backing != NULL;
        if (t->claimed_zero && t->has_backing) {
            return refuse(error,
                          "Cannot use --target-is-zero when the destination image has a "
                          "backing file%s",
                          "");
        }
        if (t->has_backing && sources->len > 1) {
            return refuse(error,
                          "Having a backing file for the target makes no sense when "
                          "concatenating multiple input images%s",
                          "");
        }
        if (!check_bitmaps(t, sources, error)) {
            return FALSE;
        }
    } else if (!create(t, sources, total, error)) {
        return FALSE;
    }
    if (!common_cache(t->cache_word, FALSE, &cache, error) ||
        (spec = common_spec(t->filename, t->format, t->image_opts, error)) == NULL) {
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(key_secrets); i++) {
        if (t->secret[i] != NULL) {
            image_spec_set(spec, key_secrets[i], t->secret[i]);
        }
    }
    if ((t->img = image_open(spec, flags, cache, error)) == NULL) {
        return FALSE;
    }
    t->direct = (cache & IO_NO_CACHE) != 0 || io_kind(image_file(t->img)) == IO_KIND_HOST_DEVICE;
    t->is_zero = t->exists ? t->claimed_zero : fresh_is_zero(t);
    t->backing_size =
        image_backing(t->img) != NULL ? image_size(image_backing(t->img)) : G_MAXUINT64;
    return check_opened(t, total, error);
}

void convert_target_clear(ConvertTarget *t)
{
    g_clear_pointer(&t->img, image_unref);
    for (guint i = 0; i < G_N_ELEMENTS(key_secrets); i++) {
        g_clear_pointer(&t->secret[i], g_free);
    }
}
