/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies behind the end of the disk is given up. References leave the disk first, many at a
 * time; then the counts fall, which cannot hurt any more; then the file system gets the bytes.
 */
#include "format/qcow2-write.h"

/* Entries of a table taken at a time: two flushes for so many. */
#define BATCH 16384u
#define DISCARDS 64u

struct giving {
    struct fmt_image *im;
    uint64_t entries[BATCH]; /* that left the disk */
    uint32_t n;
    struct abi_io ops[DISCARDS];
    uint32_t n_ops;
};

/* A favour: no error of it counts. */
static void discard_now(struct giving *g)
{
    struct fmt_env *env = g->im->env;

    if (g->n_ops) {
        struct abi_result before = *env->result;
        env->io(env, g->ops, g->n_ops);
        *env->result = before;
        g->n_ops = 0;
    }
}

static void discard(struct giving *g, uint64_t cluster)
{
    const struct qcow2_state *st = g->im->state;
    uint64_t offset = cluster << st->header.cluster_bits;
    struct abi_io *last = g->n_ops ? &g->ops[g->n_ops - 1] : 0;

    if (offset >= st->file_size) {
        return;
    }
    if (last && last->offset + last->length == offset) {
        last->length += st->cluster_size;
        return;
    }
    if (g->n_ops == DISCARDS) {
        discard_now(g);
    }
    g->ops[g->n_ops++] = (struct abi_io){
        .op = ABI_IO_DISCARD,
        .offset = offset,
        .length = st->cluster_size,
    };
}

/* n clusters at first lose a reference; what was never counted is passed over. */
static int release(struct giving *g, uint64_t first, uint64_t n)
{
    struct qcow2_writer *w = qcow2_writer(g->im);
    int status = FMT_OK;

    for (; !status && n; first++, n--) {
        uint64_t count;
        status = qcow2_refcount_of(g->im, first, &count);
        if (status || !count) {
            continue;
        }
        status = qcow2_counts_add(g->im, first, 1, (uint64_t)-1);
        if (!status && count == 1) {
            w->next_free = min_u64(w->next_free, first);
            discard(g, first);
        }
    }
    return status;
}

/* The cluster at offset; one that makes no sense is none. */
static int release_cluster(struct giving *g, uint64_t offset)
{
    const struct qcow2_state *st = g->im->state;

    return offset && is_aligned(offset, st->cluster_size)
               ? release(g, offset >> st->header.cluster_bits, 1)
               : FMT_OK;
}

/* What an L2 entry referred to. */
static int release_entry(struct giving *g, uint64_t raw)
{
    const struct qcow2_state *st = g->im->state;
    uint32_t bits = st->header.cluster_bits;
    uint64_t offset, length;

    if (st->has_data_file) {
        return FMT_OK;
    }
    if (!(raw & QCOW2_COMPRESSED)) {
        return release_cluster(g, raw & QCOW2_L2_OFFSET);
    }
    qcow2_compressed_range(st, raw, &offset, &length);
    return release(g, offset >> bits, ((offset + length - 1) >> bits) - (offset >> bits) + 1);
}

/* The tables in memory go to the disk; then nothing refers to what was taken. */
static int settle(struct giving *g)
{
    int status = qcow2_settle(g->im);

    return status ? status : fmt_flush(g->im->env, 0);
}

static int release_taken(struct giving *g)
{
    int status = g->n ? settle(g) : FMT_OK;

    for (uint32_t i = 0; !status && i < g->n; i++) {
        status = release_entry(g, g->entries[i]);
    }
    g->n = 0;
    return status;
}

/* The entry at guest of the table at l2. bare: on disk it may stay, as nobody comes there. */
static int take_entry(struct giving *g, uint64_t l2, uint64_t guest, bool bare)
{
    const struct qcow2_state *st = g->im->state;
    struct qcow2_block *block;
    uint32_t at, left;
    int status = qcow2_l2_block(g->im, l2, qcow2_l2_index(st, guest), &block, &at, &left);

    if (status) {
        return status;
    }
    uint64_t raw = be64_load(block->data + at);
    if (!bare && (raw || (st->extended_l2 && be64_load(block->data + at + 8)))) {
        __builtin_memset(block->data + at, 0, st->l2_entry_size);
        qcow2_block_dirty(block);
    }
    qcow2_block_put(block);
    if (bare) {
        return release_entry(g, raw);
    }
    if (raw) {
        g->entries[g->n++] = raw;
    }
    return g->n == BATCH ? release_taken(g) : FMT_OK;
}

/* Is there anything in the table at l2 from guest on, up to end? */
static int is_used(struct fmt_image *im, uint64_t l2, uint64_t guest, uint64_t end, bool *ret_used)
{
    const struct qcow2_state *st = im->state;
    int status = FMT_OK;

    *ret_used = false;
    while (!status && !*ret_used && guest < end) {
        struct qcow2_block *block;
        uint32_t at, left;
        status = qcow2_l2_block(im, l2, qcow2_l2_index(st, guest), &block, &at, &left);
        if (status) {
            return status;
        }
        for (; left && guest < end; left--, at += st->l2_entry_size, guest += st->cluster_size) {
            *ret_used |= be64_load(block->data + at) != 0 ||
                         (st->extended_l2 && be64_load(block->data + at + 8));
        }
        qcow2_block_put(block);
    }
    return status;
}

/* The table in which the end of the disk lies keeps its first entries. make: it is there afterwards
 * in any case, as qemu-img has it. */
static int drop_part(struct giving *g, uint64_t from, bool make)
{
    struct fmt_image *im = g->im;
    const struct qcow2_state *st = im->state;
    uint64_t end = align_up(from, qcow2_l2_span(st)), l2;
    bool used = false;
    int status = qcow2_l2_find(im, from, &l2);

    if (!status && l2) {
        status = is_used(im, l2, from, end, &used);
    }
    if (status || !(used || (make && !l2))) {
        return status;
    }
    status = qcow2_l2_own(im, from, &l2);
    for (; !status && from < end; from += st->cluster_size) {
        status = take_entry(g, l2, from, false);
    }
    return status ? status : release_taken(g);
}

/* All that the L2 table of an L1 entry that is gone refers to. */
static int release_table(struct giving *g, uint64_t index, uint64_t l2)
{
    struct fmt_image *im = g->im;
    const struct qcow2_state *st = im->state;
    uint64_t guest = index * qcow2_l2_span(st), n = 1ull << st->l2_bits;
    int status = FMT_OK;

    if (!is_aligned(l2, st->cluster_size)) {
        return FMT_OK;
    }
    for (; !status && n; n--, guest += st->cluster_size) {
        status = take_entry(g, l2, guest, true);
    }
    return status;
}

/* L1 entries from *index on, at most BATCH of them that are in use. */
static int take_tables(struct giving *g, uint64_t *index, uint64_t *indices)
{
    struct fmt_image *im = g->im;
    const struct qcow2_state *st = im->state;
    int status = FMT_OK;

    while (!status && *index < st->active.l1_size && g->n < BATCH) {
        struct qcow2_block *block;
        uint32_t at;
        status = qcow2_l1_block(im, &st->active, *index, &block, &at);
        if (status) {
            return status;
        }
        for (; at < block->length && *index < st->active.l1_size && g->n < BATCH;
             at += 8, (*index)++) {
            uint64_t entry = be64_load(block->data + at);
            if (entry) {
                indices[g->n] = *index;
                g->entries[g->n++] = entry & QCOW2_L1_OFFSET;
                be64_store(block->data + at, 0);
                qcow2_block_dirty(block);
            }
        }
        qcow2_block_put(block);
    }
    return status;
}

/* Read ahead the tables that come next, as far as one piece is a whole one. */
static int read_ahead(struct giving *g, uint32_t from)
{
    const struct qcow2_state *st = g->im->state;
    uint64_t offsets[16];
    uint32_t n = 0;

    for (uint32_t i = from; i < g->n && n < sizeof offsets / sizeof *offsets; i++) {
        if (is_aligned(g->entries[i], st->cluster_size)) {
            offsets[n++] = g->entries[i];
        }
    }
    return st->cluster_size == qcow2_block_size(st)
               ? qcow2_cache_prefetch(g->im, QCOW2_KIND_L2, offsets, n)
               : FMT_OK;
}

static int drop_tables(struct giving *g, uint64_t index)
{
    struct fmt_image *im = g->im;
    uint64_t *indices = im->env->alloc(im->env, BATCH * sizeof *indices);
    int status = indices ? FMT_OK : fmt_fail(im->env, FMT_E_NO_MEMORY);

    while (!status && index < qcow2_state(im)->active.l1_size) {
        status = take_tables(g, &index, indices);
        if (!status && g->n) {
            status = settle(g);
        }
        for (uint32_t i = 0; !status && i < g->n; i++) {
            status = i % 16 ? FMT_OK : read_ahead(g, i);
            if (!status && g->entries[i]) {
                status = release_table(g, indices[i], g->entries[i]);
            }
        }
        /* apart from the data: what lies together is given back together */
        for (uint32_t i = 0; !status && i < g->n; i++) {
            qcow2_cache_drop(im, g->entries[i], qcow2_state(im)->cluster_size);
            status = release_cluster(g, g->entries[i]);
        }
        g->n = 0;
    }
    im->env->free(im->env, indices);
    return status;
}

int qcow2_drop_behind(struct fmt_image *im, uint64_t size, bool make)
{
    const struct qcow2_state *st = im->state;
    uint64_t from = align_up(size, st->cluster_size), span = qcow2_l2_span(st);
    struct giving *g = im->env->alloc(im->env, sizeof *g);
    int status = g ? FMT_OK : fmt_fail(im->env, FMT_E_NO_MEMORY);

    if (!status) {
        g->im = im;
        status = is_aligned(from, span) ? FMT_OK : drop_part(g, from, make);
        if (!status) {
            status = drop_tables(g, div_up(from, span));
        }
        if (!status) {
            discard_now(g);
        }
    }
    im->env->free(im->env, g);
    return qcow2_tell_resize(im, status, QCOW2_E_SHRINK_CLUSTERS);
}

/* ---- the file ----------------------------------------------------------------------------------- */

/* Does the refcount block number index, which lies at offset, count anything but itself? */
static int block_counts(struct fmt_image *im, uint64_t index, uint64_t offset, bool *ret_counts)
{
    const struct qcow2_state *st = im->state;
    uint64_t own = offset >> st->header.cluster_bits, n = 1ull << st->refblock_bits;
    uint64_t cluster = index << st->refblock_bits, end = cluster + n;
    int status = FMT_OK;

    *ret_counts = false;
    while (!status && !*ret_counts && cluster < end) {
        struct qcow2_block *block;
        uint64_t first, some;
        status = qcow2_refcount_piece(im, cluster, &block, &first, &some);
        if (status) {
            return status;
        }
        for (; cluster < first + some && !*ret_counts; cluster++) {
            *ret_counts =
                block && cluster != own &&
                qcow2_refcount_load(block->data, st->header.refcount_order, cluster - first) != 0;
        }
        if (block) {
            qcow2_block_put(block);
        }
    }
    return status;
}

/* Take what the table does not need any more out of it. */
static int take_blocks(struct giving *g, uint64_t *index)
{
    struct fmt_image *im = g->im;
    int status = FMT_OK;

    for (; !status && *index < qcow2_reftable_entries(im->state) && g->n < BATCH; ++*index) {
        uint64_t offset;
        bool counts = true;
        status = qcow2_refblock_offset(im, *index, &offset);
        if (!status && offset) {
            status = block_counts(im, *index, offset, &counts);
        }
        if (!status && !counts) {
            g->entries[g->n++] = offset;
            status = qcow2_reftable_set(im, *index, 0);
        }
    }
    return status;
}

static int drop_blocks(struct giving *g)
{
    struct fmt_image *im = g->im;
    const struct qcow2_state *st = im->state;
    uint64_t index = 0;
    int status = qcow2_settle(im);

    while (!status && index < qcow2_reftable_entries(st)) {
        status = take_blocks(g, &index);
        if (!status && g->n) {
            status = settle(g);
        }
        for (uint32_t i = 0; !status && i < g->n; i++) {
            uint64_t own = g->entries[i] >> st->header.cluster_bits, count;
            qcow2_cache_drop(im, g->entries[i], st->cluster_size);
            status = qcow2_refcount_of(im, own, &count);
            if (!status && !count) {
                /* its count was its own */
                discard(g, own);
            } else if (!status) {
                status = release_cluster(g, g->entries[i]);
            }
        }
        g->n = 0;
    }
    return status;
}

/* The file ends behind the last cluster in use. */
static int cut_tail(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    uint64_t size, end;
    int status = fmt_file_size(im->env, 0, &size);

    if (!status) {
        st->writer->end = max_u64(st->writer->end, size);
        status = qcow2_used_end(im, &end);
    }
    if (!status) {
        status = qcow2_settle(im);
    }
    if (status || end << st->header.cluster_bits >= size) {
        return status;
    }
    st->writer->end = end << st->header.cluster_bits;
    st->file_size = min_u64(st->file_size, st->writer->end);
    status = fmt_flush(im->env, 0);
    return status ? status : fmt_truncate(im->env, 0, st->writer->end, ABI_PREALLOC_OFF);
}

int qcow2_shrink_file(struct fmt_image *im)
{
    struct giving *g = im->env->alloc(im->env, sizeof *g);
    int status = g ? FMT_OK : fmt_fail(im->env, FMT_E_NO_MEMORY);

    if (!status) {
        g->im = im;
        status = qcow2_tell_resize(im, drop_blocks(g), QCOW2_E_SHRINK_REFBLOCKS);
    }
    if (!status) {
        discard_now(g);
        status = qcow2_tell_resize(im, cut_tail(im), QCOW2_E_SHRINK_FILE);
    }
    im->env->free(im->env, g);
    return status;
}
