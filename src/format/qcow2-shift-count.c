/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How counts change: every reference of a table of L1 entries, and what the counts are then. */
#include "format/qcow2-shift.h"

int qcow2_shift_io(struct qcow2_shift *s, uint32_t op, const uint64_t *places, uint32_t n)
{
    uint64_t size = qcow2_state(s->im)->cluster_size;
    struct abi_io ops[QCOW2_SHIFT_BATCH];

    for (uint32_t i = 0; i < n; i++) {
        ops[i] = (struct abi_io){
            .op = op,
            .offset = places[i],
            .length = size,
            .address = (uint64_t)(uintptr_t)(s->buffer + i * size),
        };
    }
    return n ? s->im->env->io(s->im->env, ops, n) : FMT_OK;
}

uint64_t qcow2_shift_take(struct qcow2_shift *s, uint64_t n)
{
    uint64_t at = s->end;

    s->end += n << qcow2_state(s->im)->header.cluster_bits;
    return at;
}

int qcow2_shift_entry(struct qcow2_shift *s, const uint8_t *p, uint64_t l2, uint32_t index,
                      uint64_t *ret_first, uint64_t *ret_n)
{
    const struct qcow2_state *st = s->im->state;
    uint64_t raw = be64_load(p), offset = raw & QCOW2_L2_OFFSET, length = st->cluster_size;
    uint32_t bits = st->header.cluster_bits;

    *ret_n = 0;
    if (raw & QCOW2_COMPRESSED) {
        qcow2_compressed_range(st, raw, &offset, &length);
    } else if (!is_aligned(offset, st->cluster_size)) {
        return qcow2_corrupt(s->im, QCOW2_X_CLUSTER_UNALIGNED, offset, l2, index);
    } else if (!offset) {
        return FMT_OK;
    }
    *ret_first = offset >> bits;
    *ret_n = ((offset + length - 1) >> bits) - *ret_first + 1;
    return FMT_OK;
}

/* Clusters of which the file has none are referred to. */
static int fail_outside(struct qcow2_shift *s)
{
    return qcow2_fail_errno(s->im, QCOW2_EIO);
}

static int change(struct qcow2_shift *s, uint64_t first, uint64_t n, int amount)
{
    if (!range_fits(first, n, s->clusters)) {
        return fail_outside(s);
    }
    for (uint64_t i = first - s->base; n; i++, n--) {
        if (i >= s->size) {
            continue;
        }
        int value = s->values[i] + amount;
        if (value > INT16_MAX || value < INT16_MIN) {
            return qcow2_fail_errno(s->im, QCOW2_EINVAL);
        }
        s->values[i] = (int16_t)value;
    }
    return FMT_OK;
}

static int count_table(struct qcow2_shift *s, const uint8_t *table, uint64_t l2, int amount)
{
    const struct qcow2_state *st = s->im->state;
    uint32_t entries = 1u << st->l2_bits;
    uint64_t first, n;

    for (uint32_t i = 0; i < entries; i++, table += st->l2_entry_size) {
        int status = qcow2_shift_entry(s, table, l2, i, &first, &n);
        if (!status && n) {
            status = change(s, first, n, amount);
        }
        if (status) {
            return status;
        }
    }
    return FMT_OK;
}

static int count_batch(struct qcow2_shift *s, const uint64_t *l2, uint32_t n, int amount)
{
    const struct qcow2_state *st = s->im->state;
    int status = qcow2_shift_io(s, ABI_IO_READ, l2, n);

    for (uint32_t i = 0; !status && i < n; i++) {
        status = count_table(s, s->buffer + i * st->cluster_size, l2[i], amount);
    }
    return status;
}

/* The L2 table an L1 entry leads to, 0: none. */
static int take_l2(struct qcow2_shift *s, uint64_t entry, uint64_t index, int amount,
                   uint64_t *ret_l2)
{
    const struct qcow2_state *st = s->im->state;
    uint64_t l2 = entry & QCOW2_L1_OFFSET;

    *ret_l2 = l2;
    if (!is_aligned(l2, st->cluster_size)) {
        return qcow2_corrupt(s->im, QCOW2_X_L2_UNALIGNED, l2, index, 0);
    }
    return l2 ? change(s, l2 >> st->header.cluster_bits, 1, amount) : FMT_OK;
}

static int count_view(struct qcow2_shift *s, const struct qcow2_view *view, int amount)
{
    uint64_t l2[QCOW2_SHIFT_BATCH];
    uint32_t n = 0;
    int status = FMT_OK;

    for (uint64_t at = 0; !status && at < view->l1_size; at += QCOW2_SHIFT_ENTRIES) {
        uint64_t some = min_u64(QCOW2_SHIFT_ENTRIES, view->l1_size - at);
        status = fmt_read(s->im->env, 0, view->l1_offset + at * 8, s->entries, some * 8, 0);
        for (uint64_t i = 0; !status && i < some; i++) {
            status = take_l2(s, be64_load(s->entries + i * 8), at + i, amount, &l2[n]);
            n += !status && l2[n];
            if (!status && n == s->batch) {
                status = count_batch(s, l2, n, amount);
                n = 0;
            }
        }
    }
    return status ? status : count_batch(s, l2, n, amount);
}

int qcow2_shift_count(struct qcow2_shift *s)
{
    uint32_t bits = qcow2_state(s->im)->header.cluster_bits;

    __builtin_memset(s->values, 0, s->size * sizeof *s->values);
    int status = count_view(s, &s->add, 1);
    if (!status) {
        status = count_view(s, &s->drop, -1);
    }
    for (uint32_t i = 0; !status && i < sizeof s->freed / sizeof *s->freed; i++) {
        status = change(s, s->freed[i].offset >> bits,
                        (s->freed[i].length + (1ull << bits) - 1) >> bits, -1);
    }
    return status;
}

/* The counts of one refcount block (zeros where there is none) become classes. *ret_changed: they
 * are others than before. */
static int settle_block(struct qcow2_shift *s, uint64_t index, uint8_t *block, bool *ret_changed)
{
    const struct qcow2_state *st = s->im->state;
    uint32_t order = st->header.refcount_order;
    uint64_t most = UINT64_MAX >> (64 - (1u << order));
    uint64_t first = index << st->refblock_bits;
    uint64_t n = min_u64(s->base + s->size - first, 1ull << st->refblock_bits);
    int16_t *value = s->values + (first - s->base);

    *ret_changed = false;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t count = block ? qcow2_refcount_load(block, order, i) : 0;
        if (value[i]) {
            uint64_t by = value[i] < 0 ? (uint64_t)-value[i] : (uint64_t)value[i];
            /* what is not counted cannot fall, and a full count cannot rise */
            if (!block || (value[i] < 0 ? by > count : by > most - count)) {
                return qcow2_fail_errno(s->im, QCOW2_EINVAL);
            }
            count = value[i] < 0 ? count - by : count + by;
            qcow2_refcount_store(block, order, i, count);
            *ret_changed = true;
        }
        value[i] = count > 1 ? QCOW2_SHIFT_MANY : count ? QCOW2_SHIFT_ONE : QCOW2_SHIFT_NONE;
    }
    return FMT_OK;
}

/* n refcount blocks with these indices, which lie at places. */
static int settle_batch(struct qcow2_shift *s, const uint64_t *places, const uint64_t *indices,
                        uint32_t n)
{
    const struct qcow2_state *st = s->im->state;
    uint64_t to[QCOW2_SHIFT_BATCH];
    uint32_t changed = 0;
    bool is_changed;
    int status = qcow2_shift_io(s, ABI_IO_READ, places, n);

    for (uint32_t i = 0; !status && i < n; i++) {
        uint8_t *block = s->buffer + i * st->cluster_size;
        status = settle_block(s, indices[i], block, &is_changed);
        if (!status && is_changed) {
            status =
                qcow2_check_place(s->im, places[i] / st->cluster_size, 1, QCOW2_PLACE_REFBLOCK);
        }
        if (!status && is_changed) {
            if (changed != i) {
                __builtin_memcpy(s->buffer + changed * st->cluster_size, block, st->cluster_size);
            }
            to[changed++] = s->blocks[indices[i]] = qcow2_shift_take(s, 1);
        }
    }
    return status ? status : qcow2_shift_io(s, ABI_IO_WRITE, to, changed);
}

int qcow2_shift_settle(struct qcow2_shift *s)
{
    const struct qcow2_state *st = s->im->state;
    uint64_t end = div_up(s->base + s->size, 1ull << st->refblock_bits), place;
    uint64_t places[QCOW2_SHIFT_BATCH], indices[QCOW2_SHIFT_BATCH];
    uint32_t n = 0;
    int status = FMT_OK;

    for (uint64_t index = s->base >> st->refblock_bits; !status && index < end; index++) {
        status = qcow2_refblock_offset(s->im, index, &place);
        if (!status && !place) {
            bool unused;
            status = settle_block(s, index, 0, &unused);
        } else if (!status) {
            places[n] = place;
            indices[n++] = index;
        }
        if (!status && n == s->batch) {
            status = settle_batch(s, places, indices, n);
            n = 0;
        }
    }
    return status ? status : settle_batch(s, places, indices, n);
}
