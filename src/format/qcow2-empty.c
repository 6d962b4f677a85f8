/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ABI_CALL_MAKE_EMPTY: nothing is allocated any more, so that the disk shows its
 * backing file. An image without snapshots, bitmaps and the like becomes as
 * short as a new one (qcow2-reset.c); in all others each cluster is given back
 * by itself, and every L2 table stays or is made, as qemu-img does it.
 *
 * The caller has seen to it that the backing file shows the same bytes: what is
 * interrupted half-way shows the old bytes or the backing file's, which are equal.
 */
#include "format/qcow2-write.h"

/* Runs of an external data file that are given back together. */
#define MOST_RUNS 1024u

struct emptying {
    struct fmt_image *im;
    struct abi_io *runs; /* MOST_RUNS: of the data file, not wanted any more */
    uint32_t n;
};

/* What the tables on disk do not name any more may lose its bytes. */
static int give_back(struct emptying *e)
{
    int status = e->n ? qcow2_settle(e->im) : FMT_OK;

    if (!status && e->n) {
        status = fmt_flush(e->im->env, 0);
    }
    for (uint32_t i = 0; !status && i < e->n; i += ABI_MAX_IO) {
        /* a favour: a store that cannot keeps the bytes */
        e->im->env->io(e->im->env, e->runs + i, (uint32_t)min_u64(e->n - i, ABI_MAX_IO));
    }
    e->n = 0;
    return status;
}

static int note_run(struct emptying *e, uint64_t offset)
{
    const struct qcow2_state *st = e->im->state;
    struct abi_io *last = e->n ? &e->runs[e->n - 1] : 0;

    if (!e->runs) {
        return FMT_OK;
    }
    if (last && last->offset + last->length == offset) {
        last->length += st->cluster_size;
        return FMT_OK;
    }
    e->runs[e->n++] = (struct abi_io){
        .op = ABI_IO_DISCARD,
        .handle = e->im->data_handle,
        .offset = offset,
        .length = st->cluster_size,
    };
    return e->n == MOST_RUNS ? give_back(e) : FMT_OK;
}

static int empty_cluster(struct emptying *e, uint64_t l2, uint64_t guest)
{
    const struct qcow2_state *st = e->im->state;
    struct qcow2_entry entry;
    uint64_t left;
    int status = qcow2_entry_get(e->im, l2, guest, &entry, &left);

    if (status || (!entry.raw && !entry.zeros && !entry.allocated)) {
        return status;
    }
    status = qcow2_entry_set(e->im, l2, guest, 0, 0);
    if (!status) {
        status = qcow2_entry_drop(e->im, &entry, e->im->flags & ABI_OPEN_DISCARD_UNMAP);
    }
    if (!status && st->has_data_file && entry.place < st->active.size &&
        (entry.class == QCOW2_C_DATA || entry.class == QCOW2_C_ZERO_PLACED)) {
        status = note_run(e, entry.place);
    }
    return status;
}

/* Cluster by cluster; one L2 table after the other. */
static int empty_clusters(struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;
    struct emptying e = { .im = im };
    uint64_t span = qcow2_l2_span(st), l2 = 0;
    int status = qcow2_mark_dirty(im);

    if (!status && st->has_data_file && (im->flags & ABI_OPEN_DISCARD_UNMAP)) {
        e.runs = im->env->alloc(im->env, MOST_RUNS * sizeof *e.runs);
        status = e.runs ? FMT_OK : fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    for (uint64_t at = 0; !status && at < st->active.size; at += st->cluster_size) {
        if (is_aligned(at, span)) {
            status = qcow2_l2_own(im, at, &l2);
        }
        if (!status) {
            status = empty_cluster(&e, l2, at);
        }
    }
    if (!status) {
        status = give_back(&e);
    }
    im->env->free(im->env, e.runs);
    return status ? status : qcow2_flush(im);
}

int qcow2_make_empty(struct fmt_image *im, struct props_reader in, struct props_writer *out)
{
    int status = in.size ? fmt_fail(im->env, FMT_E_BAD_JOB) : qcow2_writer_start(im);

    (void)out;
    if (!status && qcow2_writer(im)->n_promises) {
        status = fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    if (!status) {
        status = qcow2_flush(im);
    }
    if (status) {
        return status;
    }
    return qcow2_can_reset(im) ? qcow2_reset(im) : empty_clusters(im);
}
