/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drafts of the tables of guest clusters, and of the refcount table. */
#include "format/qcow2-shift.h"

/* The class of a cluster; false: another turn knows it. Behind the end of the file nothing is
 * counted. */
static bool class_of(const struct qcow2_shift *s, uint64_t cluster, int16_t *ret)
{
    bool known = cluster - s->base < s->size;

    *ret = known ? s->values[cluster - s->base] : QCOW2_SHIFT_NONE;
    return known || cluster >= s->clusters;
}

/* The flag of every entry that the window knows. *ret_changed: one was wrong. */
static int flag_table(struct qcow2_shift *s, uint8_t *table, uint64_t l2, bool *ret_changed)
{
    const struct qcow2_state *st = s->im->state;
    uint32_t entries = 1u << st->l2_bits;
    uint64_t first, n;

    *ret_changed = false;
    for (uint32_t i = 0; i < entries; i++, table += st->l2_entry_size) {
        uint64_t raw = be64_load(table), want = raw & ~QCOW2_COPIED;
        int16_t class = QCOW2_SHIFT_NONE;
        if (!raw) {
            continue;
        }
        int status = qcow2_shift_entry(s, table, l2, i, &first, &n);
        if (status) {
            return status;
        }
        if (n && !(raw & QCOW2_COMPRESSED) && !class_of(s, first, &class)) {
            continue;
        }
        want |= class == QCOW2_SHIFT_ONE ? QCOW2_COPIED : 0;
        if (want != raw) {
            be64_store(table, want);
            *ret_changed = true;
        }
    }
    return FMT_OK;
}

/* Tables of the L1 entries at these places of the piece in hand: s->entries is as they will be,
 * s->more as drafted. */
static int flag_batch(struct qcow2_shift *s, const uint32_t *at, uint32_t n)
{
    uint64_t size = qcow2_state(s->im)->cluster_size;
    uint64_t places[QCOW2_SHIFT_BATCH];
    uint32_t changed = 0;
    bool is_changed;

    if (!n) {
        return FMT_OK;
    }
    for (uint32_t i = 0; i < n; i++) {
        places[i] = be64_load(s->more + at[i]) & QCOW2_L1_OFFSET;
    }
    int status = qcow2_shift_io(s, ABI_IO_READ, places, n);
    for (uint32_t i = 0; !status && i < n; i++) {
        uint8_t *table = s->buffer + i * size;
        status = flag_table(s, table, be64_load(s->entries + at[i]) & QCOW2_L1_OFFSET, &is_changed);
        if (status || !is_changed) {
            continue;
        }
        if (places[i] < s->start) {
            /* what will be written to must be nothing else */
            status = qcow2_check_place(s->im, places[i] / size, 1, QCOW2_PLACE_L2);
            if (status) {
                break;
            }
            places[i] = qcow2_shift_take(s, 1);
            be64_store(s->more + at[i], places[i] | QCOW2_COPIED);
        }
        places[changed] = places[i];
        if (changed != i) {
            __builtin_memcpy(s->buffer + changed * size, table, size);
        }
        changed++;
    }
    return status ? status : qcow2_shift_io(s, ABI_IO_WRITE, places, changed);
}

/* The L1 entry at byte at of the piece in hand, which has that index. */
static int flag_l1_entry(struct qcow2_shift *s, uint32_t at, uint64_t index)
{
    const struct qcow2_state *st = s->im->state;
    uint64_t entry = be64_load(s->entries + at), l2 = entry & QCOW2_L1_OFFSET;
    uint64_t cluster = l2 >> st->header.cluster_bits;
    int16_t class;

    if (!is_aligned(l2, st->cluster_size)) {
        return qcow2_corrupt(s->im, QCOW2_X_L2_UNALIGNED, l2, index, 0);
    }
    if (cluster >= s->clusters) {
        return qcow2_fail_errno(s->im, QCOW2_EIO);
    }
    if (!class_of(s, cluster, &class)) {
        return FMT_OK;
    }
    be64_store(s->entries + at, l2 | (class == QCOW2_SHIFT_ONE ? QCOW2_COPIED : 0));
    if ((be64_load(s->more + at) & QCOW2_L1_OFFSET) == l2) {
        be64_store(s->more + at, be64_load(s->entries + at));
    }
    return FMT_OK;
}

/* Entries [at, at + n) of both drafts; the first turn takes them from the source. */
static int read_piece(struct qcow2_shift *s, uint64_t at, uint64_t n)
{
    struct fmt_env *env = s->im->env;
    int status;

    if (s->base) {
        status = fmt_read(env, 0, s->final_l1 + at * 8, s->entries, n * 8, 0);
        return status ? status : fmt_read(env, 0, s->draft_l1 + at * 8, s->more, n * 8, 0);
    }
    uint64_t some = at < s->source.l1_size ? min_u64(n, s->source.l1_size - at) : 0;
    __builtin_memset(s->entries, 0, n * 8);
    status =
        some ? fmt_read(env, 0, s->source.l1_offset + at * 8, s->entries, some * 8, 0) : FMT_OK;
    __builtin_memcpy(s->more, s->entries, n * 8);
    return status;
}

static int flag_piece(struct qcow2_shift *s, uint64_t at, uint64_t n)
{
    struct fmt_env *env = s->im->env;
    uint32_t tables[QCOW2_SHIFT_BATCH], gathered = 0;
    int status = read_piece(s, at, n);

    for (uint32_t i = 0; !status && i < n * 8; i += 8) {
        if (!(be64_load(s->entries + i) & QCOW2_L1_OFFSET)) {
            continue;
        }
        status = flag_l1_entry(s, i, at + i / 8);
        tables[gathered++] = i;
        if (!status && gathered == s->batch) {
            status = flag_batch(s, tables, gathered);
            gathered = 0;
        }
    }
    if (!status) {
        status = flag_batch(s, tables, gathered);
    }
    if (!status) {
        status = fmt_write(env, 0, s->final_l1 + at * 8, s->entries, n * 8);
    }
    return status ? status : fmt_write(env, 0, s->draft_l1 + at * 8, s->more, n * 8);
}

int qcow2_shift_flags(struct qcow2_shift *s)
{
    int status = FMT_OK;

    for (uint64_t at = 0; !status && at < s->after.l1_size; at += QCOW2_SHIFT_ENTRIES) {
        status = flag_piece(s, at, min_u64(QCOW2_SHIFT_ENTRIES, s->after.l1_size - at));
    }
    return status;
}

/* Tables that only the view in drop leads to get their flags where they lie, once the image was
 * turned over: they must be nothing else. */
static int check_dropped(struct qcow2_shift *s)
{
    const struct qcow2_state *st = s->im->state;
    int status = FMT_OK;

    for (uint64_t at = 0; !status && at < s->drop.l1_size; at += QCOW2_SHIFT_ENTRIES) {
        uint64_t n = min_u64(QCOW2_SHIFT_ENTRIES, s->drop.l1_size - at);
        status = fmt_read(s->im->env, 0, s->drop.l1_offset + at * 8, s->entries, n * 8, 0);
        for (uint64_t i = 0; !status && i < n; i++) {
            uint64_t l2 = be64_load(s->entries + i * 8) & QCOW2_L1_OFFSET;
            if (l2) {
                status = qcow2_check_place(s->im, l2 >> st->header.cluster_bits, 1, QCOW2_PLACE_L2);
            }
        }
    }
    return status;
}

/* The same for the L1 tables that will be written. */
static int check_l1_places(struct qcow2_shift *s)
{
    const struct qcow2_state *st = s->im->state;
    uint32_t bits = st->header.cluster_bits;
    int status;

    if (s->source.l1_offset == s->after.l1_offset) {
        /* nothing but flags will change in it */
        return FMT_OK;
    }
    status = qcow2_check_place(s->im, s->after.l1_offset >> bits,
                               div_up(s->after.l1_size * 8ull, st->cluster_size), QCOW2_PLACE_L1);
    if (!status) {
        status = qcow2_check_place(s->im, s->source.l1_offset >> bits,
                                   div_up(s->source.l1_size * 8ull, st->cluster_size),
                                   QCOW2_PLACE_INACTIVE_L1);
    }
    return status;
}

/* ---- what covers the area ---- */

/* Clusters of the file once the area has its refcount blocks and a table of *ret_table clusters.
 * *ret_tail: the first block that counts some of it. */
static uint64_t size_area(const struct qcow2_shift *s, uint64_t *ret_tail, uint64_t *ret_table)
{
    const struct qcow2_state *st = s->im->state;
    uint64_t used = s->end >> st->header.cluster_bits, total = used, before;
    uint64_t tail = (s->start >> st->header.cluster_bits) >> st->refblock_bits, table;

    do {
        uint64_t last = (total - 1) >> st->refblock_bits, missing = 0;
        before = total;
        for (uint64_t i = tail; i <= last; i++) {
            missing += i >= s->n_blocks || !s->blocks[i];
        }
        table = max_u64(div_up((last + 1) * 8, st->cluster_size), st->header.reftable_clusters);
        total = used + missing + table;
    } while (total != before);
    *ret_tail = tail;
    *ret_table = table;
    return total;
}

/* The blocks' list gets room for those that only the area needs. */
static int grow_list(struct qcow2_shift *s, uint64_t n)
{
    struct fmt_env *env = s->im->env;
    uint64_t *more;

    if (n <= s->n_blocks) {
        return FMT_OK;
    }
    more = env->alloc(env, n * sizeof *more);
    if (!more) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    __builtin_memcpy(more, s->blocks, s->n_blocks * sizeof *more);
    env->free(env, s->blocks);
    s->blocks = more;
    s->n_blocks = n;
    return FMT_OK;
}

/* The block at index, with a reference of each cluster of the area it covers. */
static int cover(struct qcow2_shift *s, uint64_t index, uint64_t total)
{
    const struct qcow2_state *st = s->im->state;
    uint64_t first = index << st->refblock_bits, start = s->start >> st->header.cluster_bits;
    uint64_t stop = min_u64(total, first + (1ull << st->refblock_bits));
    uint64_t place = s->blocks[index];
    int status = place ? FMT_OK : qcow2_refblock_offset(s->im, index, &place);

    if (!status && place) {
        status = qcow2_shift_io(s, ABI_IO_READ, &place, 1);
    } else {
        __builtin_memset(s->buffer, 0, st->cluster_size);
    }
    for (uint64_t i = max_u64(first, start); !status && i < stop; i++) {
        qcow2_refcount_store(s->buffer, st->header.refcount_order, i - first, 1);
    }
    if (status) {
        return status;
    }
    if (!s->blocks[index]) {
        s->blocks[index] = qcow2_shift_take(s, 1);
    }
    return qcow2_shift_io(s, ABI_IO_WRITE, &s->blocks[index], 1);
}

static int write_table(struct qcow2_shift *s, uint64_t table, uint64_t clusters)
{
    const struct qcow2_state *st = s->im->state;
    uint64_t old = st->header.reftable_offset, per = st->cluster_size / 8;
    int status = FMT_OK;

    for (uint64_t i = 0; !status && i < clusters; i++) {
        uint64_t from = old + i * st->cluster_size, to = table + i * st->cluster_size;
        if (i < st->header.reftable_clusters) {
            status = qcow2_shift_io(s, ABI_IO_READ, &from, 1);
        } else {
            __builtin_memset(s->buffer, 0, st->cluster_size);
        }
        for (uint64_t k = 0; !status && k < per; k++) {
            uint64_t index = i * per + k;
            if (index < s->n_blocks && s->blocks[index]) {
                be64_store(s->buffer + k * 8, s->blocks[index]);
            }
        }
        if (!status) {
            status = qcow2_shift_io(s, ABI_IO_WRITE, &to, 1);
        }
    }
    return status;
}

int qcow2_shift_finish(struct qcow2_shift *s, uint64_t *ret_table, uint64_t *ret_n)
{
    const struct qcow2_state *st = s->im->state;
    uint64_t total = size_area(s, &s->tail, ret_n);
    uint64_t n = ((total - 1) >> st->refblock_bits) + 1;

    if (*ret_n > QCOW2_MAX_REFTABLE_BYTES >> st->header.cluster_bits) {
        return qcow2_fail_errno(s->im, QCOW2_EFBIG);
    }
    int status = grow_list(s, n);
    if (!status) {
        status = check_dropped(s);
    }
    if (!status) {
        status = check_l1_places(s);
    }
    for (uint64_t i = s->tail; !status && i < n; i++) {
        status = cover(s, i, total);
    }
    *ret_table = qcow2_shift_take(s, *ret_n);
    return status ? status : write_table(s, *ret_table, *ret_n);
}
