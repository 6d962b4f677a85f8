/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Free clusters, in the order in which qemu-img takes them. */
#include "format/qcow2-write.h"

/* spec "Cluster mapping": offsets of tables and clusters have 56 bits. */
#define MAX_OFFSET (1ull << 56)

/* n clusters at first get another use: coded bytes do not go on there, even where the last ones
 * ended and were dropped since. */
static void stop_packing(const struct qcow2_state *st, uint64_t first, uint64_t n)
{
    struct qcow2_writer *w = st->writer;

    if (w->pack_at && (w->pack_at >> st->header.cluster_bits) - first < n) {
        w->pack_at = 0;
    }
}

/* The first n free clusters in a row from next_free on, which goes behind them. */
static int find(struct fmt_image *im, uint64_t n, uint64_t *ret_first)
{
    struct qcow2_writer *w = qcow2_writer(im);
    uint64_t limit = MAX_OFFSET >> qcow2_state(im)->header.cluster_bits;
    uint64_t first = w->next_free, stop;

    for (;;) {
        if (first >= limit || n > limit - first) {
            return qcow2_fail_errno(im, QCOW2_EFBIG);
        }
        int status = qcow2_skip(im, false, limit - first, &first);
        stop = first;
        if (!status) {
            status = qcow2_skip(im, true, n, &stop);
        }
        if (status) {
            return status;
        }
        if (ranges_overlap(first, stop - first, w->held, w->held_end - w->held)) {
            stop = max_u64(first, w->held_end);
        } else if (ranges_overlap(first, stop - first, w->kept, w->kept_end - w->kept)) {
            stop = max_u64(first, w->kept_end);
        } else if (stop - first == n) {
            break;
        }
        first = stop;
    }
    w->next_free = stop;
    *ret_first = first;
    return FMT_OK;
}

int qcow2_find_one(struct fmt_image *im, uint64_t *ret_cluster)
{
    int status = find(im, 1, ret_cluster);

    if (!status) {
        status = qcow2_check_place(im, *ret_cluster, 1, QCOW2_PLACE_NEW_REFBLOCK);
    }
    if (!status) {
        stop_packing(im->state, *ret_cluster, 1);
    }
    return status;
}

int qcow2_alloc(struct fmt_image *im, uint64_t n, enum qcow2_place use, uint64_t *ret_offset)
{
    struct qcow2_writer *w = qcow2_writer(im);
    uint32_t bits = qcow2_state(im)->header.cluster_bits;
    bool begun = qcow2_place_map_begin(im, n);
    uint64_t first;
    int status;

    do {
        status = find(im, n, &first);
        if (!status) {
            status = qcow2_refblocks_make(im, first, n);
        }
        /* the same ones first, unless others became free before them */
        w->next_free = min_u64(w->next_free, first);
    } while (status == QCOW2_AGAIN);
    qcow2_place_map_end(im, begun);
    if (!status) {
        status = qcow2_check_place(im, first, n, use);
    }
    if (status) {
        return status;
    }
    w->next_free = first + n;
    stop_packing(im->state, first, n);
    qcow2_extend(w, first << bits, n << bits);
    *ret_offset = first << bits;
    return qcow2_raise(im, first, n);
}

int qcow2_alloc_at(struct fmt_image *im, uint64_t offset, uint64_t n, uint64_t *ret_n)
{
    struct qcow2_writer *w = qcow2_writer(im);
    uint32_t bits = qcow2_state(im)->header.cluster_bits;
    uint64_t first = offset >> bits, stop;
    bool made;
    int status;

    *ret_n = 0;
    do {
        stop = first;
        status = qcow2_skip(im, true, n, &stop);
        if (status || stop == first) {
            return status;
        }
        /* a block may take a place that seemed free */
        status = qcow2_refblocks_make_one(im, first, stop - first, &made);
    } while (!status && made);
    if (!status) {
        status = qcow2_check_place(im, first, stop - first, QCOW2_PLACE_NEW_DATA);
    }
    if (status) {
        return status;
    }
    *ret_n = stop - first;
    stop_packing(im->state, first, *ret_n);
    qcow2_extend(w, offset, *ret_n << bits);
    return qcow2_raise(im, first, *ret_n);
}

/* Where size bytes go: behind the last ones, if their cluster has room for them or the next
 * cluster is the next free one. */
static int find_bytes(struct fmt_image *im, uint32_t size, uint64_t *ret_offset)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_writer *w = st->writer;
    uint32_t bits = st->header.cluster_bits;
    uint64_t at = w->pack_at, count, cluster;

    if (at) {
        uint64_t most = UINT64_MAX >> (64 - (1u << st->header.refcount_order));
        int status = qcow2_refcount_of(im, at >> bits, &count);
        if (status) {
            return status;
        }
        at = count == most ? 0 : at;
    }
    if (!at || st->cluster_size - (at & (st->cluster_size - 1)) < size) {
        int status = find(im, 1, &cluster);
        if (status) {
            return status;
        }
        if (!at || align_up(at, st->cluster_size) != cluster << bits) {
            at = cluster << bits;
        }
    }
    *ret_offset = at;
    return FMT_OK;
}

int qcow2_alloc_bytes(struct fmt_image *im, uint32_t size, uint64_t *ret_offset)
{
    struct qcow2_state *st = im->state;
    struct qcow2_writer *w = st->writer;
    uint32_t bits = st->header.cluster_bits;
    uint64_t at;
    int status = find_bytes(im, size, &at);

    if (status) {
        return status;
    }
    if (at + size > 1ull << st->compressed_shift) {
        return qcow2_fail_errno(im, QCOW2_EFBIG);
    }
    uint64_t first = at >> bits, n = ((at + size - 1) >> bits) - first + 1;
    bool made;
    do {
        status = qcow2_refblocks_make_one(im, first, n, &made);
    } while (!status && made);
    if (!status) {
        status = qcow2_check_place(im, first, n, QCOW2_PLACE_NEW_CODED);
    }
    if (!status) {
        status = qcow2_raise(im, first, n);
    }
    if (status) {
        return status;
    }
    w->pack_at = is_aligned(at + size, st->cluster_size) ? 0 : at + size;
    qcow2_extend(w, at, size);
    *ret_offset = at;
    return FMT_OK;
}

int qcow2_write_zeros(struct fmt_image *im, uint32_t handle, uint64_t offset, uint64_t length)
{
    struct qcow2_writer *w = qcow2_writer(im);
    struct abi_io ops[16];
    int status = FMT_OK;

    if (!w->zeros) {
        w->zeros = im->env->alloc(im->env, QCOW2_ZERO_CHUNK);
        if (!w->zeros) {
            return fmt_fail(im->env, FMT_E_NO_MEMORY);
        }
    }
    while (!status && length) {
        uint32_t n = 0;
        for (; n < sizeof ops / sizeof *ops && length; n++) {
            uint64_t some = min_u64(length, QCOW2_ZERO_CHUNK);
            ops[n] = (struct abi_io){
                .op = ABI_IO_WRITE,
                .handle = handle,
                .offset = offset,
                .length = some,
                .address = (uint64_t)(uintptr_t)w->zeros,
            };
            offset += some;
            length -= some;
        }
        status = im->env->io(im->env, ops, n);
    }
    return status;
}
