/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine has to know of the work it does: convert, dd, commit or rebase. */
#ifndef INSTAR_COPY_WORK_H
#define INSTAR_COPY_WORK_H

#include "copy/copy.h"

typedef enum {
    COPY_FAILED_STATUS, /* what an image stores where could not be found out */
    COPY_FAILED_READ,
    COPY_FAILED_READ_OTHER, /* what is compared with */
    COPY_FAILED_WRITE,
    COPY_FAILURES,
} CopyFailure;

typedef struct CopyWork CopyWork;
struct CopyCutter;

struct CopyWork {
    struct CopyCutter *(*cut)(const CopyWork *work, const CopyConvert *job, guint32 cluster,
                              guint32 split);
    gconstpointer what;               /* the work's own description */
    guint64 total;                    /* of the weights of all pieces; 0: not known */
    gboolean counts;                  /* all pieces are looked at first, for the total */
    gboolean compares;                /* pieces come with what they are compared with */
    gboolean unmap;                   /* zeros may give clusters back */
    const char *words[COPY_FAILURES]; /* of an error, up to the colon */
    gboolean places;                  /* the words end with a place, in bytes */
    guint bare;                       /* 1 << CopyFailure: told without a reason */
};

/* Set the error in the words of the work. at: where, in bytes of the target. */
void copy_work_fail(const CopyWork *work, CopyFailure what, guint64 at, const char *why,
                    GError **error);

/* Do it: all the cutter tells of. job says which images, and how. */
gboolean copy_work_do(const CopyWork *work, const CopyConvert *job, GError **error);

#endif
