/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answering what a cpu rang for. What it wrote is copied out once, and only the copy is used. */
#include "config.h"

#include <string.h>

#include "base/checked.h"
#include "cell/internal.h"

/* A job may ring this often and move this many bytes, and more only in proportion to the files
 * it works on. */
#define FREE_DOORBELLS 16384u
#define BYTES_PER_DOORBELL 512u
#define FREE_BYTES (4ull << 30)
#define BYTES_FACTOR 16u

G_GNUC_PRINTF(3, 4)
static gboolean refuse(GError **error, CellError code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(CELL_ERROR, code, format, args));
    va_end(args);
    return FALSE;
}

/* Bytes in all files of the cell, as they are now. */
static guint64 total_size(Cell *cell)
{
    guint64 sum = 0, size;

    for (guint i = 0; i < cell->n_handles; i++) {
        if (io_size(cell->handles[i].file, &size, NULL)) {
            sum = MIN(sum + size, (guint64)G_MAXINT64);
        }
    }
    return sum;
}

static gboolean check_use(Cell *cell, const CellUse *use, GError **error)
{
    if (use->doorbells > FREE_DOORBELLS &&
        use->doorbells - FREE_DOORBELLS > total_size(cell) / BYTES_PER_DOORBELL) {
        return refuse(error, CELL_ERROR_LIMIT, "a flood of requests");
    }
    if (use->bytes > FREE_BYTES && (use->bytes - FREE_BYTES) / BYTES_FACTOR > total_size(cell)) {
        return refuse(error, CELL_ERROR_LIMIT, "more bytes moved than any image is worth");
    }
    return TRUE;
}

static gboolean check_head(struct abi_head head, gsize size, guint kind, GError **error)
{
    if (head.size != size || head.version != ABI_VERSION || (kind && head.kind != kind)) {
        return refuse(error, CELL_ERROR_VIOLATION,
                      "a struct of size %u, kind %u, version %u where one of size %u, version %u "
                      "was due",
                      head.size, head.kind, head.version, (guint)size, ABI_VERSION);
    }
    return TRUE;
}

/* What an operation needs, by its number. */
static const struct {
    const char *name;
    CellRights right; /* 0: any handle will do */
    gboolean range;   /* offset and length are a range of the file */
    gboolean bounded; /* that must stay below what the handle may grow to */
    gboolean memory, to_cell;
    guint flags; /* greatest value */
} operations[] = {
    [ABI_IO_READ] = { "read", CELL_READ, TRUE, FALSE, TRUE, TRUE, 0 },
    [ABI_IO_WRITE] = { "write", CELL_WRITE, TRUE, TRUE, TRUE, FALSE, 0 },
    [ABI_IO_ZERO] = { "zero", CELL_WRITE, TRUE, TRUE, FALSE, FALSE, ABI_IOF_UNMAP },
    [ABI_IO_DISCARD] = { "discard", CELL_WRITE, TRUE, TRUE, FALSE, FALSE, 0 },
    [ABI_IO_TRUNCATE] = { "truncate", CELL_WRITE, TRUE, TRUE, FALSE, FALSE, ABI_PREALLOC_FULL },
    [ABI_IO_FLUSH] = { "flush", 0, FALSE, FALSE, FALSE, FALSE, 0 },
    [ABI_IO_SIZE] = { "size", 0, FALSE, FALSE, FALSE, FALSE, 0 },
    [ABI_IO_NEXT_DATA] = { "next data", CELL_READ, FALSE, FALSE, FALSE, FALSE, 0 },
};

static gboolean check_operation(Cell *cell, const CellCpu *cpu, const struct abi_io *op,
                                CellUse *use, GError **error)
{
    if (op->op >= G_N_ELEMENTS(operations) || !operations[op->op].name) {
        return refuse(error, CELL_ERROR_VIOLATION, "operation %u, which does not exist", op->op);
    }
    const char *name = operations[op->op].name;
    if (op->handle >= cell->n_handles) {
        return refuse(error, CELL_ERROR_VIOLATION, "%s on handle %u, which was never given", name,
                      op->handle);
    }
    const CellHandle *h = &cell->handles[op->handle];
    CellRights right = operations[op->op].right;
    if ((h->rights & right) != right) {
        return refuse(error, CELL_ERROR_VIOLATION, "%s on handle %u, which may not be %s", name,
                      op->handle, right == CELL_READ ? "read" : "written");
    }
    if (op->reserved || op->flags > operations[op->op].flags) {
        return refuse(error, CELL_ERROR_VIOLATION, "%s with unknown flags", name);
    }
    if (operations[op->op].memory) {
        if (op->length > ABI_MAX_IO_LENGTH) {
            return refuse(error, CELL_ERROR_VIOLATION, "%s of 0x%" G_GINT64_MODIFIER "x bytes",
                          name, op->length);
        }
        if (op->length && !cell_translate(cpu, (CellAddress){ op->address }, op->length,
                                          operations[op->op].to_cell)) {
            return refuse(error, CELL_ERROR_VIOLATION,
                          "%s of 0x%" G_GINT64_MODIFIER "x bytes at address 0x%" G_GINT64_MODIFIER
                          "x, outside of the cpu's memory",
                          name, op->length, op->address);
        }
        use->bytes += op->length;
    }
    guint64 length = op->op == ABI_IO_TRUNCATE ? 0 : op->length;
    if (operations[op->op].range && !range_fits(op->offset, length, G_MAXINT64)) {
        return refuse(error, CELL_ERROR_VIOLATION,
                      "%s of a range that no file has, 0x%" G_GINT64_MODIFIER
                      "x bytes at 0x%" G_GINT64_MODIFIER "x",
                      name, length, op->offset);
    }
    guint64 end = h->rights & CELL_GROW ? MAX(h->max_size, h->size) : h->size;
    if (operations[op->op].bounded && !range_fits(op->offset, length, end)) {
        return refuse(error, CELL_ERROR_LIMIT,
                      "%s up to offset %" G_GUINT64_FORMAT
                      " of handle %u, which may grow to %" G_GUINT64_FORMAT " bytes",
                      name, op->offset + length, op->handle, end);
    }
    return TRUE;
}

static gboolean serve_io(Cell *cell, CellCpu *cpu, guint count, CellUse *use, GError **error)
{
    if (count == 0 || count > ABI_MAX_IO) {
        return refuse(error, CELL_ERROR_VIOLATION, "%u operations in one request", count);
    }
    cell_copy_out(cpu->ops, cpu->io, count * sizeof cpu->ops[0]);
    for (guint i = 0; i < count; i++) {
        if (!check_operation(cell, cpu, &cpu->ops[i], use, error)) {
            return FALSE;
        }
    }
    if (!check_use(cell, use, error)) {
        return FALSE;
    }
    cell_run_io(cell, cpu, cpu->ops, count);
    for (guint i = 0; i < count; i++) {
        cpu->io[i].result = cpu->ops[i].result;
    }
    return TRUE;
}

static gboolean serve_emit(CellCpu *cpu, CellCall *call, const struct abi_request *request,
                           gboolean *ret_go_on, GError **error)
{
    if (!range_fits(request->total, request->done, ABI_TABLE_SIZE)) {
        return refuse(error, CELL_ERROR_VIOLATION, "an answer outside of its table");
    }
    g_autofree guint8 *piece = g_malloc(request->done);
    cell_copy_out(piece, cpu->out + request->total, request->done);
    if (call->emit) {
        *ret_go_on = call->emit(piece, request->done, call->emit_data);
        return TRUE;
    }
    if (!call->emitted) {
        call->emitted = g_byte_array_new();
    }
    if (request->done > CELL_MAX_EMITTED - call->emitted->len) {
        return refuse(error, CELL_ERROR_LIMIT, "an answer of more than %u bytes", CELL_MAX_EMITTED);
    }
    if (request->done) {
        g_byte_array_append(call->emitted, piece, request->done);
    }
    return TRUE;
}

static gboolean serve_done(Cell *cell, CellCpu *cpu, CellCall *call, GError **error)
{
    struct abi_result *r = &call->result;

    cell_copy_out(r, &cpu->box->result, sizeof *r);
    if (!check_head(r->head, sizeof *r, call->op, error)) {
        return FALSE;
    }
    if (r->status > 0 || r->io_errno > 4095 || r->text_length > ABI_ERROR_TEXT ||
        r->out_length > ABI_TABLE_SIZE || (call->out && r->out_length > call->out_size)) {
        return refuse(error, CELL_ERROR_VIOLATION,
                      "a result with status %d, errno %u, %u bytes of text, %u bytes of output",
                      r->status, r->io_errno, r->text_length, r->out_length);
    }
    if (call->out && r->out_length) {
        cell_copy_out(call->out, cpu->out, r->out_length);
        call->out_length = r->out_length;
    }
    cell_count_arena(MIN(r->arena_peak, (guint64)ABI_ARENA_MAX));
    return TRUE;
}

gboolean cell_serve(Cell *cell, guint n, CellCall *call, CellUse *use, gboolean *ret_done,
                    GError **error)
{
    CellCpu *cpu = cell->cpus[n];
    struct abi_request request;
    gboolean go_on = TRUE;

    cell_copy_out(&request, &cpu->box->request, sizeof request);
    use->doorbells++;
    *ret_done = FALSE;
    if (!check_head(request.head, sizeof request, 0, error)) {
        return FALSE;
    }
    if (request.head.kind == ABI_REQ_DONE) {
        *ret_done = TRUE;
        return serve_done(cell, cpu, call, error);
    }
    /* A codec cpu has its window, and nothing to ask for. */
    if (n == 0) {
        if (!check_use(cell, use, error)) {
            return FALSE;
        }
        switch (request.head.kind) {
        case ABI_REQ_IO:
            return serve_io(cell, cpu, request.count, use, error);
        case ABI_REQ_PROGRESS:
            go_on =
                !call->progress || call->progress(request.done, request.total, call->progress_data);
            cpu->box->request.cancel = !go_on;
            return TRUE;
        case ABI_REQ_CLOCK:
            cpu->box->request.done = (guint64)g_get_monotonic_time() * 1000;
            return TRUE;
        case ABI_REQ_EMIT:
            if (!serve_emit(cpu, call, &request, &go_on, error)) {
                return FALSE;
            }
            cpu->box->request.cancel = !go_on;
            return TRUE;
        default:
            break;
        }
    }
    return refuse(error, CELL_ERROR_VIOLATION, "a request of kind %u from cpu %u",
                  request.head.kind, n);
}

gboolean cell_serve_ready(Cell *cell, guint n, GError **error)
{
    struct abi_request request;

    cell_copy_out(&request, &cell->cpus[n]->box->request, sizeof request);
    return check_head(request.head, sizeof request, ABI_REQ_READY, error);
}
