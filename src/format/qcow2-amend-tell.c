/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far an amendment has come, told seldom: each word costs an exit of the cell. */
#include "format/qcow2-amend.h"

#define WHOLE 1000000000u
/* What has to be done between two words, of WHOLE: as much as is shown, or a little now and then. */
#define SHOWN (WHOLE / 100)
#define SELDOM (WHOLE / 16)

int qcow2_amend_tell(struct fmt_image *im, struct qcow2_amend_steps *steps, uint64_t done,
                     uint64_t total)
{
    /* a number that WHOLE can be multiplied with */
    while (total > UINT32_MAX) {
        total >>= 8;
        done >>= 8;
    }
    uint64_t share = total ? min_u64(done, total) * WHOLE / total : WHOLE;
    uint64_t now = (steps->op * WHOLE + share) / max_u64(steps->ops, 1);
    uint64_t step = now && now < WHOLE ? (steps->shown ? SHOWN : SELDOM) : 1;

    if (steps->begun ? now < steps->told + step : now && now < step) {
        return FMT_OK;
    }
    steps->begun = true;
    steps->told = now;
    return im->env->progress(im->env, now, WHOLE);
}
