/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the drafts to the places: nothing here is in use while it is written. */
#include "format/qcow2-shift.h"

/* Discards sent in one request. */
#define DISCARDS 64u

/* L2 tables that were drafted, of n L1 entries from at. */
static int place_tables(struct qcow2_shift *s, uint64_t at, uint64_t n)
{
    struct fmt_env *env = s->im->env;
    uint64_t from[QCOW2_SHIFT_BATCH], to[QCOW2_SHIFT_BATCH];
    uint32_t gathered = 0;
    int status = fmt_read(env, 0, s->final_l1 + at * 8, s->entries, n * 8, 0);

    if (!status) {
        status = fmt_read(env, 0, s->draft_l1 + at * 8, s->more, n * 8, 0);
    }
    for (uint64_t i = 0; !status && i < n; i++) {
        from[gathered] = be64_load(s->more + i * 8) & QCOW2_L1_OFFSET;
        to[gathered] = be64_load(s->entries + i * 8) & QCOW2_L1_OFFSET;
        gathered += from[gathered] >= s->start;
        if (gathered == s->batch || (gathered && i + 1 == n)) {
            status = qcow2_shift_io(s, ABI_IO_READ, from, gathered);
            if (!status) {
                status = qcow2_shift_io(s, ABI_IO_WRITE, to, gathered);
            }
            gathered = 0;
        }
    }
    return status;
}

/* The flags of a table of the view that was dropped and that others, but not the disk, still use:
 * qemu-img sets them too. */
static int flag_dropped(struct qcow2_shift *s, uint64_t l2)
{
    const struct qcow2_state *st = s->im->state;
    uint32_t entries = 1u << st->l2_bits, bits = st->header.cluster_bits;
    struct qcow2_block *block = 0;
    uint32_t at = 0, left = 0;
    uint64_t count, first, n;
    int status = qcow2_refcount_get(s->im, l2 >> bits, &count);

    for (uint32_t i = 0; !status && count && i < entries; i++, at += st->l2_entry_size, left--) {
        if (!left) {
            if (block) {
                qcow2_block_put(block);
                block = 0;
            }
            status = qcow2_l2_block(s->im, l2, i, &block, &at, &left);
        }
        uint64_t raw = status ? 0 : be64_load(block->data + at), want = raw & ~QCOW2_COPIED;
        uint64_t used = 0;
        if (!raw) {
            continue;
        }
        status = qcow2_shift_entry(s, block->data + at, l2, i, &first, &n);
        if (!status && n && !(raw & QCOW2_COMPRESSED)) {
            status = qcow2_refcount_get(s->im, first, &used);
        }
        want |= used == 1 ? QCOW2_COPIED : 0;
        if (!status && want != raw) {
            be64_store(block->data + at, want);
            qcow2_block_dirty(block);
        }
    }
    if (block) {
        qcow2_block_put(block);
    }
    return status;
}

/* Those of the n L1 entries from at whose tables the disk does not share. */
static int flag_dropped_piece(struct qcow2_shift *s, uint64_t at, uint64_t n)
{
    struct fmt_env *env = s->im->env;
    uint64_t common = at < s->after.l1_size ? min_u64(n, s->after.l1_size - at) : 0;
    int status = fmt_read(env, 0, s->drop.l1_offset + at * 8, s->entries, n * 8, 0);

    __builtin_memset(s->more, 0, n * 8);
    if (!status && common) {
        status = fmt_read(env, 0, s->final_l1 + at * 8, s->more, common * 8, 0);
    }
    for (uint64_t i = 0; !status && i < n; i++) {
        uint64_t l2 = be64_load(s->entries + i * 8) & QCOW2_L1_OFFSET;
        if (l2 && l2 != (be64_load(s->more + i * 8) & QCOW2_L1_OFFSET)) {
            status = flag_dropped(s, l2);
        }
    }
    return status;
}

/* A snapshot's own L1 table that the disk uses too shares all it leads to. */
static int clear_source(struct qcow2_shift *s)
{
    struct fmt_env *env = s->im->env;
    int status = FMT_OK;

    for (uint64_t at = 0; !status && at < s->source.l1_size; at += QCOW2_SHIFT_ENTRIES) {
        uint64_t n = min_u64(QCOW2_SHIFT_ENTRIES, s->source.l1_size - at);
        uint64_t place = s->source.l1_offset + at * 8;
        bool changed = false;
        status = fmt_read(env, 0, place, s->entries, n * 8, 0);
        for (uint64_t i = 0; !status && i < n; i++) {
            uint64_t entry = be64_load(s->entries + i * 8), l2 = entry & QCOW2_L1_OFFSET;
            if (l2 && l2 != entry) {
                be64_store(s->entries + i * 8, l2);
                changed = true;
            }
        }
        if (!status && changed) {
            status = fmt_write(env, 0, place, s->entries, n * 8);
        }
    }
    return status;
}

/* ---- refcount blocks, and what became free ---- */

struct discards {
    struct abi_io ops[DISCARDS];
    uint32_t n;
};

/* Never an error: it is a favour. */
static void discard_all(struct qcow2_shift *s, struct discards *d)
{
    if (d->n && (s->im->flags & ABI_OPEN_DISCARD_UNMAP)) {
        s->im->env->io(s->im->env, d->ops, d->n);
    }
    d->n = 0;
}

static void discard(struct qcow2_shift *s, struct discards *d, uint64_t cluster)
{
    uint32_t bits = qcow2_state(s->im)->header.cluster_bits;
    uint64_t offset = cluster << bits;
    struct abi_io *last = d->n ? &d->ops[d->n - 1] : 0;

    qcow2_writer(s->im)->next_free = min_u64(qcow2_writer(s->im)->next_free, cluster);
    if (last && last->offset + last->length == offset) {
        last->length += 1ull << bits;
        return;
    }
    if (d->n == DISCARDS) {
        discard_all(s, d);
    }
    d->ops[d->n++] =
        (struct abi_io){ .op = ABI_IO_DISCARD, .offset = offset, .length = 1ull << bits };
}

/* The drafted block goes to its place, whose old counts are at old: clusters of the area lose the
 * count they had as such. */
static void merge_block(struct qcow2_shift *s, struct discards *d, uint64_t index, uint8_t *block,
                        const uint8_t *old)
{
    const struct qcow2_state *st = s->im->state;
    uint32_t order = st->header.refcount_order;
    uint64_t first = index << st->refblock_bits, n = 1ull << st->refblock_bits;
    uint64_t start = s->start >> st->header.cluster_bits;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t count = qcow2_refcount_load(old, order, i);
        if (index >= s->tail && first + i >= start) {
            qcow2_refcount_store(block, order, i, count);
        } else if (count && !qcow2_refcount_load(block, order, i)) {
            discard(s, d, first + i);
        }
    }
}

/* n drafted blocks, at most half a batch, to their places. */
static int place_some(struct qcow2_shift *s, struct discards *d, const uint64_t *indices,
                      const uint64_t *places, uint32_t n)
{
    uint64_t size = qcow2_state(s->im)->cluster_size;
    uint64_t from[QCOW2_SHIFT_BATCH], to[QCOW2_SHIFT_BATCH];
    uint32_t changed = 0;

    for (uint32_t i = 0; i < n; i++) {
        from[i] = s->blocks[indices[i]];
        from[n + i] = places[i];
    }
    int status = qcow2_shift_io(s, ABI_IO_READ, from, 2 * n);
    for (uint32_t i = 0; !status && i < n; i++) {
        uint8_t *block = s->buffer + i * size, *old = s->buffer + (n + i) * size;
        merge_block(s, d, indices[i], block, old);
        if (__builtin_memcmp(block, old, size)) {
            if (changed != i) {
                __builtin_memcpy(s->buffer + changed * size, block, size);
            }
            to[changed++] = places[i];
        }
    }
    return status ? status : qcow2_shift_io(s, ABI_IO_WRITE, to, changed);
}

/* The blocks' places stand in the refcount table of the header to come: that on disk leads to the
 * drafts now. */
static int place_blocks(struct qcow2_shift *s)
{
    uint64_t entries = s->after.reftable_clusters * qcow2_state(s->im)->cluster_size / 8;
    uint64_t indices[QCOW2_SHIFT_BATCH], places[QCOW2_SHIFT_BATCH];
    uint64_t end = min_u64(s->n_blocks, entries);
    uint32_t n = 0, most = (uint32_t)max_u64(s->batch / 2, 1);
    struct discards d = { .n = 0 };
    int status = FMT_OK;

    for (uint64_t index = 0; !status && index < end; index++) {
        uint64_t piece = index % QCOW2_SHIFT_ENTRIES;
        if (!piece) {
            status = fmt_read(s->im->env, 0, s->after.reftable_offset + index * 8, s->entries,
                              min_u64(QCOW2_SHIFT_ENTRIES, end - index) * 8, 0);
        }
        if (!status && s->blocks[index]) {
            places[n] = be64_load(s->entries + piece * 8) & QCOW2_REFTABLE_OFFSET;
            indices[n] = index;
            n += places[n] != 0;
        }
        if (!status && (n == most || (n && index + 1 == end))) {
            status = place_some(s, &d, indices, places, n);
            n = 0;
        }
    }
    discard_all(s, &d);
    return status;
}

int qcow2_shift_place(struct qcow2_shift *s)
{
    struct fmt_image *im = s->im;
    uint64_t l1_bytes = s->after.l1_size * 8ull;
    int status = FMT_OK;

    for (uint64_t at = 0; !status && at < s->after.l1_size; at += QCOW2_SHIFT_ENTRIES) {
        status = place_tables(s, at, min_u64(QCOW2_SHIFT_ENTRIES, s->after.l1_size - at));
    }
    for (uint64_t at = 0; !status && at < s->drop.l1_size; at += QCOW2_SHIFT_ENTRIES) {
        status = flag_dropped_piece(s, at, min_u64(QCOW2_SHIFT_ENTRIES, s->drop.l1_size - at));
    }
    if (!status) {
        status = qcow2_cache_write_back(im, QCOW2_KIND_L1);
    }
    if (!status && l1_bytes) {
        status = qcow2_copy_bytes(im, s->final_l1, s->after.l1_offset, l1_bytes);
    }
    if (!status && s->source.l1_offset != s->after.l1_offset) {
        status = clear_source(s);
    }
    return status ? status : place_blocks(s);
}
