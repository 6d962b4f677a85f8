/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a driver is told of a new image besides the options the user gave. */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "image/image-private.h"

/* Of the backing file's name and what is found in it. */
#define ROOM 512u

/* A string among the options, NULL if it is not there. Free with g_free. */
static char *find_string(const guint8 *bytes, gsize size, const char *key)
{
    struct props_reader reader = { .base = bytes, .size = (guint32)size };
    struct props_item it;
    char *found = NULL;

    while (props_next(&reader, &it) > 0) {
        if (it.type == ABI_PROP_STRING && props_is(&it, key)) {
            g_free(found);
            found = g_strndup((const char *)it.value, it.value_length);
        }
    }
    return found;
}

/* Its own layer only; nobody is kept from it. */
static gboolean add_backing(struct props_writer *w, const char *filename, const char *backing,
                            GError **error)
{
    const ImageFlags flags = IMAGE_NO_IO | IMAGE_NO_BACKING | IMAGE_NO_LOCK | IMAGE_BARE_ERROR;
    g_autofree char *full = image_resolve_name(filename, backing);
    g_autoptr(ImageSpec) spec = image_spec_from_name(full, NULL, error);
    g_autoptr(Image) img = spec != NULL ? image_open(spec, flags, 0, error) : NULL;

    if (img == NULL) {
        return FALSE;
    }
    props_string(w, PROPS_CREATE_BACKING_FOUND, img->format_name);
    if ((img->facts.flags & ABI_FACT_CONTENT_ID) != 0) {
        props_u64(w, PROPS_CREATE_BACKING_ID, img->facts.content_id);
    }
    return TRUE;
}

GBytes *create_props(const char *filename, const char *path, GBytes *options, FormatManners manners,
                     GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *backing = NULL;
    g_autofree guint8 *bytes = NULL;
    struct props_writer w = { 0 };
    gsize size = 0;
    const guint8 *given = options != NULL ? g_bytes_get_data(options, &size) : NULL;

    backing = find_string(given, size, "backing_file");
    w.size = (guint32)(size + strlen(name) + ROOM);
    w.base = bytes = g_malloc(w.size);
    if (size > 0) {
        memcpy(w.base, given, size);
    }
    w.used = (guint32)size;
    props_string(&w, PROPS_CREATE_NAME, name);
    if ((manners & FORMAT_ASKS_BACKING) && backing != NULL &&
        !add_backing(&w, filename, backing, error)) {
        return NULL;
    }
    return g_bytes_new(bytes, w.used);
}
