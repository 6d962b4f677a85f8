/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "base/checked.h"
#include "copy/buffer.h"
#include "copy/convert-private.h"

/* Tasks per question to the target's driver, and in flight at once while one question is asked and
 * the tasks of the last one are written: 24 MiB, and 64 doorbells for each GiB of plain data. */
#define PLAN_TASKS 8u
#define PLAN_FLIGHT 12u
/* Bytes in one task of a target that is compressed: smaller, as there are three buffers of it. For
 * larger clusters fewer threads have to do. */
#define CODED_TASK (512u << 10)
#define LARGE_WORKERS 4u

/* Tasks should not share a cluster of the target, for the driver must hear of the one before it can
 * answer the other. Data is cut so where that changes nothing: between blocks that are judged by
 * themselves. */
static guint32 split_of(const CopyPlan *plan)
{
    gboolean by_blocks = !plan->job->sparse || (plan->sparse.min == plan->sparse.alignment &&
                                                plan->sparse.alignment <= COPY_BUFFER_SIZE);

    return plan->cluster && !plan->codec && by_blocks ? COPY_BUFFER_SIZE : 0;
}

static CopyCutter *new_cutter(const CopyEngine *e)
{
    const CopyWork *work = e->plan.work;

    return work->cut(work, e->job, e->plan.codec ? e->plan.cluster : 0, e->plan.split);
}

/* How much there is to do. Finds ranges that cannot be looked up before anything is written. */
static gboolean count_total(CopyEngine *e, GError **error)
{
    g_autoptr(CopyCutter) cutter = NULL;
    CopyPiece piece;
    gboolean more;

    e->total = e->plan.work->total;
    if (!e->plan.work->counts) {
        return TRUE;
    }
    cutter = new_cutter(e);
    while (copy_cutter_next(cutter, &piece, NULL, &more, error)) {
        if (!more) {
            return TRUE;
        }
        e->total += piece.weight;
    }
    return FALSE;
}

/* Answers how many threads to use. Buffers and the windows of codec cpus stay below 64 MiB. */
static guint engine_init(CopyEngine *e, const CopyWork *work, const CopyConvert *job)
{
    const struct abi_facts *facts = image_facts(job->target);
    guint workers = copy_workers(job->workers);

    e->job = job;
    e->plan.work = work;
    e->failed = G_MAXUINT64;
    e->planned_order = image_has_driver(job->target);
    e->plan.job = job;
    e->plan.sparse = copy_sparse_init(job->sparse, 0);
    e->plan.zero_init = job->target_is_zero && !job->target_has_backing;
    e->plan.cluster = e->planned_order ? facts->cluster_size : 0;
    e->plan.subcluster = e->planned_order ? facts->subcluster_size : 0;
    e->plan.codec = job->compress ? facts->codec : ABI_CODEC_NONE;
    e->plan.split = split_of(&e->plan);
    e->plan.buffer_size = COPY_BUFFER_SIZE + e->plan.split / 2;
    e->plan.offload = job->copy_range;
    /* Writes to one cached file go through one lock: a second writer would only wait for it. But
     * where bytes are encrypted first, that is most of the work. */
    e->writers = job->target_direct || (facts->flags & ABI_FACT_ENCRYPTED) ? workers : 1;
    if (!e->planned_order) {
        e->n_tasks = MIN(workers * 2, workers + 4);
    } else if (!e->plan.codec) {
        e->batch = PLAN_TASKS;
        e->n_tasks = MAX(PLAN_FLIGHT, workers + 2);
    } else if (e->plan.cluster <= CODED_TASK) {
        e->plan.buffer_size = CODED_TASK;
        e->batch = workers + 2;
        e->n_tasks = workers * 2 + 4;
    } else {
        workers = MIN(workers, LARGE_WORKERS);
        e->batch = workers;
        e->n_tasks = workers + 2;
    }
    return workers;
}

gboolean copy_work_do(const CopyWork *work, const CopyConvert *job, GError **error)
{
    CopyEngine e = { 0 };
    guint workers = engine_init(&e, work, job);

    if (!count_total(&e, error)) {
        return FALSE;
    }
    e.plan.zeros = copy_buffer_new(COPY_BUFFER_SIZE);
    e.cutter = new_cutter(&e);
    e.pending_parts = g_array_new(FALSE, FALSE, sizeof(CopyPart));
    e.links = g_array_new(FALSE, FALSE, sizeof(CopyLink));
    e.tasks = g_new0(CopyTask, e.n_tasks);
    for (guint i = 0; i < e.n_tasks; i++) {
        copy_task_init(&e.tasks[i], &e.plan);
    }
    g_mutex_init(&e.lock);
    g_cond_init(&e.changed);

    copy_engine_run(&e, workers);
    g_autoptr(GError) late = NULL;
    if (!copy_engine_finish(&e, &late) && !e.error) {
        e.error = g_steal_pointer(&late);
    }

    g_cond_clear(&e.changed);
    g_mutex_clear(&e.lock);
    for (guint i = 0; i < e.n_tasks; i++) {
        copy_task_clear(&e.tasks[i], &e.plan);
    }
    g_free(e.tasks);
    g_array_unref(e.links);
    g_array_unref(e.pending_parts);
    copy_cutter_free(e.cutter);
    g_clear_pointer(&e.target_walk, copy_walk_free);
    copy_buffer_free(e.plan.zeros, COPY_BUFFER_SIZE);
    if (e.error) {
        g_propagate_error(error, e.error);
        return FALSE;
    }
    return TRUE;
}
