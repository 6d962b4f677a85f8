/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another width of the reference counts. New blocks and a new table are made in clusters that the
 * old structure counts; the header turns from the one to the other in one write. Until then what
 * is new is a leak, afterwards what is old is one, until it is given up.
 */
#include "format/qcow2-amend.h"

/* New blocks beyond those for what was counted before. */
#define MORE_BLOCKS 1024u

struct change {
    struct fmt_image *im;
    uint32_t order;      /* new */
    uint32_t block_bits; /* log2 of entries in a new block */
    uint64_t *blocks;    /* offsets of the new blocks, 0: none */
    uint64_t n_blocks;   /* room of blocks */
    uint64_t used;       /* blocks behind the last one */
    uint64_t table;      /* offset of the new table, 0: none yet */
    uint64_t table_clusters;
    bool more; /* something was allocated in this round */
    struct qcow2_amend_steps *steps;
    uint64_t walks; /* that came to their end */
};

/* What takes time: counts are looked at twice, as a rule, and then copied. */
#define PARTS 3u

/* i of n of the part at work. */
static int tell(struct change *c, uint64_t i, uint64_t n)
{
    return qcow2_amend_tell(c->im, c->steps, min_u64(c->walks, PARTS - 1) * n + i, PARTS * n);
}

static uint64_t most_count(uint32_t order)
{
    return UINT64_MAX >> (64 - (1u << order));
}

/* Calls see for each run of counts that is stored; stops where it does not answer FMT_OK. */
static int walk(struct change *c, int (*see)(struct change *c, uint64_t cluster, uint64_t count))
{
    struct fmt_image *im = c->im;
    const struct qcow2_state *st = im->state;
    int status = FMT_OK;

    for (uint64_t i = 0; !status && i < qcow2_reftable_entries(st); i++) {
        uint64_t cluster = i << st->refblock_bits, end = (i + 1) << st->refblock_bits, offset = 0;
        if (c->walks < PARTS - 1) {
            status = tell(c, i, qcow2_reftable_entries(st));
        }
        if (status) {
            return status;
        }
        status = qcow2_refblock_offset(im, i, &offset);
        if (status == FMT_E_CORRUPT_CLUSTER) {
            return fmt_fail(im->env, QCOW2_E_AMEND_REFBLOCK_UNALIGNED);
        }
        status = qcow2_amend_fail(im, status, QCOW2_E_AMEND_REFBLOCK);
        while (!status && offset && cluster < end) {
            struct qcow2_block *block;
            uint64_t first, n;
            status = qcow2_amend_fail(im, qcow2_refcount_piece(im, cluster, &block, &first, &n),
                                      QCOW2_E_AMEND_REFBLOCK);
            if (status || !block) {
                break;
            }
            for (; !status && cluster < first + n; cluster++) {
                uint64_t count =
                    qcow2_refcount_load(block->data, st->header.refcount_order, cluster - first);
                status = count ? see(c, cluster, count) : FMT_OK;
            }
            qcow2_block_put(block);
        }
    }
    c->walks++;
    return status;
}

static int see_width(struct change *c, uint64_t cluster, uint64_t count)
{
    if (count <= most_count(c->order)) {
        return FMT_OK;
    }
    struct abi_result *r = c->im->env->result;
    r->err_arg[2] = count;
    return fmt_fail2(c->im->env, QCOW2_E_AMEND_WIDTH, 1u << c->order,
                     cluster << qcow2_state(c->im)->header.cluster_bits);
}

/* The block that counts cluster. */
static int see_block(struct change *c, uint64_t cluster, uint64_t count)
{
    uint64_t index = cluster >> c->block_bits;

    (void)count;
    if (index >= c->n_blocks) {
        return qcow2_fail_errno(c->im, QCOW2_EFBIG);
    }
    if (c->blocks[index]) {
        return FMT_OK;
    }
    c->more = true;
    c->used = max_u64(c->used, index + 1);
    return qcow2_amend_fail(c->im,
                            qcow2_alloc(c->im, 1, QCOW2_PLACE_NEW_REFBLOCK, &c->blocks[index]),
                            QCOW2_E_AMEND_OVERLAP);
}

static int place_table(struct change *c)
{
    const struct qcow2_state *st = c->im->state;
    uint32_t bits = st->header.cluster_bits;
    uint64_t need = div_up(c->used * 8, st->cluster_size), old = c->table;
    int status;

    if (old && need <= c->table_clusters) {
        return FMT_OK;
    }
    c->more = true;
    status = qcow2_alloc(c->im, need, QCOW2_PLACE_NEW_REFBLOCK, &c->table);
    if (!status && old) {
        status = qcow2_lower(c->im, old >> bits, c->table_clusters, false);
    }
    c->table_clusters = need;
    return status;
}

/* Until all that was allocated is counted by what was allocated. */
static int place(struct change *c)
{
    int status = FMT_OK;

    do {
        c->more = false;
        status = qcow2_settle(c->im);
        if (!status) {
            status = walk(c, see_block);
        }
        if (!status) {
            status = place_table(c);
        }
    } while (!status && c->more);
    return status;
}

/* The counts of one new block, from the old ones. */
static int fill_block(struct change *c, uint64_t index, uint8_t *bytes)
{
    const struct qcow2_state *st = c->im->state;
    uint64_t cluster = index << c->block_bits, end = (index + 1) << c->block_bits;
    uint64_t base = cluster;
    int status = FMT_OK;

    __builtin_memset(bytes, 0, st->cluster_size);
    while (!status && cluster < end) {
        struct qcow2_block *block;
        uint64_t first, n, stop;
        status = qcow2_refcount_piece(c->im, cluster, &block, &first, &n);
        if (status) {
            break;
        }
        stop = min_u64(end, first + n);
        for (; block && cluster < stop; cluster++) {
            uint64_t count =
                qcow2_refcount_load(block->data, st->header.refcount_order, cluster - first);
            qcow2_refcount_store(bytes, c->order, cluster - base, count);
        }
        cluster = stop;
        if (block) {
            qcow2_block_put(block);
        }
    }
    return status;
}

static int write_blocks(struct change *c, uint8_t *bytes)
{
    const struct qcow2_state *st = c->im->state;
    uint64_t n = qcow2_reftable_entries(st), old = 0;
    int status = FMT_OK;

    for (uint64_t i = 0; !status && i < c->used; i++) {
        /* how far it is, is counted in entries of the old table here, too */
        for (; !status && old < n && old << st->refblock_bits < (i + 1) << c->block_bits; old++) {
            status = tell(c, old, n);
        }
        if (status || !c->blocks[i]) {
            continue;
        }
        status = fill_block(c, i, bytes);
        if (!status) {
            status = fmt_write(c->im->env, 0, c->blocks[i], bytes, st->cluster_size);
        }
    }
    for (; !status && old < n; old++) {
        status = tell(c, old, n);
    }
    return status;
}

static int write_table(struct change *c, uint8_t *bytes)
{
    const struct qcow2_state *st = c->im->state;
    uint64_t each = st->cluster_size / 8;
    int status = FMT_OK;

    for (uint64_t i = 0; !status && i < c->table_clusters; i++) {
        for (uint64_t k = 0; k < each; k++) {
            uint64_t at = i * each + k;
            be64_store(bytes + k * 8, at < c->used ? c->blocks[at] : 0);
        }
        status = fmt_write(c->im->env, 0, c->table + i * st->cluster_size, bytes, st->cluster_size);
    }
    return status;
}

/* The header turns to the new structure. */
static int turn_over(struct change *c)
{
    struct fmt_image *im = c->im;
    struct qcow2_state *st = im->state;
    struct qcow2_header before = st->header;

    st->header.reftable_offset = c->table;
    st->header.reftable_clusters = (uint32_t)c->table_clusters;
    st->header.refcount_order = c->order;
    int status = qcow2_header_fields(im);
    if (status) {
        st->header = before;
        return status;
    }
    st->refblock_bits = c->block_bits;
    st->writer->sound_block = 0;
    return FMT_OK;
}

/* Offsets of the old blocks, into memory of their own. */
static int list_old(struct change *c, uint64_t **ret_list, uint64_t *ret_n)
{
    struct fmt_image *im = c->im;
    uint64_t n = qcow2_reftable_entries(im->state);
    uint64_t *list = im->env->alloc(im->env, n * sizeof *list);
    int status = list ? FMT_OK : fmt_fail(im->env, FMT_E_NO_MEMORY);

    *ret_list = list;
    *ret_n = n;
    for (uint64_t i = 0; !status && i < n; i++) {
        status = qcow2_refblock_offset(im, i, &list[i]);
    }
    return status;
}

/* What the old structure lay in. */
static int give_up(struct change *c, const struct qcow2_header *old, const uint64_t *list,
                   uint64_t n)
{
    struct fmt_image *im = c->im;
    uint64_t size = qcow2_state(im)->cluster_size;
    uint32_t bits = old->cluster_bits;
    int status = FMT_OK;

    qcow2_place_map_keep(qcow2_writer(im), true);
    for (uint64_t i = 0; !status && i < n; i++) {
        if (list[i]) {
            qcow2_cache_drop(im, list[i], size);
            status = qcow2_lower(im, list[i] >> bits, 1, false);
        }
    }
    qcow2_cache_drop(im, old->reftable_offset, old->reftable_clusters * size);
    if (!status) {
        status = qcow2_lower(im, old->reftable_offset >> bits, old->reftable_clusters, false);
    }
    qcow2_place_map_keep(qcow2_writer(im), false);
    return status;
}

static int make(struct change *c, uint8_t *bytes)
{
    struct qcow2_writer *w = qcow2_writer(c->im);
    int status = walk(c, see_width);

    if (!status) {
        /* blocks are added, none moves */
        qcow2_place_map_keep(w, true);
        status = place(c);
        qcow2_place_map_keep(w, false);
    }
    if (!status) {
        status = write_blocks(c, bytes);
    }
    if (!status) {
        status = write_table(c, bytes);
    }
    /* the old structure counts the new one on disk, too: it may stay in use */
    return status ? status : qcow2_cache_write_back(c->im, QCOW2_KIND_L1);
}

int qcow2_change_width(struct fmt_image *im, uint32_t order, struct qcow2_amend_steps *steps)
{
    const struct qcow2_state *st = im->state;
    const struct qcow2_header old = st->header;
    struct fmt_env *env = im->env;
    struct change c = {
        .im = im, .order = order, .block_bits = old.cluster_bits + 3 - order, .steps = steps
    };
    uint64_t *list = 0, n_list = 0, all = PARTS * qcow2_reftable_entries(st);
    uint8_t *bytes;
    int status = qcow2_settle(im);

    /* what the old table can count, and room for what is added to be counted */
    c.n_blocks = qcow2_reftable_entries(st) << st->refblock_bits >> c.block_bits;
    c.n_blocks = min_u64(c.n_blocks + c.n_blocks / 32 + MORE_BLOCKS, QCOW2_MAX_REFTABLE_BYTES / 8);
    c.blocks = env->alloc(env, c.n_blocks * sizeof *c.blocks);
    bytes = env->alloc(env, st->cluster_size);
    if (!status) {
        status = c.blocks && bytes ? make(&c, bytes) : fmt_fail(env, FMT_E_NO_MEMORY);
    }
    if (!status) {
        status = list_old(&c, &list, &n_list);
    }
    if (!status) {
        status = turn_over(&c);
    }
    if (!status) {
        status = give_up(&c, &old, list, n_list);
    }
    if (!status) {
        status = qcow2_amend_tell(im, steps, all, all);
    }
    env->free(env, list);
    env->free(env, bytes);
    env->free(env, c.blocks);
    return status;
}
