/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second half of a task: the steps that the target answered. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "copy/buffer.h"
#include "copy/task.h"

/* Zeros that complete a cluster of the image file are written along with the data next to them if
 * they are few and in the buffer anyway; else the store makes them. In a data file one could see
 * the difference. */
#define FILL_ALONG (128u << 10)

/* One write of the store: some steps that lie behind each other in file, guest and memory. */
typedef struct {
    IoFile *file;
    guint64 offset, length;
    guint64 guest;
    const guint8 *bytes;   /* NULL: zeros */
    guint32 handle, codec; /* of the step */
    gboolean offload;      /* bytes are not there: the store copies them */
    gboolean stored;       /* zeros are bytes like others here: the target cannot mark them */
} Write;

typedef struct {
    CopyTask *task;
    CopyPlan *plan;
    CopyReader *reader;
    guint segment; /* the first that may hold the next step */
} Writer;

static const CopyPiece *piece_at(const CopyTask *task, guint64 guest)
{
    guint low = 0, high = task->pieces->len;

    while (low < high) {
        guint middle = (low + high) / 2;
        const CopyPiece *piece = &g_array_index(task->pieces, CopyPiece, middle);
        if (piece->start + piece->length <= guest) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < task->pieces->len) {
        const CopyPiece *piece = &g_array_index(task->pieces, CopyPiece, low);
        return piece->start <= guest ? piece : NULL;
    }
    return NULL;
}

/* The bytes of a guest range, if one piece was read that covers it. */
static const guint8 *bytes_at(const CopyTask *task, guint64 guest, guint64 length)
{
    const CopyPiece *piece = piece_at(task, guest);

    if (!piece || piece->kind != COPY_PIECE_DATA || piece->offload ||
        !range_fits(guest - piece->start, length, piece->length)) {
        return NULL;
    }
    return g_array_index(task->parts, CopyPart, piece->first_part).buf + (guest - piece->start);
}

static const CopySegment *segment_at(Writer *w, guint64 guest)
{
    const GArray *segments = w->task->segments;

    while (w->segment < segments->len) {
        const CopySegment *segment = &g_array_index(segments, CopySegment, w->segment);
        if (guest < segment->ask.guest_offset + segment->ask.length) {
            return guest >= segment->ask.guest_offset ? segment : NULL;
        }
        w->segment++;
    }
    return NULL;
}

/* Writing failed at guest. The error names the piece; what lies in front of the segment stays. */
static void fail_at(const Writer *w, guint64 guest, const GError *why)
{
    CopyTask *task = w->task;
    const CopyPiece *piece = piece_at(task, guest);

    g_clear_error(&task->error);
    copy_work_fail(w->plan->work, COPY_FAILED_WRITE, piece ? piece->unit : guest, why->message,
                   &task->error);
    task->good_end = piece ? piece->start : guest;
    for (guint i = 0; i < task->segments->len; i++) {
        const struct abi_extent *ask = &g_array_index(task->segments, CopySegment, i).ask;
        if (ask->guest_offset <= guest) {
            task->good_end = MAX(task->good_end, ask->guest_offset);
        }
    }
}

/* A place in the piece that a step is done for. What completes a cluster around a piece lies beside
 * it. */
static guint64 place_of(const CopyTask *task, const struct abi_extent *step)
{
    guint64 end = step->guest_offset + step->length;

    if (piece_at(task, step->guest_offset)) {
        return step->guest_offset;
    }
    if (step->guest_offset && piece_at(task, step->guest_offset - 1)) {
        return step->guest_offset - 1;
    }
    return piece_at(task, end) ? end : step->guest_offset;
}

/* What a step means. FALSE with the error set when its bytes cannot be had. */
static gboolean prepare(Writer *w, const struct abi_extent *step, Write *ret, guint8 **ret_owned,
                        GError **error)
{
    Image *target = w->plan->job->target;
    const CopySegment *segment;

    *ret = (Write){
        .file = image_file_by_handle(target, step->handle),
        .offset = step->file_offset,
        .length = step->length,
        .guest = step->guest_offset,
        .handle = step->handle,
        .codec = step->kind == ABI_EXT_COOKED ? ABI_CODEC_NONE : step->codec,
    };
    switch (step->kind) {
    case ABI_EXT_DATA:
    case ABI_EXT_COOKED:
        segment = segment_at(w, step->guest_offset);
        if (segment && !segment->bytes) {
            ret->bytes = step->length <= COPY_BUFFER_SIZE ? w->plan->zeros : NULL;
            ret->stored = TRUE;
        } else if (segment) {
            ret->offload = segment->offload;
            ret->bytes = segment->bytes + (step->guest_offset - segment->ask.guest_offset);
        }
        if (segment && segment->ask.kind == ABI_EXT_COOKED) {
            ret->length = segment->ask.stored_length;
        } else if (segment && step->length > segment->ask.guest_offset + segment->ask.length -
                                                 step->guest_offset) {
            segment = NULL;
        }
        if (!segment) {
            g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
            return FALSE;
        }
        return TRUE;
    case ABI_EXT_FILL_ZERO:
        segment = segment_at(w, step->guest_offset);
        if (segment && !segment->bytes) {
            ret->bytes = step->length <= COPY_BUFFER_SIZE ? w->plan->zeros : NULL;
            ret->stored = TRUE;
        } else if (!step->handle && step->length <= FILL_ALONG) {
            ret->bytes = bytes_at(w->task, step->guest_offset, step->length);
        }
        return TRUE;
    case ABI_EXT_FILL_OLD:
        *ret_owned = g_malloc(step->length);
        ret->bytes = *ret_owned;
        return image_read(target, step->guest_offset, *ret_owned, step->length, error);
    default:
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
        return FALSE;
    }
}

static gboolean store(const Writer *w, const Write *write, GError **error)
{
    struct abi_extent step = {
        .guest_offset = write->guest,
        .length = write->length,
        .file_offset = write->offset,
        .handle = write->handle,
        .kind = ABI_EXT_DATA,
        .codec = write->codec,
    };
    const guint8 *bytes = write->bytes;
    guint64 left = write->length;

    if (!bytes && write->stored && write->codec == ABI_CODEC_NONE) {
        bytes = w->plan->zeros;
        step.length = MIN(left, COPY_BUFFER_SIZE);
    }
    while (image_store(w->plan->job->target, &step, bytes, copy_reader_worker(w->reader), error)) {
        left -= step.length;
        if (!left) {
            return TRUE;
        }
        step.guest_offset += step.length;
        step.file_offset += step.length;
        step.length = MIN(left, COPY_BUFFER_SIZE);
    }
    return FALSE;
}

/* Have the store copy the bytes of a guest range. *ret_copied: how many it did. */
static gboolean copy_by_store(const CopyTask *task, const Write *write, guint64 *ret_copied,
                              GError **error)
{
    const CopyPiece *piece = piece_at(task, write->guest);
    guint64 at = piece ? piece->start : 0;

    *ret_copied = 0;
    for (guint i = piece ? piece->first_part : 0;
         i < task->parts->len && *ret_copied < write->length; i++) {
        const CopyRun *run = &g_array_index(task->parts, CopyPart, i).run;
        guint64 guest = write->guest + *ret_copied;
        IoFile *from = image_file_by_handle(run->layer, run->extent.handle);
        while (guest >= at && guest - at < run->length && *ret_copied < write->length) {
            guint64 length = MIN(run->length - (guest - at), write->length - *ret_copied);
            guint64 copied = 0;
            if (!io_copy_range(from, run->extent.file_offset + (guest - at), write->file,
                               write->offset + *ret_copied, length, &copied, error)) {
                return FALSE;
            }
            if (!copied) {
                g_set_error_literal(error, IO_ERROR, ENOTSUP, g_strerror(ENOTSUP));
                return FALSE;
            }
            *ret_copied += copied;
            guest += copied;
        }
        at += run->length;
    }
    return TRUE;
}

/* Store a write again, piece by piece, to find out which one it is that fails. */
static gboolean store_by_pieces(const Writer *w, Write write, gboolean coded)
{
    while (write.length) {
        const CopyPiece *piece = coded ? NULL : piece_at(w->task, write.guest);
        guint64 length = write.length;
        if (piece) {
            length = MIN(length, piece->start + piece->length - write.guest);
        }
        Write part = write;
        part.length = length;
        g_autoptr(GError) why = NULL;
        if (!store(w, &part, &why)) {
            fail_at(w, write.guest, why);
            return FALSE;
        }
        write.offset += length;
        write.guest += length;
        write.bytes = write.bytes ? write.bytes + length : NULL;
        write.length -= length;
    }
    return TRUE;
}

/* Steps [first, end) could not be stored in one go. */
static gboolean store_singly(Writer *w, guint first, guint end)
{
    w->segment = 0;
    for (guint i = first; i < end; i++) {
        const struct abi_extent *step = &g_array_index(w->task->steps, struct abi_extent, i);
        g_autofree guint8 *owned = NULL;
        g_autoptr(GError) why = NULL;
        Write write;
        if (!prepare(w, step, &write, &owned, &why)) {
            fail_at(w, place_of(w->task, step), why);
            return FALSE;
        }
        if (!store_by_pieces(w, write, step->kind == ABI_EXT_COOKED)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Do what steps [first, end) were joined to. */
static gboolean do_write(Writer *w, const Write *write, guint first, guint end)
{
    g_autoptr(GError) why = NULL;
    guint64 copied;

    if (!write->length) {
        return TRUE;
    }
    if (write->offload) {
        if (copy_by_store(w->task, write, &copied, &why)) {
            return TRUE;
        }
        g_clear_error(&why);
        if (!copy_task_read_after_all(w->task, w->plan, w->reader)) {
            return FALSE;
        }
    }
    return store(w, write, &why) || store_singly(w, first, end);
}

/* Does b go on where a ends, so that one write can do both? */
static gboolean joins(const Write *a, const Write *b)
{
    return a->length && a->offload == b->offload && a->bytes && b->bytes == a->bytes + a->length &&
           a->file == b->file && a->codec == b->codec &&
           (a->codec == ABI_CODEC_NONE || a->guest + a->length == b->guest) &&
           a->offset + a->length == b->offset;
}

static void run_steps(Writer *w)
{
    CopyTask *task = w->task;
    Write open = { .length = 0 };
    guint first = 0;

    for (guint i = 0; i < task->steps->len; i++) {
        const struct abi_extent *step = &g_array_index(task->steps, struct abi_extent, i);
        g_autofree guint8 *owned = NULL;
        g_autoptr(GError) why = NULL;
        Write next;
        if (!prepare(w, step, &next, &owned, &why)) {
            if (do_write(w, &open, first, i)) {
                fail_at(w, place_of(task, step), why);
            }
            return;
        }
        if (joins(&open, &next)) {
            open.length += next.length;
            continue;
        }
        if (!do_write(w, &open, first, i)) {
            return;
        }
        open = next;
        first = i;
        if (owned) {
            /* These bytes do not outlive the turn. */
            if (!do_write(w, &open, i, i + 1)) {
                return;
            }
            open.length = 0;
        }
    }
    do_write(w, &open, first, task->steps->len);
}

void copy_task_write(CopyTask *task, CopyPlan *plan, CopyReader *reader)
{
    Writer w = { .task = task, .plan = plan, .reader = reader };

    task->good_end = G_MAXUINT64;
    run_steps(&w);
}
