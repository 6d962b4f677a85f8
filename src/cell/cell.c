/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "cell/internal.h"

#define DEFAULT_ARENA (32ull << 20)
/* Two clusters of 2 MiB, coded and not, and some slack. */
#define DEFAULT_WINDOW ((4ull << 20) + (64ull << 10))

G_DEFINE_QUARK(instar - cell - error - quark, cell_error)

/* Remember why a cell ended; from now on every call says so. */
static void bury(Cell *cell, const GError *why)
{
    g_mutex_lock(&cell->mutex);
    if (!cell->death) {
        cell->death = g_strdup(why->message);
    }
    g_mutex_unlock(&cell->mutex);
    g_atomic_int_set(&cell->dead, 1);
}

static gboolean check_alive(Cell *cell, GError **error)
{
    if (!g_atomic_int_get(&cell->dead)) {
        return TRUE;
    }
    g_set_error(error, CELL_ERROR, CELL_ERROR_VIOLATION, "Image cell was stopped before: %s",
                cell->death);
    return FALSE;
}

Cell *cell_new(const CellBackend *backend, const CellConfig *config, GError **error)
{
    Cell *cell = g_new0(Cell, 1);

    g_mutex_init(&cell->mutex);
    cell->backend = backend;
    if (config) {
        cell->config = *config;
    }
    cell->config.arena = cell->config.arena ? cell->config.arena : DEFAULT_ARENA;
    cell->config.window = cell->config.window ? cell->config.window : DEFAULT_WINDOW;
    cell->config.codecs = MIN(cell->config.codecs, ABI_MAX_CPUS - 1);
    cell->config.arena = MIN(cell->config.arena, ABI_ARENA_MAX) & ~(guint64)(ABI_PAGE - 1);
    cell->config.window = (MIN(cell->config.window, ABI_WINDOW_MAX - ABI_PAGE) + ABI_PAGE - 1) &
                          ~(guint64)(ABI_PAGE - 1);
    if (!backend->start(cell, error)) {
        cell_free(cell);
        return NULL;
    }
    cell_count_cell();
    return cell;
}

void cell_free(Cell *cell)
{
    if (!cell) {
        return;
    }
    cell->backend->stop(cell);
    for (guint i = 0; i < ABI_MAX_CPUS; i++) {
        g_free(cell->cpus[i]);
    }
    for (guint i = 0; i < cell->n_handles; i++) {
        io_unref(cell->handles[i].file);
    }
    g_mutex_clear(&cell->mutex);
    g_free(cell->death);
    g_free(cell);
}

CellKind cell_kind(const Cell *cell)
{
    return cell->backend->kind;
}

int cell_attach(Cell *cell, IoFile *file, CellRights rights, guint64 max_size, GError **error)
{
    CellHandle *h = &cell->handles[cell->n_handles];
    guint64 size = 0;

    if (cell->n_handles == ABI_MAX_HANDLES) {
        g_set_error(error, CELL_ERROR, CELL_ERROR_LIMIT, "An image may consist of %u files",
                    ABI_MAX_HANDLES);
        return -1;
    }
    if (!io_size(file, &size, error)) {
        return -1;
    }
    *h = (CellHandle){ io_ref(file), rights, size, max_size };
    return (int)cell->n_handles++;
}

void cell_set_bound(Cell *cell, guint handle, guint64 max_size)
{
    g_return_if_fail(handle < cell->n_handles);
    cell->handles[handle].max_size = max_size;
}

/* The cpu, started if this is its first use; NULL: cannot be. */
static CellCpu *get_cpu(Cell *cell, guint n, GError **error)
{
    gboolean good = TRUE;

    if (n > cell->config.codecs) {
        g_set_error(error, CELL_ERROR, CELL_ERROR_LIMIT, "This cell has no codec cpu %u", n);
        return NULL;
    }
    g_mutex_lock(&cell->mutex);
    if (!cell->cpus[n]) {
        good = cell->backend->start_cpu(cell, n, error);
    } else if (!cell->cpus[n]->started) {
        g_set_error(error, CELL_ERROR, CELL_ERROR_START, "Codec cpu %u did not start", n);
        good = FALSE;
    }
    g_mutex_unlock(&cell->mutex);
    return good ? cell->cpus[n] : NULL;
}

static gboolean run_job(Cell *cell, CellCall *call, GError **error)
{
    CellUse use = { 0 };
    gboolean done = FALSE;

    if (cell->backend->run) {
        return cell->backend->run(cell, call->cpu, call, error);
    }
    while (!done) {
        if (!cell->backend->enter(cell, call->cpu, error)) {
            return FALSE;
        }
        cell_count_doorbell();
        if (!cell_serve(cell, call->cpu, call, &use, &done, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean cell_call(Cell *cell, CellCall *call, GError **error)
{
    CellCpu *cpu = NULL;
    struct abi_job job = {
        .head = { sizeof job, (guint16)call->op, ABI_VERSION },
        .in_length = (guint32)call->in_length,
        .flags = call->flags,
    };
    GError *failure = NULL;

    call->out_length = 0;
    call->emitted = NULL;
    memset(&call->result, 0, sizeof call->result);
    if (call->in_length > ABI_TABLE_SIZE) {
        g_set_error(error, CELL_ERROR, CELL_ERROR_LIMIT,
                    "A job of %" G_GSIZE_FORMAT " bytes does not fit in the table",
                    call->in_length);
        return FALSE;
    }
    if (!check_alive(cell, error) || !(cpu = get_cpu(cell, call->cpu, error))) {
        return FALSE;
    }
    memcpy(job.arg, call->arg, sizeof job.arg);
    memcpy((void *)&cpu->box->job, &job, sizeof job);
    if (call->in_length) {
        memcpy(cpu->in, call->in, call->in_length);
    }
    gboolean good = run_job(cell, call, &failure);
    if (call->secret) {
        explicit_bzero(cpu->in, call->in_length);
    }
    if (!good) {
        bury(cell, failure);
        g_clear_pointer(&call->emitted, g_byte_array_unref);
        g_propagate_prefixed_error(error, failure, "Image cell stopped: ");
        return FALSE;
    }
    return TRUE;
}

guint8 *cell_window(Cell *cell, guint cpu, guint64 *ret_address, gsize *ret_size, GError **error)
{
    CellCpu *c = check_alive(cell, error) ? get_cpu(cell, cpu, error) : NULL;

    if (!c) {
        return NULL;
    }
    g_return_val_if_fail(cpu > 0, NULL);
    *ret_address = c->window_address;
    *ret_size = c->window_size;
    return c->window;
}
