/* SPDX-License-Identifier: GPL-2.0-or-later */
/* L2 entries as the writing side sees them: spec "Cluster mapping", "Extended L2 Entries". */
#include "format/qcow2-write.h"

enum qcow2_unit qcow2_unit_of(const struct qcow2_state *st, const struct qcow2_entry *e,
                              uint64_t within)
{
    if (st->extended_l2 && e->class != QCOW2_C_COMPRESSED) {
        uint32_t bit = 1u << (within / st->subcluster_size);
        return e->allocated & bit ? QCOW2_U_DATA : e->zeros & bit ? QCOW2_U_ZERO : QCOW2_U_HOLE;
    }
    switch (e->class) {
    case QCOW2_C_UNALLOCATED:
        return QCOW2_U_HOLE;
    case QCOW2_C_ZERO:
    case QCOW2_C_ZERO_PLACED:
        return QCOW2_U_ZERO;
    default:
        return QCOW2_U_DATA;
    }
}

uint32_t qcow2_unit_bits(const struct qcow2_state *st, uint64_t within, uint64_t length)
{
    uint32_t first = (uint32_t)(within / st->subcluster_size);
    uint32_t end = (uint32_t)div_up(within + length, st->subcluster_size);

    return UINT32_MAX >> (QCOW2_SUBCLUSTERS - (end - first)) << first;
}

uint64_t qcow2_units_size(const struct qcow2_state *st, uint32_t units)
{
    return (uint64_t)(uint32_t)__builtin_popcount(units) * st->subcluster_size;
}

/* The class of a standard entry, checked. */
static int classify(struct fmt_image *im, uint64_t guest, struct qcow2_entry *e)
{
    const struct qcow2_state *st = im->state;
    uint64_t offset = e->raw & QCOW2_L2_OFFSET;
    /* offset 0 is a place in an external data file, and only there */
    bool placed = offset || (st->has_data_file && (e->raw & QCOW2_COPIED));
    bool zero = !st->extended_l2 && (e->raw & QCOW2_ZERO);

    if (zero && st->header.version < 3) {
        return qcow2_corrupt(im, QCOW2_X_ZERO_V2, 0, guest, 0);
    }
    if ((e->allocated & e->zeros) || (e->allocated && !placed)) {
        return qcow2_corrupt(im, QCOW2_X_INVALID_ENTRY, 0, guest, 0);
    }
    if (placed && !is_aligned(offset, st->cluster_size)) {
        return qcow2_corrupt(im, QCOW2_X_DATA_UNALIGNED, offset, guest, 0);
    }
    if (placed && st->has_data_file && offset != guest) {
        return qcow2_corrupt(im, QCOW2_X_DATA_FILE_OFFSET, offset, guest, 0);
    }
    if (st->extended_l2) {
        zero = !placed && e->zeros == UINT32_MAX;
    }
    e->class = zero     ? placed ? QCOW2_C_ZERO_PLACED : QCOW2_C_ZERO
               : placed ? QCOW2_C_DATA
                        : QCOW2_C_UNALLOCATED;
    e->place = offset;
    e->owned = placed && (e->raw & QCOW2_COPIED);
    return FMT_OK;
}

int qcow2_entry_get(struct fmt_image *im, uint64_t l2, uint64_t guest, struct qcow2_entry *ret,
                    uint64_t *ret_left)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_block *block;
    uint32_t at, left;
    int status = qcow2_l2_block(im, l2, qcow2_l2_index(st, guest), &block, &at, &left);

    if (status) {
        return status;
    }
    *ret = (struct qcow2_entry){ .raw = be64_load(block->data + at) };
    if (st->extended_l2) {
        ret->zeros = be32_load(block->data + at + 8);
        ret->allocated = be32_load(block->data + at + 12);
    }
    *ret_left = left;
    qcow2_block_put(block);
    if (ret->raw & QCOW2_COMPRESSED) {
        ret->class = QCOW2_C_COMPRESSED;
        ret->zeros = ret->allocated = 0;
        return st->has_data_file ? qcow2_corrupt(im, QCOW2_X_DATA_FILE_COMPRESSED, l2, 0, 0)
                                 : FMT_OK;
    }
    return classify(im, align_down(guest, st->cluster_size), ret);
}

int qcow2_entry_set(struct fmt_image *im, uint64_t l2, uint64_t guest, uint64_t raw,
                    uint64_t bitmap)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_block *block;
    uint32_t at, left;
    int status = qcow2_l2_block(im, l2, qcow2_l2_index(st, guest), &block, &at, &left);

    if (!status) {
        be64_store(block->data + at, raw);
        if (st->extended_l2) {
            be64_store(block->data + at + 8, bitmap);
        }
        qcow2_block_dirty(block);
        qcow2_block_put(block);
    }
    return status;
}

int qcow2_entry_drop(struct fmt_image *im, const struct qcow2_entry *e, bool discard)
{
    const struct qcow2_state *st = im->state;
    uint32_t bits = st->header.cluster_bits;
    uint64_t offset, length, first, last;

    switch (e->class) {
    case QCOW2_C_COMPRESSED:
        qcow2_compressed_range(st, e->raw, &offset, &length);
        first = offset >> bits;
        last = (offset + length - 1) >> bits;
        return qcow2_lower(im, first, last - first + 1, discard);
    case QCOW2_C_DATA:
    case QCOW2_C_ZERO_PLACED:
        return st->has_data_file ? FMT_OK : qcow2_lower(im, e->place >> bits, 1, discard);
    default:
        return FMT_OK;
    }
}
