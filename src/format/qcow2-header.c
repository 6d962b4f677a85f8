/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Header": decoding, and what follows from it by arithmetic. */
#include "format/qcow2.h"

void qcow2_header_decode(const uint8_t *b, struct qcow2_header *ret)
{
    struct qcow2_header h = {
        .version = be32_load(b + QCOW2_H_VERSION),
        .cluster_bits = be32_load(b + QCOW2_H_CLUSTER_BITS),
        .backing_offset = be64_load(b + QCOW2_H_BACKING_OFFSET),
        .backing_length = be32_load(b + QCOW2_H_BACKING_LENGTH),
        .crypt_method = be32_load(b + QCOW2_H_CRYPT),
        .size = be64_load(b + QCOW2_H_SIZE),
        .l1_offset = be64_load(b + QCOW2_H_L1_OFFSET),
        .l1_size = be32_load(b + QCOW2_H_L1_SIZE),
        .reftable_clusters = be32_load(b + QCOW2_H_REFTABLE_CLUSTERS),
        .reftable_offset = be64_load(b + QCOW2_H_REFTABLE_OFFSET),
        .snapshots_offset = be64_load(b + QCOW2_H_SNAPSHOTS_OFFSET),
        .n_snapshots = be32_load(b + QCOW2_H_N_SNAPSHOTS),
        .refcount_order = QCOW2_V2_REFCOUNT_ORDER,
        .header_length = QCOW2_HEADER_V2,
        .compression = QCOW2_COMPRESSION_ZLIB,
    };

    if (h.version >= 3) {
        h.incompatible = be64_load(b + QCOW2_H_INCOMPATIBLE);
        h.compatible = be64_load(b + QCOW2_H_COMPATIBLE);
        h.autoclear = be64_load(b + QCOW2_H_AUTOCLEAR);
        h.refcount_order = be32_load(b + QCOW2_H_REFCOUNT_ORDER);
        h.header_length = be32_load(b + QCOW2_H_HEADER_LENGTH);
        if (h.header_length > QCOW2_H_COMPRESSION) {
            h.compression = b[QCOW2_H_COMPRESSION];
        }
    }
    *ret = h;
}

void qcow2_set_geometry(struct qcow2_state *st)
{
    const struct qcow2_header *h = &st->header;

    st->cluster_size = 1ull << h->cluster_bits;
    st->extended_l2 = h->incompatible & QCOW2_INCOMPAT_EXTENDED_L2;
    st->has_data_file = h->incompatible & QCOW2_INCOMPAT_DATA_FILE;
    st->data_file_raw = h->autoclear & QCOW2_AUTOCLEAR_DATA_FILE_RAW;
    st->subcluster_size =
        (uint32_t)(st->extended_l2 ? st->cluster_size / QCOW2_SUBCLUSTERS : st->cluster_size);
    st->l2_entry_size = st->extended_l2 ? 16 : 8;
    st->l2_bits = h->cluster_bits - (st->extended_l2 ? 4 : 3);
    st->refblock_bits = h->cluster_bits + 3 - h->refcount_order;
    st->compressed_shift = 62 - (h->cluster_bits - 8);
    st->active = (struct qcow2_view){
        .l1_offset = h->l1_offset,
        .l1_size = h->l1_size,
        /* qemu-img counts sectors: what is left of the last one is not shown */
        .size = align_down(h->size, QCOW2_SECTOR),
    };
    st->view = st->active;
}
