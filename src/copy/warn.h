/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Warnings of a copy that goes on (--salvage). */
#ifndef INSTAR_COPY_WARN_H
#define INSTAR_COPY_WARN_H

#include "copy/copy.h"

/* "PROGRAM: warning: MESSAGE" on stderr, unless the job is to be quiet. */
void copy_warn(const CopyConvert *job, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
