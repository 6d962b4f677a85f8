/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bits of another bitmap, of any granularity, are set in one that is changed. */
#include "format/qcow2-bitmap.h"

/* Bits that come, and where they go. */
struct merge {
    struct fmt_image *im;
    const uint8_t *bits;
    uint64_t n;           /* bits */
    uint64_t first;       /* what bits[0] is of its bitmap */
    uint32_t granularity; /* log2, of their bitmap */
    uint64_t from, to;    /* guest bytes that count */
};

/* Set the bits of the current bitmap for [start, end) of the disk. */
static int set_range(struct merge *m, uint64_t start, uint64_t end)
{
    const struct qcow2_state *st = m->im->state;
    struct qcow2_bitmap_work *work = st->writer->bitmaps;
    uint32_t bits = work->current->granularity_bits;
    uint64_t at = start >> bits, last = div_up(end, 1ull << bits);
    uint64_t in_cluster = st->cluster_size * 8;
    int status = FMT_OK;

    if (at / in_cluster < work->index) {
        return fmt_fail(m->im->env, FMT_E_BAD_JOB);
    }
    while (at < last && !status) {
        uint64_t index = at / in_cluster, stop = min_u64(last, (index + 1) * in_cluster);
        status = qcow2_bitmap_go(m->im, index);
        if (!status) {
            qcow2_set_bits(work->cluster, at - index * in_cluster, stop - index * in_cluster);
            work->marked = true;
        }
        at = stop;
    }
    return status;
}

/* Where the next run of bits with that value ends, from i on. */
static uint64_t run_end(const struct merge *m, uint64_t i, bool value)
{
    uint8_t same = value ? 0xff : 0;

    while (i < m->n) {
        if (i % 8 == 0 && m->bits[i / 8] == same) {
            i += 8;
        } else if (((m->bits[i / 8] >> i % 8) & 1) == value) {
            i++;
        } else {
            return i;
        }
    }
    return m->n;
}

static int set_runs(struct merge *m)
{
    int status = FMT_OK;

    for (uint64_t i = run_end(m, 0, false); i < m->n && !status;) {
        uint64_t end = run_end(m, i, true);
        uint64_t start = max_u64((m->first + i) << m->granularity, m->from);
        uint64_t stop = min_u64((m->first + end) << m->granularity, m->to);

        if (start < stop) {
            status = set_range(m, start, stop);
        }
        i = run_end(m, end, false);
    }
    return status;
}

/* The same granularity: byte for byte, cluster for cluster. */
static int set_bytes(struct merge *m)
{
    const struct qcow2_state *st = m->im->state;
    struct qcow2_bitmap_work *work = st->writer->bitmaps;
    uint64_t at = m->first / 8, end = at + m->n / 8;
    const uint8_t *bits = m->bits;
    int status = FMT_OK;

    if (at >> st->header.cluster_bits < work->index) {
        return fmt_fail(m->im->env, FMT_E_BAD_JOB);
    }
    while (at < end && !status) {
        uint64_t within = at & (st->cluster_size - 1);
        uint64_t some = min_u64(end - at, st->cluster_size - within);

        status = qcow2_bitmap_go(m->im, at >> st->header.cluster_bits);
        for (uint64_t i = 0; !status && i < some; i++) {
            work->cluster[within + i] |= bits[i];
            work->marked |= bits[i] != 0;
        }
        at += some;
        bits += some;
    }
    return status;
}

int qcow2_bitmap_merge(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                       struct props_writer *out)
{
    const struct qcow2_state *st = im->state;
    uint64_t granularity = args->granularity;
    int status = qcow2_writer_start(im);

    if (status) {
        return status;
    }
    struct qcow2_bitmap_work *work = st->writer->bitmaps;
    struct qcow2_new_bitmap *b = work ? qcow2_bitmap_by_name(work, &args->name) : 0;

    if (!b || b->table_offset || granularity < 1ull << QCOW2_BITMAP_MIN_GRANULARITY ||
        granularity > 1ull << QCOW2_BITMAP_MAX_GRANULARITY || (granularity & (granularity - 1))) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    struct merge m = {
        .im = im,
        .bits = args->bits.data,
        .n = args->bits.length * 8ull,
        .first = args->at * 8,
        .granularity = (uint32_t)__builtin_ctzll(granularity),
        .from = args->from,
        .to = args->to ? min_u64(args->to, st->active.size) : st->active.size,
    };
    if (!range_fits(args->at, args->bits.length, qcow2_bitmap_bytes(st, m.granularity))) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    status = qcow2_bitmap_turn(im, b);
    if (status) {
        work->broken = true;
        return status;
    }
    bool whole = m.from <= m.first << m.granularity && m.to == st->active.size;
    status = whole && m.granularity == b->granularity_bits ? set_bytes(&m) : set_runs(&m);
    work->broken |= status != FMT_OK;
    return status;
}
