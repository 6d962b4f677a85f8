/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All refcount blocks anew, in free clusters; the header is turned over to them at the end. */
#include "format/qcow2-check.h"

static bool is_free(const struct qcow2_rebuild *r, uint64_t cluster)
{
    return !r->c->counts[cluster] && !qcow2_check_keeps(r->c, cluster);
}

/* The memory was sized for all that a rebuild adds. */
static void take(struct qcow2_rebuild *r, uint64_t cluster)
{
    r->c->counts[cluster] = 1;
    r->end = max_u64(r->end, cluster + 1);
    r->c->size = max_u64(r->c->size, r->end + 1);
}

static bool is_covering(const struct qcow2_rebuild *r, uint64_t block)
{
    uint64_t first = block << r->c->st->refblock_bits;
    uint64_t stop = min_u64(r->end, first + (1ull << r->c->st->refblock_bits));

    return first < stop && qcow2_next_used(r->c, first, stop) < stop;
}

/* As qemu-img places them: each block in the first free cluster of those it covers, or
 * behind. *ret_more if one was placed. */
static int place_blocks(struct qcow2_rebuild *r, bool *ret_more)
{
    struct qcow2_check *c = r->c;
    uint32_t bits = c->st->refblock_bits;
    uint64_t free_at = 0; /* nothing is free from where the last search began to here */

    for (uint64_t i = 0; i << bits < r->end; i++) {
        if (i >= r->n_blocks) {
            return fmt_fail(c->im->env, FMT_E_NO_MEMORY);
        }
        if (r->blocks[i] || !is_covering(r, i)) {
            continue;
        }
        free_at = max_u64(free_at, i << bits);
        while (free_at < r->end && !is_free(r, free_at)) {
            free_at++;
        }
        if (free_at >= c->room) {
            return fmt_fail(c->im->env, FMT_E_NO_MEMORY);
        }
        r->blocks[i] = free_at;
        take(r, free_at);
        *ret_more = true;
    }
    return FMT_OK;
}

uint64_t qcow2_rebuild_table_clusters(const struct qcow2_rebuild *r)
{
    uint64_t n = r->n_blocks;

    while (n && !r->blocks[n - 1]) {
        n--;
    }
    return div_up(n * 8, r->c->st->cluster_size);
}

/* The first run of free clusters that is long enough. */
static int place_table(struct qcow2_rebuild *r)
{
    uint64_t run = 0, cluster = 0;

    for (uint64_t i = 0; i < r->table_clusters && r->table; i++) {
        r->c->counts[r->table + i] = 0;
    }
    r->table_clusters = qcow2_rebuild_table_clusters(r);
    for (; run < r->table_clusters; cluster++) {
        if (cluster >= r->c->room) {
            return fmt_fail(r->c->im->env, FMT_E_NO_MEMORY);
        }
        run = cluster >= r->end || is_free(r, cluster) ? run + 1 : 0;
    }
    r->table = cluster - run;
    for (uint64_t i = 0; i < run; i++) {
        take(r, r->table + i);
    }
    return FMT_OK;
}

static int place_all(struct qcow2_rebuild *r)
{
    bool more = true;
    int status = FMT_OK;

    while (more && !status) {
        more = false;
        status = place_blocks(r, &more);
        if (!status && (!r->table || r->table_clusters < qcow2_rebuild_table_clusters(r))) {
            status = place_table(r);
            more = true;
        }
    }
    return status;
}

static int write_blocks(struct qcow2_rebuild *r, uint8_t *buffer)
{
    struct qcow2_check *c = r->c;
    const struct qcow2_state *st = c->st;
    int status = FMT_OK;

    for (uint64_t i = 0; i < r->n_blocks && !status; i++) {
        uint64_t first = i << st->refblock_bits;
        uint64_t n = min_u64(r->end - min_u64(first, r->end), 1ull << st->refblock_bits);
        if (!r->blocks[i]) {
            continue;
        }
        __builtin_memset(buffer, 0, st->cluster_size);
        for (uint64_t k = 0; k < n; k++) {
            qcow2_refcount_store(buffer, st->header.refcount_order, k, qcow2_counted(c, first + k));
        }
        status = fmt_write(c->im->env, 0, r->blocks[i] << st->header.cluster_bits, buffer,
                           st->cluster_size);
    }
    return status;
}

static int write_table(struct qcow2_rebuild *r, uint8_t *buffer)
{
    const struct qcow2_state *st = r->c->st;
    uint64_t per_cluster = st->cluster_size / 8;
    int status = FMT_OK;

    for (uint64_t i = 0; i < r->table_clusters && !status; i++) {
        for (uint64_t k = 0; k < per_cluster; k++) {
            uint64_t index = i * per_cluster + k;
            uint64_t block = index < r->n_blocks ? r->blocks[index] : 0;
            be64_store(buffer + k * 8, block << st->header.cluster_bits);
        }
        status = fmt_write(r->c->im->env, 0, (r->table + i) << st->header.cluster_bits, buffer,
                           st->cluster_size);
    }
    return status;
}

/* The header changes in one write, once all it will point to is on stable storage. */
static int turn_over(struct qcow2_rebuild *r)
{
    struct qcow2_state *st = r->c->st;
    struct fmt_env *env = r->c->im->env;
    uint8_t fields[12];
    uint64_t offset = r->table << st->header.cluster_bits;

    be64_store(fields, offset);
    be32_store(fields + 8, (uint32_t)r->table_clusters);
    int status = fmt_flush(env, 0);
    if (!status) {
        status = fmt_write(env, 0, QCOW2_H_REFTABLE_OFFSET, fields, sizeof fields);
    }
    if (!status) {
        status = fmt_flush(env, 0);
    }
    if (!status) {
        st->header.reftable_offset = offset;
        st->header.reftable_clusters = (uint32_t)r->table_clusters;
    }
    return status;
}

/* What has to be known of the file afterwards. */
static int after(struct qcow2_check *c, bool large)
{
    int status = fmt_file_size(c->im->env, 0, &c->file_size);

    if (status) {
        return status;
    }
    c->st->file_size = c->file_size;
    c->n_clusters = div_up(c->file_size, c->st->cluster_size);
    if (large) {
        c->size = c->room;
    } else {
        status = qcow2_count_grow(c, c->n_clusters + 1);
    }
    /* nothing is dirty here; what the cache knows of the old blocks is of no use */
    qcow2_cache_close(c->im);
    return status ? status : qcow2_cache_open(c->im);
}

int qcow2_rebuild(struct qcow2_check *c)
{
    struct qcow2_state *st = c->st;
    struct fmt_env *env = c->im->env;
    struct qcow2_rebuild r = { .c = c, .end = c->n_clusters };
    uint64_t added = qcow2_added_by_rebuild(st, c->n_clusters);
    bool large = c->n_clusters + 1 + added > c->most;

    r.n_blocks = div_up(max_u64(c->room, c->n_clusters + 2 * added), 1ull << st->refblock_bits) + 1;
    r.blocks = env->alloc(env, r.n_blocks * sizeof *r.blocks);
    uint8_t *buffer = env->alloc(env, st->cluster_size);
    int status = r.blocks && buffer ? FMT_OK : fmt_fail(env, FMT_E_NO_MEMORY);
    if (!status) {
        status = large ? qcow2_rebuild_large(&r, buffer) : place_all(&r);
    }
    if (!status && r.table_clusters * st->cluster_size > QCOW2_MAX_REFTABLE_BYTES) {
        status = fmt_fail(env, QCOW2_E_REFTABLE_LARGE);
    }
    if (!status && !large) {
        status = write_blocks(&r, buffer);
    }
    if (!status) {
        status = write_table(&r, buffer);
    }
    if (!status) {
        status = turn_over(&r);
    }
    env->free(env, buffer);
    env->free(env, r.blocks);
    return status ? status : after(c, large);
}
