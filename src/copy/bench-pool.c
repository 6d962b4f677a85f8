/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that do numbered calls in turn, the caller's among them. */
#include "config.h"

#include "copy/bench-private.h"

struct BenchPool {
    BenchCall call;
    gpointer data;
    guint n_threads; /* beside the caller's */
    GThread **threads;

    GMutex mutex; /* guards what follows */
    GCond start, idle;
    guint round; /* goes up with each run */
    guint busy;  /* threads that are not done with it */
    gboolean quit;
    GError *error; /* of the first failure */

    /* Of the running round; atomic. */
    gint next, n;
    gint seat; /* hands out the numbers of the workers */
};

static void fail(BenchPool *pool, GError *why)
{
    g_atomic_int_set(&pool->next, g_atomic_int_get(&pool->n)); /* nobody starts another */
    g_mutex_lock(&pool->mutex);
    if (pool->error == NULL) {
        pool->error = g_steal_pointer(&why);
    }
    g_mutex_unlock(&pool->mutex);
    g_clear_error(&why);
}

static void work(BenchPool *pool, guint worker)
{
    gint n = g_atomic_int_get(&pool->n);
    gint index;

    while ((index = g_atomic_int_add(&pool->next, 1)) < n) {
        GError *why = NULL;

        if (!pool->call(pool->data, (guint)index, worker, &why)) {
            fail(pool, why);
            return;
        }
    }
    g_atomic_int_set(&pool->next, n); /* does not run away */
}

static gpointer thread(gpointer data)
{
    BenchPool *pool = data;
    guint worker = (guint)g_atomic_int_add(&pool->seat, 1) + 1, round = 0;

    g_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->quit && pool->round == round) {
            g_cond_wait(&pool->start, &pool->mutex);
        }
        if (pool->quit) {
            g_mutex_unlock(&pool->mutex);
            return NULL;
        }
        round = pool->round;
        g_mutex_unlock(&pool->mutex);
        work(pool, worker);
        g_mutex_lock(&pool->mutex);
        if (--pool->busy == 0) {
            g_cond_signal(&pool->idle);
        }
    }
}

BenchPool *bench_pool_new(guint threads, BenchCall call, gpointer data)
{
    BenchPool *pool = g_new0(BenchPool, 1);

    pool->call = call;
    pool->data = data;
    pool->n_threads = threads - 1;
    pool->threads = g_new0(GThread *, threads);
    g_mutex_init(&pool->mutex);
    g_cond_init(&pool->start);
    g_cond_init(&pool->idle);
    for (guint i = 0; i < pool->n_threads; i++) {
        pool->threads[i] = g_thread_try_new("bench", thread, pool, NULL);
        if (pool->threads[i] == NULL) { /* then with fewer */
            pool->n_threads = i;
        }
    }
    return pool;
}

gboolean bench_pool_run(BenchPool *pool, guint n, GError **error)
{
    g_mutex_lock(&pool->mutex);
    g_atomic_int_set(&pool->n, (gint)n);
    g_atomic_int_set(&pool->next, 0);
    pool->busy = n > 1 ? pool->n_threads : 0;
    if (pool->busy > 0) {
        pool->round++;
        g_cond_broadcast(&pool->start);
    }
    g_mutex_unlock(&pool->mutex);
    work(pool, 0);
    g_mutex_lock(&pool->mutex);
    while (pool->busy > 0) {
        g_cond_wait(&pool->idle, &pool->mutex);
    }
    g_mutex_unlock(&pool->mutex);
    if (pool->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&pool->error));
        return FALSE;
    }
    return TRUE;
}

void bench_pool_free(BenchPool *pool)
{
    g_mutex_lock(&pool->mutex);
    pool->quit = TRUE;
    g_cond_broadcast(&pool->start);
    g_mutex_unlock(&pool->mutex);
    for (guint i = 0; i < pool->n_threads; i++) {
        g_thread_join(pool->threads[i]);
    }
    g_clear_error(&pool->error);
    g_mutex_clear(&pool->mutex);
    g_cond_clear(&pool->start);
    g_cond_clear(&pool->idle);
    g_free(pool->threads);
    g_free(pool);
}
