/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts that fall. What points to a cluster leaves the disk before its count
 * falls there: until then the fall stands in a list and is counted with.
 */
#include "format/qcow2-write.h"

uint64_t qcow2_fall_of(const struct qcow2_writer *w, uint64_t cluster)
{
    uint64_t amount = 0;

    for (uint32_t i = 0; i < w->n_falls; i++) {
        if (cluster - w->falls[i].cluster < w->falls[i].count) {
            amount += w->falls[i].amount;
        }
    }
    return amount;
}

bool qcow2_is_falling(const struct qcow2_writer *w, uint64_t first, uint64_t n)
{
    for (uint32_t i = 0; i < w->n_falls; i++) {
        if (ranges_overlap(first, n, w->falls[i].cluster, w->falls[i].count)) {
            return true;
        }
    }
    return false;
}

int qcow2_lower(struct fmt_image *im, uint64_t first, uint64_t n, bool discard)
{
    struct qcow2_writer *w = qcow2_writer(im);
    struct qcow2_fall *last = w->n_falls ? &w->falls[w->n_falls - 1] : 0;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t count;
        int status = qcow2_refcount_of(im, first + i, &count);
        if (status) {
            return status;
        }
        if (!count) {
            /* the image never counted it: what is not counted cannot fall */
            status = i ? qcow2_lower(im, first, i, discard) : FMT_OK;
            if (!status && i + 1 < n) {
                status = qcow2_lower(im, first + i + 1, n - i - 1, discard);
            }
            return status;
        }
        if (count == 1) {
            w->next_free = min_u64(w->next_free, first + i);
        }
    }
    if (!n) {
        return FMT_OK;
    }
    if (last && last->cluster + last->count == first && last->amount == 1 &&
        last->discard == discard) {
        last->count += n;
        return FMT_OK;
    }
    w->falls[w->n_falls++] = (struct qcow2_fall){
        .cluster = first,
        .count = n,
        .amount = 1,
        .discard = discard,
    };
    return w->n_falls == QCOW2_MAX_FALLS ? qcow2_settle(im) : FMT_OK;
}

/* Give back to the file system what is free now. Never an error: it is a favour. */
static void discard_free(struct fmt_image *im, const struct qcow2_fall *fall)
{
    uint32_t bits = qcow2_state(im)->header.cluster_bits;
    uint64_t at = fall->cluster, end = at + fall->count;

    while (at < end) {
        uint64_t stop = at;
        struct abi_io op = { .op = ABI_IO_DISCARD };

        if (qcow2_skip(im, true, end - at, &stop)) {
            return;
        }
        if (stop > at) {
            op.offset = at << bits;
            op.length = (stop - at) << bits;
            im->env->io(im->env, &op, 1);
        }
        at = stop + 1;
    }
}

int qcow2_settle(struct fmt_image *im)
{
    struct qcow2_writer *w = qcow2_writer(im);
    uint32_t n = w->n_falls;
    int status = FMT_OK;

    /* data is on disk before the tables that show it */
    if (w->published) {
        status = fmt_flush(im->env, qcow2_data_handle(im));
    }
    if (!status) {
        status = qcow2_cache_write_back(im, QCOW2_KIND_L1);
    }
    w->published &= status != FMT_OK;
    if (!status && n) {
        status = fmt_flush(im->env, 0);
    }
    if (status) {
        return status;
    }
    for (uint32_t i = 0; i < n && !status; i++) {
        status = qcow2_counts_add(im, w->falls[i].cluster, w->falls[i].count, -w->falls[i].amount);
    }
    w->n_falls = 0;
    for (uint32_t i = 0; i < n && !status; i++) {
        if (w->falls[i].discard) {
            discard_free(im, &w->falls[i]);
        }
    }
    return status;
}

int qcow2_settle_tables(struct fmt_image *im)
{
    int status = qcow2_settle(im);

    if (!status) {
        status = qcow2_cache_write_back(im, QCOW2_KIND_L1);
    }
    return status ? status : fmt_flush(im->env, 0);
}
