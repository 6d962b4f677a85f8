/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image's life and its facts. */
#include "config.h"

#include <errno.h>

#include "image/image-private.h"
#include "image/tell.h"
#include "image/words.h"

gboolean image_cache_mode(const char *word, IoFlags *ret_flags)
{
    static const struct {
        const char *word;
        IoFlags flags;
    } modes[] = {
        { "none", IO_NO_CACHE },     { "off", IO_NO_CACHE },
        { "writeback", 0 },          { "unsafe", IO_NO_FLUSH },
        { "writethrough", IO_SYNC }, { "directsync", IO_NO_CACHE | IO_SYNC },
    };

    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (g_str_equal(modes[i].word, word)) {
            *ret_flags = modes[i].flags;
            return TRUE;
        }
    }
    return FALSE;
}

Image *image_new(ImageFlags flags, IoFlags cache)
{
    Image *img = g_new0(Image, 1);

    g_atomic_ref_count_init(&img->refs);
    img->traits = &format_raw;
    img->flags = flags;
    img->node.io = cache;
    img->node.unmap = (flags & IMAGE_UNMAP) != 0;
    img->node.force_share = (flags & IMAGE_FORCE_SHARE) != 0;
    if (flags & IMAGE_NO_LOCK) {
        img->node.io |= IO_NO_LOCK;
    }
    g_mutex_init(&img->driver);
    g_mutex_init(&img->decoded_mutex);
    for (guint i = 0; i < IMAGE_CODECS; i++) {
        g_mutex_init(&img->codec[i]);
    }
    for (guint i = 0; i < IMAGE_DECODED; i++) {
        img->decoded[i].start = G_MAXUINT64;
    }
    return img;
}

Image *image_ref(Image *img)
{
    g_atomic_ref_count_inc(&img->refs);
    return img;
}

void image_unref(Image *img)
{
    if (img == NULL || !g_atomic_ref_count_dec(&img->refs)) {
        return;
    }
    /* The cell first: it uses the files. */
    cell_free(img->cell);
    for (guint i = 0; i < img->n_handles; i++) {
        io_unref(img->handles[i]);
    }
    image_unref(img->backing);
    options_free(img->backing_options);
    options_free(img->left);
    for (guint i = 0; i < IMAGE_DECODED; i++) {
        g_free(img->decoded[i].bytes);
    }
    g_free(img->known);
    g_mutex_clear(&img->driver);
    g_mutex_clear(&img->decoded_mutex);
    for (guint i = 0; i < IMAGE_CODECS; i++) {
        g_mutex_clear(&img->codec[i]);
    }
    g_free(img->filename);
    g_free(img->path);
    g_free(img->format_name);
    g_free(img->backing_name);
    g_free(img->backing_full);
    g_free(img->backing_format);
    g_free(img->data_name);
    g_free(img->encrypt_format);
    g_free(img->key_secret);
    g_free(img);
}

void image_set_format(Image *img, guint32 format, const char *name)
{
    img->format = format;
    img->traits = format_by_number(format);
    g_free(img->format_name);
    img->format_name = g_strdup(name);
}

int image_add_handle(Image *img, IoFile *file, CellRights rights, guint64 max_size, GError **error)
{
    int handle = (int)img->n_handles;

    if (img->n_handles == ABI_MAX_HANDLES) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "Too many files in one image");
        return -1;
    }
    if (img->cell != NULL) {
        handle = cell_attach(img->cell, file, rights, max_size, error);
        if (handle < 0) {
            return -1;
        }
        if (handle != (int)img->n_handles) {
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "Files of one image out of order");
            return -1;
        }
    }
    img->handles[img->n_handles++] = io_ref(file);
    return handle;
}

/* Everything a format can need for this guest size: the tables of the smallest clusters take a
 * sixteenth; the rest is for what is in the file already, snapshots and leaks among it. */
guint64 image_growth_bound(guint64 file_size, guint64 virtual_size)
{
    const guint64 slack = 64u << 20;
    guint64 bound = G_MAXINT64;

    if (virtual_size < G_MAXINT64 / 4 && file_size < G_MAXINT64 / 4) {
        bound = file_size + virtual_size + virtual_size / 4 + slack;
    }
    return bound;
}

gboolean image_set_bound(Image *img, guint64 virtual_size, GError **error)
{
    guint64 size;

    for (guint i = 0; i < img->n_handles; i++) {
        if (!io_writable(img->handles[i])) {
            continue;
        }
        if (!io_size(img->handles[i], &size, error)) {
            return FALSE;
        }
        cell_set_bound(img->cell, i, image_growth_bound(size, virtual_size));
    }
    return TRUE;
}

guint64 image_seed(void)
{
    return (guint64)g_random_int() << 32 | g_random_int();
}

/* ---- calls of the cell --------------------------------------------------------------- */

/* What a driver has to say while it works is said at once. */
static gboolean tell_piece(const guint8 *props, gsize length, gpointer user_data)
{
    return image_tell_all(props, length);
}

gboolean image_call_locked(Image *img, CellCall *call, gint *ret_errno, GError **error)
{
    if (call->emit == NULL && call->op != ABI_JOB_INFO && call->op != ABI_JOB_CALL) {
        call->emit = tell_piece;
    }
    if (img->cell == NULL) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED, "%s", g_strerror(ENOTSUP));
        if (ret_errno != NULL) {
            *ret_errno = ENOTSUP;
        }
        return FALSE;
    }
    if (!cell_call(img->cell, call, error)) {
        if (ret_errno != NULL) {
            *ret_errno = EIO;
        }
        return FALSE;
    }
    if (call->result.status >= 0) {
        return TRUE;
    }
    g_autofree char *words = words_of_result_in(&call->result, img->path != NULL ? img->path : "");
    g_set_error_literal(error, IMAGE_ERROR,
                        call->result.status == FMT_E_IO            ? IMAGE_ERROR_IO
                        : call->result.status == FMT_E_UNSUPPORTED ? IMAGE_ERROR_UNSUPPORTED
                                                                   : IMAGE_ERROR_FORMAT,
                        words);
    if (ret_errno != NULL) {
        *ret_errno = words_errno(&call->result);
    }
    return FALSE;
}

gboolean image_call_cell(Image *img, CellCall *call, gint *ret_errno, GError **error)
{
    gboolean ok;

    g_mutex_lock(&img->driver);
    ok = image_call_locked(img, call, ret_errno, error);
    g_mutex_unlock(&img->driver);
    return ok;
}

GBytes *image_info(Image *img, guint32 part, GError **error)
{
    CellCall call = { .op = ABI_JOB_INFO, .arg = { part } };
    g_autofree guint8 *out = NULL;

    if (img->cell == NULL) {
        return g_bytes_new(NULL, 0);
    }
    out = g_malloc(ABI_TABLE_SIZE);
    call.out = out;
    call.out_size = ABI_TABLE_SIZE;
    if (!image_call_cell(img, &call, NULL, error)) {
        g_clear_pointer(&call.emitted, g_byte_array_unref);
        return NULL;
    }
    if (call.emitted != NULL) {
        /* a long list came in pieces */
        g_byte_array_append(call.emitted, out, (guint)call.out_length);
        return g_byte_array_free_to_bytes(call.emitted);
    }
    return g_bytes_new(out, call.out_length);
}

GBytes *image_call(Image *img, guint32 what, GBytes *in, GError **error)
{
    CellCall call = { .op = ABI_JOB_CALL, .arg = { what } };
    g_autofree guint8 *out = g_malloc(ABI_TABLE_SIZE);

    call.in = in != NULL ? g_bytes_get_data(in, &call.in_length) : NULL;
    call.out = out;
    call.out_size = ABI_TABLE_SIZE;
    if (!image_call_cell(img, &call, NULL, error)) {
        return NULL;
    }
    image_forget(img);
    return g_bytes_new(out, call.out_length);
}

/* ---- facts ------------------------------------------------------------------------------- */

const char *image_filename(const Image *img)
{
    return img->filename;
}

const char *image_exact_path(const Image *img)
{
    return img->path;
}

const char *image_format_name(const Image *img)
{
    return img->format_name;
}

gboolean image_has_driver(const Image *img)
{
    return img->format != ABI_FORMAT_RAW;
}

guint64 image_size(const Image *img)
{
    return img->size;
}

guint64 image_start(const Image *img)
{
    return img->cell == NULL ? io_slice_start(img->handles[0]) : 0;
}

gboolean image_shown_dirty(const Image *img)
{
    return (img->facts.flags & ABI_FACT_DIRTY) != 0 && profile_has(img->traits->dirty_shown);
}

const struct abi_facts *image_facts(const Image *img)
{
    return &img->facts;
}

const char *image_backing_name(const Image *img)
{
    return img->backing_name;
}

const char *image_backing_full(const Image *img)
{
    return img->backing_full;
}

const char *image_backing_format(const Image *img)
{
    return img->backing_format;
}

const char *image_data_file(const Image *img)
{
    return img->data_name;
}

Image *image_backing(const Image *img)
{
    return img->backing;
}

gboolean image_backing_stale(const Image *img)
{
    return img->stale;
}

IoFile *image_file(const Image *img)
{
    return img->handles[0];
}

IoFile *image_file_by_handle(Image *img, guint32 handle)
{
    return handle < img->n_handles ? img->handles[handle] : NULL;
}
