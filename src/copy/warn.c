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

void copy_fault(const CopyConvert *job, CopyFault fault, guint64 at, const char *why,
                GError **error)
{
    static const char *const convert_words[] = {
        [COPY_FAULT_STATUS] = "error while reading block status at offset",
        [COPY_FAULT_READ] = "error while reading at byte",
        [COPY_FAULT_WRITE] = "error while writing at byte",
    };
    static const char *const dd_words[] = {
        [COPY_FAULT_STATUS] = "error while reading from input image file",
        [COPY_FAULT_READ] = "error while reading from input image file",
        [COPY_FAULT_WRITE] = "error while writing to output image file",
    };

    if (job->is_dd) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s: %s", dd_words[fault], why);
    } else {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s %" G_GUINT64_FORMAT ": %s",
                    convert_words[fault], at, why);
    }
}
