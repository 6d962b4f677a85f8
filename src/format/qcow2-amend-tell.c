/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far an amendment has come, told seldom: each word costs an exit of the cell. */
#include "base/percent.h"
#include "format/qcow2-amend.h"

/* Percent between two words: as much as is shown, or a little now and then. */
#define SHOWN 1.0f
#define SELDOM 6.25f

int qcow2_amend_tell(struct fmt_image *im, struct qcow2_amend_steps *steps, uint64_t done,
                     uint64_t total)
{
    /* what is to come is as long, on average, as the parts up to the one at work */
    uint64_t whole = (steps->done + total) * max_u64(steps->ops, 1) / (steps->op + 1);
    uint64_t now = steps->done + min_u64(done, total);
    float percent = percent_of(now, whole);
    bool tells = percent_tells(percent, steps->told, steps->shown ? SHOWN : SELDOM);

    steps->total = total;
    if (steps->begun ? !tells || percent == steps->told : now && !tells) {
        return FMT_OK;
    }
    steps->begun = true;
    steps->told = percent;
    return im->env->progress(im->env, now, whole);
}

void qcow2_amend_next(struct qcow2_amend_steps *steps)
{
    steps->op++;
    steps->done += steps->total;
    steps->total = 0;
}
