/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host has to do for one question. */
#include "format/vmdk-write.h"

/* Steps that one grain takes at most: what stands in front, the bytes, what stands behind. */
#define GRAIN_STEPS 3u

/* Bytes of one grain that a question is about. */
struct part {
    uint64_t base; /* where the grain begins */
    uint64_t from, end;
    bool zero, stale;
};

static void put(struct vmdk_plan *p, uint16_t kind, uint64_t guest, uint64_t end, uint64_t place)
{
    struct abi_extent *last = p->n > p->own ? &p->out[p->n - 1] : 0;

    if (guest >= end) {
        return;
    }
    if (last && last->kind == kind && last->guest_offset + last->length == guest &&
        last->file_offset + last->length == place) {
        last->length += end - guest;
        return;
    }
    p->out[p->n++] = (struct abi_extent){
        .guest_offset = guest,
        .length = end - guest,
        .file_offset = place,
        .kind = kind,
        .flags = ABI_EXTF_OFFSET,
    };
}

/* The question's own bytes, in a grain at place. */
static void put_own(struct vmdk_plan *p, const struct part *part, uint64_t place)
{
    put(p, part->zero ? ABI_EXT_FILL_ZERO : ABI_EXT_DATA, part->from, part->end,
        place + (part->from - part->base));
}

/* A new grain, which is stored whole, as qemu-img does it: around the bytes of the question stands
 * what the guest saw there. What has to be read for that, and may fail, comes first. */
static int plan_new(struct vmdk_plan *p, const struct part *part, bool has_old)
{
    const struct vmdk_state *st = p->im->state;
    uint64_t end = part->base + st->grain; /* also where the disk ends before */
    uint16_t around = has_old ? ABI_EXT_FILL_OLD : ABI_EXT_FILL_ZERO;
    struct vmdk_pending *grain;

    if (has_old && part->stale) {
        /* as qemu-img, also where nothing old is needed to complete it */
        return vmdk_fail_errno(p->im, VMDK_EINVAL);
    }
    int status = vmdk_pending_make(p->im, part->base, &grain);
    if (status) {
        return status;
    }
    put(p, around, part->base, part->from, grain->place);
    if (has_old) {
        put(p, around, part->end, end, grain->place + (part->end - part->base));
    }
    put_own(p, part, grain->place);
    if (!has_old) {
        put(p, around, part->end, end, grain->place + (part->end - part->base));
    }
    vmdk_pending_add(st->writer, grain, end - part->base);
    return FMT_OK;
}

/* In place: not over what the image is made of, and not where no grain can be. */
static int plan_in_place(struct vmdk_plan *p, const struct part *part, uint32_t entry)
{
    const struct vmdk_state *st = p->im->state;
    const struct vmdk_writer *w = st->writer;
    uint64_t place = (uint64_t)entry * VMDK_SECTOR;

    if (entry < st->header.overhead ||
        !range_fits(place, st->grain, place < w->start ? w->start : w->end)) {
        return fmt_fail(p->im->env, FMT_E_CORRUPT_CLUSTER);
    }
    put_own(p, part, place);
    return vmdk_store_new_id(p->im);
}

static int plan_part(struct vmdk_plan *p, const struct part *part)
{
    const struct vmdk_state *st = p->im->state;
    struct vmdk_pending *pending = vmdk_pending_find(st->writer, part->base);
    struct vmdk_table *table;
    uint32_t index;
    bool writable;

    if (pending) {
        put_own(p, part, pending->place);
        vmdk_pending_add(st->writer, pending, part->end - part->from);
        return FMT_OK;
    }
    int status = vmdk_table_get(p->im, part->base, &table, &index);
    if (!status) {
        status = vmdk_table_writable(p->im, table, &writable);
    }
    if (status) {
        return status;
    }
    uint32_t entry = vmdk_entry(table, index);
    if (!writable) {
        return vmdk_fail_errno(p->im, VMDK_EINVAL);
    }
    if (part->zero && (st->header.flags & VMDK_FLAG_ZEROED) && part->from == part->base &&
        part->end == min_u64(part->base + st->grain, st->size)) {
        status = vmdk_store_new_id(p->im);
        return status ? status : vmdk_entry_set(p->im, part->base, VMDK_ENTRY_ZERO);
    }
    if (!entry || vmdk_is_zero(st, entry)) {
        return plan_new(p, part, !entry && st->parent.length);
    }
    return plan_in_place(p, part, entry);
}

int vmdk_plan(struct vmdk_plan *p, const struct abi_extent *question)
{
    const struct vmdk_state *st = p->im->state;
    uint64_t at = question->guest_offset, end = at + question->length;
    struct part part = {
        .zero = question->kind == ABI_EXT_ZERO,
        .stale = (question->flags & ABI_EXTF_STALE) != 0,
    };
    int status = FMT_OK;

    while (at < end && !status) {
        if (p->max - p->n < GRAIN_STEPS) {
            p->full = true;
            return FMT_OK;
        }
        part.base = align_down(at, st->grain);
        part.from = at;
        part.end = min_u64(end, part.base + st->grain);
        status = plan_part(p, &part);
        at = part.end;
    }
    return status;
}
