/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>

#include "cell/internal.h"
#include "format/crypt.h"
#include "guest/dispatch.h"
#include "tests/cell-inline.h"

/* A piece of arena; the driver's bytes follow. */
typedef struct Piece {
    struct Piece *next, *previous;
    guint64 size;
    guint64 reserved;
} Piece;
G_STATIC_ASSERT(sizeof(Piece) % 16 == 0);

struct CellPart {
    struct fmt_env env;
    struct dispatcher dispatcher;
    Cell *cell;
    guint n;
    Piece *pieces;
    guint64 used, peak;
    /* While a job runs: */
    CellCall *call;
    CellUse use;
    GError *failure;
};

static void inline_reset(struct fmt_env *env)
{
    CellPart *part = env->opaque;

    while (part->pieces) {
        Piece *next = part->pieces->next;
        free(part->pieces);
        part->pieces = next;
    }
    part->used = 0;
}

static void *inline_alloc(struct fmt_env *env, uint64_t size)
{
    CellPart *part = env->opaque;

    if (size > part->cell->config.arena - MIN(part->used, part->cell->config.arena)) {
        return NULL;
    }
    Piece *piece = calloc(1, sizeof *piece + size);
    *piece = (Piece){ .next = part->pieces, .size = size };
    if (piece->next) {
        piece->next->previous = piece;
    }
    part->pieces = piece;
    part->used += size;
    part->peak = MAX(part->peak, part->used);
    return piece + 1;
}

static void inline_free(struct fmt_env *env, void *p)
{
    CellPart *part = env->opaque;

    if (!p) {
        return;
    }
    Piece *piece = (Piece *)p - 1;
    *(piece->previous ? &piece->previous->next : &part->pieces) = piece->next;
    if (piece->next) {
        piece->next->previous = piece->previous;
    }
    part->used -= piece->size;
    free(piece);
}

/* A doorbell: FALSE once the cell has broken a rule. */
static gboolean ring(CellPart *part, enum abi_request_kind kind)
{
    CellCpu *cpu = part->cell->cpus[part->n];
    gboolean done;

    if (part->failure) {
        return FALSE;
    }
    cpu->box->request.head = (struct abi_head){ sizeof cpu->box->request, kind, ABI_VERSION };
    cell_count_doorbell();
    return cell_serve(part->cell, part->n, part->call, &part->use, &done, &part->failure);
}

static int inline_io(struct fmt_env *env, struct abi_io *ops, uint32_t n)
{
    CellPart *part = env->opaque;
    CellCpu *cpu = part->cell->cpus[part->n];
    gboolean failed = FALSE;

    for (guint at = 0; at < n; at += ABI_MAX_IO) {
        guint some = MIN(n - at, ABI_MAX_IO);

        for (guint i = 0; i < some; i++) {
            cpu->io[i] = ops[at + i];
            cpu->io[i].result = -ECANCELED;
        }
        cpu->box->request.count = some;
        if (!failed && !ring(part, ABI_REQ_IO)) {
            failed = TRUE;
        }
        for (guint i = 0; i < some; i++) {
            ops[at + i].result = cpu->io[i].result;
            if (ops[at + i].result < 0 && !failed) {
                failed = TRUE;
                env->result->io_errno = (guint32)-ops[at + i].result;
            }
        }
    }
    return failed ? fmt_fail(env, FMT_E_IO) : FMT_OK;
}

static int ask(struct fmt_env *env, enum abi_request_kind kind, uint64_t done, uint64_t total)
{
    CellPart *part = env->opaque;
    volatile struct abi_request *request = &part->cell->cpus[part->n]->box->request;

    request->cancel = 0;
    request->done = done;
    request->total = total;
    return ring(part, kind) && !request->cancel ? FMT_OK : fmt_fail(env, FMT_E_CANCELED);
}

static int inline_progress(struct fmt_env *env, uint64_t done, uint64_t total)
{
    return ask(env, ABI_REQ_PROGRESS, done, total);
}

static int inline_emit(struct fmt_env *env, struct props_writer *w)
{
    CellPart *part = env->opaque;
    uint32_t used = w->used;

    w->used = 0;
    return used ? ask(env, ABI_REQ_EMIT, used, (uint64_t)(w->base - part->dispatcher.out)) : FMT_OK;
}

static uint64_t inline_clock(struct fmt_env *env)
{
    CellPart *part = env->opaque;
    volatile struct abi_request *request = &part->cell->cpus[part->n]->box->request;

    request->done = 0;
    ring(part, ABI_REQ_CLOCK);
    return request->done;
}

static int inline_codec(struct fmt_env *env, struct abi_codec *work)
{
    CellPart *part = env->opaque;

    return codec_run(&part->dispatcher.codec, work);
}

static gboolean inline_start_cpu(Cell *cell, guint n, GError **error)
{
    CellCpu *cpu = cell->cpus[n] = g_new0(CellCpu, 1);
    CellPart *part = cpu->part = g_new0(CellPart, 1);

    cpu->box = g_malloc0(sizeof *cpu->box);
    cpu->io = g_new0(struct abi_io, ABI_MAX_IO);
    cpu->in = g_malloc0(ABI_TABLE_SIZE);
    cpu->out = g_malloc0(ABI_TABLE_SIZE);
    /* Addresses are pointers here. */
    cpu->areas[cpu->n_areas++] = (CellArea){ 0, G_MAXUINT64, NULL, TRUE };
    if (n) {
        cpu->window_size = cell->config.window;
        cpu->window = g_malloc0(cpu->window_size);
        cpu->window_address = (guintptr)cpu->window;
    }
    part->cell = cell;
    part->n = n;
    part->env = (struct fmt_env){
        .opaque = part,
        .io = inline_io,
        .alloc = inline_alloc,
        .free = inline_free,
        .progress = inline_progress,
        .emit = inline_emit,
        .codec = inline_codec,
        .clock = inline_clock,
        .crypt = n ? cell->cpus[0]->part->env.crypt : g_new0(struct crypt, 1),
    };
    part->dispatcher = (struct dispatcher){
        .env = &part->env,
        .reset = inline_reset,
        .in = cpu->in,
        .out = cpu->out,
        .codec = { .crypt = part->env.crypt },
    };
    cpu->started = TRUE;
    cell_count_cpu();
    return TRUE;
}

static gboolean inline_start(Cell *cell, GError **error)
{
    return inline_start_cpu(cell, 0, error);
}

static gboolean inline_run(Cell *cell, guint n, CellCall *call, GError **error)
{
    CellCpu *cpu = cell->cpus[n];
    CellPart *part = cpu->part;
    struct abi_job job = cpu->box->job;
    struct abi_result *result = (struct abi_result *)&cpu->box->result;

    part->call = call;
    part->use = (CellUse){ 0 };
    (n ? dispatch_codec_job : dispatch_job)(&part->dispatcher, &job, result);
    result->arena_peak = part->peak;
    ring(part, ABI_REQ_DONE);
    if (part->failure) {
        g_propagate_error(error, part->failure);
        part->failure = NULL;
        return FALSE;
    }
    return TRUE;
}

static void inline_stop(Cell *cell)
{
    for (guint i = ABI_MAX_CPUS; i-- > 0;) {
        CellCpu *cpu = cell->cpus[i];
        if (cpu) {
            if (i == 0) {
                g_free(cpu->part->env.crypt);
            }
            codec_clear(&cpu->part->dispatcher.codec);
            inline_reset(&cpu->part->env);
            g_free((gpointer)cpu->box);
            g_free((gpointer)cpu->io);
            g_free(cpu->in);
            g_free(cpu->out);
            g_free(cpu->window);
            g_free(cpu->part);
        }
    }
}

static const CellBackend cell_inline = {
    .kind = CELL_INLINE,
    .name = "inline",
    .start = inline_start,
    .start_cpu = inline_start_cpu,
    .run = inline_run,
    .stop = inline_stop,
};

void test_use_inline_cells(gboolean on)
{
    cell_use_backend(on ? &cell_inline : NULL);
}
