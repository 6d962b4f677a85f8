/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which clusters are L2 tables or refcount blocks, roughly: so that a job that writes at many
 * places need not look through the L1 table and the refcount table for each. Kept within one
 * write job, or one change of many counts, only, in which tables are added and none move; what lies
 * in no marked place is surely none, the others are looked up.
 */
#include "format/qcow2-write.h"

/* Marks of a kind of table: a cluster has that of its number modulo this, a power of two. */
#define MARKS (1ull << 17)
/* Clusters looked up here at most; more are looked up in the tables themselves. */
#define MOST_CLUSTERS 64u

/* The marks of L2 tables, then those of refcount blocks. */
static uint8_t *marks_of(const struct qcow2_writer *w, enum qcow2_place table)
{
    return w->places + (table == QCOW2_PLACE_L2 ? 0 : MARKS / 8);
}

static void mark(uint8_t *marks, uint64_t cluster)
{
    marks[cluster % MARKS / 8] |= (uint8_t)(1u << cluster % 8);
}

void qcow2_place_map_add(struct fmt_image *im, enum qcow2_place table, uint64_t offset)
{
    const struct qcow2_state *st = im->state;
    uint32_t bits = st->header.cluster_bits;

    if (st->writer->places_known && offset) {
        uint8_t *marks = marks_of(st->writer, table);
        mark(marks, offset >> bits);
        /* one that is not aligned reaches into the next cluster */
        mark(marks, (offset + st->cluster_size - 1) >> bits);
    }
}

/* All n that the L1 table, or the refcount table, names. */
static int add_all(struct fmt_image *im, enum qcow2_place table, uint64_t n)
{
    enum qcow2_kind kind = table == QCOW2_PLACE_L2 ? QCOW2_KIND_L1 : QCOW2_KIND_REFTABLE;
    int status = FMT_OK;

    for (uint64_t i = 0; !status && i < n;) {
        struct qcow2_block *block;
        uint32_t at;
        status = qcow2_offset_block(im, kind, i, &block, &at);
        if (status) {
            break;
        }
        for (; at < block->length && i < n; at += 8, i++) {
            uint64_t entry;
            __builtin_memcpy(&entry, block->data + at, 8);
            if (entry) {
                qcow2_place_map_add(im, table, be64_load(block->data + at) & QCOW2_L1_OFFSET);
            }
        }
        qcow2_block_put(block);
    }
    return status;
}

/* Mark what the tables name. Without memory, or with a table that cannot be read, there is no map. */
static bool make(struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_writer *w = st->writer;
    struct abi_result before = *im->env->result;

    if (!w->places) {
        w->places = im->env->alloc(im->env, MARKS / 4);
    }
    if (w->places) {
        __builtin_memset(w->places, 0, MARKS / 4);
        w->places_known = true;
        if (add_all(im, QCOW2_PLACE_L2, st->header.l1_size) ||
            add_all(im, QCOW2_PLACE_REFBLOCK, qcow2_reftable_entries(st))) {
            w->places_known = false;
        }
    }
    *im->env->result = before;
    w->places_kept = w->places_known;
    return w->places_known;
}

void qcow2_place_map_keep(struct qcow2_writer *w, bool keep)
{
    w->places_kept = keep;
    w->places_known = false;
}

bool qcow2_place_map_begin(struct fmt_image *im, uint64_t n)
{
    const struct qcow2_state *st = im->state;
    bool worth = !st->writer->places_kept && n >> st->refblock_bits > 1;

    if (worth) {
        qcow2_place_map_keep(st->writer, true);
    }
    return worth;
}

void qcow2_place_map_end(struct fmt_image *im, bool begun)
{
    if (begun) {
        qcow2_place_map_keep(qcow2_writer(im), false);
    }
}

bool qcow2_place_map_free_of(struct fmt_image *im, enum qcow2_place table, uint64_t first,
                             uint64_t n)
{
    struct qcow2_writer *w = qcow2_writer(im);

    if (n > MOST_CLUSTERS || !w->places_kept || !(w->places_known || make(im))) {
        return false;
    }
    const uint8_t *marks = marks_of(w, table);
    for (uint64_t cluster = first; cluster < first + n; cluster++) {
        if (marks[cluster % MARKS / 8] & 1u << cluster % 8) {
            return false;
        }
    }
    return true;
}
