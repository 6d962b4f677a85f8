/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zeros that end inside a cluster of a target with a backing file. If what is
 * left of the cluster reads as zeros too, qemu-img makes all of it a cluster of
 * zeros; else it writes them. The driver does not see the backing file, so the
 * question is made wider here.
 */
#include "config.h"

#include "base/checked.h"
#include "copy/convert-private.h"

/* Does [start, end) of the target read as zeros, without looking at data? */
static gboolean reads_zero(CopyEngine *e, guint64 start, guint64 end)
{
    if (!e->target_walk) {
        e->target_walk = copy_walk_new(e->job->target, 0, G_MAXUINT64, 0);
    }
    copy_walk_seek(e->target_walk, start);
    while (copy_walk_tell(e->target_walk) < end) {
        CopyRun run;
        gboolean more;
        if (!copy_walk_next(e->target_walk, &run, &more, NULL) || !more) {
            return !more;
        }
        if (!run.zero) {
            return FALSE;
        }
    }
    return TRUE;
}

void copy_engine_widen(CopyEngine *e, struct abi_extent *x)
{
    guint64 unit = image_facts(e->job->target)->subcluster_size;
    guint64 size = image_size(e->job->target);
    guint64 end = x->guest_offset + x->length;
    guint64 base, stop;

    if (x->kind != ABI_EXT_ZERO || !image_backing(e->job->target) || !unit) {
        return;
    }
    base = align_down(x->guest_offset, unit);
    stop = MIN(base + unit, size);
    /* What this conversion wrote there is data now. */
    if (x->guest_offset != base && e->asked_end <= base && reads_zero(e, base, x->guest_offset) &&
        (end >= stop || reads_zero(e, end, stop))) {
        x->guest_offset = base;
        end = MAX(end, stop);
    }
    base = align_down(end, unit);
    stop = MIN(base + unit, size);
    if (end != base && base >= x->guest_offset && e->asked_end <= base && end < stop &&
        reads_zero(e, end, stop)) {
        end = stop;
    }
    x->length = end - x->guest_offset;
}
