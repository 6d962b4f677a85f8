/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All refcount blocks anew, for a file with more clusters than a window holds: each window is
 * counted, gets its blocks, and they are written, before the next one. What finds no room in the
 * clusters that it covers goes behind the end of the file, as does the table, unless one window has
 * room for it.
 */
#include "format/qcow2-check.h"

/* The first n free clusters in a row of [first, stop), in the window; stop if there are none. */
static uint64_t find_free(const struct qcow2_check *c, uint64_t first, uint64_t stop, uint64_t n)
{
    uint64_t run = 0;

    for (; first < stop && run < n; first++) {
        run = c->counts[first - c->base] || qcow2_check_keeps(c, first) ? 0 : run + 1;
    }
    return run == n ? first - n : stop;
}

/* Each block in the first free cluster of those it covers, or behind. */
static void place_blocks(struct qcow2_rebuild *r, uint64_t from, uint64_t stop)
{
    struct qcow2_check *c = r->c;
    uint32_t bits = c->st->refblock_bits;
    uint64_t free_at = from; /* nothing is free from where the last search began to here */

    for (uint64_t i = from >> bits; i << bits < stop; i++) {
        uint64_t first = i << bits, last = min_u64(stop, (i + 1) << bits);
        if (r->blocks[i] || qcow2_next_used(c, first, last) == last) {
            continue;
        }
        free_at = find_free(c, max_u64(free_at, first), stop, 1);
        if (free_at < stop) {
            c->counts[free_at - c->base] = 1;
        }
        r->blocks[i] = free_at < stop ? free_at : r->end++;
    }
}

/* [from, stop) is the window. */
static void place_window(struct qcow2_rebuild *r, uint64_t from, uint64_t stop)
{
    struct qcow2_check *c = r->c;

    place_blocks(r, from, stop);
    if (r->table) {
        return;
    }
    uint64_t place = find_free(c, from, stop, r->table_clusters);
    if (place == stop) {
        return;
    }
    r->table = place;
    __builtin_memset(c->counts + (place - c->base), 1, r->table_clusters);
    place_blocks(r, from, stop);
}

/* Block i; file_end: the first cluster that was added. The clusters in front of that are those of
 * the window. */
static int write_block(struct qcow2_rebuild *r, uint64_t i, uint64_t file_end, uint8_t *buffer)
{
    const struct qcow2_check *c = r->c;
    const struct qcow2_state *st = c->st;
    uint64_t first = i << st->refblock_bits;
    uint64_t stop = min_u64((i + 1) << st->refblock_bits, r->end);

    __builtin_memset(buffer, 0, st->cluster_size);
    for (uint64_t cluster = first; cluster < stop; cluster++) {
        qcow2_refcount_store(buffer, st->header.refcount_order, cluster - first,
                             cluster < file_end ? qcow2_counted(c, cluster) : 1);
    }
    return fmt_write(c->im->env, 0, r->blocks[i] << st->header.cluster_bits, buffer,
                     st->cluster_size);
}

/* Places behind the end of the file for what has none, and for what counts those. */
static int place_rest(struct qcow2_rebuild *r, uint64_t file_end)
{
    uint32_t bits = r->c->st->refblock_bits;
    bool more = true;

    while (more) {
        more = false;
        for (uint64_t i = file_end >> bits; r->end > file_end && i << bits < r->end; i++) {
            if (i >= r->n_blocks) {
                return fmt_fail(r->c->im->env, FMT_E_NO_MEMORY);
            }
            if (!r->blocks[i]) {
                r->blocks[i] = r->end++;
                more = true;
            }
        }
        /* one that is too small is a leak, found by the next look */
        if (!r->table || r->table_clusters < qcow2_rebuild_table_clusters(r)) {
            r->table = r->end;
            r->table_clusters = qcow2_rebuild_table_clusters(r);
            r->end += r->table_clusters;
            more = true;
        }
    }
    return FMT_OK;
}

int qcow2_rebuild_large(struct qcow2_rebuild *r, uint8_t *buffer)
{
    struct qcow2_check *c = r->c;
    uint32_t bits = c->st->refblock_bits;
    uint64_t file_end = c->n_clusters;
    int status = FMT_OK;

    c->first_turn = false;
    r->table_clusters = div_up(((c->last_used >> bits) + 1) * 8, c->st->cluster_size);
    for (uint64_t base = 0; base < file_end && !status; base += c->size) {
        uint64_t stop = min_u64(file_end, base + c->size);
        qcow2_count_window(c, base);
        status = qcow2_check_walk(c);
        if (!status) {
            place_window(r, base, stop);
        }
        /* the last one may count clusters that are added */
        for (uint64_t i = base >> bits; (i + 1) << bits <= stop && !status; i++) {
            status = r->blocks[i] ? write_block(r, i, file_end, buffer) : FMT_OK;
        }
    }
    if (!status) {
        status = place_rest(r, file_end);
    }
    for (uint64_t i = file_end >> bits; i << bits < r->end && !status; i++) {
        status = r->blocks[i] ? write_block(r, i, file_end, buffer) : FMT_OK;
    }
    return status;
}
