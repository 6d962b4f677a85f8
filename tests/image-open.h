/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening images in tests. */
#pragma once

#include "image/image.h"

/* format: NULL to probe. It must succeed. */
Image *test_open(const char *name, const char *format, ImageFlags flags);
/* It must fail: the words. Free with g_free. */
char *test_open_error(const char *name, ImageFlags flags);
