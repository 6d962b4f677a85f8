/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a place in the image file one that may be written? An image whose counts
 * say that a table is free would have it overwritten otherwise.
 */
#include "format/qcow2-write.h"

/* Tables in the order in which qemu-img looks at them. */
static const struct {
    enum qcow2_place own; /* the use for which this table is no obstacle */
    int code;
} tables[] = {
    { QCOW2_PLACE_HEADER, QCOW2_X_OVERLAP_HEADER },
    { QCOW2_PLACE_L1, QCOW2_X_OVERLAP_L1 },
    { QCOW2_PLACE_REFTABLE, QCOW2_X_OVERLAP_REFTABLE },
    { QCOW2_PLACE_SNAPSHOTS, QCOW2_X_OVERLAP_SNAPSHOTS },
    { QCOW2_PLACE_INACTIVE_L1, QCOW2_X_OVERLAP_INACTIVE_L1 },
    { QCOW2_PLACE_L2, QCOW2_X_OVERLAP_L2 },
    { QCOW2_PLACE_REFBLOCK, QCOW2_X_OVERLAP_REFBLOCK },
    { QCOW2_PLACE_BITMAPS, QCOW2_X_OVERLAP_BITMAPS },
};

/* Entries looked at together: most of a refcount table is empty. */
#define EMPTY_RUN 16u

/* Are these entries all zero? */
static bool is_empty(const uint8_t *entries)
{
    uint64_t any = 0, entry;

    for (uint32_t i = 0; i < EMPTY_RUN; i++) {
        __builtin_memcpy(&entry, entries + 8 * i, 8);
        any |= entry;
    }
    return !any;
}

/* Entries that are offsets of clusters: does one of n, in a table of kind, lie in the range? */
static int entries_hit(struct fmt_image *im, enum qcow2_kind kind, uint64_t n, uint64_t offset,
                       uint64_t length, bool *ret_hit)
{
    const struct qcow2_state *st = im->state;
    int status = FMT_OK;

    for (uint64_t i = 0; !status && !*ret_hit && i < n;) {
        struct qcow2_block *block;
        uint32_t at;
        status = qcow2_offset_block(im, kind, i, &block, &at);
        if (status) {
            break;
        }
        for (; at < block->length && i < n; at += 8, i++) {
            while (n - i > EMPTY_RUN && block->length - at > EMPTY_RUN * 8 &&
                   is_empty(block->data + at)) {
                i += EMPTY_RUN;
                at += EMPTY_RUN * 8;
            }
            uint64_t entry = be64_load(block->data + at) & QCOW2_L1_OFFSET;
            *ret_hit |= entry && ranges_overlap(entry, st->cluster_size, offset, length);
        }
        qcow2_block_put(block);
    }
    return status;
}

static int hits(struct fmt_image *im, enum qcow2_place table, uint64_t offset, uint64_t length,
                bool *ret_hit)
{
    const struct qcow2_state *st = im->state;
    const struct qcow2_header *h = &st->header;
    const struct qcow2_writer *w = st->writer;

    *ret_hit = false;
    switch (table) {
    case QCOW2_PLACE_HEADER:
        *ret_hit = offset < st->cluster_size;
        break;
    case QCOW2_PLACE_L1:
        *ret_hit = ranges_overlap(h->l1_offset, h->l1_size * 8ull, offset, length);
        break;
    case QCOW2_PLACE_REFTABLE:
        *ret_hit = ranges_overlap(h->reftable_offset, h->reftable_clusters * st->cluster_size,
                                  offset, length);
        break;
    case QCOW2_PLACE_SNAPSHOTS:
        *ret_hit = ranges_overlap(h->snapshots_offset, w->snapshots_length, offset, length);
        break;
    case QCOW2_PLACE_INACTIVE_L1:
        for (uint32_t i = 0; i < w->n_inactive && !*ret_hit; i++) {
            *ret_hit = ranges_overlap(w->inactive[i].offset, w->inactive[i].length, offset, length);
        }
        break;
    case QCOW2_PLACE_L2:
        return entries_hit(im, QCOW2_KIND_L1, h->l1_size, offset, length, ret_hit);
    case QCOW2_PLACE_REFBLOCK:
        return entries_hit(im, QCOW2_KIND_REFTABLE, qcow2_reftable_entries(st), offset, length,
                           ret_hit);
    case QCOW2_PLACE_BITMAPS:
        *ret_hit = st->bitmaps.n && ranges_overlap(st->bitmaps.directory_offset,
                                                   st->bitmaps.directory_size, offset, length);
        break;
    default:
        break;
    }
    return FMT_OK;
}

/* What is said when the search for a free cluster ends at the header. */
static int zero_code(enum qcow2_place use)
{
    switch (use) {
    case QCOW2_PLACE_NEW_L2:
        return QCOW2_X_ZERO_L2;
    case QCOW2_PLACE_NEW_REFBLOCK:
        return QCOW2_X_ZERO_REFBLOCK;
    case QCOW2_PLACE_NEW_CODED:
        return QCOW2_X_ZERO_CODED;
    case QCOW2_PLACE_NEW_DATA:
        return QCOW2_X_ZERO_DATA;
    default:
        return QCOW2_X_OVERLAP_HEADER;
    }
}

int qcow2_check_place(struct fmt_image *im, uint64_t first, uint64_t n, enum qcow2_place use)
{
    const struct qcow2_state *st = im->state;
    uint64_t offset = first << st->header.cluster_bits, length = n << st->header.cluster_bits;

    /* what we appended or created ourselves is in nobody's way */
    if (offset >= st->file_size) {
        return FMT_OK;
    }
    if (!offset && use >= QCOW2_PLACE_NEW_DATA) {
        return qcow2_corrupt(im, zero_code(use), 0, 0, 0);
    }
    for (uint32_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        enum qcow2_place own = tables[i].own;
        bool hit = false;
        int status = FMT_OK;

        if (own != use && !((own == QCOW2_PLACE_L2 || own == QCOW2_PLACE_REFBLOCK) &&
                            qcow2_place_map_free_of(im, own, first, n))) {
            status = hits(im, own, offset, length, &hit);
        }
        if (!status && hit) {
            status = qcow2_corrupt(im, tables[i].code, offset, 0, 0);
        }
        if (status) {
            return status;
        }
    }
    return FMT_OK;
}

/* The snapshot table and the L1 tables of the snapshots, as far as they can be read. */
int qcow2_places_read(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct qcow2_writer *w = st->writer;
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true;
    int status = FMT_OK;

    if (!st->header.n_snapshots) {
        return FMT_OK;
    }
    w->inactive = im->env->alloc(im->env, st->header.n_snapshots * sizeof *w->inactive);
    if (!w->inactive) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    qcow2_snapshots_begin(im, &it);
    while (!status && more) {
        status = qcow2_snapshots_next(&it, &s, &more);
        if (!status && more) {
            w->inactive[w->n_inactive].offset = s.l1_offset;
            w->inactive[w->n_inactive++].length = s.l1_size * 8ull;
            w->snapshots_length = s.offset + s.length - st->header.snapshots_offset;
        }
    }
    qcow2_snapshots_end(&it);
    return status;
}
