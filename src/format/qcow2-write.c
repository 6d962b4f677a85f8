/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The write job: see "writing" in abi.h. */
#include "format/qcow2-bitmap.h"

/* Promises that one question makes at most: a 2 MiB request in clusters of 512 bytes. */
#define QUESTION_PROMISES 4096u

int qcow2_fail_errno(struct fmt_image *im, uint32_t error)
{
    im->env->result->io_errno = error;
    return fmt_fail(im->env, FMT_E_IO);
}

int qcow2_writer_make(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct fmt_env *env = im->env;
    struct qcow2_writer *w = env->alloc(env, sizeof *w);

    if (!w) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    st->writer = w;
    w->end = st->file_size;
    w->falls = env->alloc(env, QCOW2_MAX_FALLS * sizeof *w->falls);
    return w->falls ? FMT_OK : fmt_fail(env, FMT_E_NO_MEMORY);
}

void qcow2_writer_free(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct qcow2_writer *w = st->writer;
    struct fmt_env *env = im->env;

    if (!w) {
        return;
    }
    qcow2_bitmap_work_free(im);
    env->free(env, w->zeros);
    env->free(env, w->inactive);
    env->free(env, w->promises);
    env->free(env, w->places);
    env->free(env, w->falls);
    env->free(env, w);
    st->writer = 0;
}

int qcow2_writer_start(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    int status = FMT_OK;

    if (!(im->flags & ABI_OPEN_WRITE)) {
        return fmt_fail(im->env, FMT_E_READ_ONLY);
    }
    if (qcow2_is_locked(im)) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    if (st->dead || (st->writer && st->writer->dead)) {
        return qcow2_fail_errno(im, st->dead ? QCOW2_ENOMEDIUM : QCOW2_EIO);
    }
    if (!st->writer) {
        status = qcow2_writer_make(im);
        if (!status) {
            status = qcow2_places_read(im);
        }
        if (status) {
            qcow2_writer_free(im);
        }
    }
    return status ? status : qcow2_bitmaps_use(im);
}

int qcow2_mark_dirty(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;

    if (!(st->header.compatible & QCOW2_COMPAT_LAZY_REFCOUNTS) || st->writer->creating ||
        (st->header.incompatible & QCOW2_INCOMPAT_DIRTY)) {
        return FMT_OK;
    }
    st->header.incompatible |= QCOW2_INCOMPAT_DIRTY;
    st->writer->marked = true;
    return qcow2_header_fields(im);
}

/* Is the question one that can be asked of this image? */
static bool is_sound(const struct qcow2_state *st, const struct abi_extent *q)
{
    if (qcow2_is_coded_end(q)) {
        return true;
    }
    if (!q->length || !range_fits(q->guest_offset, q->length, st->active.size)) {
        return false;
    }
    switch (q->kind) {
    case ABI_EXT_DATA:
    case ABI_EXT_ZERO:
    case ABI_EXT_DISCARD:
        return true;
    case ABI_EXT_COOKED:
        return st->header.crypt_method == QCOW2_CRYPT_NONE &&
               is_aligned(q->guest_offset, st->cluster_size) && q->stored_length &&
               q->stored_length < st->cluster_size &&
               q->length == min_u64(st->cluster_size, st->active.size - q->guest_offset);
    default:
        return false;
    }
}

static int plan(struct qcow2_plan *p, const struct abi_extent *q)
{
    uint64_t end = q->guest_offset + q->length;

    switch (q->kind) {
    case ABI_EXT_DATA:
        return qcow2_plan_range(p, q->guest_offset, end, ABI_EXT_DATA);
    case ABI_EXT_COOKED:
        return qcow2_plan_coded(p, q);
    case ABI_EXT_ZERO:
        return qcow2_plan_zero(p, q->guest_offset, end, q->flags & ABI_EXTF_UNMAP);
    default:
        return qcow2_plan_discard(p, q->guest_offset, end);
    }
}

/* What was linked or aborted, which comes first; *ret_n: how many of the n. */
static int take_done(struct fmt_image *im, const struct abi_extent *in, uint32_t n, uint32_t *ret_n)
{
    uint32_t i = 0;
    int status = FMT_OK;

    for (; i < n && !status && (in[i].kind == ABI_EXT_LINK || in[i].kind == ABI_EXT_ABORT); i++) {
        if (!range_fits(in[i].guest_offset, in[i].length, INT64_MAX)) {
            return fmt_fail(im->env, FMT_E_BAD_JOB);
        }
        status =
            qcow2_promise_done(im, in[i].guest_offset, in[i].length, in[i].kind == ABI_EXT_ABORT);
    }
    *ret_n = i;
    return status ? status : qcow2_promises_keep(im);
}

static int take_questions(struct qcow2_plan *p, const struct abi_extent *in, uint32_t n,
                          uint32_t *ret_taken)
{
    struct fmt_image *im = p->im;
    struct qcow2_writer *w = qcow2_writer(im);
    int status = FMT_OK;

    for (uint32_t i = 0; i < n && !status && !p->last; i++) {
        uint64_t end = in[i].guest_offset + in[i].length;

        if (!is_sound(im->state, &in[i])) {
            return fmt_fail(im->env, FMT_E_BAD_JOB);
        }
        if (!qcow2_promise_room(im, QUESTION_PROMISES) ||
            !qcow2_plan_may(p, in[i].guest_offset, end, in[i].kind)) {
            break;
        }
        uint32_t before = p->own = p->n;
        w->question++;
        status = qcow2_touch(im, in[i].guest_offset, in[i].length);
        if (!status) {
            status = plan(p, &in[i]);
        }
        if (!status && p->full) {
            /* the first may be answered in part: its beginning; others are asked again */
            if (i) {
                p->n = before;
                status = qcow2_promises_undo(im, w->question);
            } else if (!p->n) {
                status = fmt_fail(im->env, FMT_E_TABLE_FULL);
            }
            break;
        }
        *ret_taken += !status;
    }
    if (!status) {
        qcow2_plan_tail(p, UINT64_MAX);
    }
    return status;
}

int qcow2_write(struct fmt_image *im, const struct abi_extent *in, uint32_t n_in,
                struct abi_extent *out, uint32_t max, uint32_t *ret_count, uint32_t *ret_taken)
{
    struct qcow2_plan p = { .im = im, .out = out, .max = max };
    int status = qcow2_writer_start(im);

    if (status) {
        return status;
    }
    struct qcow2_writer *w = qcow2_writer(im);
    w->job++;
    w->question = 0;
    *ret_count = 0;
    *ret_taken = 0;
    qcow2_place_map_keep(w, true);
    status = qcow2_mark_dirty(im);
    if (!status) {
        status = take_done(im, in, n_in, ret_taken);
    }
    if (!status) {
        status = take_questions(&p, in + *ret_taken, n_in - *ret_taken, ret_taken);
    }
    if (status) {
        /* what failed stands in the result; undoing must not write over it */
        struct abi_result first = *im->env->result;
        qcow2_promises_undo(im, 0);
        *im->env->result = first;
    }
    qcow2_place_map_keep(w, false);
    *ret_count = p.n;
    return status;
}
