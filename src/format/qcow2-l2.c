/* SPDX-License-Identifier: GPL-2.0-or-later */
/* L1 and L2 tables that may be changed: spec "Cluster mapping". */
#include "format/qcow2-write.h"

/* A table further than this behind the end of the file is not written: limit, so that a broken entry
 * does not make the file a long one. */
#define MOST_GAP (32u << 20)

/* Bytes of an L1 table moved at once. */
#define MOVE_CHUNK (256u << 10)

int qcow2_l2_find(struct fmt_image *im, uint64_t guest, uint64_t *ret_l2)
{
    const struct qcow2_state *st = im->state;
    uint64_t index = qcow2_l1_index(st, guest), entry;
    int status = qcow2_l1_entry(im, &st->active, index, &entry);

    if (status) {
        return status;
    }
    *ret_l2 = entry & QCOW2_L1_OFFSET;
    if (!is_aligned(*ret_l2, st->cluster_size)) {
        return qcow2_corrupt(im, QCOW2_X_L2_UNALIGNED, *ret_l2, index, 0);
    }
    return FMT_OK;
}

/* A table at offset in the cache: zeros, or a copy of the one at old. */
static int l2_fill(struct fmt_image *im, uint64_t offset, uint64_t old)
{
    const struct qcow2_state *st = im->state;
    uint32_t piece = qcow2_block_size(st);
    int status = FMT_OK;

    if (!old) {
        return qcow2_table_blank(im, QCOW2_KIND_L2, offset, st->cluster_size);
    }
    for (uint64_t at = 0; !status && at < st->cluster_size; at += piece) {
        struct qcow2_block *from, *to;
        status = qcow2_block_get(im, QCOW2_KIND_L2, old + at, piece, &from);
        if (status) {
            break;
        }
        status = qcow2_block_new(im, QCOW2_KIND_L2, offset + at, piece, &to);
        if (!status) {
            __builtin_memcpy(to->data, from->data, piece);
            qcow2_block_put(to);
        }
        qcow2_block_put(from);
    }
    return status;
}

int qcow2_l2_own(struct fmt_image *im, uint64_t guest, uint64_t *ret_l2)
{
    const struct qcow2_state *st = im->state;
    uint64_t index = qcow2_l1_index(st, guest), entry, old, new;
    struct qcow2_block *block;
    uint32_t at;
    int status = qcow2_l2_find(im, guest, &old);

    if (!status) {
        status = qcow2_l1_entry(im, &st->active, index, &entry);
    }
    if (status) {
        return status;
    }
    if (index >= st->active.l1_size) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    if (old && (entry & QCOW2_COPIED)) {
        if (old > max_u64(st->file_size, st->writer->end) + MOST_GAP) {
            return qcow2_fail_errno(im, QCOW2_EIO);
        }
        *ret_l2 = old;
        return qcow2_check_place(im, old >> st->header.cluster_bits, 1, QCOW2_PLACE_L2);
    }
    status = qcow2_alloc(im, 1, QCOW2_PLACE_NEW_L2, &new);
    if (!status) {
        status = l2_fill(im, new, old);
    }
    if (!status) {
        status =
            qcow2_check_place(im, st->active.l1_offset >> st->header.cluster_bits,
                              div_up(st->active.l1_size * 8ull, st->cluster_size), QCOW2_PLACE_L1);
    }
    if (!status) {
        status = qcow2_l1_block(im, &st->active, index, &block, &at);
    }
    if (status) {
        return status;
    }
    be64_store(block->data + at, new | QCOW2_COPIED);
    qcow2_block_dirty(block);
    qcow2_block_put(block);
    qcow2_place_map_add(im, QCOW2_PLACE_L2, new);
    *ret_l2 = new;
    return old ? qcow2_lower(im, old >> st->header.cluster_bits, 1, false) : FMT_OK;
}

int qcow2_copy_bytes(struct fmt_image *im, uint64_t from, uint64_t to, uint64_t length)
{
    struct fmt_env *env = im->env;
    uint8_t *buffer = env->alloc(env, min_u64(length, MOVE_CHUNK));
    int status = buffer ? FMT_OK : fmt_fail(env, FMT_E_NO_MEMORY);

    for (uint64_t at = 0; !status && at < length; at += MOVE_CHUNK) {
        uint64_t some = min_u64(length - at, MOVE_CHUNK);
        status = fmt_read(env, 0, from + at, buffer, some, 0);
        if (!status) {
            status = fmt_write(env, 0, to + at, buffer, some);
        }
    }
    env->free(env, buffer);
    return status;
}

int qcow2_l1_grow(struct fmt_image *im, uint64_t entries)
{
    struct qcow2_state *st = im->state;
    struct qcow2_view old = st->active;
    uint64_t bytes = entries * 8, old_bytes = old.l1_size * 8ull, offset;

    if (entries <= old.l1_size) {
        return FMT_OK;
    }
    if (entries > QCOW2_MAX_L1_BYTES / 8) {
        return qcow2_fail_errno(im, QCOW2_EFBIG);
    }
    int status = qcow2_cache_write_back(im, QCOW2_KIND_L1);
    if (!status) {
        status = qcow2_alloc(im, div_up(bytes, st->cluster_size), QCOW2_PLACE_NEW_L1, &offset);
    }
    if (!status && old_bytes) {
        status = qcow2_copy_bytes(im, old.l1_offset, offset, old_bytes);
    }
    if (!status) {
        status = qcow2_write_zeros(im, 0, offset + old_bytes, bytes - old_bytes);
    }
    /* the counts are on disk before the header points to the new table */
    if (!status && old_bytes) {
        status = qcow2_cache_write_back(im, QCOW2_KIND_REFTABLE);
    }
    if (status) {
        return status;
    }
    st->header.l1_offset = st->active.l1_offset = offset;
    st->header.l1_size = st->active.l1_size = (uint32_t)entries;
    if (st->view.l1_offset == old.l1_offset && st->view.l1_size == old.l1_size) {
        st->view = st->active;
    }
    /* a disk of size 0 uses none of it yet: the header can wait for the new size */
    status = old_bytes ? qcow2_header_fields(im) : FMT_OK;
    if (status || !old_bytes) {
        return status;
    }
    qcow2_cache_drop(im, old.l1_offset, old_bytes);
    return qcow2_lower(im, old.l1_offset >> st->header.cluster_bits,
                       div_up(old_bytes, st->cluster_size), false);
}
