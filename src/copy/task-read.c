/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first half of a task: from the source's runs to what the target shall be asked. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/zero.h"
#include "copy/task.h"
#include "copy/warn.h"

#define SECTOR 512u

static CopyPiece *piece_of_part(CopyTask *task, guint part, guint *ret_index)
{
    for (guint i = 0; i < task->pieces->len; i++) {
        CopyPiece *piece = &g_array_index(task->pieces, CopyPiece, i);
        if (part >= piece->first_part && part - piece->first_part < piece->n_parts) {
            *ret_index = i;
            return piece;
        }
    }
    g_assert_not_reached();
}

static guint8 *piece_bytes(const CopyTask *task, const CopyPiece *piece)
{
    return g_array_index(task->parts, CopyPart, piece->first_part).buf;
}

const guint8 *copy_task_bytes(const CopyTask *task, const CopyPiece *piece)
{
    return piece_bytes(task, piece);
}

/* --salvage: read what can be read of a piece, sector by sector; the rest is zeros. */
static void salvage_piece(CopyTask *task, const CopyPlan *plan, const CopyPiece *piece,
                          CopyReader *reader)
{
    guint64 at = piece->start;

    for (guint i = 0; i < piece->n_parts; i++) {
        const CopyPart *part = &g_array_index(task->parts, CopyPart, piece->first_part + i);
        for (guint64 done = 0; done < part->run.length; done += SECTOR) {
            guint64 length = MIN(SECTOR, part->run.length - done);
            CopyPart sector = { copy_run_part(&part->run, done, length), part->buf + done };
            g_autoptr(GError) why = NULL;
            guint failed;
            if (!copy_reader_fill(reader, &sector, 1, &failed, &why)) {
                copy_warn(plan->job, "error while reading offset %" G_GUINT64_FORMAT ": %s",
                          at + done, why->message);
                memset(sector.buf, 0, length);
            }
        }
        at += part->run.length;
    }
}

void copy_task_give_up(CopyTask *task, const CopyPlan *plan, CopyFailure what, guint piece,
                       const GError *why)
{
    guint64 at = g_array_index(task->pieces, CopyPiece, piece).unit;

    g_clear_error(&task->error);
    copy_work_fail(plan->work, what, at, why->message, &task->error);
    g_array_set_size(task->pieces, piece);
}

/* The parts from at on up to the next that is not to be read. */
static guint parts_to_read(const CopyTask *task, guint at)
{
    for (guint i = 0; i < task->pieces->len; i++) {
        const CopyPiece *piece = &g_array_index(task->pieces, CopyPiece, i);
        if (piece->offload && piece->first_part + piece->n_parts > at) {
            return MAX(piece->first_part, at) - at;
        }
    }
    return task->parts->len - at;
}

static void read_parts(CopyTask *task, const CopyPlan *plan, CopyReader *reader)
{
    const CopyPart *parts = &g_array_index(task->parts, CopyPart, 0);
    guint at = 0;

    while (at < task->parts->len) {
        g_autoptr(GError) why = NULL;
        guint n = parts_to_read(task, at), failed, index;
        const CopyPiece *piece;
        if (!n) {
            piece = piece_of_part(task, at, &index);
            at = piece->first_part + piece->n_parts;
            continue;
        }
        if (copy_reader_fill(reader, parts + at, n, &failed, &why)) {
            at += n;
            continue;
        }
        piece = piece_of_part(task, at + failed, &index);
        if (!plan->job->salvage) {
            copy_task_give_up(task, plan, COPY_FAILED_READ, index, why);
            return;
        }
        salvage_piece(task, plan, piece, reader);
        at = piece->first_part + piece->n_parts;
    }
}

gboolean copy_task_read_after_all(CopyTask *task, CopyPlan *plan, CopyReader *reader)
{
    g_atomic_int_set(&plan->offload, FALSE);
    for (guint i = 0; i < task->segments->len; i++) {
        g_array_index(task->segments, CopySegment, i).offload = FALSE;
    }
    for (guint i = 0; i < task->pieces->len; i++) {
        CopyPiece *piece = &g_array_index(task->pieces, CopyPiece, i);
        g_autoptr(GError) why = NULL;
        guint failed;
        if (!piece->offload) {
            continue;
        }
        piece->offload = FALSE;
        if (copy_reader_fill(reader, &g_array_index(task->parts, CopyPart, piece->first_part),
                             piece->n_parts, &failed, &why)) {
            continue;
        }
        if (!plan->job->salvage) {
            task->good_end = piece->start;
            copy_task_give_up(task, plan, COPY_FAILED_READ, i, why);
            return FALSE;
        }
        salvage_piece(task, plan, piece, reader);
    }
    return TRUE;
}

void copy_task_ask(CopyTask *task, const CopyPiece *piece, guint16 kind, guint64 start,
                   guint64 length, const guint8 *bytes)
{
    if (task->segments->len && kind == ABI_EXT_DATA) {
        CopySegment *last = &g_array_index(task->segments, CopySegment, task->segments->len - 1);
        if (last->ask.kind == kind && last->ask.guest_offset + last->ask.length == start &&
            last->offload == piece->offload && last->bytes &&
            last->bytes + last->ask.length == bytes) {
            last->ask.length += length;
            return;
        }
    }
    CopySegment segment = {
        .ask = { .kind = kind, .guest_offset = start, .length = length },
        .offload = piece->offload,
        .bytes = bytes,
    };
    g_array_append_val(task->segments, segment);
}

void copy_task_ask_zeros(CopyTask *task, const CopyPlan *plan, const CopyPiece *piece,
                         guint64 start, guint64 length)
{
    if (plan->zero_init) {
        return;
    }
    copy_task_ask(task, piece, ABI_EXT_ZERO, start, length, NULL);
    if (plan->job->sparse || plan->work->unmap) {
        g_array_index(task->segments, CopySegment, task->segments->len - 1).ask.flags =
            ABI_EXTF_UNMAP;
    }
}

/* A piece for a target that is not compressed. */
static void judge_piece(CopyTask *task, const CopyPlan *plan, guint index)
{
    const CopyPiece *piece = &g_array_index(task->pieces, CopyPiece, index);

    if (piece->kind == COPY_PIECE_ZERO) {
        copy_task_ask_zeros(task, plan, piece, piece->start, piece->length);
        return;
    }
    const guint8 *bytes = piece_bytes(task, piece);
    if (!plan->job->sparse || piece->offload) {
        copy_task_ask(task, piece, ABI_EXT_DATA, piece->start, piece->length, bytes);
        return;
    }
    for (guint64 at = 0; at < piece->length;) {
        gboolean data;
        gsize run = copy_sparse_run(&plan->sparse, bytes + at, piece->start + at,
                                    piece->length - at, &data);
        if (data) {
            copy_task_ask(task, piece, ABI_EXT_DATA, piece->start + at, run, bytes + at);
        } else {
            copy_task_ask_zeros(task, plan, piece, piece->start + at, run);
        }
        at += run;
    }
}

gboolean copy_task_code(CopyTask *task, const CopyPlan *plan, const guint *pieces, guint n,
                        gsize *used, guint worker, GError **error)
{
    ImageCode work[ABI_MAX_CODEC];

    memset(work, 0, sizeof work);
    for (guint i = 0; i < n; i++) {
        const CopyPiece *piece = &g_array_index(task->pieces, CopyPiece, pieces[i]);
        guint8 *bytes = piece_bytes(task, piece);
        if (piece->length < plan->cluster) {
            /* The end of the image: a cluster is coded whole. The buffer has room for it. */
            memset(bytes + piece->length, 0, plan->cluster - piece->length);
        }
        work[i] = (ImageCode){
            .codec = plan->codec,
            .direction = ABI_ENCODE,
            .in = bytes,
            .in_length = plan->cluster,
            .out = task->coded + *used + (gsize)i * plan->cluster,
            .out_length = plan->cluster - 1,
        };
    }
    if (!image_code(plan->job->target, worker, work, n, error)) {
        return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        const CopyPiece *piece = &g_array_index(task->pieces, CopyPiece, pieces[i]);
        if (work[i].result <= 0 || (guint64)work[i].result >= plan->cluster) {
            copy_task_ask(task, piece, ABI_EXT_DATA, piece->start, piece->length, work[i].in);
            continue;
        }
        guint8 *at = task->coded + *used;
        memmove(at, work[i].out, work[i].result);
        *used += work[i].result;
        copy_task_ask(task, piece, ABI_EXT_COOKED, piece->start, piece->length, at);
        struct abi_extent *ask =
            &g_array_index(task->segments, CopySegment, task->segments->len - 1).ask;
        ask->stored_length = work[i].result;
        ask->codec = plan->codec;
    }
    return TRUE;
}

/* A part of a cluster that is not its last: coded clusters are whole. */
static gboolean is_cut_off(const CopyPlan *plan, const CopyPiece *piece)
{
    return piece->length < plan->cluster &&
           piece->start + piece->length < image_size(plan->job->target);
}

/* The pieces of a compressed target are clusters, or long zeros. */
static void judge_compressed(CopyTask *task, const CopyPlan *plan, guint worker)
{
    guint batch = MIN(ABI_MAX_CODEC, MAX(1, plan->buffer_size / plan->cluster));
    guint pieces[ABI_MAX_CODEC];
    gsize used = 0;
    guint n = 0;

    for (guint i = 0; i <= task->pieces->len; i++) {
        const CopyPiece *piece =
            i < task->pieces->len ? &g_array_index(task->pieces, CopyPiece, i) : NULL;
        gboolean zero =
            piece &&
            (piece->kind == COPY_PIECE_ZERO ||
             (plan->job->sparse && bytes_are_zero(piece_bytes(task, piece), piece->length)));
        /* Order is kept: what waits to be coded comes before zeros the target is told of. */
        gboolean cut_off = piece && !zero && is_cut_off(plan, piece);
        if (n && (!piece || n == batch || cut_off || (zero && !plan->zero_init))) {
            g_autoptr(GError) why = NULL;
            if (!copy_task_code(task, plan, pieces, n, &used, worker, &why)) {
                const CopyPiece *first = &g_array_index(task->pieces, CopyPiece, pieces[0]);
                g_clear_error(&task->error);
                copy_work_fail(plan->work, COPY_FAILED_WRITE, first->start, why->message,
                               &task->error);
                return;
            }
            n = 0;
        }
        if (cut_off) {
            g_clear_error(&task->error);
            copy_work_fail(plan->work, COPY_FAILED_WRITE, piece->start, g_strerror(EINVAL),
                           &task->error);
            return;
        }
        if (zero) {
            copy_task_ask_zeros(task, plan, piece, piece->start, piece->length);
        } else if (piece) {
            pieces[n++] = i;
        }
    }
}

void copy_task_read(CopyTask *task, const CopyPlan *plan, CopyReader *reader, guint worker)
{
    if (plan->work->compares) {
        copy_task_compare(task, plan, reader, worker);
        return;
    }
    read_parts(task, plan, reader);
    if (plan->codec) {
        judge_compressed(task, plan, worker);
        return;
    }
    for (guint i = 0; i < task->pieces->len; i++) {
        judge_piece(task, plan, i);
    }
}
