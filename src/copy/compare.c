/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares two images with several threads.
 *
 * One cursor goes through both images in guest order and cuts the range into
 * chunks where either image changes its answer, as qemu-img does. Some chunks
 * make a task; workers take tasks in order, read and compare. Of all findings
 * the one with the lowest offset counts, so the answer is that of one thread.
 */
#include "config.h"

#include <string.h>

#include "base/checked.h"
#include "base/zero.h"
#include "copy/buffer.h"
#include "copy/copy.h"
#include "copy/read.h"
#include "copy/walk.h"

#define SECTOR 512u
#define TASK_CHUNKS 256u
/* Each has a buffer, and a codec cpu's window, for either image. */
#define MOST_WORKERS 6u
/* Tasks that may wait for an earlier one before their progress is told. */
#define TASKS_PER_WORKER 2u

typedef struct {
    Image *img;
    const char *name;
    CopyWalk *walk;
    guint64 size;
    CopyRun run; /* what is left of the present run, if length > 0 */
} Side;

typedef struct {
    guint64 start, length;
    gboolean read[2]; /* the side has bytes to be read; else it is zeros */
    guint part[2];    /* where in the task's parts */
} Chunk;

typedef struct {
    guint64 sequence;
    gboolean done;
    guint n_chunks;
    Chunk chunks[TASK_CHUNKS];
} Task;

typedef struct {
    CopyVerdict verdict;
    guint64 offset;
    GError *error;
} Finding;

typedef struct {
    const CopyCompare *job;
    Side side[2];
    guint64 common, total; /* sizes of the smaller and of the larger image */
    guint64 at;            /* where the next task begins */
    guint64 sequence;      /* of the next task */
    guint64 told;          /* tasks whose progress has been told */
    guint n_tasks;
    Task *tasks;   /* the task with a sequence number is tasks[sequence % n_tasks] */
    Finding found; /* the first one so far */
    GMutex lock;
    GCond room; /* a task was told */
} Comparer;

typedef struct {
    Comparer *comparer;
    guint index;
    guint8 *buffer[2];
    CopyReader *reader;
    CopyPart parts[2][TASK_CHUNKS];
    guint n_parts[2];
} Worker;

/* Takes over error. The lock is held. */
static void note_finding(Comparer *c, CopyVerdict verdict, guint64 offset, GError *error)
{
    if (c->found.verdict != COPY_SAME && c->found.offset <= offset) {
        g_clear_error(&error);
        return;
    }
    g_clear_error(&c->found.error);
    c->found = (Finding){ verdict, offset, error };
}

/* Have the run at c->at ready; what is behind the end of a side has no run. */
static gboolean side_ready(Comparer *c, Side *side)
{
    gboolean more = TRUE;

    if (side->run.length || c->at >= side->size) {
        return TRUE;
    }
    if (!copy_walk_next(side->walk, &side->run, &more, NULL)) {
        note_finding(c, COPY_STATUS_ERROR, c->at,
                     g_error_new(IMAGE_ERROR, IMAGE_ERROR_IO,
                                 "Sector allocation test failed for %s", side->name));
        return FALSE;
    }
    return more;
}

/* What strict mode compares: what qemu-img is told of a run, and that is also whether it is the
 * image's last. */
static gboolean same_status(const CopyRun *a, const CopyRun *b)
{
    /* Zeros behind the end of a backing file count as that file's. */
    return a->data == b->data && a->zero == b->zero &&
           (a->present || a->behind) == (b->present || b->behind) &&
           a->compressed == b->compressed &&
           (a->has_offset && !a->behind) == (b->has_offset && !b->behind) && a->last == b->last;
}

/* Add the next chunk to the task. FALSE: the task is full, or there is nothing more to compare. */
static gboolean add_chunk(Comparer *c, Worker *w, Task *task, gsize used[2])
{
    Side *side = c->side;

    if (c->at >= c->total || task->n_chunks == TASK_CHUNKS) {
        return FALSE;
    }
    if (!side_ready(c, &side[0]) || !side_ready(c, &side[1])) {
        c->total = c->at;
        return FALSE;
    }
    if (c->job->strict && c->at < c->common && !same_status(&side[0].run, &side[1].run)) {
        note_finding(c, COPY_ALLOC_MISMATCH, c->at, NULL);
        c->total = c->at;
        return FALSE;
    }
    guint64 length = c->at < c->common ? MIN(side[0].run.length, side[1].run.length)
                                       : MAX(side[0].run.length, side[1].run.length);
    Chunk *chunk = &task->chunks[task->n_chunks];
    *chunk = (Chunk){ .start = c->at };
    for (guint i = 0; i < 2; i++) {
        chunk->read[i] = side[i].run.length && side[i].run.data && !side[i].run.zero;
    }
    /* Both may be zeros, whatever stores them. */
    if (chunk->read[0] || chunk->read[1]) {
        length = MIN(length, COPY_BUFFER_SIZE);
        gsize need = MAX(chunk->read[0] ? used[0] : 0, chunk->read[1] ? used[1] : 0) + length;
        if (need > COPY_BUFFER_SIZE) {
            return FALSE;
        }
    }
    chunk->length = length;
    for (guint i = 0; i < 2; i++) {
        CopyRun *run = &side[i].run;
        if (chunk->read[i]) {
            chunk->part[i] = w->n_parts[i]++;
            w->parts[i][chunk->part[i]] =
                (CopyPart){ copy_run_part(run, 0, length), w->buffer[i] + used[i] };
            used[i] += length;
        }
        if (run->length) {
            *run = copy_run_part(run, length, run->length - length);
        }
    }
    task->n_chunks++;
    c->at += length;
    return TRUE;
}

/* The next task for a worker, or NULL when there is none. The lock is held. */
static Task *take_task(Comparer *c, Worker *w)
{
    while (c->sequence - c->told >= c->n_tasks) {
        g_cond_wait(&c->room, &c->lock);
    }
    if (c->found.verdict != COPY_SAME && c->found.offset <= c->at) {
        return NULL;
    }
    Task *task = &c->tasks[c->sequence % c->n_tasks];
    gsize used[2] = { 0, 0 };
    task->n_chunks = 0;
    task->done = FALSE;
    w->n_parts[0] = w->n_parts[1] = 0;
    while (add_chunk(c, w, task, used)) {}
    if (!task->n_chunks) {
        return NULL;
    }
    task->sequence = c->sequence++;
    return task;
}

/* The first sector of a chunk where the sides differ; chunk->length if none does. */
static guint64 first_difference(const Chunk *chunk, const guint8 *a, const guint8 *b)
{
    guint64 at = 0;

    if (a && b && !memcmp(a, b, chunk->length)) {
        return chunk->length;
    }
    for (; at < chunk->length; at += SECTOR) {
        gsize n = MIN(SECTOR, chunk->length - at);
        if (a && b ? memcmp(a + at, b + at, n) != 0 : !bytes_are_zero((a ? a : b) + at, n)) {
            break;
        }
    }
    return MIN(at, chunk->length);
}

/* Read one side of a task. *limit: chunks in front of this one are complete on all sides read so
 * far. */
static void read_side(Worker *w, const Task *task, guint side, guint *limit, GError **error)
{
    guint failed = 0;
    g_autoptr(GError) why = NULL;

    if (copy_reader_fill(w->reader, w->parts[side], w->n_parts[side], &failed, &why)) {
        return;
    }
    for (guint i = 0; i < *limit; i++) {
        const Chunk *chunk = &task->chunks[i];
        if (chunk->read[side] && chunk->part[side] == failed) {
            *limit = i;
            g_clear_error(error);
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO,
                        "Error while reading offset %" G_GUINT64_FORMAT " of %s: %s", chunk->start,
                        w->comparer->side[side].name, why->message);
        }
    }
}

static Finding run_task(Worker *w, const Task *task)
{
    Finding found = { .verdict = COPY_SAME };
    guint limit = task->n_chunks;
    GError *error = NULL;

    read_side(w, task, 0, &limit, &error);
    read_side(w, task, 1, &limit, &error);
    for (guint i = 0; i < limit; i++) {
        const Chunk *chunk = &task->chunks[i];
        const guint8 *a = chunk->read[0] ? w->parts[0][chunk->part[0]].buf : NULL;
        const guint8 *b = chunk->read[1] ? w->parts[1][chunk->part[1]].buf : NULL;
        guint64 at = a || b ? first_difference(chunk, a, b) : chunk->length;
        if (at < chunk->length) {
            g_clear_error(&error);
            return (Finding){ COPY_DIFFERENT, chunk->start + at, NULL };
        }
    }
    if (error) {
        found = (Finding){ COPY_READ_ERROR, task->chunks[limit].start, error };
    }
    return found;
}

/* Tell progress up to the first task that is not done, or that a finding lies in. */
static void tell(Comparer *c)
{
    while (c->told < c->sequence && c->tasks[c->told % c->n_tasks].done) {
        const Task *task = &c->tasks[c->told++ % c->n_tasks];
        for (guint i = 0; i < task->n_chunks && c->job->progress; i++) {
            guint64 end = task->chunks[i].start + task->chunks[i].length;
            if (c->found.verdict == COPY_SAME || end <= c->found.offset) {
                c->job->progress(end, MAX(c->side[0].size, c->side[1].size), c->job->progress_data);
            }
        }
    }
    g_cond_broadcast(&c->room);
}

static gpointer work(gpointer data)
{
    Worker *w = data;
    Comparer *c = w->comparer;
    Task *task;

    w->reader = copy_reader_new(w->index);
    w->buffer[0] = copy_buffer_new(COPY_BUFFER_SIZE);
    w->buffer[1] = copy_buffer_new(COPY_BUFFER_SIZE);
    g_mutex_lock(&c->lock);
    while ((task = take_task(c, w))) {
        g_mutex_unlock(&c->lock);
        Finding found = run_task(w, task);
        g_mutex_lock(&c->lock);
        if (found.verdict != COPY_SAME) {
            note_finding(c, found.verdict, found.offset, found.error);
        }
        task->done = TRUE;
        tell(c);
    }
    g_mutex_unlock(&c->lock);
    copy_buffer_free(w->buffer[0], COPY_BUFFER_SIZE);
    copy_buffer_free(w->buffer[1], COPY_BUFFER_SIZE);
    copy_reader_free(w->reader);
    return NULL;
}

static void run_workers(Comparer *c)
{
    guint n = copy_workers(MOST_WORKERS);
    g_autofree Worker *workers = g_new0(Worker, n);
    g_autofree GThread **threads = g_new0(GThread *, n);

    c->n_tasks = n * TASKS_PER_WORKER;
    c->tasks = g_new0(Task, c->n_tasks);
    for (guint i = 0; i < n; i++) {
        workers[i].comparer = c;
        workers[i].index = i;
        if (i) {
            threads[i] = g_thread_new("compare", work, &workers[i]);
        }
    }
    work(&workers[0]);
    for (guint i = 1; i < n; i++) {
        g_thread_join(threads[i]);
    }
    g_free(c->tasks);
}

CopyVerdict copy_compare(const CopyCompare *job, guint64 *ret_offset, GError **error)
{
    Comparer c = { .job = job, .found = { .verdict = COPY_SAME } };

    for (guint i = 0; i < 2; i++) {
        Side *side = &c.side[i];
        side->img = i ? job->b : job->a;
        side->name = i ? job->name_b : job->name_a;
        side->size = image_size(side->img);
        side->walk = copy_walk_new(side->img, 0, side->size, COPY_WALK_HOLES);
    }
    c.common = MIN(c.side[0].size, c.side[1].size);
    c.total = MAX(c.side[0].size, c.side[1].size);
    g_mutex_init(&c.lock);
    g_cond_init(&c.room);
    run_workers(&c);
    g_cond_clear(&c.room);
    g_mutex_clear(&c.lock);
    copy_walk_free(c.side[0].walk);
    copy_walk_free(c.side[1].walk);
    if (c.found.error) {
        g_propagate_error(error, c.found.error);
    }
    if (c.found.verdict != COPY_SAME) {
        *ret_offset = c.found.offset;
    }
    return c.found.verdict;
}
