/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where data goes. A range is taken in rounds, each of which ends up in one run
 * of the file: clusters that nobody shares are written in place, new ones follow
 * them if that place is free, and else begin a run of their own. That, and that
 * a run of new clusters ends with its piece of the L2 table, is qemu-img's order.
 */
#include "format/qcow2-write.h"

#define NO_PLACE UINT64_MAX

/* Bytes of a cluster that is written anew, before and behind what is asked for, are copied from
 * the first to the last subcluster that holds data. */
static uint64_t copy_start(const struct qcow2_state *st, const struct qcow2_entry *e,
                           uint64_t within)
{
    uint32_t first = (uint32_t)(within / st->subcluster_size);

    if (!st->extended_l2 || e->class == QCOW2_C_COMPRESSED) {
        return 0;
    }
    if (e->allocated && (uint32_t)__builtin_ctz(e->allocated) < first) {
        first = (uint32_t)__builtin_ctz(e->allocated);
    }
    return (uint64_t)first * st->subcluster_size;
}

static uint64_t copy_end(const struct qcow2_state *st, const struct qcow2_entry *e, uint64_t within)
{
    uint32_t end = (uint32_t)div_up(within, st->subcluster_size);

    if (!st->extended_l2 || e->class == QCOW2_C_COMPRESSED) {
        return st->cluster_size;
    }
    if (e->allocated && 32 - (uint32_t)__builtin_clz(e->allocated) > end) {
        end = 32 - (uint32_t)__builtin_clz(e->allocated);
    }
    return (uint64_t)end * st->subcluster_size;
}

/* Promise clusters at host for those of the guest from base on; of one cluster only units. */
static int promise(struct qcow2_plan *p, uint64_t base, uint64_t length, uint64_t host,
                   uint32_t units, bool keeps)
{
    const struct qcow2_state *st = p->im->state;
    bool parts = st->extended_l2 && length == st->cluster_size;

    units = !p->out ? 0 : parts ? units : UINT32_MAX;
    return qcow2_promise_add(p->im, (struct qcow2_promise){
                                        .guest = base,
                                        .length = length,
                                        .host = host,
                                        .missing = !units  ? 0
                                                   : parts ? qcow2_units_size(st, units)
                                                           : length,
                                        .units = units,
                                        .keeps = keeps,
                                    });
}

/* n new clusters at place for the guest clusters from base on, of which first is the first entry
 * and last the last; [guest, end) is written in them. */
static int plan_new(struct qcow2_plan *p, uint64_t base, uint64_t n, uint64_t place,
                    const struct qcow2_entry *first, const struct qcow2_entry *last, uint64_t guest,
                    uint64_t end, uint16_t kind)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t size = st->cluster_size, all = n * size, tail = base + all - size;
    uint64_t from = copy_start(st, first, guest - base), to = copy_end(st, last, end - tail);
    /* clusters made of several steps stand alone, and those with some subclusters only */
    uint64_t whole = guest > base ? size : 0, whole_end = end < base + all ? all - size : all;
    int status = FMT_OK;

    qcow2_plan_fill(p, first, base + from, guest, place + from);
    qcow2_plan_put(p, kind, guest, end - guest, place + (guest - base));
    qcow2_plan_open_tail(p, last, end, tail + to, place + (end - base));
    if (n == 1) {
        return promise(p, base, size, place, qcow2_unit_bits(st, from, to - from), false);
    }
    if (whole) {
        status = promise(p, base, size, place, qcow2_unit_bits(st, from, size - from), false);
    }
    if (!status && whole < whole_end) {
        status = promise(p, base + whole, whole_end - whole, place + whole, UINT32_MAX, false);
    }
    if (!status && whole_end < all) {
        status = promise(p, tail, size, place + whole_end, qcow2_unit_bits(st, 0, to), false);
    }
    return status;
}

/* [guest, end) of one cluster that nobody shares; a promise where the L2 entry must change. */
static int plan_owned(struct qcow2_plan *p, const struct qcow2_entry *e, uint64_t guest,
                      uint64_t end, uint16_t kind)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t base = align_down(guest, st->cluster_size), from = guest - base, to = end - base;
    uint32_t touched = qcow2_unit_bits(st, from, to - from);
    int status = FMT_OK;

    if (!st->has_data_file) {
        status = qcow2_check_place(p->im, e->place >> st->header.cluster_bits, 1, QCOW2_PLACE_DATA);
    }
    if (status) {
        return status;
    }
    if (st->extended_l2 ? !(touched & ~e->allocated) : e->class == QCOW2_C_DATA) {
        qcow2_plan_put(p, kind, guest, end - guest, e->place + from);
        return FMT_OK;
    }
    if (qcow2_unit_of(st, e, from) != QCOW2_U_DATA) {
        from = align_down(from, st->subcluster_size);
    }
    if (qcow2_unit_of(st, e, to - 1) != QCOW2_U_DATA) {
        to = align_up(to, st->subcluster_size);
    }
    qcow2_plan_fill(p, e, base + from, guest, e->place + from);
    qcow2_plan_put(p, kind, guest, end - guest, e->place + (guest - base));
    qcow2_plan_open_tail(p, e, end, base + to, e->place + (end - base));
    return promise(p, base, st->cluster_size, e->place, touched & ~e->allocated, true);
}

/* Entries from the one at guest on, at most n, that need a new place. *last is the last. */
static int count_new(struct qcow2_plan *p, uint64_t l2, uint64_t guest, uint64_t n,
                     const struct qcow2_entry *first, struct qcow2_entry *last, uint64_t *ret_n)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t left;

    *last = *first;
    for (*ret_n = 1;; ++*ret_n) {
        struct qcow2_entry e;
        p->last |= last->class == QCOW2_C_COMPRESSED;
        if (*ret_n == n) {
            return FMT_OK;
        }
        guest += st->cluster_size;
        int status = qcow2_entry_get(p->im, l2, guest, &e, &left);
        if (status || e.owned) {
            return status;
        }
        *last = e;
    }
}

/* New clusters for the entries from the one at base (e) on, at most n, at next or anywhere.
 * *ret_n 0: next is not free. */
static int find_place(struct qcow2_plan *p, uint64_t l2, uint64_t base, uint64_t next, uint64_t n,
                      struct qcow2_entry *last, uint64_t *ret_place, uint64_t *ret_n)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t left;
    int status;

    *ret_n = n;
    *ret_place = next;
    if (st->has_data_file) {
        *ret_place = base;
        return FMT_OK;
    }
    if (next == NO_PLACE) {
        return qcow2_alloc(p->im, n, QCOW2_PLACE_NEW_DATA, ret_place);
    }
    status = qcow2_alloc_at(p->im, next, n, ret_n);
    if (status || !*ret_n || *ret_n == n) {
        return status;
    }
    return qcow2_entry_get(p->im, l2, base + (*ret_n - 1) * st->cluster_size, last, &left);
}

/* One round from *guest on, which goes on to where it ended. */
static int plan_round(struct qcow2_plan *p, uint64_t *guest, uint64_t end, uint16_t kind)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t next = NO_PLACE, size = st->cluster_size, l2 = 0, l2_end = 0;
    int status = FMT_OK;

    while (!status && *guest < end && (!p->out || qcow2_plan_has_room(p))) {
        struct qcow2_entry e, last;
        uint64_t base = align_down(*guest, size), left, n = 1, place, stop, old_end;

        if (base >= l2_end) {
            status = qcow2_l2_own(p->im, base, &l2);
            l2_end = align_down(base, qcow2_l2_span(st)) + qcow2_l2_span(st);
        }
        if (!status) {
            status = qcow2_entry_get(p->im, l2, base, &e, &left);
        }
        if (status) {
            return status;
        }
        if (e.owned) {
            if (next != NO_PLACE && e.place != next) {
                return FMT_OK;
            }
            place = e.place;
            stop = min_u64(end, base + size);
            status = plan_owned(p, &e, *guest, stop, kind);
        } else {
            status = count_new(p, l2, base, min_u64(left, div_up(end - base, size)), &e, &last, &n);
            old_end = st->has_data_file ? 0 : st->writer->end;
            if (!status) {
                status = find_place(p, l2, base, next, n, &last, &place, &n);
            }
            if (status || !n) {
                return status;
            }
            if (!p->out && place < old_end) {
                /* nobody will write what was in use before */
                status = qcow2_write_zeros(p->im, 0, place, min_u64(n * size, old_end - place));
            }
            if (status) {
                return status;
            }
            stop = min_u64(end, base + n * size);
            status = plan_new(p, base, n, place, &e, &last, *guest, stop, kind);
        }
        next = place + n * size;
        *guest = stop;
    }
    return status;
}

/* The question begins in the cluster that the one before ended in, behind that end: the place is
 * promised. Goes on to where the cluster, or what is asked for, ends, or a part of that. */
static int plan_more(struct qcow2_plan *p, struct qcow2_promise *promised, uint64_t *guest,
                     uint64_t end, uint16_t kind)
{
    const struct qcow2_state *st = p->im->state;
    uint64_t base = promised->guest, stop = min_u64(end, base + st->cluster_size), l2, left;
    struct qcow2_tail *t = &p->tail;
    struct qcow2_entry e;

    qcow2_plan_tail(p, *guest);
    if (t->open) {
        stop = min_u64(stop, t->end);
        qcow2_plan_put(p, kind, *guest, stop - *guest, t->host);
        t->host += stop - t->guest;
        t->guest = stop;
        t->open = stop < t->end;
        *guest = stop;
        return FMT_OK;
    }
    /* subclusters behind those promised: one after the other */
    int status = qcow2_l2_own(p->im, *guest, &l2);
    if (!status) {
        status = qcow2_entry_get(p->im, l2, base, &e, &left);
    }
    if (status) {
        return status;
    }
    uint64_t start = align_down(*guest, st->subcluster_size), finish = start + st->subcluster_size;
    uint64_t host = promised->host - base;
    uint32_t bit = qcow2_unit_bits(st, start - base, 1);
    stop = min_u64(stop, finish);
    if (!(promised->keeps && (e.allocated & bit))) {
        qcow2_plan_fill(p, &e, start, *guest, host + start);
        qcow2_plan_open_tail(p, &e, stop, finish, host + stop);
        promised->missing += st->subcluster_size;
        promised->units |= bit;
    }
    qcow2_plan_put(p, kind, *guest, stop - *guest, host + *guest);
    *guest = stop;
    return FMT_OK;
}

/* Does the question begin where the one before left a cluster unfinished? */
static bool goes_on(const struct qcow2_plan *p, uint64_t guest)
{
    uint64_t size = qcow2_state(p->im)->cluster_size;

    return guest >= p->reached && p->reached && !is_aligned(p->reached, size) &&
           align_down(guest, size) == align_down(p->reached, size);
}

bool qcow2_plan_may(struct qcow2_plan *p, uint64_t guest, uint64_t end, uint16_t kind)
{
    uint64_t size = qcow2_state(p->im)->cluster_size;
    uint64_t from = align_down(guest, size), to = align_up(end, size);

    if (kind == ABI_EXT_DATA && goes_on(p, guest)) {
        /* what is added to an answered question cannot be undone: it must fit */
        from += size;
        if (p->max - p->n < (to - from) / size + 2 * QCOW2_SPARE_STEPS) {
            return false;
        }
    } else {
        qcow2_plan_tail(p, UINT64_MAX);
    }
    return from >= to || !qcow2_promise_find(p->im, from, to - from);
}

int qcow2_plan_range(struct qcow2_plan *p, uint64_t guest, uint64_t end, uint16_t kind)
{
    uint64_t size = qcow2_state(p->im)->cluster_size;
    int status = FMT_OK;

    while (!status && guest < end && !p->full) {
        struct qcow2_promise *old = 0;

        if (p->out && goes_on(p, guest)) {
            old = qcow2_promise_find(p->im, align_down(guest, size), size);
        }
        if (old) {
            status = plan_more(p, old, &guest, end, kind);
        } else {
            qcow2_plan_tail(p, UINT64_MAX);
            status = plan_round(p, &guest, end, kind);
        }
        p->reached = guest;
    }
    return status;
}
