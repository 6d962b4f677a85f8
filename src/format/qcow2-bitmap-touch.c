/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which parts of the disk were written since the bitmaps were taken into use. */
#include "format/qcow2-bitmap.h"

/* Ranges remembered at most; with more of them, they are remembered less exactly. */
#define MAX_RANGES 65536u
#define FIRST_RANGES 64u

/* Round all ranges to a unit, and join those that touch then. */
static void coarsen(struct qcow2_touched *t, uint64_t unit)
{
    uint32_t n = 0;

    t->unit = unit;
    for (uint32_t i = 0; i < t->n; i++) {
        uint64_t start = align_down(t->ranges[i].start, unit);
        uint64_t end = align_up(t->ranges[i].end, unit);
        if (n && start <= t->ranges[n - 1].end) {
            t->ranges[n - 1].end = max_u64(t->ranges[n - 1].end, end);
        } else {
            t->ranges[n].start = start;
            t->ranges[n++].end = end;
        }
    }
    t->n = n;
}

/* Index of the first range that ends at or behind offset. */
static uint32_t index_at(const struct qcow2_touched *t, uint64_t offset)
{
    uint32_t low = 0, high = t->n;

    /* mostly the last one goes on */
    if (t->n && t->ranges[t->n - 1].start <= offset) {
        low = t->n - 1;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->ranges[middle].end >= offset) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static int make_room(struct fmt_image *im, struct qcow2_touched *t)
{
    uint32_t room = t->room ? 2 * t->room : FIRST_RANGES;

    if (t->n < t->room) {
        return FMT_OK;
    }
    void *more = im->env->alloc(im->env, room * sizeof *t->ranges);
    if (!more) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    if (t->n) {
        __builtin_memcpy(more, t->ranges, t->n * sizeof *t->ranges);
    }
    im->env->free(im->env, t->ranges);
    t->ranges = more;
    t->room = room;
    return FMT_OK;
}

int qcow2_touch(struct fmt_image *im, uint64_t start, uint64_t length)
{
    struct qcow2_touched *t = &qcow2_writer(im)->touched;

    if (!t->unit || !length) {
        return FMT_OK;
    }
    int status = qcow2_bitmaps_mark(im);
    if (status) {
        return status;
    }
    while (t->n >= MAX_RANGES) {
        coarsen(t, 2 * t->unit);
    }
    uint64_t end = align_up(start + length, t->unit);
    start = align_down(start, t->unit);
    uint32_t first = index_at(t, start), last = first;
    while (last < t->n && t->ranges[last].start <= end) {
        start = min_u64(start, t->ranges[last].start);
        end = max_u64(end, t->ranges[last].end);
        last++;
    }
    if (first == last) {
        status = make_room(im, t);
        if (status) {
            return status;
        }
    }
    /* those from first to last become one */
    __builtin_memmove(t->ranges + first + 1, t->ranges + last, (t->n - last) * sizeof *t->ranges);
    t->n = t->n + 1 - (last - first);
    t->ranges[first].start = start;
    t->ranges[first].end = end;
    return FMT_OK;
}

void qcow2_set_bits(uint8_t *bytes, uint64_t from, uint64_t to)
{
    for (; from < to && from % 8; from++) {
        bytes[from / 8] |= (uint8_t)(1u << from % 8);
    }
    if (to - from >= 8) {
        __builtin_memset(bytes + from / 8, 0xff, (to - from) / 8);
        from += (to - from) / 8 * 8;
    }
    for (; from < to; from++) {
        bytes[from / 8] |= (uint8_t)(1u << from % 8);
    }
}

bool qcow2_touched_bits(const struct qcow2_writer *w, uint32_t granularity_bits, uint64_t first,
                        uint64_t n, uint8_t *bytes)
{
    const struct qcow2_touched *t = &w->touched;
    uint64_t granule = 1ull << granularity_bits;
    bool any = false;

    for (uint32_t i = index_at(t, (first << granularity_bits) + 1); i < t->n; i++) {
        uint64_t from = t->ranges[i].start >> granularity_bits;
        uint64_t to = div_up(t->ranges[i].end, granule);
        if (from >= first + n) {
            break;
        }
        if (to > first) {
            qcow2_set_bits(bytes, max_u64(from, first) - first, min_u64(to, first + n) - first);
            any = true;
        }
    }
    return any;
}
