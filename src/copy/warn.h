/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a copy says: warnings when it goes on (--salvage), errors when it does not. */
#ifndef INSTAR_COPY_WARN_H
#define INSTAR_COPY_WARN_H

#include "copy/copy.h"

/* "PROGRAM: warning: MESSAGE" on stderr, unless the job is to be quiet. */
void copy_warn(const CopyConvert *job, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* What went wrong, and how the job's command says so. */
typedef enum { COPY_FAULT_STATUS, COPY_FAULT_READ, COPY_FAULT_WRITE } CopyFault;
/* at: bytes in the target. */
void copy_fault(const CopyConvert *job, CopyFault fault, guint64 at, const char *why,
                GError **error);

#endif
