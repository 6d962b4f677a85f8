/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine of convert: a ring of tasks and the threads that drive them.
 *
 * Tasks are collected and numbered in guest order. Each is read by any thread;
 * then, in order and several at once, the target's driver is asked where their
 * bytes go (one doorbell for many megabytes); then any thread writes them; and
 * with the next question the driver hears which ranges are in place. A raw
 * target needs no question: what was read can be written.
 */
#ifndef INSTAR_COPY_CONVERT_PRIVATE_H
#define INSTAR_COPY_CONVERT_PRIVATE_H

#include "copy/task.h"

typedef struct {
    CopyPlan plan;
    const CopyConvert *job;
    CopyCutter *cutter;
    CopyPiece pending; /* did not fit in the last task */
    GArray *pending_parts;
    gboolean planned_order; /* the target has clusters to give */
    guint batch;            /* tasks per question */
    guint writers;          /* how many may write at once */
    guint n_tasks;
    CopyTask *tasks;       /* number n is tasks[n % n_tasks] */
    CopyWalk *target_walk; /* of the planning thread */
    guint64 asked_end;     /* of the last question, likewise */
    guint64 answered_end;  /* of the last one that was answered */

    GMutex lock; /* of all below, and of the states of tasks */
    GCond changed;
    guint64 taken;      /* tasks collected so far */
    guint64 planned;    /* tasks whose steps are known */
    guint64 written;    /* all tasks in front of this one are written */
    gboolean collected; /* there is nothing more to collect */
    gboolean collecting, planning;
    gboolean stalled;       /* no question before everything planned is written */
    guint reading, writing; /* tasks that are being read, and written */
    GArray *links;          /* CopyLink: written, the target does not know */
    guint64 failed;         /* number of the first task that failed; G_MAXUINT64: none */
    GError *error;          /* why */
    guint64 done, total;    /* for progress */
    gint64 next_write;      /* --rate: no write before then (monotonic, microseconds) */
} CopyEngine;

/* A range that was written, or given up, and belongs to a task. */
typedef struct {
    struct abi_extent ask; /* LINK or ABORT */
    guint64 sequence;
} CopyLink;

static inline CopyTask *copy_engine_task(CopyEngine *e, guint64 sequence)
{
    return &e->tasks[sequence % e->n_tasks];
}

/* Do all the work with n threads, of which this is one. */
void copy_engine_run(CopyEngine *e, guint n);
/* Note that a task failed; takes over error. The lock is held. */
void copy_engine_fail(CopyEngine *e, guint64 sequence, GError *error);

/* Ask the target about tasks [first, end), and tell it what is in place. The tasks' steps and
 * asked are set; a failure is noted. TRUE: the target stalled, the rest must be asked again when
 * all that was answered is in place. The lock is not held, but e->planning is set. */
gboolean copy_engine_plan(CopyEngine *e, guint64 first, guint64 end);
/* Make a question for zeros wider where the rest of a cluster reads as zeros. */
void copy_engine_widen(CopyEngine *e, struct abi_extent *x);
/* Ask about one task of a target without clusters. */
gboolean copy_engine_plan_one(CopyEngine *e, CopyTask *task, GError **error);
/* Remember what became of a task. The lock is held. */
void copy_engine_settle(CopyEngine *e, const CopyTask *task);
/* Tell the target all that is left, at the end. */
gboolean copy_engine_finish(CopyEngine *e, GError **error);

#endif
