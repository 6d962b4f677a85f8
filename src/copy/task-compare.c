/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of a work that compares: what differs from what it would otherwise show.
 *
 * qemu-img compares sectors and writes those that differ; what lies around them
 * in the same (sub)cluster is then completed with what the image showed before.
 * Those are the bytes that were read: here the whole subcluster is written.
 */
#include "config.h"

#include <string.h>

#include "base/checked.h"
#include "copy/task.h"

#define SECTOR 512u

/* How long the run at at is in which all sectors differ (*ret_differs), or none does. */
static gsize run_at(const guint8 *a, const guint8 *b, gsize at, gsize length, gboolean *ret_differs)
{
    gsize n = 0;

    while (at + n < length) {
        gsize some = MIN(SECTOR, length - at - n);
        gboolean differs = memcmp(a + at + n, b + at + n, some) != 0;
        if (n && differs != *ret_differs) {
            break;
        }
        *ret_differs = differs;
        n += some;
    }
    return n;
}

/* Have the parts of a piece read to bytes, and what they are compared with to other. *ret_failed: the
 * number of the part that could not be. */
static gboolean read_piece(CopyTask *task, const CopyPiece *piece, CopyReader *reader,
                           guint8 *bytes, guint8 *other, guint *ret_failed, GError **error)
{
    CopyPart *parts = &g_array_index(task->parts, CopyPart, piece->first_part);

    for (guint i = 0; i < piece->n_parts + piece->n_other; i++) {
        guint8 **to = i < piece->n_parts ? &bytes : &other;
        parts[i].buf = *to;
        *to += parts[i].run.length;
    }
    return copy_reader_fill(reader, parts, piece->n_parts + piece->n_other, ret_failed, error);
}

/* Ask for the sectors that differ, and with data for the rest of their subclusters. */
static void judge(CopyTask *task, const CopyPlan *plan, const CopyPiece *piece, const guint8 *other)
{
    const guint8 *bytes = copy_task_bytes(task, piece);
    guint64 unit = piece->zeros ? 1 : MAX(plan->subcluster, 1), base = piece->start;
    guint64 asked = base, end = base + piece->length;

    for (gsize at = 0; at < piece->length;) {
        gboolean differs = FALSE;
        gsize n = run_at(bytes, other, at, piece->length, &differs);
        if (differs) {
            guint64 from = MAX(align_down(base + at, unit), asked);
            guint64 to = MIN(align_up(base + at + n, unit), end);
            if (piece->zeros) {
                copy_task_ask_zeros(task, plan, piece, from, to - from);
            } else if (from < to) {
                copy_task_ask(task, piece, ABI_EXT_DATA, from, to - from, bytes + (from - base));
            }
            asked = to;
        }
        at += n;
    }
}

/* The clusters that wait are coded together. FALSE when that failed. */
static gboolean code(CopyTask *task, const CopyPlan *plan, const guint *pieces, guint *n,
                     gsize *used, guint worker)
{
    g_autoptr(GError) why = NULL;

    if (*n && !copy_task_code(task, plan, pieces, *n, used, worker, &why)) {
        const CopyPiece *first = &g_array_index(task->pieces, CopyPiece, pieces[0]);
        g_clear_error(&task->error);
        copy_work_fail(plan->work, COPY_FAILED_WRITE, first->start, why->message, &task->error);
        return FALSE;
    }
    *n = 0;
    return TRUE;
}

void copy_task_compare(CopyTask *task, const CopyPlan *plan, CopyReader *reader, guint worker)
{
    guint batch = plan->codec ? MIN(ABI_MAX_CODEC, MAX(1, plan->buffer_size / plan->cluster)) : 0;
    guint pieces[ABI_MAX_CODEC], n = 0, failed;
    gsize coded = 0;

    task->used = 0;
    for (guint i = 0; i < task->pieces->len; i++) {
        CopyPiece *piece = &g_array_index(task->pieces, CopyPiece, i);
        guint8 *other = copy_reader_scratch(reader, piece->length);
        g_autoptr(GError) why = NULL;
        if (!read_piece(task, piece, reader, task->buffer + task->used, other, &failed, &why)) {
            copy_task_give_up(task, plan,
                              failed < piece->n_parts ? COPY_FAILED_READ : COPY_FAILED_READ_OTHER,
                              i, why);
            break;
        }
        if (!memcmp(copy_task_bytes(task, piece), other, piece->length)) {
            /* its place in the buffer is the next one's: memory that is used again is fast */
            piece->kind = COPY_PIECE_BACKING;
            continue;
        }
        task->used += piece->length;
        if (plan->codec && piece->whole) {
            pieces[n++] = i;
        }
        /* order is kept: what waits comes before what does not */
        if ((n == batch || !piece->whole) && !code(task, plan, pieces, &n, &coded, worker)) {
            return;
        }
        if (!plan->codec || !piece->whole) {
            judge(task, plan, piece, other);
        }
    }
    code(task, plan, pieces, &n, &coded, worker);
}
