/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compressed clusters: spec "Compressed Clusters Descriptor". */
#include "format/qcow2-write.h"

int qcow2_plan_coded(struct qcow2_plan *p, const struct abi_extent *q)
{
    const struct qcow2_state *st = p->im->state;
    struct fmt_image *im = p->im;
    struct qcow2_entry e;
    uint64_t l2, left, at;

    if (st->has_data_file) {
        return qcow2_fail_errno(im, QCOW2_ENOTSUP);
    }
    if (qcow2_is_coded_end(q)) {
        st->writer->coded = true;
        return FMT_OK;
    }
    if (!qcow2_plan_has_room(p)) {
        return FMT_OK;
    }
    int status = qcow2_l2_own(im, q->guest_offset, &l2);
    if (!status) {
        status = qcow2_entry_get(im, l2, q->guest_offset, &e, &left);
    }
    /* limit: what is stored already is not replaced by coded bytes */
    if (!status && (e.class == QCOW2_C_COMPRESSED || e.class == QCOW2_C_DATA ||
                    e.class == QCOW2_C_ZERO_PLACED)) {
        status = qcow2_fail_errno(im, QCOW2_EIO);
    }
    if (!status) {
        status = qcow2_alloc_bytes(im, (uint32_t)q->stored_length, &at);
    }
    if (status) {
        return status;
    }
    p->out[p->n] = *q;
    p->out[p->n].file_offset = at;
    p->out[p->n].flags = ABI_EXTF_OFFSET;
    p->out[p->n++].handle = 0;
    return qcow2_promise_add(im, (struct qcow2_promise){
                                     .guest = q->guest_offset,
                                     .length = st->cluster_size,
                                     .host = at,
                                     .missing = q->length,
                                     .stored = (uint32_t)q->stored_length,
                                 });
}
