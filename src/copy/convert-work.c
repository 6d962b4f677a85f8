/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the threads of a conversion do, and how each finds what is to be done next. */
#include "config.h"

#include "base/checked.h"
#include "copy/convert-private.h"

typedef struct {
    CopyEngine *engine;
    guint index;
    CopyReader *reader;
} Worker;

typedef enum { WORK_WAIT, WORK_COLLECT, WORK_PLAN, WORK_WRITE, WORK_END } Work;

void copy_engine_fail(CopyEngine *e, guint64 sequence, GError *error)
{
    e->collected = TRUE;
    if (sequence < e->failed) {
        g_clear_error(&e->error);
        e->failed = sequence;
        e->error = error;
    } else {
        g_error_free(error);
    }
}

/* Does the task begin in the cluster in which the one before ended? */
static gboolean shares_cluster(CopyEngine *e, const CopyTask *task)
{
    if (!task->sequence || !task->segments->len || !e->plan.cluster) {
        return FALSE;
    }
    const CopyTask *before = copy_engine_task(e, task->sequence - 1);
    if (!before->segments->len) {
        return TRUE;
    }
    const struct abi_extent *last =
        &g_array_index(before->segments, CopySegment, before->segments->len - 1).ask;
    const struct abi_extent *first = &g_array_index(task->segments, CopySegment, 0).ask;
    return (last->guest_offset + last->length - 1) / e->plan.cluster ==
           first->guest_offset / e->plan.cluster;
}

/* The first task that may be written now: in order, so that after a failure nothing stands behind
 * it. The lock is held, as in all that looks for work. */
static CopyTask *next_write(CopyEngine *e)
{
    /* The task behind the planned ones may be half answered. */
    guint64 end = e->planned_order ? MIN(e->planned + 1, e->taken) : e->taken;

    for (guint64 i = e->written; i < end; i++) {
        CopyTask *task = copy_engine_task(e, i);
        if (task->state == COPY_TASK_PLANNED && (!task->shares_cluster || i == e->written)) {
            return task;
        }
        if (task->state != COPY_TASK_WRITING && task->state != COPY_TASK_WRITTEN) {
            break;
        }
    }
    return NULL;
}

static void advance_written(CopyEngine *e)
{
    while (e->written < e->taken && copy_engine_task(e, e->written)->state == COPY_TASK_WRITTEN) {
        e->written++;
    }
}

/* What comes behind a failure never reaches the target. */
static void drop_late(CopyEngine *e)
{
    while (!e->planning && e->planned > e->failed && e->planned < e->taken &&
           copy_engine_task(e, e->planned)->state == COPY_TASK_READY) {
        copy_engine_task(e, e->planned++)->state = COPY_TASK_WRITTEN;
        advance_written(e);
    }
}

/* How many tasks from e->planned on wait for their place, and may be asked about now. */
static guint count_ready(CopyEngine *e)
{
    guint n = 0;

    if (e->written < e->planned && e->planned < e->taken &&
        (e->stalled || (copy_engine_task(e, e->planned)->state == COPY_TASK_READY &&
                        shares_cluster(e, copy_engine_task(e, e->planned))))) {
        return 0;
    }

    while (n < e->batch && e->planned + n < e->taken && e->planned + n <= e->failed &&
           copy_engine_task(e, e->planned + n)->state == COPY_TASK_READY) {
        n++;
    }
    return n;
}

static Work find_work(CopyEngine *e, CopyTask **ret_task, guint *ret_count)
{
    if (e->planned_order) {
        drop_late(e);
    }
    guint ready = e->planned_order && !e->planning ? count_ready(e) : 0;
    gboolean can_collect = !e->collected && !e->collecting && e->taken - e->written < e->n_tasks;

    *ret_task = next_write(e);
    *ret_count = ready;
    if (*ret_task && e->writing < e->writers) {
        return WORK_WRITE;
    }
    if (ready && ready == e->batch) {
        return WORK_PLAN;
    }
    if (can_collect) {
        return WORK_COLLECT;
    }
    /* Fewer than one would like, but no more are to come before these are through. While there is
     * something to write, more may come: a question each time a write ends would be dear. */
    if (ready && !e->collecting && !e->reading && e->written == e->planned) {
        return WORK_PLAN;
    }
    return e->collected && !e->collecting && e->written == e->taken ? WORK_END : WORK_WAIT;
}

static void weigh(const CopyPiece *piece, gpointer data)
{
    CopyEngine *e = data;
    e->done += piece->weight;
    if (piece->weight && e->job->progress) {
        e->job->progress(e->done, e->total, e->job->progress_data);
    }
}

/* --rate: leave so much time behind a write as its bytes may take. The lock is held. */
static void keep_rate(CopyEngine *e, gsize bytes)
{
    gint64 now = g_get_monotonic_time();
    gint64 start = MAX(e->next_write, now);

    e->next_write = start + (gint64)((double)bytes * G_USEC_PER_SEC / (double)e->job->rate);
    g_mutex_unlock(&e->lock);
    if (start > now) {
        g_usleep(start - now);
    }
    g_mutex_lock(&e->lock);
}

/* The lock is held, and let go while writing. */
static void write_task(CopyEngine *e, CopyTask *task, Worker *w)
{
    task->state = COPY_TASK_WRITING;
    e->writing++;
    if (e->job->rate && task->used) {
        keep_rate(e, task->used);
    }
    if (task->sequence > e->failed) {
        task->good_end = 0;
    } else {
        gboolean had_error = task->error != NULL;
        g_mutex_unlock(&e->lock);
        copy_task_write(task, &e->plan, w->reader);
        g_mutex_lock(&e->lock);
        if (task->error && !had_error) {
            copy_engine_fail(e, task->sequence, g_error_copy(task->error));
        } else if (task->error && task->good_end != G_MAXUINT64) {
            /* Writing failed in front of the place where reading had. */
            g_clear_error(&e->error);
            e->failed = G_MAXUINT64;
            copy_engine_fail(e, task->sequence, g_error_copy(task->error));
        }
    }
    e->writing--;
    if (e->planned_order) {
        copy_engine_settle(e, task);
    }
    if (task->asked < task->segments->len && !task->refused && task->sequence <= e->failed &&
        task->good_end == G_MAXUINT64) {
        /* Half of it: the rest has to be asked for. */
        g_array_set_size(task->steps, 0);
        task->state = COPY_TASK_READY;
        return;
    }
    task->state = COPY_TASK_WRITTEN;
    if (e->planned == task->sequence && e->planned_order) {
        e->planned++;
    }
    advance_written(e);
}

/* Collect, read, and for a target without clusters write as well. The lock is held, and let go. */
static void collect_task(CopyEngine *e, Worker *w)
{
    CopyTask *task = copy_engine_task(e, e->taken);

    g_clear_error(&task->error);
    task->sequence = e->taken;
    task->state = COPY_TASK_READING;
    e->collecting = TRUE;
    g_mutex_unlock(&e->lock);
    copy_task_collect(task, &e->plan, e->cutter, &e->pending, e->pending_parts, weigh, e);
    g_mutex_lock(&e->lock);
    e->collecting = FALSE;
    if (!task->pieces->len && !task->error) {
        e->collected = TRUE;
        return;
    }
    e->taken++;
    e->reading++;
    g_cond_broadcast(&e->changed);
    g_mutex_unlock(&e->lock);
    copy_task_read(task, &e->plan, w->reader, w->index);
    g_autoptr(GError) why = NULL;
    gboolean placed = e->planned_order || copy_engine_plan_one(e, task, &why);
    g_mutex_lock(&e->lock);
    e->reading--;
    if (task->error) {
        copy_engine_fail(e, task->sequence, g_error_copy(task->error));
    }
    if (!placed) {
        copy_engine_fail(e, task->sequence, g_steal_pointer(&why));
        task->refused = TRUE;
    }
    task->state = e->planned_order ? COPY_TASK_READY : COPY_TASK_PLANNED;
}

static void plan_tasks(CopyEngine *e, guint count)
{
    guint64 first = e->planned;
    gboolean was_stalled = e->stalled;

    e->planning = TRUE;
    g_mutex_unlock(&e->lock);
    for (guint i = 0; i < count; i++) {
        CopyTask *task = copy_engine_task(e, first + i);
        task->shares_cluster = shares_cluster(e, task);
    }
    guint asked = copy_engine_task(e, first)->asked;
    gboolean stalled = copy_engine_plan(e, first, first + count);
    g_mutex_lock(&e->lock);
    e->planning = FALSE;
    e->stalled = stalled;
    for (guint i = 0; i < count; i++) {
        CopyTask *task = copy_engine_task(e, first + i);
        gboolean whole = task->asked == task->segments->len;
        if (!whole && stalled && !task->steps->len) {
            break;
        }
        task->state = COPY_TASK_PLANNED;
        if (!whole && stalled) {
            break;
        }
        e->planned++;
    }
    if (stalled && was_stalled && e->planned == first &&
        copy_engine_task(e, first)->asked == asked) {
        /* Nothing is outstanding, and still it does not move. */
        GError *error = NULL;
        copy_work_fail(e->plan.work, COPY_FAILED_WRITE,
                       copy_task_next_ask(copy_engine_task(e, first)), g_strerror(EIO), &error);
        copy_engine_fail(e, first, error);
        copy_engine_task(e, first)->refused = TRUE;
        copy_engine_task(e, first)->state = COPY_TASK_PLANNED;
        e->planned++;
    }
}

static gpointer work(gpointer data)
{
    Worker *w = data;
    CopyEngine *e = w->engine;
    CopyTask *task;
    guint count;

    w->reader = copy_reader_new(w->index);
    g_mutex_lock(&e->lock);
    for (;;) {
        Work what = find_work(e, &task, &count);
        if (what == WORK_END) {
            break;
        }
        if (what == WORK_WAIT) {
            g_cond_wait(&e->changed, &e->lock);
            continue;
        }
        if (what == WORK_WRITE) {
            write_task(e, task, w);
        } else if (what == WORK_PLAN) {
            plan_tasks(e, count);
        } else {
            collect_task(e, w);
        }
        g_cond_broadcast(&e->changed);
    }
    g_mutex_unlock(&e->lock);
    copy_reader_free(w->reader);
    return NULL;
}

void copy_engine_run(CopyEngine *e, guint n)
{
    g_autofree Worker *workers = g_new0(Worker, n);
    g_autofree GThread **threads = g_new0(GThread *, n);

    for (guint i = 0; i < n; i++) {
        workers[i].engine = e;
        workers[i].index = i;
        if (i) {
            threads[i] = g_thread_new("convert", work, &workers[i]);
        }
    }
    work(&workers[0]);
    for (guint i = 1; i < n; i++) {
        g_thread_join(threads[i]);
    }
}
