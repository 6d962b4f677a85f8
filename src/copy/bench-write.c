/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that write. The driver plans a batch of them in one job; each is written by itself, and
 * then all are published in one job.
 */
#include "config.h"

#include "base/checked.h"
#include "copy/bench-private.h"

/* Requests and questions in a batch, bytes of the disk they write, and those of a question: requests
 * that follow each other are asked for together. */
#define BATCH 256u
#define BATCH_BYTES ((guint64)64 << 20)
#define QUESTION_BYTES ((guint64)1 << 20)
/* Steps taken from the driver at a time. */
#define STEPS 2048u

typedef struct {
    const CopyBench *job;
    guint8 *bytes; /* the pattern, BENCH_PIECE or one request */
    BenchPool *pool;
    struct abi_extent *questions, *steps;
    guint n_questions, n_steps;
    guint n_requests; /* in the questions */
    GArray *writes;   /* of abi_extent: the steps, those of DATA cut into requests */
    GThread *flush;   /* one that nobody waited for; NULL: none */
} Writing;

static gboolean do_write(gpointer data, guint index, guint worker, GError **error)
{
    Writing *w = data;
    const struct abi_extent *write = &g_array_index(w->writes, struct abi_extent, index);

    return write->kind == ABI_EXT_DATA
               ? image_store(w->job->img, write, w->bytes, worker % (ABI_MAX_CPUS - 1), error)
               : image_do_step(w->job->img, write, NULL, error);
}

/* The question, from the one at "from" on, that a step of DATA answers. */
static const struct abi_extent *question_of(const Writing *w, guint from,
                                            const struct abi_extent *step)
{
    for (guint i = from; i < w->n_questions; i++) {
        const struct abi_extent *q = &w->questions[i];

        if (step->guest_offset >= q->guest_offset &&
            range_fits(step->guest_offset - q->guest_offset, step->length, q->length)) {
            return q;
        }
    }
    return NULL;
}

/* Cut the steps that answer questions from the one at "from" on; FALSE: they do not. */
static gboolean cut_steps(Writing *w, guint from)
{
    guint64 most = MIN(w->job->size, BENCH_PIECE);

    g_array_set_size(w->writes, 0);
    for (guint i = 0; i < w->n_steps; i++) {
        struct abi_extent part = w->steps[i];
        guint64 left = part.length;
        const struct abi_extent *q = NULL;

        if (part.kind == ABI_EXT_DATA && (q = question_of(w, from, &part)) == NULL) {
            return FALSE;
        }
        for (; q != NULL && left > 0; left -= part.length) {
            part.length = MIN(left, most - (part.guest_offset - q->guest_offset) % most);
            g_array_append_val(w->writes, part);
            part.guest_offset += part.length;
            part.file_offset += part.length;
        }
        if (q == NULL) {
            g_array_append_val(w->writes, part);
        }
    }
    return TRUE;
}

/* Tell the driver what became of the steps. */
static gboolean publish(Writing *w, guint16 kind, GError **error)
{
    Image *img = w->job->img;

    for (guint i = 0; i < w->n_steps; i++) {
        w->steps[i].kind = kind;
    }
    for (guint at = 0, taken; image_has_driver(img) && at < w->n_steps; at += taken) {
        guint unused;

        taken = 0;
        if (!image_write_plan(img, w->steps + at, w->n_steps - at, w->steps, 0, &unused, &taken,
                              error)) {
            return FALSE;
        }
        if (taken == 0) {
            g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                                "The cell's answer is out of bounds");
            return FALSE;
        }
    }
    return TRUE;
}

/* The driver took so many questions from the one at "at" on, of which only "asked" was asked, or a
 * part of it. Answers where to go on; a question that was begun is shortened. */
static guint advance(Writing *w, guint at, const struct abi_extent *asked, guint taken)
{
    struct abi_extent *question = w->questions + at;
    guint64 end = question->guest_offset + question->length, reached = question->guest_offset;

    if (taken > 0 && asked->length == question->length) {
        return at + taken;
    }
    if (taken > 0) {
        reached += asked->length;
    }
    for (guint i = 0; taken == 0 && i < w->n_steps; i++) {
        guint64 step_end = w->steps[i].guest_offset + w->steps[i].length;

        if (w->steps[i].kind == ABI_EXT_DATA && step_end <= end) {
            reached = MAX(reached, step_end);
        }
    }
    question->guest_offset = reached;
    question->length = end - reached;
    return at + (question->length == 0);
}

/* All questions of the batch: as many as the driver takes, then their steps, then the rest. Once it
 * refuses one of several requests, each is asked for by itself: those before it are still done. It
 * has failed all the same, for the reason given first: an image that was found corrupt then refuses
 * everything, and for another. */
static gboolean run_batch(Writing *w, GError **error)
{
    g_autoptr(GError) refused = NULL;

    for (guint at = 0; at < w->n_questions;) {
        struct abi_extent asked = w->questions[at];
        gboolean single = refused != NULL;
        guint n = single ? 1 : w->n_questions - at, taken = 0;
        g_autoptr(GError) why = NULL;

        asked.length = single ? MIN(asked.length, w->job->size) : asked.length;
        if (!image_write_plan(w->job->img, single ? &asked : w->questions + at, n, w->steps, STEPS,
                              &w->n_steps, &taken, &why)) {
            if (single || asked.length <= w->job->size) {
                g_propagate_error(error,
                                  single ? g_steal_pointer(&refused) : g_steal_pointer(&why));
                return FALSE;
            }
            refused = g_steal_pointer(&why);
            continue;
        }
        if (!cut_steps(w, at) || (taken == 0 && w->n_steps == 0)) {
            g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT,
                                "The cell's answer is out of bounds");
            return FALSE;
        }
        at = advance(w, at, &asked, taken);
        if (!bench_pool_run(w->pool, w->writes->len, error)) {
            publish(w, ABI_EXT_ABORT, NULL); /* best effort: the error is what counts */
            return FALSE;
        }
        if (!publish(w, ABI_EXT_LINK, error)) {
            return FALSE;
        }
    }
    w->n_questions = w->n_requests = 0;
    if (refused != NULL) {
        g_propagate_error(error, g_steal_pointer(&refused));
        return FALSE;
    }
    return TRUE;
}

static gpointer flush_thread(gpointer data)
{
    const CopyBench *job = data;
    GError *error = NULL;

    image_flush(job->img, &error);
    return error;
}

/* Wait for the flush that is under way. */
static gboolean join_flush(Writing *w, GError **error)
{
    GError *why = w->flush != NULL ? g_thread_join(g_steal_pointer(&w->flush)) : NULL;

    if (why != NULL) {
        g_propagate_error(error, why);
        return FALSE;
    }
    return TRUE;
}

static gboolean flush(Writing *w, GError **error)
{
    if (w->job->drain) {
        return image_flush(w->job->img, error);
    }
    if (!join_flush(w, error)) {
        return FALSE;
    }
    w->flush = g_thread_try_new("flush", flush_thread, (gpointer)w->job, NULL);
    return w->flush != NULL || image_flush(w->job->img, error);
}

/* Is a flush due when so many requests are left? */
static gboolean flush_due(const CopyBench *job, guint left)
{
    return job->flush != 0 && left > 0 && left < job->count && left % job->flush == 0;
}

/* Add a range to the question asked last, if it goes on there. */
static gboolean joins(Writing *w, guint64 offset, guint64 length)
{
    struct abi_extent *last = w->n_questions > 0 ? &w->questions[w->n_questions - 1] : NULL;

    if (last == NULL || last->guest_offset + last->length != offset ||
        last->length % w->job->size != 0 || last->length + length > QUESTION_BYTES) {
        return FALSE;
    }
    last->length += length;
    return TRUE;
}

static gboolean write_all(Writing *w, GError **error)
{
    const CopyBench *job = w->job;
    guint64 bytes = 0;

    for (guint i = 0; i < job->count; i++) {
        guint64 offset = bench_offset(job, i), end = offset + job->size;
        gboolean due = flush_due(job, job->count - i);

        if ((due || bytes >= BATCH_BYTES) && !run_batch(w, error)) {
            return FALSE;
        }
        bytes = w->n_questions == 0 ? 0 : bytes;
        if (due && !flush(w, error)) {
            return FALSE;
        }
        if (!bench_inside(job, offset, error)) {
            run_batch(w, NULL); /* those before it were on their way */
            return FALSE;
        }
        bytes += job->size;
        if (w->n_requests++ >= BATCH && !run_batch(w, error)) {
            return FALSE;
        }
        while (offset < end) {
            guint64 length = MIN(end - offset, QUESTION_BYTES);

            if (!joins(w, offset, length)) {
                if (w->n_questions == BATCH && !run_batch(w, error)) {
                    return FALSE;
                }
                w->questions[w->n_questions++] = (struct abi_extent){ .guest_offset = offset,
                                                                      .length = length,
                                                                      .kind = ABI_EXT_DATA };
            }
            offset += length;
        }
    }
    return run_batch(w, error);
}

gboolean bench_write(const CopyBench *job, GError **error)
{
    Writing w = { .job = job,
                  .bytes = bench_buffer(job),
                  .questions = g_new0(struct abi_extent, BATCH),
                  .steps = g_new0(struct abi_extent, STEPS) };
    gboolean ok;

    w.writes = g_array_new(FALSE, FALSE, sizeof(struct abi_extent));
    w.pool = bench_pool_new(bench_threads(job), do_write, &w);
    ok = write_all(&w, error);
    ok = join_flush(&w, ok ? error : NULL) && ok;
    bench_pool_free(w.pool);
    g_array_unref(w.writes);
    g_free(w.questions);
    g_free(w.steps);
    g_aligned_free(w.bytes);
    return ok;
}
