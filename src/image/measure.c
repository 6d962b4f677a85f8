/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How big an image would get. */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "image/image-private.h"
#include "image/secret.h"

/* Room for the record of the source's data. */
#define SOURCE_ROOM 64u

static gboolean cannot(const char *format, GError **error)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED,
                "Block driver '%s' does not support size measurement", format);
    return FALSE;
}

/* The question: head, options, what the source holds. NULL if it is too long. */
static GByteArray *write_question(guint32 format, guint64 size, GBytes *options, gboolean source,
                                  const guint64 *data)
{
    const struct abi_create head = {
        { sizeof head, ABI_JOB_MEASURE, ABI_VERSION }, format, source ? ABI_MEASURE_SOURCE : 0, size
    };
    guint8 room[SOURCE_ROOM];
    struct props_writer props = { .base = room, .size = sizeof room };
    gsize length = 0;
    const void *bytes = options != NULL ? g_bytes_get_data(options, &length) : NULL;
    GByteArray *in;

    if (length > ABI_TABLE_SIZE - sizeof head - sizeof room) {
        return NULL;
    }
    in = g_byte_array_new();
    g_byte_array_append(in, (const guint8 *)&head, sizeof head);
    if (length > 0) {
        g_byte_array_append(in, bytes, (guint)length);
    }
    if (data != NULL) {
        props_u64(&props, "source-data", *data);
        g_byte_array_append(in, room, props.used);
    }
    return in;
}

/* The secret of a LUKS image must be there, though nothing is encrypted. */
static gboolean check_secret(const ImageFormat *format, GBytes *options, GError **error)
{
    gboolean luks = (format->manners & FORMAT_IS_CIPHER) != 0;
    struct props_reader reader = { 0 };
    g_autofree char *id = NULL;
    struct props_item it;
    gsize size = 0;

    reader.base = options != NULL ? g_bytes_get_data(options, &size) : NULL;
    reader.size = (guint32)size;
    while (size > 0 && props_next(&reader, &it) > 0) {
        g_autofree char *key = g_strndup(it.key, it.key_length);
        g_autofree char *value =
            it.type == ABI_PROP_STRING ? g_strndup((const char *)it.value, it.value_length) : NULL;

        luks = luks || (g_str_equal(key, "encrypt.format") && g_strcmp0(value, "luks") == 0);
        if (g_str_equal(key, "encrypt.key-secret") || g_str_equal(key, "key-secret")) {
            g_free(id);
            id = g_steal_pointer(&value);
        }
    }
    const guint8 *data;
    return !luks || id == NULL || secret_find_text(id, &data, &size, error);
}

/* A cell is asked; that of the source will do, as nothing of the source is looked at. */
static gboolean ask(Image *source, GByteArray *in, CellCall *call, GError **error)
{
    const CellConfig config = { 0 };
    g_autoptr(Image) fresh = NULL;

    call->in = in->data;
    call->in_length = in->len;
    if (source == NULL || source->cell == NULL) {
        source = fresh = image_new(0, 0);
        fresh->cell = cell_start(&config, error);
        if (fresh->cell == NULL) {
            return FALSE;
        }
    }
    return image_call_cell(source, call, NULL, error);
}

gboolean image_measure(const char *name, guint64 size, GBytes *options, Image *source,
                       const guint64 *data, struct abi_measure *ret, GError **error)
{
    const ImageFormat *format = format_by_name(name);
    struct abi_measure measure = { 0 };
    CellCall call = { .op = ABI_JOB_MEASURE, .out = &measure, .out_size = sizeof measure };
    g_autoptr(GByteArray) in = NULL;
    g_autoptr(GError) why = NULL;

    if (format == &format_raw) {
        measure.required = measure.fully_allocated =
            (size + IMAGE_SECTOR - 1) & ~(guint64)(IMAGE_SECTOR - 1);
        *ret = measure;
        return TRUE;
    }
    if (format == NULL) {
        return cannot(name, error);
    }
    in = write_question(format->number, size, options, source != NULL, data);
    if (in == NULL) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "The options are too long");
        return FALSE;
    }
    if (!ask(source, in, &call, &why)) {
        if (call.result.status == FMT_E_UNSUPPORTED) {
            return cannot(name, error);
        }
        /* the size is looked at last */
        if (call.result.ret[0] != ABI_MEASURE_SIZE || check_secret(format, options, error)) {
            g_propagate_error(error, g_steal_pointer(&why));
        }
        return FALSE;
    }
    if (!check_secret(format, options, error)) {
        return FALSE;
    }
    if (call.out_length != sizeof measure || (measure.unit & (measure.unit - 1)) != 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "The driver's answer makes no sense");
        return FALSE;
    }
    *ret = measure;
    return TRUE;
}
