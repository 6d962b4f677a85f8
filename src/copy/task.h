/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A task: some pieces of a conversion, from reading to writing, with the buffer
 * their bytes are in all the time.
 */
#ifndef INSTAR_COPY_TASK_H
#define INSTAR_COPY_TASK_H

#include "copy/cut.h"
#include "copy/sparse.h"
#include "copy/work.h"

/* A part of a piece that the target is told about: a question for image_write_plan(). */
typedef struct {
    struct abi_extent ask; /* DATA, COOKED or ZERO */
    gboolean offload;      /* its pieces are; bytes are not there then */
    const guint8 *bytes;   /* of DATA and COOKED; NULL for zeros that are nowhere in memory */
} CopySegment;

typedef enum {
    COPY_TASK_FREE,
    COPY_TASK_READING,
    COPY_TASK_READY,   /* read and judged, waits for its place in the target */
    COPY_TASK_PLANNED, /* steps are known */
    COPY_TASK_WRITING,
    COPY_TASK_WRITTEN,
} CopyTaskState;

typedef struct {
    guint64 sequence;
    CopyTaskState state;
    gboolean shares_cluster; /* with the task before: writes after it */
    guint8 *buffer;          /* of the bytes read */
    guint8 *coded;           /* of compressed clusters; NULL if not wanted */
    gsize used;              /* bytes of buffer */
    GArray *pieces;          /* CopyPiece */
    GArray *parts;           /* CopyPart */
    GArray *segments;        /* CopySegment, ascending */
    guint asked;             /* segments the target has answered */
    gboolean refused;        /* it will not answer the others */
    GArray *steps;           /* struct abi_extent, the answers still to be done */
    GError *error;           /* what is left of pieces, and good segments, came before it */
    guint64 good_end;        /* once written: what lies in front of it is in place */
} CopyTask;

/* What all tasks of a conversion have in common. */
typedef struct {
    const CopyWork *work;
    const CopyConvert *job;
    CopySparse sparse;
    gboolean zero_init; /* what is not written reads as zeros */
    guint32 cluster;    /* bytes of the target's clusters; 0: it has none */
    guint32 subcluster; /* the same of subclusters */
    guint32 codec;      /* of compressed clusters; ABI_CODEC_NONE: not compressed */
    gsize buffer_size;  /* of each task */
    guint32 split;      /* data is cut there, and tasks end there, if possible; 0: not */
    guint8 *zeros;      /* COPY_BUFFER_SIZE of them; only to be read */
    gboolean offload_tried;
    guint offload_left; /* once a piece could not be: so many pieces still can */
    gint offload;       /* atomic; becomes FALSE, for good, when a store cannot copy */
} CopyPlan;

/* Guest offset of the first segment that has no answer, 0 if all have. */
static inline guint64 copy_task_next_ask(const CopyTask *task)
{
    return task->asked < task->segments->len
               ? g_array_index(task->segments, CopySegment, task->asked).ask.guest_offset
               : 0;
}

void copy_task_init(CopyTask *task, const CopyPlan *plan);
void copy_task_clear(CopyTask *task, const CopyPlan *plan);

/* Take pieces from the cutter until the buffer is full or there are no more. *pending holds a
 * piece that did not fit (length 0: none) and its parts; it comes first. Calls progress through
 * weigh for each piece taken. A failure of the cutter ends the task and is left in task->error. */
typedef void (*CopyWeigh)(const CopyPiece *piece, gpointer user_data);
void copy_task_collect(CopyTask *task, CopyPlan *plan, CopyCutter *cutter, CopyPiece *pending,
                       GArray *pending_parts, CopyWeigh weigh, gpointer user_data);

/* Read, then find out what is to be written: fills segments. What fails is left in task->error. */
void copy_task_read(CopyTask *task, const CopyPlan *plan, CopyReader *reader, guint worker);

/* Ask for length bytes at start of a piece; goes on where the last segment ends if it can. */
void copy_task_ask(CopyTask *task, const CopyPiece *piece, guint16 kind, guint64 start,
                   guint64 length, const guint8 *bytes);
/* Ask for zeros. */
void copy_task_ask_zeros(CopyTask *task, const CopyPlan *plan, const CopyPiece *piece,
                         guint64 start, guint64 length);
/* Code the clusters that are the pieces with these numbers, in one job, packed behind each other
 * in task->coded from *used on. What does not get smaller is stored as it is. */
gboolean copy_task_code(CopyTask *task, const CopyPlan *plan, const guint *pieces, guint n,
                        gsize *used, guint worker, GError **error);
/* The bytes read of a piece. */
const guint8 *copy_task_bytes(const CopyTask *task, const CopyPiece *piece);
/* Of a work that compares: read, and ask for what differs (task-compare.c). */
void copy_task_compare(CopyTask *task, const CopyPlan *plan, CopyReader *reader, guint worker);
/* The piece with this number cannot be read: the task ends in front of it, with an error. */
void copy_task_give_up(CopyTask *task, const CopyPlan *plan, CopyFailure what, guint piece,
                       const GError *why);

/* The store cannot copy: read what it should have copied, here and in tasks to come. FALSE with
 * task->error and task->good_end set when that fails. */
gboolean copy_task_read_after_all(CopyTask *task, CopyPlan *plan, CopyReader *reader);

/* Do the steps, then set task->good_end. What fails is left in task->error. */
void copy_task_write(CopyTask *task, CopyPlan *plan, CopyReader *reader);

#endif
