/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/qcow2-check.h"

int qcow2_give_back(struct qcow2_check *c)
{
    uint32_t bits = c->st->header.cluster_bits;
    struct abi_io op = {
        .op = ABI_IO_DISCARD,
        .offset = c->freed << bits,
        .length = c->n_freed << bits,
    };

    if (!c->n_freed) {
        return FMT_OK;
    }
    c->n_freed = 0;
    int status = qcow2_cache_write_back(c->im, QCOW2_KIND_REFBLOCK);
    return status ? status : c->im->env->io(c->im->env, &op, 1);
}

/* Remember a cluster that became free, in runs. */
static int remember_free(struct qcow2_check *c, uint64_t cluster)
{
    int status = FMT_OK;

    if (!(c->im->flags & ABI_OPEN_DISCARD_UNMAP)) {
        return FMT_OK;
    }
    if (c->n_freed && cluster != c->freed + c->n_freed) {
        status = qcow2_give_back(c);
    }
    if (!c->n_freed) {
        c->freed = cluster;
    }
    c->n_freed++;
    return status;
}

int qcow2_set_refcount(struct qcow2_check *c, uint64_t cluster, uint64_t refcount)
{
    const struct qcow2_state *st = c->st;
    uint32_t order = st->header.refcount_order;
    uint64_t size = qcow2_block_size(st);
    struct qcow2_block *block;
    uint32_t at;

    int status = qcow2_reftable_block(c->im, cluster >> st->refblock_bits, &block, &at);
    if (status) {
        return status;
    }
    uint64_t offset = be64_load(block->data + at) & QCOW2_REFTABLE_OFFSET;
    qcow2_block_put(block);
    uint64_t bit = (cluster & ((1ull << st->refblock_bits) - 1)) << order;
    uint64_t start = align_down(bit / 8, size);
    status = qcow2_block_get(c->im, QCOW2_KIND_REFBLOCK, offset + start, (uint32_t)size, &block);
    if (!status) {
        qcow2_refcount_store(block->data, order, (bit - start * 8) >> order, refcount);
        qcow2_block_dirty(block);
        qcow2_block_put(block);
    }
    return status || refcount ? status : remember_free(c, cluster);
}

/* A block that lies further behind the end of the file is not worth the length. */
#define MOST_ROOM (32u << 20)

int qcow2_make_room(struct qcow2_check *c, uint64_t cluster, uint32_t *ret_error)
{
    struct qcow2_state *st = c->st;

    *ret_error = 0;
    if (cluster >= QCOW2_MAX_FILE >> st->header.cluster_bits) {
        *ret_error = QCOW2_EINVAL;
        return FMT_OK;
    }
    uint64_t size = (cluster + 1) << st->header.cluster_bits;
    if (size - c->file_size > MOST_ROOM || qcow2_count_grow(c, cluster + 2)) {
        *ret_error = QCOW2_EFBIG;
        return FMT_OK;
    }
    int status = fmt_truncate(c->im->env, 0, size, ABI_PREALLOC_OFF);
    if (status == FMT_E_IO) {
        *ret_error = c->im->env->result->io_errno;
        return FMT_OK;
    }
    c->file_size = st->file_size = size;
    c->n_clusters = cluster + 1;
    return status;
}

/* ---- all refcount blocks anew ---- */

struct rebuild {
    struct qcow2_check *c;
    uint64_t *blocks;  /* cluster of each refcount block, 0: none */
    uint64_t n_blocks; /* room of blocks */
    uint64_t end;      /* clusters used, exclusive */
    uint64_t free_at;  /* nothing is free from where the last search began to here */
    uint64_t table;    /* cluster of the table, 0: not placed */
    uint64_t table_clusters;
};

static bool is_free(const struct rebuild *r, uint64_t cluster)
{
    return !r->c->counts[cluster];
}

/* The memory was sized for all that a rebuild adds. */
static void take(struct rebuild *r, uint64_t cluster)
{
    r->c->counts[cluster] = 1;
    r->end = max_u64(r->end, cluster + 1);
    r->c->size = max_u64(r->c->size, r->end + 1);
}

static bool is_covering(const struct rebuild *r, uint64_t block)
{
    uint64_t first = block << r->c->st->refblock_bits;
    uint64_t stop = min_u64(r->end, first + (1ull << r->c->st->refblock_bits));

    for (uint64_t cluster = first; cluster < stop; cluster++) {
        if (!is_free(r, cluster)) {
            return true;
        }
    }
    return false;
}

/* As qemu-img places them: each block in the first free cluster of those it covers, or
 * behind. *ret_more if one was placed. */
static int place_blocks(struct rebuild *r, bool *ret_more)
{
    struct qcow2_check *c = r->c;
    uint32_t bits = c->st->refblock_bits;

    for (uint64_t i = 0; i << bits < r->end; i++) {
        if (i >= r->n_blocks) {
            return fmt_fail(c->im->env, FMT_E_NO_MEMORY);
        }
        if (r->blocks[i] || !is_covering(r, i)) {
            continue;
        }
        r->free_at = max_u64(r->free_at, i << bits);
        while (r->free_at < r->end && !is_free(r, r->free_at)) {
            r->free_at++;
        }
        if (r->free_at >= c->room) {
            return fmt_fail(c->im->env, FMT_E_NO_MEMORY);
        }
        r->blocks[i] = r->free_at;
        take(r, r->free_at);
        *ret_more = true;
    }
    return FMT_OK;
}

static uint64_t table_clusters(const struct rebuild *r)
{
    uint64_t n = r->n_blocks;

    while (n && !r->blocks[n - 1]) {
        n--;
    }
    return div_up(n * 8, r->c->st->cluster_size);
}

/* The first run of free clusters that is long enough. */
static int place_table(struct rebuild *r)
{
    uint64_t run = 0, cluster = 0;

    for (uint64_t i = 0; i < r->table_clusters && r->table; i++) {
        r->c->counts[r->table + i] = 0;
    }
    r->table_clusters = table_clusters(r);
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

static int place_all(struct rebuild *r)
{
    bool more = true;
    int status = FMT_OK;

    while (more && !status) {
        more = false;
        status = place_blocks(r, &more);
        if (!status && (!r->table || r->table_clusters < table_clusters(r))) {
            status = place_table(r);
            more = true;
        }
    }
    return status;
}

static int write_blocks(struct rebuild *r, uint8_t *buffer)
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

static int write_table(struct rebuild *r, uint8_t *buffer)
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
static int turn_over(struct rebuild *r)
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

int qcow2_rebuild(struct qcow2_check *c)
{
    struct qcow2_state *st = c->st;
    struct fmt_env *env = c->im->env;
    struct rebuild r = { .c = c, .end = c->n_clusters };

    if (c->base || c->n_clusters + 1 > c->room) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    r.n_blocks = div_up(c->room, 1ull << st->refblock_bits) + 1;
    r.blocks = env->alloc(env, r.n_blocks * sizeof *r.blocks);
    uint8_t *buffer = env->alloc(env, st->cluster_size);
    int status = r.blocks && buffer ? place_all(&r) : fmt_fail(env, FMT_E_NO_MEMORY);
    if (!status && r.table_clusters * st->cluster_size > QCOW2_MAX_REFTABLE_BYTES) {
        status = fmt_fail(env, QCOW2_E_REFTABLE_LARGE);
    }
    if (!status) {
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
    if (!status) {
        status = fmt_file_size(env, 0, &c->file_size);
    }
    if (!status) {
        st->file_size = c->file_size;
        c->n_clusters = div_up(c->file_size, st->cluster_size);
        status = qcow2_count_grow(c, c->n_clusters + 1);
        /* nothing is dirty here; what the cache knows of the old blocks is of no use */
        qcow2_cache_close(c->im);
    }
    return status ? status : qcow2_cache_open(c->im);
}
