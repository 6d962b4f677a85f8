/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2, as the host knows it: options of new images, and of a node. Of these, those that tune qemu's caches and checks are
 * read and checked like there, and have no effect here.
 */
#include "config.h"

#include <string.h>

#include "image/cipher.h"
#include "image/creation.h"
#include "image/words.h"

static gboolean fail(GError **error, const char *words)
{
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_NAME, words);
    return FALSE;
}

static gboolean take_caches(Image *img, ImageOptions *options, GError **error)
{
    guint64 total = G_MAXUINT64, l2 = 0, refcounts = 0, entry = img->facts.cluster_size;
    guint64 interval = 0;
    gboolean has_total = FALSE, has_l2 = FALSE, has_refcounts = FALSE, has_entry = FALSE;

    if (!options_take_size(options, "cache-size", &total, &has_total, error) ||
        !options_take_size(options, "l2-cache-size", &l2, &has_l2, error) ||
        !options_take_size(options, "refcount-cache-size", &refcounts, &has_refcounts, error) ||
        !options_take_size(options, "l2-cache-entry-size", &entry, &has_entry, error)) {
        return FALSE;
    }
    if (has_total && has_l2 && has_refcounts) {
        return fail(error, "cache-size, l2-cache-size and refcount-cache-size may not be set at "
                           "the same time");
    }
    if (has_total && has_l2 && l2 > total) {
        return fail(error, "l2-cache-size may not exceed cache-size");
    }
    if (has_total && refcounts > total) {
        return fail(error, "refcount-cache-size may not exceed cache-size");
    }
    if (has_entry && (entry < 512 || entry > img->facts.cluster_size || (entry & (entry - 1)))) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                    "L2 cache entry size must be a power of "
                    "two between 512 and the cluster size (%u)",
                    img->facts.cluster_size);
        return FALSE;
    }
    if (!options_take_number(options, "cache-clean-interval", &interval, error)) {
        return FALSE;
    }
    return interval <= G_MAXUINT32 || fail(error, "Cache clean interval too big");
}

static gboolean take_overlap_check(ImageOptions *options, GError **error)
{
    static const char *const words[] = { "none", "constant", "cached", "all", NULL };
    static const char *const areas[] = {
        "main-header",    "active-l1",   "active-l2",   "refcount-table",   "refcount-block",
        "snapshot-table", "inactive-l1", "inactive-l2", "bitmap-directory",
    };
    g_autofree char *word = options_take_string(options, "overlap-check");
    g_autofree char *template = options_take_string(options, "overlap-check.template");
    const char *given = word ? word : template;

    if (word != NULL && template != NULL && !g_str_equal(word, template)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                    "Conflicting values for qcow2 options 'overlap-check' ('%s') and "
                    "'overlap-check.template' ('%s')",
                    word, template);
        return FALSE;
    }
    if (given != NULL && !g_strv_contains(words, given)) {
        g_autofree char *safe = words_printable(given, strlen(given));

        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                    "Unsupported value '%s' for qcow2 option 'overlap-check'. Allowed are any of "
                    "the following: none, constant, cached, all",
                    safe);
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(areas); i++) {
        g_autofree char *key = g_strconcat("overlap-check.", areas[i], NULL);
        gboolean unused = FALSE;

        if (!options_take_bool(options, key, &unused, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean take_switches(Image *img, ImageOptions *options, GError **error)
{
    static const char *const names[] = { "pass-discard-request", "pass-discard-snapshot",
                                         "pass-discard-other" };
    gboolean lazy = FALSE, unused = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!options_take_bool(options, names[i], &unused, error)) {
            return FALSE;
        }
    }
    if (!options_take_bool(options, "lazy-refcounts", &lazy, error)) {
        return FALSE;
    }
    if (lazy && (img->facts.flags & ABI_FACT_V2)) {
        return fail(error, "Lazy refcounts require a qcow2 image with at least qemu 1.1 "
                           "compatibility level");
    }
    return TRUE;
}

/* Keys of an encrypted image: its kind, and the secret that opens it. */
static gboolean take_encrypt(Image *img, ImageOptions *options, GString *strong, GError **error)
{
    static const char *const known[] = { "format", "key-secret", NULL };
    g_autoptr(ImageOptions) given = options_take_prefix(options, "encrypt");
    gboolean encrypted = (img->facts.flags & ABI_FACT_ENCRYPTED) != 0;
    const char *format = options_get_string(given, "format");
    g_autofree char *secret = NULL;

    if (!encrypted && format != NULL) {
        g_autofree char *safe = words_printable(format, strlen(format));

        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                    "No encryption in image header, but "
                    "options specified format '%s'",
                    safe);
        return FALSE;
    }
    if (encrypted && format != NULL && g_strcmp0(format, img->encrypt_format) != 0) {
        g_autofree char *safe = words_printable(format, strlen(format));

        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                    "Header reported '%s' encryption format but options specify '%s'",
                    img->encrypt_format, safe);
        return FALSE;
    }
    for (guint i = 0; i < options_count(given); i++) {
        const Option *option = options_nth(given, i);
        g_autofree char *safe = words_printable(option->key, strlen(option->key));

        if (encrypted && !g_strv_contains(known, option->key)) {
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Parameter '%s' is unexpected", safe);
            return FALSE;
        }
        if (g_str_equal(option->key, "key-secret")) {
            options_print_text(strong, "encrypt.key-secret", option->string);
        }
    }
    if (!encrypted || (img->flags & IMAGE_NO_IO)) {
        return TRUE;
    }
    secret = options_take_string(given, "key-secret");
    if (secret == NULL) {
        return fail(error, "Parameter 'encrypt.key-secret' is required for cipher");
    }
    return image_unlock(img, secret, error);
}

static gboolean take_data_file(ImageOptions *options, gboolean no_io, ImageOptions **ret_data,
                               GError **error)
{
    g_autofree char *node = options_take_string(options, "data-file");

    if (node != NULL && !no_io && options_has_prefix(options, "data-file")) {
        return fail(error, "Cannot reference an existing block device with "
                           "additional options or a new filename");
    }
    if (node != NULL && !no_io) {
        g_autofree char *safe = words_printable(node, strlen(node));

        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                    "Cannot find device='%s' nor node-name='%s'", safe, safe);
        return FALSE;
    }
    if (options_has_prefix(options, "data-file")) {
        *ret_data = options_take_prefix(options, "data-file");
    }
    return TRUE;
}

static gboolean take_options(Image *img, ImageOptions *options, GString *strong,
                             ImageOptions **ret_data, GError **error)
{
    return take_caches(img, options, error) && take_overlap_check(options, error) &&
           take_switches(img, options, error) &&
           take_data_file(options, (img->flags & IMAGE_NO_IO) != 0, ret_data, error) &&
           take_encrypt(img, options, strong, error);
}

/* Names of drivers and of kinds of encryption, which qemu-img looks at before all else. */
static gboolean judge_creation(const ImageCreation *options, GError **error)
{
    if (options->cipher_format != NULL && options->old_encryption) {
        return creation_refuse(error,
                               "'encrypt.format' and its alias '%s' can't be used at the same time",
                               "encryption");
    }
    if (options->cipher_format == NULL && !options->old_encryption &&
        (options->cipher_option != NULL || options->key_secret != NULL)) {
        return creation_refuse(error, "Parameter '%s' is missing", "encrypt.format");
    }
    if (options->cipher_format != NULL && !g_str_equal(options->cipher_format, "luks") &&
        !g_str_equal(options->cipher_format, "aes")) {
        return creation_refuse(error, "Parameter 'format' does not accept value '%s'",
                               options->cipher_format);
    }
    if (options->cipher_option != NULL && g_strcmp0(options->cipher_format, "luks") != 0) {
        return creation_refuse(error, "Parameter '%s' is unexpected", options->cipher_option);
    }
    if (options->backing_format != NULL && !image_driver_known(options->backing_format)) {
        return creation_refuse(error, "Parameter 'backing-fmt' does not accept value '%s'",
                               options->backing_format);
    }
    return TRUE;
}

const ImageFormat format_qcow2 = {
    .name = "qcow2",
    .number = ABI_FORMAT_QCOW2,
    .create_options = &qcow2_options,
    .amend_options = &qcow2_amend_options,
    .words = { &words_qcow2, &words_qcow2_create },
    .secret_prefix = "encrypt.",
    .dirty_shown = FACT_INFO_QCOW2_DIRTY,
    .judge_creation = judge_creation,
    .take_options = take_options,
};
