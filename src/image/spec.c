/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What to open: from a name or from --image-opts. */
#include "config.h"

#include <string.h>

#include "image/image-private.h"
#include "image/words.h"

static ImageSpec *spec_new(const char *name, const char *format, ImageOptions *options)
{
    ImageSpec *spec = g_new0(ImageSpec, 1);

    g_atomic_ref_count_init(&spec->refs);
    spec->name = g_strdup(name);
    spec->format = g_strdup(format);
    spec->options = options;
    return spec;
}

static ImageOptions *options_from_plain(const char *name, const char *format, GError **error)
{
    gboolean protocol = format != NULL && driver_kind(format) == DRIVER_PROTOCOL;
    g_autoptr(ImageOptions) options = NULL;
    const char *driver;
    char *path = NULL;

    if (!name_parse(name, &driver, &path, error)) {
        return NULL;
    }
    options = options_new();
    options_set_string(options, protocol ? "filename" : "file.filename", path);
    if (driver != NULL && !protocol) {
        options_set_string(options, "file.driver", driver);
    }
    g_free(path);
    return g_steal_pointer(&options);
}

ImageSpec *image_spec_from_name(const char *name, const char *format, GError **error)
{
    ImageOptions *options;

    if (format != NULL && driver_kind(format) == DRIVER_NONE && !g_str_has_prefix(name, "json:")) {
        g_autofree char *safe = words_printable(format, strlen(format));

        options = NULL;
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Unknown driver '%s'", safe);
    } else if (g_str_has_prefix(name, "json:")) {
        options = options_from_json(name + strlen("json:"), error);
    } else {
        options = options_from_plain(name, format, error);
    }
    if (options == NULL) {
        g_prefix_error(error, "Could not open '%s': ", name);
        return NULL;
    }
    return spec_new(name, format, options);
}

ImageSpec *image_spec_from_opts(const char *opts, GError **error)
{
    static const KeyvalRules rules = { .implied = "file" };
    g_auto(GStrv) warnings = NULL;
    ImageOptions *options = options_from_keyval(opts, &rules, &warnings, error);
    ImageSpec *spec;

    if (options == NULL) {
        return NULL;
    }
    spec = spec_new(opts, NULL, options);
    spec->warnings = g_steal_pointer(&warnings);
    spec->is_opts = TRUE;
    return spec;
}

void image_spec_set(ImageSpec *spec, const char *key, const char *value)
{
    options_set_string(spec->options, key, value);
}

ImageSpec *image_spec_ref(ImageSpec *spec)
{
    g_atomic_ref_count_inc(&spec->refs);
    return spec;
}

void image_spec_unref(ImageSpec *spec)
{
    if (spec == NULL || !g_atomic_ref_count_dec(&spec->refs)) {
        return;
    }
    options_free(spec->options);
    g_strfreev(spec->warnings);
    g_free(spec->name);
    g_free(spec->format);
    g_free(spec);
}
