/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>

#include "image/image.h"

G_DEFINE_QUARK(instar - image - error - quark, image_error)

void image_warn(const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    /* stdio, as g_printerr() would rewrite bytes that are not UTF-8. */
    fprintf(stderr, "%s: warning: %s\n", g_get_prgname(), message);
}
