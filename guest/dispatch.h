/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a job to the calls of a driver. One dispatcher holds at most one open
 * image. Used by the payload and, hosted, by the inline back end of the tests.
 */
#ifndef INSTAR_GUEST_DISPATCH_H
#define INSTAR_GUEST_DISPATCH_H

#include "format/format.h"
#include "guest/codec.h"

struct dispatcher {
    struct fmt_env *env; /* env->result is set here for each job */
    /* Free everything env->alloc gave; a new image begins with an empty arena. */
    void (*reset)(struct fmt_env *env);
    struct fmt_image image; /* image.driver is NULL while nothing is open */
    struct codec codec;
    uint8_t *out;      /* ABI_TABLE_SIZE bytes */
    const uint8_t *in; /* ABI_TABLE_SIZE bytes, apart from out */
};

/* Run one job to its end. in_length is checked against the table; result is
 * complete afterwards but for arena_peak. */
void dispatch_job(struct dispatcher *d, const struct abi_job *job, struct abi_result *result);

/* The same for a cpu that knows CODEC only. */
void dispatch_codec_job(struct dispatcher *d, const struct abi_job *job, struct abi_result *result);

#endif
