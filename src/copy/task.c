/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "copy/buffer.h"
#include "copy/task.h"

/* Bounds on what a task consists of; the buffer is the usual one. */
#define TASK_PIECES 512u
#define TASK_PARTS 2048u

/* Pieces that qemu-img has in work at once, unless -m says another number. */
#define DEFAULT_IN_WORK 8u

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
    for (guint i = 0; i < piece->n_parts + piece->n_other; i++) {
        CopyPart part = g_array_index(from, CopyPart, piece->first_part + i);
        if (i < piece->n_parts) {
            part.buf = task->buffer + task->used;
            task->used += part.run.length;
        }
        g_array_append_val(task->parts, part);
    }
    g_array_append_val(task->pieces, added);
}

/* What the target need not be told of. */
static gboolean is_idle(const CopyPlan *plan, const CopyPiece *piece)
{
    return piece->kind == COPY_PIECE_BACKING || (piece->kind == COPY_PIECE_ZERO && plan->zero_init);
}

static gboolean is_plain(const CopyPiece *piece, const GArray *parts)
{
    for (guint i = 0; i < piece->n_parts; i++) {
        const CopyRun *run = &g_array_index(parts, CopyPart, piece->first_part + i).run;
        if (run->extent.kind != ABI_EXT_DATA || run->extent.codec != ABI_CODEC_NONE) {
            return FALSE;
        }
    }
    return TRUE;
}

/* A raw target shows at once whether its store can copy: the first bytes of the piece go where
 * they belong anyway. */
static gboolean store_copies(const CopyPlan *plan, const CopyPiece *piece, const GArray *parts)
{
    const CopyRun *run = &g_array_index(parts, CopyPart, piece->first_part).run;
    guint64 copied;

    return image_has_driver(plan->job->target) ||
           io_copy_range(image_file_by_handle(run->layer, run->extent.handle),
                         run->extent.file_offset, image_file(plan->job->target), piece->start,
                         run->length, &copied, NULL);
}

/* Offloading ends with the first piece that cannot be copied so; but qemu-img has by then decided
 * about those that are in work at the same time (-m). */
static void decide_offload(CopyPlan *plan, CopyPiece *piece, const GArray *parts)
{
    if (!g_atomic_int_get(&plan->offload)) {
        return;
    }
    if (plan->offload_left && !--plan->offload_left) {
        g_atomic_int_set(&plan->offload, FALSE);
        return;
    }
    if (piece->kind != COPY_PIECE_DATA) {
        return;
    }
    gboolean first = piece->start == 0;
    piece->offload =
        is_plain(piece, parts) && (plan->offload_tried || store_copies(plan, piece, parts));
    plan->offload_tried = TRUE;
    if (!piece->offload && !plan->offload_left) {
        guint in_work = plan->job->workers ? plan->job->workers : DEFAULT_IN_WORK;
        plan->offload_left = first ? 0 : in_work - 1;
        g_atomic_int_set(&plan->offload, plan->offload_left > 0);
    }
}

void copy_task_collect(CopyTask *task, CopyPlan *plan, CopyCutter *cutter, CopyPiece *pending,
                       GArray *pending_parts, CopyWeigh weigh, gpointer user_data)
{
    gboolean more = TRUE;

    task->used = 0;
    g_array_set_size(task->pieces, 0);
    g_array_set_size(task->parts, 0);
    g_array_set_size(task->segments, 0);
    g_array_set_size(task->steps, 0);
    task->asked = 0;
    task->refused = FALSE;
    while (task->pieces->len < TASK_PIECES && task->parts->len < TASK_PARTS) {
        if (!pending->length) {
            g_array_set_size(pending_parts, 0);
            if (!copy_cutter_next(cutter, pending, pending_parts, &more, &task->error) || !more) {
                return;
            }
        }
        if (plan->split && pending->start % plan->split == 0 && task->used >= plan->split / 2) {
            return;
        }
        gsize need = pending->kind == COPY_PIECE_DATA ? pending->length : 0;
        if (need > plan->buffer_size - task->used) {
            return;
        }
        decide_offload(plan, pending, pending_parts);
        if (!is_idle(plan, pending)) {
            add_piece(task, pending, pending_parts);
        }
        weigh(pending, user_data);
        pending->length = 0;
    }
}
