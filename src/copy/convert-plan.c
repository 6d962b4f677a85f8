/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talking with the target's driver: questions, answers, and what has been written since. */
#include "config.h"

#include "base/checked.h"
#include "copy/convert-private.h"

/* Questions asked at once; answers may be some more. */
#define MOST_QUESTIONS (ABI_MAX_EXTENTS * 3 / 8)

typedef struct {
    struct abi_extent ask[MOST_QUESTIONS];
    struct abi_extent meant[MOST_QUESTIONS]; /* the segment; the question may be wider */
    CopyTask *owner[MOST_QUESTIONS];         /* NULL for LINK and ABORT */
    guint n;
    struct abi_extent answer[ABI_MAX_EXTENTS];
    guint n_answers;
} Talk;

/* Take what can be told in front of number limit out of e->links. */
static void add_links(CopyEngine *e, Talk *talk, guint64 limit)
{
    guint kept = 0;

    for (guint i = 0; i < e->links->len; i++) {
        CopyLink *link = &g_array_index(e->links, CopyLink, i);
        if (link->sequence < limit && talk->n < MOST_QUESTIONS) {
            talk->owner[talk->n] = NULL;
            talk->ask[talk->n++] = link->ask;
        } else {
            g_array_index(e->links, CopyLink, kept++) = *link;
        }
    }
    g_array_set_size(e->links, kept);
}

static void take_out(Talk *talk, guint n)
{
    talk->n -= n;
    memmove(talk->ask, talk->ask + n, talk->n * sizeof talk->ask[0]);
    memmove(talk->meant, talk->meant + n, talk->n * sizeof talk->meant[0]);
    memmove(talk->owner, talk->owner + n, talk->n * sizeof talk->owner[0]);
}

static guint64 end_of(const struct abi_extent *x)
{
    return x->guest_offset + x->length;
}

/* The task that does a step: the one whose question it answers; for what completes a cluster, the
 * one that has bytes in it. Both questions and answers ascend: *at only grows. */
static CopyTask *owner_of(const CopyEngine *e, const Talk *talk, const struct abi_extent *step,
                          guint taken, guint *at)
{
    guint64 cluster = MAX(e->plan.cluster, 1);

    while (*at < taken && (!talk->owner[*at] || end_of(&talk->meant[*at]) <= step->guest_offset)) {
        ++*at;
    }
    if (*at < taken && talk->meant[*at].guest_offset <= step->guest_offset) {
        return talk->owner[*at];
    }
    if (*at && talk->owner[*at - 1] &&
        (*at == taken ||
         (end_of(&talk->meant[*at - 1]) - 1) / cluster == step->guest_offset / cluster)) {
        return talk->owner[*at - 1];
    }
    return *at < taken ? talk->owner[*at] : NULL;
}

/* Give a step to its owner; one that goes on through several questions is cut between them. */
static gboolean hand_out(const CopyEngine *e, const Talk *talk, struct abi_extent step, guint taken,
                         guint *at)
{
    while (step.length) {
        CopyTask *owner = owner_of(e, talk, &step, taken, at);
        struct abi_extent part = step;
        if (!owner) {
            return FALSE;
        }
        if (step.kind == ABI_EXT_DATA && *at < taken &&
            talk->meant[*at].guest_offset <= step.guest_offset) {
            part.length = MIN(step.length, end_of(&talk->meant[*at]) - step.guest_offset);
        }
        g_array_append_val(owner->steps, part);
        step.guest_offset += part.length;
        step.file_offset += part.length;
        step.length -= part.length;
    }
    return TRUE;
}

/* Hand out what was answered to the first questions. FALSE for an answer that cannot be. */
static gboolean take_answers(CopyEngine *e, Talk *talk, guint taken)
{
    gboolean sound = taken <= talk->n && talk->n_answers <= ABI_MAX_EXTENTS;
    guint at = 0;

    for (guint i = 0; sound && i < talk->n_answers; i++) {
        sound = hand_out(e, talk, talk->answer[i], taken, &at);
    }
    for (guint i = 0; sound && i < taken; i++) {
        if (talk->owner[i]) {
            talk->owner[i]->asked++;
            e->answered_end = end_of(&talk->meant[i]);
        }
    }
    if (sound) {
        take_out(talk, taken);
    }
    return sound;
}

static gboolean ask_first(CopyEngine *e, Talk *talk, guint n, guint *ret_taken, GError **error)
{
    talk->n_answers = 0;
    if (!image_write_plan(e->job->target, talk->ask, n, talk->answer, ABI_MAX_EXTENTS,
                          &talk->n_answers, ret_taken, error)) {
        return FALSE;
    }
    if (!take_answers(e, talk, *ret_taken)) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
        return FALSE;
    }
    return TRUE;
}

/* Of many questions one was refused: ask them singly to have it at the front, with what comes
 * before it answered. The conversion has failed in any case, for the reason that was given first:
 * an image that was found corrupt then refuses everything, and for another. */
static void find_refused(CopyEngine *e, Talk *talk)
{
    while (talk->n && !talk->owner[0]) {
        take_out(talk, 1);
    }
    while (talk->n > 1) {
        g_autoptr(GError) again = NULL;
        guint taken = 0;
        if (!ask_first(e, talk, 1, &taken, &again) || !taken) {
            return;
        }
    }
}

/* Ask once, hand out the answers. *ret_stalled: the target takes no question before it hears that
 * more of what it answered is in place. */
static gboolean ask(CopyEngine *e, Talk *talk, gboolean *ret_stalled, GError **error)
{
    guint taken = 0;

    if (!ask_first(e, talk, talk->n, &taken, error)) {
        find_refused(e, talk);
        return FALSE;
    }
    *ret_stalled = taken == 0;
    return TRUE;
}

/* The driver refused the question at the front, or did not take note of what is in place; first
 * is the first task of the talk. */
static void fail_front(CopyEngine *e, const Talk *talk, guint64 first, const GError *why)
{
    CopyTask *task = talk->n ? talk->owner[0] : copy_engine_task(e, first);
    guint64 start = talk->n ? talk->meant[0].guest_offset : copy_task_next_ask(task);
    GError *error = NULL;

    task->refused = TRUE;
    for (guint i = 0; i < task->pieces->len; i++) {
        const CopyPiece *piece = &g_array_index(task->pieces, CopyPiece, i);
        if (start >= piece->start && start - piece->start < piece->length) {
            start = piece->unit;
            break;
        }
    }
    copy_work_fail(e->plan.work, COPY_FAILED_WRITE, start, why->message, &error);
    g_mutex_lock(&e->lock);
    copy_engine_fail(e, task->sequence, error);
    g_mutex_unlock(&e->lock);
}

/* Ask until nothing is left, or the target stalls. FALSE when it refused; that is noted. */
static gboolean ask_all(CopyEngine *e, Talk *talk, guint64 first, gboolean *ret_stalled)
{
    g_autoptr(GError) why = NULL;

    while (talk->n && !*ret_stalled) {
        if (!ask(e, talk, ret_stalled, &why)) {
            fail_front(e, talk, first, why);
            return FALSE;
        }
    }
    return TRUE;
}

/* Would the question begin in the cluster where the last one ends? Better asked with it. */
static gboolean belongs_to_last(const CopyEngine *e, const Talk *talk, const struct abi_extent *x)
{
    return talk->n && talk->owner[talk->n - 1] && e->plan.cluster &&
           (end_of(&talk->meant[talk->n - 1]) - 1) / e->plan.cluster ==
               x->guest_offset / e->plan.cluster;
}

gboolean copy_engine_plan(CopyEngine *e, guint64 first, guint64 end)
{
    g_autofree Talk *talk = g_new(Talk, 1);
    gboolean stalled = FALSE;

    talk->n = 0;
    e->asked_end = e->answered_end;
    g_mutex_lock(&e->lock);
    /* Of the first task, too, what was answered so far is in place. */
    add_links(e, talk, copy_engine_task(e, first)->asked ? first + 1 : e->written);
    g_mutex_unlock(&e->lock);
    for (guint64 number = first; number < end; number++) {
        CopyTask *task = copy_engine_task(e, number);
        for (guint i = task->asked; i < task->segments->len; i++) {
            const struct abi_extent *x = &g_array_index(task->segments, CopySegment, i).ask;
            if (talk->n == MOST_QUESTIONS ||
                (talk->n > MOST_QUESTIONS / 2 && !belongs_to_last(e, talk, x))) {
                if (!ask_all(e, talk, first, &stalled) || stalled) {
                    return stalled;
                }
            }
            talk->owner[talk->n] = task;
            talk->meant[talk->n] = *x;
            talk->ask[talk->n] = *x;
            copy_engine_widen(e, &talk->ask[talk->n++]);
            e->asked_end = end_of(x);
        }
    }
    ask_all(e, talk, first, &stalled);
    return stalled;
}

gboolean copy_engine_plan_one(CopyEngine *e, CopyTask *task, GError **error)
{
    struct abi_extent answer[64];

    for (guint i = 0; i < task->segments->len;) {
        struct abi_extent asked[G_N_ELEMENTS(answer)];
        guint n = 0, count = 0, taken = 0;
        while (n < G_N_ELEMENTS(asked) && i + n < task->segments->len) {
            asked[n] = g_array_index(task->segments, CopySegment, i + n).ask;
            n++;
        }
        if (!image_write_plan(e->job->target, asked, n, answer, G_N_ELEMENTS(answer), &count,
                              &taken, error)) {
            return FALSE;
        }
        if (!taken) {
            g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
            return FALSE;
        }
        g_array_append_vals(task->steps, answer, count);
        i += taken;
        task->asked = i;
    }
    return TRUE;
}

static void remember(CopyEngine *e, const CopyTask *task, guint16 kind, guint64 start, guint64 end)
{
    CopyLink link = {
        .ask = { .kind = kind, .guest_offset = start, .length = end - start },
        .sequence = task->sequence,
    };
    CopyLink *last = e->links->len ? &g_array_index(e->links, CopyLink, e->links->len - 1) : NULL;

    if (start >= end) {
        return;
    }
    if (last && last->sequence == task->sequence && last->ask.kind == kind &&
        end_of(&last->ask) == start) {
        last->ask.length += end - start;
        return;
    }
    g_array_append_val(e->links, link);
}

void copy_engine_settle(CopyEngine *e, const CopyTask *task)
{
    for (guint i = 0; i < task->steps->len; i++) {
        const struct abi_extent *step = &g_array_index(task->steps, struct abi_extent, i);
        guint64 cut = CLAMP(task->good_end, step->guest_offset, end_of(step));
        remember(e, task, ABI_EXT_LINK, step->guest_offset, cut);
        remember(e, task, ABI_EXT_ABORT, cut, end_of(step));
    }
}

/* All coded clusters are stored. What is said of a target that cannot have any, and got none. */
static gboolean end_coded(const CopyEngine *e, GError **error)
{
    const struct abi_extent end = { .kind = ABI_EXT_COOKED };
    g_autoptr(GError) why = NULL;
    struct abi_extent none;
    guint count, taken;

    if (!image_write_plan(e->job->target, &end, 1, &none, 1, &count, &taken, &why)) {
        copy_work_fail(e->plan.work, COPY_FAILED_WRITE, image_size(e->job->target), why->message,
                       error);
        return FALSE;
    }
    return TRUE;
}

gboolean copy_engine_finish(CopyEngine *e, GError **error)
{
    g_autofree Talk *talk = g_new(Talk, 1);

    /* Where a task failed, what came behind it does not count, whether written or not. */
    for (guint i = 0; i < e->links->len; i++) {
        CopyLink *link = &g_array_index(e->links, CopyLink, i);
        if (link->sequence > e->failed) {
            link->ask.kind = ABI_EXT_ABORT;
        }
    }
    for (talk->n = 0;;) {
        g_autoptr(GError) why = NULL;
        add_links(e, talk, G_MAXUINT64);
        if (!talk->n) {
            return !e->plan.codec || e->error || end_coded(e, error);
        }
        gboolean stalled;
        if (!ask(e, talk, &stalled, &why)) {
            copy_work_fail(e->plan.work, COPY_FAILED_WRITE, talk->ask[0].guest_offset, why->message,
                           error);
            return FALSE;
        }
        if (stalled) {
            copy_work_fail(e->plan.work, COPY_FAILED_WRITE, talk->ask[0].guest_offset,
                           g_strerror(EIO), error);
            return FALSE;
        }
    }
}
