/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/qcow2-check.h"

#define LARGE 255u /* in a byte: look on the side */
#define FIRST_SLOTS 1024u

/* A refcount block for each that is covered, the blocks for those, and the table. */
uint64_t qcow2_added_by_rebuild(const struct qcow2_state *st, uint64_t n)
{
    uint64_t blocks = div_up(n, 1ull << st->refblock_bits) + 1;
    blocks += div_up(blocks, 1ull << st->refblock_bits) + 1;
    return blocks + 2 * div_up(blocks * 8, st->cluster_size) + 1;
}

int qcow2_count_begin(struct qcow2_check *c, bool whole)
{
    struct fmt_env *env = c->im->env;
    uint64_t wanted = c->n_clusters + 1;

    if (whole) {
        wanted += qcow2_added_by_rebuild(c->st, wanted);
    }
    c->size = min_u64(c->n_clusters + 1, c->most);
    c->room = min_u64(wanted, c->most);
    c->counts = env->alloc(env, c->room);
    return c->counts ? FMT_OK : fmt_fail(env, FMT_E_NO_MEMORY);
}

int qcow2_count_grow(struct qcow2_check *c, uint64_t end)
{
    struct fmt_env *env = c->im->env;
    uint64_t wanted = end + qcow2_added_by_rebuild(c->st, end);

    if (c->base || wanted > c->most) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    if (wanted > c->room) {
        uint8_t *counts = env->alloc(env, wanted);
        if (!counts) {
            return fmt_fail(env, FMT_E_NO_MEMORY);
        }
        __builtin_memcpy(counts, c->counts, c->size);
        env->free(env, c->counts);
        c->counts = counts;
        c->room = wanted;
    }
    c->size = max_u64(c->size, end);
    return FMT_OK;
}

static void forget_large(struct qcow2_check *c)
{
    c->im->env->free(c->im->env, c->large);
    c->large = 0;
    c->large_mask = 0;
    c->n_large = 0;
}

void qcow2_count_end(struct qcow2_check *c)
{
    forget_large(c);
    c->im->env->free(c->im->env, c->counts);
    c->counts = 0;
}

void qcow2_count_window(struct qcow2_check *c, uint64_t base)
{
    forget_large(c);
    c->base = base;
    __builtin_memset(c->counts, 0, c->room);
}

static struct qcow2_large *slot_of(struct qcow2_large *slots, uint64_t mask, uint64_t cluster)
{
    uint64_t at = (cluster * 0x9e3779b97f4a7c15ull) >> 20 & mask;

    while (slots[at].cluster && slots[at].cluster != cluster + 1) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

/* Room for one more; at most half of the slots are used. */
static int grow_large(struct qcow2_check *c)
{
    struct fmt_env *env = c->im->env;
    uint64_t slots = c->large ? (c->large_mask + 1) * 2 : FIRST_SLOTS;

    if (c->large && 2 * (c->n_large + 1) <= c->large_mask + 1) {
        return FMT_OK;
    }
    struct qcow2_large *bigger =
        slots / 2 <= QCOW2_CHECK_MAX_LARGE ? env->alloc(env, slots * sizeof *bigger) : 0;
    if (!bigger) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    for (uint64_t i = 0; c->large && i <= c->large_mask; i++) {
        if (c->large[i].cluster) {
            *slot_of(bigger, slots - 1, c->large[i].cluster - 1) = c->large[i];
        }
    }
    env->free(env, c->large);
    c->large = bigger;
    c->large_mask = slots - 1;
    return FMT_OK;
}

uint64_t qcow2_counted(const struct qcow2_check *c, uint64_t cluster)
{
    uint8_t n = c->counts[cluster - c->base];
    return n < LARGE ? n : slot_of(c->large, c->large_mask, cluster)->count;
}

uint64_t qcow2_next_used(const struct qcow2_check *c, uint64_t from, uint64_t to)
{
    const uint8_t *counts = c->counts;
    uint64_t word, base = c->base;

    while (from < to && !counts[from - base]) {
        from++;
        /* most of a large file is not used, or all of it is */
        while (from % sizeof word == 0 && from + sizeof word <= to) {
            __builtin_memcpy(&word, counts + (from - base), sizeof word);
            if (word) {
                break;
            }
            from += sizeof word;
        }
    }
    return from;
}

static int overflow(struct qcow2_check *c, uint64_t cluster)
{
    /* told in the turn that sees it: no other one counts this cluster */
    c->ret->corruptions++;
    return qcow2_tell(c, QCOW2_C_OVERFLOW, cluster << c->st->header.cluster_bits, 0, 0);
}

static int count_one(struct qcow2_check *c, uint64_t cluster)
{
    uint8_t *n = &c->counts[cluster - c->base];

    if (*n < LARGE - 1 && *n < c->max_refcount) {
        ++*n;
        return FMT_OK;
    }
    if (qcow2_counted(c, cluster) >= c->max_refcount) {
        return overflow(c, cluster);
    }
    if (*n == LARGE) {
        slot_of(c->large, c->large_mask, cluster)->count++;
        return FMT_OK;
    }
    int status = grow_large(c);
    if (!status) {
        *slot_of(c->large, c->large_mask, cluster) = (struct qcow2_large){ cluster + 1, LARGE };
        c->n_large++;
        *n = LARGE;
    }
    return status;
}

int qcow2_count(struct qcow2_check *c, uint64_t offset, uint64_t size)
{
    uint32_t bits = c->st->header.cluster_bits;
    /* signed, as qemu-img counts: an offset near 2^64 is in front of the file */
    uint64_t end = offset + size;
    /* a file is as long as its sectors */
    int64_t beyond = (int64_t)(end - align_up(c->file_size, QCOW2_SECTOR));
    int status = FMT_OK;

    if (!size || size > INT64_MAX) {
        return FMT_OK;
    }
    if (beyond >= (int64_t)c->st->cluster_size) {
        return qcow2_tell_corrupt(c, QCOW2_C_BEYOND_END, offset, size, 0);
    }
    if (!range_fits(offset, size, INT64_MAX)) {
        return fmt_fail(c->im->env, FMT_E_NO_MEMORY);
    }
    uint64_t cluster = offset >> bits;
    uint64_t last = (end - 1) >> bits;
    c->n_clusters = max_u64(c->n_clusters, last + 1);
    cluster = max_u64(cluster, c->base);
    last = min_u64(last, c->base + c->size - 1);
    for (; cluster <= last && !status; cluster++) {
        status = count_one(c, cluster);
    }
    return status;
}
