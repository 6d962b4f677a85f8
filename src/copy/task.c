/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "copy/buffer.h"
#include "copy/task.h"

/* Bounds on what a task consists of; the buffer is the usual one. */
#define TASK_PIECES 512u
#define TASK_PARTS  2048u

void copy_task_init(CopyTask *task, const CopyPlan *plan)
{
    task->buffer = copy_buffer_new(plan->buffer_size);
    task->coded = plan->codec ? copy_buffer_new(plan->buffer_size) : NULL;
    task->pieces = g_array_new(FALSE, FALSE, sizeof(CopyPiece));
    task->parts = g_array_new(FALSE, FALSE, sizeof(CopyPart));
    task->segments = g_array_new(FALSE, FALSE, sizeof(CopySegment));
    task->steps = g_array_new(FALSE, FALSE, sizeof(struct abi_extent));
}

void copy_task_clear(CopyTask *task, const CopyPlan *plan)
{
    copy_buffer_free(task->buffer, plan->buffer_size);
    copy_buffer_free(task->coded, plan->buffer_size);
    g_array_unref(task->pieces);
    g_array_unref(task->parts);
    g_array_unref(task->segments);
    g_array_unref(task->steps);
    g_clear_error(&task->error);
}

/* Add a piece whose parts stand at piece->first_part of from. */
static void add_piece(CopyTask *task, const CopyPiece *piece, const GArray *from)
{
    CopyPiece added = *piece;

    added.first_part = task->parts->len;
    for (guint i = 0; i < piece->n_parts; i++) {
        CopyPart part = g_array_index(from, CopyPart, piece->first_part + i);
        part.buf = task->buffer + task->used;
        task->used += part.run.length;
        g_array_append_val(task->parts, part);
    }
    g_array_append_val(task->pieces, added);
}

/* What the target need not be told of. */
static gboolean is_idle(const CopyPlan *plan, const CopyPiece *piece)
{
    return piece->kind == COPY_PIECE_BACKING ||
           (piece->kind == COPY_PIECE_ZERO && plan->zero_init);
}

void copy_task_collect(CopyTask *task, const CopyPlan *plan, CopyCutter *cutter,
                       CopyPiece *pending, GArray *pending_parts, CopyWeigh weigh,
                       gpointer user_data)
{
    gboolean more = TRUE;

    task->used = 0;
    task->offload = FALSE;
    g_array_set_size(task->pieces, 0);
    g_array_set_size(task->parts, 0);
    g_array_set_size(task->segments, 0);
    g_array_set_size(task->steps, 0);
    while (task->pieces->len < TASK_PIECES && task->parts->len < TASK_PARTS) {
        if (!pending->length) {
            g_array_set_size(pending_parts, 0);
            if (!copy_cutter_next(cutter, pending, pending_parts, &more, &task->error) || !more) {
                return;
            }
        }
        gsize need = pending->kind == COPY_PIECE_DATA ? pending->length : 0;
        if (need > plan->buffer_size - task->used) {
            return;
        }
        if (!is_idle(plan, pending)) {
            add_piece(task, pending, pending_parts);
        }
        weigh(pending, user_data);
        pending->length = 0;
    }
}
