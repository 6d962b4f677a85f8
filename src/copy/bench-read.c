/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that read. What the image holds where is looked up in a window of its layout. */
#include "config.h"

#include <string.h>

#include "copy/bench-private.h"
#include "copy/walk.h"

/* Runs of a window at most, and bytes of the disk it spans: enough for so many requests. */
#define WINDOW_RUNS 4096u
#define WINDOW_REQUESTS 256u
#define LEAST_WINDOW ((guint64)64 << 20)
#define MOST_WINDOW ((guint64)16 << 30)

/* Threads keep the window they use; it does not change. */
typedef struct {
    gatomicrefcount refs;
    guint64 start, end;
    GArray *runs; /* of CopyRun, without gaps */
} Window;

typedef struct {
    Window *window; /* NULL: none yet */
    guint run;      /* where the last request was */
    guint8 *bytes;
} Worker;

typedef struct {
    const CopyBench *job;
    guint64 span; /* bytes of a window */
    Worker *workers;
    GMutex mutex; /* guards what follows */
    CopyWalk *walk;
    Window *current; /* NULL: none yet */
} Reading;

static void window_unref(Window *window)
{
    if (window != NULL && g_atomic_ref_count_dec(&window->refs)) {
        g_array_unref(window->runs);
        g_free(window);
    }
}

static gboolean holds(const Window *window, guint64 offset)
{
    return window != NULL && offset >= window->start && offset < window->end;
}

/* Called with the mutex held. */
static gboolean look(Reading *reading, guint64 offset, GError **error)
{
    Window *window = g_new0(Window, 1);
    gboolean more = TRUE;
    CopyRun run;

    g_atomic_ref_count_init(&window->refs);
    window->start = window->end = offset;
    window->runs = g_array_new(FALSE, FALSE, sizeof(CopyRun));
    copy_walk_seek(reading->walk, offset);
    while (more && window->runs->len < WINDOW_RUNS && window->end - offset < reading->span) {
        g_autoptr(GError) why = NULL;

        if (!copy_walk_next(reading->walk, &run, &more, window->end > offset ? &why : error)) {
            if (window->end > offset) {
                break; /* what comes in front can be read */
            }
            window_unref(window);
            return FALSE;
        }
        if (more) {
            g_array_append_val(window->runs, run);
            window->end = run.start + run.length;
        }
    }
    window_unref(reading->current);
    reading->current = window;
    return TRUE;
}

/* The window that offset lies in, for this worker. */
static gboolean move(Reading *reading, Worker *worker, guint64 offset, GError **error)
{
    gboolean ok;

    g_mutex_lock(&reading->mutex);
    ok = holds(reading->current, offset) || look(reading, offset, error);
    if (ok) {
        window_unref(worker->window);
        worker->window = reading->current;
        g_atomic_ref_count_inc(&worker->window->refs);
        worker->run = 0;
    }
    g_mutex_unlock(&reading->mutex);
    return ok;
}

/* The run that holds offset: mostly the one before, or the next. */
static const CopyRun *run_at(Worker *worker, guint64 offset)
{
    const CopyRun *runs = (const CopyRun *)(const void *)worker->window->runs->data;
    guint low = 0, high = worker->window->runs->len - 1;

    if (runs[worker->run].start <= offset) {
        low = worker->run;
        high = offset - runs[low].start < runs[low].length ? low : high;
    }
    while (low < high) {
        guint middle = low + (high - low + 1) / 2;

        if (runs[middle].start <= offset) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    worker->run = low;
    return &runs[low];
}

static gboolean read_run(const CopyRun *run, guint64 offset, guint8 *bytes, gsize length,
                         guint worker, GError **error)
{
    gboolean plain = run->extent.kind == ABI_EXT_DATA && run->extent.codec == ABI_CODEC_NONE;

    if (run->stale) {
        return image_refuse_stale(error);
    }
    if (run->layer == NULL || (!run->data && (run->zero || !run->present))) {
        memset(bytes, 0, length);
        return TRUE;
    }
    if (plain) {
        CopyRun part = copy_run_part(run, offset - run->start, length);

        return image_read_extent(run->layer, &part.extent, bytes, worker % (ABI_MAX_CPUS - 1),
                                 error);
    }
    return image_read(run->layer, offset, bytes, length, error);
}

static gboolean read_request(gpointer data, guint index, guint number, GError **error)
{
    Reading *reading = data;
    Worker *worker = &reading->workers[number];
    guint64 offset = bench_offset(reading->job, index), left = reading->job->size;

    if (!bench_inside(reading->job, offset, error)) {
        return FALSE;
    }
    while (left > 0) {
        const CopyRun *run;
        gsize length;

        if (!holds(worker->window, offset) && !move(reading, worker, offset, error)) {
            return FALSE;
        }
        if (!holds(worker->window, offset)) { /* nothing there */
            return bench_inside(reading->job, G_MAXUINT64, error);
        }
        run = run_at(worker, offset);
        length = (gsize)MIN(MIN(left, BENCH_PIECE), run->start + run->length - offset);
        if (!read_run(run, offset, worker->bytes, length, number, error)) {
            return FALSE;
        }
        offset += length;
        left -= length;
    }
    return TRUE;
}

gboolean bench_read(const CopyBench *job, GError **error)
{
    guint n = bench_threads(job);
    Reading reading = { .job = job,
                        .span = CLAMP(WINDOW_REQUESTS * job->step, LEAST_WINDOW, MOST_WINDOW),
                        .workers = g_new0(Worker, n),
                        .walk = copy_walk_new(job->img, 0, image_size(job->img), 0) };
    BenchPool *pool = bench_pool_new(n, read_request, &reading);
    gboolean ok;

    g_mutex_init(&reading.mutex);
    for (guint i = 0; i < n; i++) {
        reading.workers[i].bytes = bench_buffer(job);
    }
    ok = bench_pool_run(pool, job->count, error);
    bench_pool_free(pool);
    for (guint i = 0; i < n; i++) {
        window_unref(reading.workers[i].window);
        g_aligned_free(reading.workers[i].bytes);
    }
    g_free(reading.workers);
    window_unref(reading.current);
    copy_walk_free(reading.walk);
    g_mutex_clear(&reading.mutex);
    return ok;
}
