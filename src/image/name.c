/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File names: protocol prefixes, and names that images record. */
#include "config.h"

#include <string.h>

#include "image/image-private.h"
#include "image/words.h"

gboolean name_has_protocol(const char *name)
{
    return name[strcspn(name, ":/")] == ':';
}

gboolean name_parse(const char *name, const char **ret_driver, char **ret_path, GError **error)
{
    static const char *const known[] = { "file", "host_device" };
    gsize length = strcspn(name, ":/");

    *ret_driver = NULL;
    if (name[length] != ':') {
        *ret_path = g_strdup(name);
        return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strlen(known[i]) == length && strncmp(name, known[i], length) == 0) {
            const char *path = name + length + 1;

            *ret_driver = known[i];
            /* Shown back, the rest must not look like a protocol again. */
            *ret_path = name_has_protocol(path) ? g_strconcat("./", path, NULL) : g_strdup(path);
            return TRUE;
        }
    }
    /* The name may come from an image. */
    g_autofree char *protocol = words_printable(name, length);
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Unknown protocol '%s'", protocol);
    return FALSE;
}

char *image_resolve_name(const char *base, const char *recorded)
{
    const char *slash = base != NULL ? strrchr(base, '/') : NULL;

    if (name_has_protocol(recorded) || *recorded == '/' || slash == NULL) {
        return g_strdup(recorded);
    }
    return g_strdup_printf("%.*s%s", (int)(slash - base + 1), base, recorded);
}

gboolean image_check_protocol(const char *name, GError **error)
{
    g_autofree char *path = NULL;
    const char *driver;

    return name_parse(name, &driver, &path, error);
}
