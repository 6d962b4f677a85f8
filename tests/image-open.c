/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/image-open.h"

Image *test_open(const char *name, const char *format, ImageFlags flags)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImageSpec) spec = image_spec_from_name(name, format, &error);
    Image *img;

    g_assert_no_error(error);
    img = image_open(spec, flags, 0, &error);
    g_assert_no_error(error);
    return img;
}

char *test_open_error(const char *name, ImageFlags flags)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImageSpec) spec = image_spec_from_name(name, NULL, &error);
    g_autoptr(Image) img = spec ? image_open(spec, flags, 0, &error) : NULL;

    g_assert_null(img);
    return g_strdup(error->message);
}
