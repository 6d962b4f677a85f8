/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The write job: see "writing" in abi.h. */
#include "format/vmdk-write.h"

int vmdk_fail_errno(struct fmt_image *im, uint32_t error)
{
    im->env->result->io_errno = error;
    return fmt_fail(im->env, FMT_E_IO);
}

int vmdk_writer_get(struct fmt_image *im, struct vmdk_writer **ret)
{
    struct vmdk_state *st = im->state;

    if (!(im->flags & ABI_OPEN_WRITE)) {
        return fmt_fail(im->env, FMT_E_READ_ONLY);
    }
    if (!st->writer) {
        if (st->file_size > INT64_MAX - VMDK_MAX_GRAIN) {
            return vmdk_fail_errno(im, VMDK_EFBIG);
        }
        st->writer = im->env->alloc(im->env, sizeof *st->writer);
        if (!st->writer) {
            return fmt_fail(im->env, FMT_E_NO_MEMORY);
        }
        st->writer->start = max_u64(align_up(st->file_size, st->grain),
                                    align_up(st->header.overhead * VMDK_SECTOR, st->grain));
        st->writer->end = st->writer->start;
    }
    *ret = st->writer;
    return FMT_OK;
}

/* What is written from now on is other content than before: overlays are to see that. */
static int make_new_id(struct fmt_image *im, struct vmdk_writer *w)
{
    struct vmdk_state *st = im->state;
    uint32_t id = (uint32_t)st->seed;

    if (w->has_new_id) {
        return FMT_OK;
    }
    id += id == VMDK_NO_PARENT;
    id += id == st->id;
    id += id == VMDK_NO_PARENT;
    w->has_new_id = vmdk_text_set_id(st->text_bytes, VMDK_TEXT_SIZE, id);
    return w->has_new_id ? FMT_OK : vmdk_fail_errno(im, VMDK_EINVAL);
}

int vmdk_store_new_id(struct fmt_image *im)
{
    const struct vmdk_state *st = im->state;
    struct vmdk_writer *w = st->writer;
    int status = FMT_OK;

    if (!w->stored_new_id) {
        status = fmt_write(im->env, 0, VMDK_TEXT_OFFSET, st->text_bytes, VMDK_TEXT_SIZE);
        w->stored_new_id = status == FMT_OK;
    }
    return status;
}

static bool is_sound(const struct vmdk_state *st, const struct abi_extent *q)
{
    return q->length && range_fits(q->guest_offset, q->length, st->size) &&
           (q->kind == ABI_EXT_DATA || q->kind == ABI_EXT_ZERO || q->kind == ABI_EXT_DISCARD);
}

/* Do the steps of a question fit, whatever its grains are? In one in the middle they are one. */
static bool has_room(const struct vmdk_plan *p, const struct abi_extent *q)
{
    const struct vmdk_state *st = p->im->state;
    uint64_t grains = q->length / st->grain + 2;

    return grains + 4 <= p->max - p->n && grains <= VMDK_MAX_PENDING - st->writer->n_pending;
}

/* One question. *ret_taken: it was taken whole. */
static int take(struct vmdk_plan *p, const struct abi_extent *q, bool first, bool *ret_taken)
{
    struct vmdk_writer *w;
    int status = vmdk_writer_get(p->im, &w);

    *ret_taken = false;
    if (status) {
        return status;
    }
    if (!is_sound(p->im->state, q)) {
        return fmt_fail(p->im->env, q->kind == ABI_EXT_COOKED ? FMT_E_UNSUPPORTED : FMT_E_BAD_JOB);
    }
    if (q->kind == ABI_EXT_DISCARD) {
        *ret_taken = true; /* a hint: the format has no way to say so */
        return FMT_OK;
    }
    if (!has_room(p, q) && !first) {
        return FMT_OK;
    }
    if (VMDK_MAX_PENDING - w->n_pending < VMDK_QUESTION_PENDING) {
        return fmt_fail(p->im->env, FMT_E_TABLE_FULL);
    }
    p->own = p->n;
    w->question++;
    status = make_new_id(p->im, w);
    if (!status) {
        status = vmdk_plan(p, q);
    }
    if (status) {
        p->n = p->own;
        vmdk_pending_undo(w);
        return status;
    }
    /* the first may be answered in part: its beginning */
    *ret_taken = !p->full;
    return p->full && p->n == p->own ? fmt_fail(p->im->env, FMT_E_TABLE_FULL) : FMT_OK;
}

/* What was linked or aborted, which comes first; *ret_n: how many of the n. */
static int take_done(struct fmt_image *im, const struct abi_extent *in, uint32_t n, uint32_t *ret_n)
{
    struct vmdk_writer *w;
    uint32_t i = 0;
    int status = vmdk_writer_get(im, &w);

    for (; !status && i < n && (in[i].kind == ABI_EXT_LINK || in[i].kind == ABI_EXT_ABORT); i++) {
        if (!range_fits(in[i].guest_offset, in[i].length, INT64_MAX)) {
            return fmt_fail(im->env, FMT_E_BAD_JOB);
        }
        vmdk_pending_done(im, in[i].guest_offset, in[i].length, in[i].kind == ABI_EXT_ABORT);
    }
    *ret_n = i;
    return status || !i ? status : vmdk_pending_keep(im);
}

int vmdk_write(struct fmt_image *im, const struct abi_extent *in, uint32_t n_in,
               struct abi_extent *out, uint32_t max, uint32_t *ret_count, uint32_t *ret_taken)
{
    struct vmdk_plan p = { .im = im, .out = out, .max = max };
    bool taken = true;
    uint32_t done = 0;
    int status = take_done(im, in, n_in, &done);

    for (uint32_t i = done; i < n_in && !status && taken; i++) {
        status = take(&p, &in[i], i == done, &taken);
        if (status && i) {
            /* asked again, first, it fails the job */
            status = FMT_OK;
            break;
        }
        done += taken;
    }
    if (!status) {
        /* zeros into a new grain are there without a step */
        status = vmdk_pending_keep(im);
    }
    *ret_count = p.n;
    *ret_taken = done;
    return status;
}
