/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May the file be cut behind the last cluster that is counted? Where the counts say that a table
 * is free they cannot be trusted: the table, and all that follows it, would be cut off.
 */
#include "format/qcow2-write.h"

/* Are the clusters of [offset, offset + length) counted? If not, code is told as corruption. */
static int judge_range(struct fmt_image *im, uint64_t offset, uint64_t length, int code)
{
    const struct qcow2_state *st = im->state;
    uint64_t cluster = offset >> st->header.cluster_bits;
    uint64_t end = div_up(offset + length, st->cluster_size);
    int status = FMT_OK;

    for (; !status && cluster < end; cluster++) {
        uint64_t count;

        status = qcow2_refcount_of(im, cluster, &count);
        if (!status && !count) {
            status = qcow2_corrupt(im, code, cluster << st->header.cluster_bits, 0, 0);
        }
    }
    return status;
}

/* The same of the clusters that the entries of a table refer to; one that makes no sense is none. */
static int judge_entries(struct fmt_image *im, enum qcow2_kind kind, uint64_t n, int code)
{
    const struct qcow2_state *st = im->state;
    int status = FMT_OK;

    for (uint64_t i = 0; !status && i < n; i++) {
        struct qcow2_block *block;
        uint32_t at;

        status = qcow2_offset_block(im, kind, i, &block, &at);
        if (status) {
            break;
        }
        uint64_t offset = be64_load(block->data + at) & QCOW2_L1_OFFSET;
        qcow2_block_put(block);
        if (offset && offset < st->file_size && is_aligned(offset, st->cluster_size)) {
            status = judge_range(im, offset, st->cluster_size, code);
        }
    }
    return status;
}

int qcow2_judge_counts(struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;
    const struct qcow2_header *h = &st->header;
    const struct {
        uint64_t offset, length;
        int code;
    } ranges[] = {
        { 0, st->cluster_size, QCOW2_X_OVERLAP_HEADER },
        { h->l1_offset, h->l1_size * 8ull, QCOW2_X_OVERLAP_L1 },
        { h->reftable_offset, h->reftable_clusters * st->cluster_size, QCOW2_X_OVERLAP_REFTABLE },
    };
    int status = FMT_OK;

    for (uint32_t i = 0; !status && i < sizeof ranges / sizeof *ranges; i++) {
        status = judge_range(im, ranges[i].offset, ranges[i].length, ranges[i].code);
    }
    if (!status) {
        status = judge_entries(im, QCOW2_KIND_REFTABLE, qcow2_reftable_entries(st),
                               QCOW2_X_OVERLAP_REFBLOCK);
    }
    return status ? status
                  : judge_entries(im, QCOW2_KIND_L1, st->active.l1_size, QCOW2_X_OVERLAP_L2);
}
