/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answers of a job, and the end of the last cluster, which may still be asked for. */
#include "format/qcow2-write.h"

bool qcow2_plan_has_room(struct qcow2_plan *p)
{
    p->full = p->max - p->n < QCOW2_SPARE_STEPS;
    return !p->full;
}

void qcow2_plan_put(struct qcow2_plan *p, uint16_t kind, uint64_t guest, uint64_t length,
                    uint64_t host)
{
    const struct qcow2_state *st = p->im->state;
    struct abi_extent *last = p->n > p->own ? &p->out[p->n - 1] : 0;

    if (!length || !p->out) {
        return;
    }
    if (last && last->kind == kind && last->guest_offset + last->length == guest &&
        last->file_offset + last->length == host) {
        last->length += length;
        return;
    }
    p->out[p->n++] = (struct abi_extent){
        .guest_offset = guest,
        .length = length,
        .file_offset = host,
        .handle = st->has_data_file ? p->im->data_handle : 0,
        .kind = kind,
        .flags = ABI_EXTF_OFFSET,
        .codec = qcow2_cipher(p->im),
    };
}

void qcow2_plan_fill(struct qcow2_plan *p, const struct qcow2_entry *e, uint64_t guest,
                     uint64_t end, uint64_t host)
{
    const struct qcow2_state *st = p->im->state;

    while (guest < end) {
        enum qcow2_unit unit = qcow2_unit_of(st, e, guest & (st->cluster_size - 1));
        uint64_t stop = min_u64(end, align_down(guest, st->subcluster_size) + st->subcluster_size);
        bool old = unit == QCOW2_U_DATA || (unit == QCOW2_U_HOLE && st->backing_name.length);

        /* behind the end of the disk there is nothing to read */
        if (guest >= st->active.size) {
            old = false;
        } else {
            stop = min_u64(stop, st->active.size);
        }
        qcow2_plan_put(p, old ? ABI_EXT_FILL_OLD : ABI_EXT_FILL_ZERO, guest, stop - guest, host);
        host += stop - guest;
        guest = stop;
    }
}

void qcow2_plan_tail(struct qcow2_plan *p, uint64_t guest)
{
    struct qcow2_tail *t = &p->tail;
    uint64_t stop = min_u64(guest, t->end);

    if (t->open && stop > t->guest) {
        qcow2_plan_fill(p, &t->entry, t->guest, stop, t->host);
        t->host += stop - t->guest;
        t->guest = stop;
    }
    t->open = t->open && t->guest < t->end;
}

void qcow2_plan_forget(struct qcow2_plan *p, uint64_t guest, uint64_t end)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t base = align_down(guest, st->cluster_size);
    struct qcow2_promise *promised = qcow2_promise_find(p->im, base, st->cluster_size);
    struct qcow2_tail *t = &p->tail;

    if (!promised) {
        return;
    }
    uint32_t gone = promised->units & qcow2_unit_bits(st, guest - base, end - guest);
    promised->units &= ~gone;
    promised->missing -= qcow2_units_size(st, gone);
    if (t->open && t->guest < end && t->end > guest) {
        qcow2_plan_tail(p, guest);
        end = min_u64(end, t->end);
        t->host += end - t->guest;
        t->guest = end;
        t->open = end < t->end;
    }
}

void qcow2_plan_open_tail(struct qcow2_plan *p, const struct qcow2_entry *e, uint64_t guest,
                          uint64_t end, uint64_t host)
{
    if (p->out && guest < end) {
        p->tail = (struct qcow2_tail){ true, guest, end, host, *e };
    }
}
