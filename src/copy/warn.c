/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include "copy/warn.h"

void copy_warn(const CopyConvert *job, const char *format, ...)
{
    va_list args;

    if (job->program) {
        va_start(args, format);
        g_autofree char *message = g_strdup_vprintf(format, args);
        va_end(args);
        fprintf(stderr, "%s: warning: %s\n", job->program, message);
    }
}
