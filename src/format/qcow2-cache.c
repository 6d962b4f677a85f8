/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables in memory: a hash table of pieces, least recently used first out. */
#include "format/qcow2.h"

#define MAX_PIECES 2048u
#define BATCH ABI_MAX_IO
#define NO_OFFSET UINT64_MAX /* of a piece that holds nothing */

struct qcow2_cache {
    uint32_t block_size;
    uint32_t n_max;
    uint32_t n_used; /* pieces that ever held something */
    uint32_t hash_mask;
    uint32_t newest, oldest;    /* index + 1; 0: none */
    struct qcow2_block *blocks; /* n_max */
    uint32_t *hash;             /* hash_mask + 1 times index + 1 */
    struct abi_io *ops;         /* BATCH */
    uint32_t *op_block;         /* BATCH: index of the piece of an operation */
};

static uint32_t index_of(const struct qcow2_cache *c, const struct qcow2_block *b)
{
    return (uint32_t)(b - c->blocks);
}

static uint32_t hash_of(const struct qcow2_cache *c, uint32_t kind, uint64_t offset)
{
    uint64_t v = (offset / c->block_size * QCOW2_KINDS + kind) * 0x9e3779b97f4a7c15ull;
    return (uint32_t)(v >> 40) & c->hash_mask;
}

static void list_remove(struct qcow2_cache *c, struct qcow2_block *b)
{
    *(b->newer ? &c->blocks[b->newer - 1].older : &c->newest) = b->older;
    *(b->older ? &c->blocks[b->older - 1].newer : &c->oldest) = b->newer;
    b->newer = b->older = 0;
}

static void list_push_newest(struct qcow2_cache *c, struct qcow2_block *b)
{
    uint32_t at = index_of(c, b) + 1;

    b->newer = 0;
    b->older = c->newest;
    *(c->newest ? &c->blocks[c->newest - 1].newer : &c->oldest) = at;
    c->newest = at;
}

static void list_push_oldest(struct qcow2_cache *c, struct qcow2_block *b)
{
    uint32_t at = index_of(c, b) + 1;

    b->older = 0;
    b->newer = c->oldest;
    *(c->oldest ? &c->blocks[c->oldest - 1].older : &c->newest) = at;
    c->oldest = at;
}

static struct qcow2_block *find(const struct qcow2_cache *c, uint32_t kind, uint64_t offset)
{
    uint32_t at = c->hash[hash_of(c, kind, offset)];

    while (at) {
        struct qcow2_block *b = &c->blocks[at - 1];
        if (b->offset == offset && b->kind == kind) {
            return b;
        }
        at = b->hash_next;
    }
    return 0;
}

/* Out of the hash table; the piece holds nothing then and is the first to be taken. */
static void forget(struct qcow2_cache *c, struct qcow2_block *b)
{
    if (b->offset == NO_OFFSET) {
        return;
    }
    uint32_t *link = &c->hash[hash_of(c, b->kind, b->offset)];
    while (*link != index_of(c, b) + 1) {
        link = &c->blocks[*link - 1].hash_next;
    }
    *link = b->hash_next;
    b->hash_next = 0;
    b->offset = NO_OFFSET;
    b->dirty = false;
    list_remove(c, b);
    list_push_oldest(c, b);
}

static void remember(struct qcow2_cache *c, struct qcow2_block *b, uint32_t kind, uint64_t offset,
                     uint32_t length)
{
    uint32_t h = hash_of(c, kind, offset);

    b->kind = (uint8_t)kind;
    b->offset = offset;
    b->length = length;
    b->dirty = false;
    b->hash_next = c->hash[h];
    c->hash[h] = index_of(c, b) + 1;
    list_remove(c, b);
    list_push_newest(c, b);
}

uint32_t qcow2_block_size(const struct qcow2_state *st)
{
    return (uint32_t)min_u64(st->cluster_size, QCOW2_CACHE_MAX_BLOCK);
}

int qcow2_cache_open(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct fmt_env *env = im->env;
    struct qcow2_cache *c = env->alloc(env, sizeof *c);

    if (!c) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    st->cache = c;
    c->block_size = qcow2_block_size(st);
    c->n_max = (uint32_t)min_u64(QCOW2_CACHE_BYTES / c->block_size, MAX_PIECES);
    c->hash_mask = c->n_max - 1; /* n_max is a power of two: both factors are */
    c->blocks = env->alloc(env, (uint64_t)c->n_max * sizeof *c->blocks);
    c->hash = env->alloc(env, (uint64_t)c->n_max * sizeof *c->hash);
    c->ops = env->alloc(env, BATCH * sizeof *c->ops);
    c->op_block = env->alloc(env, BATCH * sizeof *c->op_block);
    if (!c->blocks || !c->hash || !c->ops || !c->op_block) {
        qcow2_cache_close(im);
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    return FMT_OK;
}

void qcow2_cache_close(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct fmt_env *env = im->env;
    struct qcow2_cache *c = st->cache;

    if (!c) {
        return;
    }
    for (uint32_t i = 0; i < c->n_used; i++) {
        env->free(env, c->blocks[i].data);
    }
    env->free(env, c->op_block);
    env->free(env, c->ops);
    env->free(env, c->hash);
    env->free(env, c->blocks);
    env->free(env, c);
    st->cache = 0;
}

/* A piece to fill: one never used, else the least recently used one that is not
 * pinned. It is out of the hash table. */
static int take(struct fmt_image *im, struct qcow2_block **ret)
{
    struct fmt_env *env = im->env;
    struct qcow2_cache *c = ((struct qcow2_state *)im->state)->cache;

    if (c->n_used < c->n_max && (!c->oldest || c->blocks[c->oldest - 1].offset != NO_OFFSET)) {
        struct qcow2_block *b = &c->blocks[c->n_used];
        b->data = env->alloc(env, c->block_size);
        if (b->data) {
            b->offset = NO_OFFSET;
            c->n_used++;
            list_push_oldest(c, b);
            *ret = b;
            return FMT_OK;
        }
    }
    for (uint32_t at = c->oldest; at; at = c->blocks[at - 1].newer) {
        struct qcow2_block *b = &c->blocks[at - 1];
        if (b->pins) {
            continue;
        }
        if (b->dirty) {
            int status = qcow2_cache_write_back(im, b->kind);
            if (status) {
                return status;
            }
        }
        forget(c, b);
        *ret = b;
        return FMT_OK;
    }
    return fmt_fail(env, FMT_E_NO_MEMORY);
}

int qcow2_block_get(struct fmt_image *im, enum qcow2_kind kind, uint64_t offset, uint32_t length,
                    struct qcow2_block **ret_block)
{
    struct qcow2_cache *c = ((struct qcow2_state *)im->state)->cache;
    struct qcow2_block *b = find(c, kind, offset);

    if (b) {
        list_remove(c, b);
        list_push_newest(c, b);
    } else {
        int status = take(im, &b);
        if (!status) {
            status = fmt_read(im->env, 0, offset, b->data, length, 0);
        }
        if (status) {
            return status;
        }
        remember(c, b, kind, offset, length);
    }
    b->pins++;
    *ret_block = b;
    return FMT_OK;
}

int qcow2_block_new(struct fmt_image *im, enum qcow2_kind kind, uint64_t offset, uint32_t length,
                    struct qcow2_block **ret_block)
{
    struct qcow2_cache *c = ((struct qcow2_state *)im->state)->cache;
    struct qcow2_block *b = find(c, kind, offset);

    if (!b) {
        int status = take(im, &b);
        if (status) {
            return status;
        }
        remember(c, b, kind, offset, length);
    }
    __builtin_memset(b->data, 0, b->length);
    b->dirty = true;
    b->pins++;
    *ret_block = b;
    return FMT_OK;
}

void qcow2_block_put(struct qcow2_block *block)
{
    block->pins--;
}

/* Run the n operations gathered in c->ops. */
static int run(struct fmt_image *im, uint32_t n)
{
    struct qcow2_cache *c = ((struct qcow2_state *)im->state)->cache;
    return n ? im->env->io(im->env, c->ops, n) : FMT_OK;
}

static void gather(struct qcow2_cache *c, uint32_t n, uint32_t op, struct qcow2_block *b)
{
    c->op_block[n] = index_of(c, b);
    c->ops[n] = (struct abi_io){
        .op = op,
        .offset = b->offset,
        .length = b->length,
        .address = (uint64_t)(uintptr_t)b->data,
    };
}

int qcow2_cache_prefetch(struct fmt_image *im, enum qcow2_kind kind, const uint64_t *offsets,
                         uint32_t n)
{
    struct qcow2_cache *c = ((struct qcow2_state *)im->state)->cache;
    uint32_t taken = 0, gathered = 0;
    /* a quarter of the cache at most, so that what is in use stays */
    uint32_t most = (uint32_t)min_u64(BATCH, c->n_max / 4);
    struct qcow2_block *b;
    int status = FMT_OK;

    /* taking may write others back, which uses the same operations: take all first */
    for (uint32_t i = 0; i < n && taken < most && !status; i++) {
        if (!find(c, kind, offsets[i])) {
            status = take(im, &b);
            if (!status) {
                remember(c, b, kind, offsets[i], c->block_size);
                b->unread = true;
                taken++;
            }
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        b = find(c, kind, offsets[i]);
        if (b && b->unread) {
            b->unread = false;
            gather(c, gathered++, ABI_IO_READ, b);
        }
    }
    if (!status) {
        status = run(im, gathered);
    }
    for (uint32_t i = 0; status && i < gathered; i++) {
        forget(c, &c->blocks[c->op_block[i]]);
    }
    return status;
}

bool qcow2_cache_has(const struct fmt_image *im, enum qcow2_kind kind, uint64_t offset)
{
    const struct qcow2_cache *c = ((const struct qcow2_state *)im->state)->cache;
    return find(c, kind, align_down(offset, c->block_size));
}

/* Write the dirty pieces of one kind. */
static int write_kind(struct fmt_image *im, uint32_t kind)
{
    struct qcow2_cache *c = ((struct qcow2_state *)im->state)->cache;
    uint32_t i = 0;

    while (i < c->n_used) {
        uint32_t n = 0;
        for (; i < c->n_used && n < BATCH; i++) {
            if (c->blocks[i].dirty && c->blocks[i].kind == kind) {
                gather(c, n++, ABI_IO_WRITE, &c->blocks[i]);
            }
        }
        int status = run(im, n);
        if (status) {
            return status;
        }
        while (n) {
            c->blocks[c->op_block[--n]].dirty = false;
        }
    }
    return FMT_OK;
}

int qcow2_cache_write_back(struct fmt_image *im, enum qcow2_kind last)
{
    struct qcow2_cache *c = ((struct qcow2_state *)im->state)->cache;
    bool dirty[QCOW2_KINDS] = { false };
    bool written = false;

    for (uint32_t i = 0; i < c->n_used; i++) {
        dirty[c->blocks[i].kind] |= c->blocks[i].dirty;
    }
    for (uint32_t kind = 0; kind <= (uint32_t)last; kind++) {
        if (!dirty[kind]) {
            continue;
        }
        int status = written ? fmt_flush(im->env, 0) : FMT_OK;
        if (!status) {
            status = write_kind(im, kind);
        }
        if (status) {
            return status;
        }
        written = true;
    }
    return FMT_OK;
}

void qcow2_cache_drop(struct fmt_image *im, uint64_t offset, uint64_t length)
{
    struct qcow2_cache *c = ((struct qcow2_state *)im->state)->cache;

    for (uint32_t i = 0; i < c->n_used; i++) {
        struct qcow2_block *b = &c->blocks[i];
        if (b->offset != NO_OFFSET && ranges_overlap(b->offset, b->length, offset, length)) {
            forget(c, b);
        }
    }
}

bool qcow2_cache_is_dirty(const struct fmt_image *im)
{
    const struct qcow2_cache *c = ((const struct qcow2_state *)im->state)->cache;

    for (uint32_t i = 0; i < c->n_used; i++) {
        if (c->blocks[i].dirty) {
            return true;
        }
    }
    return false;
}
