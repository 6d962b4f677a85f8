/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checked operations of a cell, carried out on its files. */
#include "config.h"

#include <errno.h>

#include "cell/internal.h"

/* Answer of an operation that came after a failed one. */
#define NOT_RUN (-ECANCELED)

static gint64 next_data(IoFile *file, guint64 offset, GError **error)
{
    guint64 size, length;
    gboolean data = FALSE;

    if (!io_size(file, &size, error)) {
        return -1;
    }
    while (offset < size) {
        if (!io_block_status(file, offset, size - offset, &data, &length, error)) {
            return -1;
        }
        if (data || !length) {
            break;
        }
        offset += length;
    }
    return (gint64)MIN(offset, size);
}

static gint64 run_one(const CellCpu *cpu, IoFile *file, const struct abi_io *op, GError **error)
{
    guint8 *host =
        cell_translate(cpu, (CellAddress){ op->address }, op->length, op->op == ABI_IO_READ);
    gsize present = 0;
    guint64 size;

    switch (op->op) {
    case ABI_IO_READ:
        return op->length == 0 || io_pread(file, op->offset, host, op->length, &present, error)
                   ? (gint64)present
                   : -1;
    case ABI_IO_WRITE:
        return op->length == 0 || io_pwrite(file, op->offset, host, op->length, error) ? 0 : -1;
    case ABI_IO_ZERO:
        return io_zero(file, op->offset, op->length, op->flags & ABI_IOF_UNMAP, error) ? 0 : -1;
    case ABI_IO_DISCARD:
        return io_discard(file, op->offset, op->length, error) ? 0 : -1;
    case ABI_IO_TRUNCATE:
        return io_truncate(file, op->offset, (IoPrealloc)op->flags, error) ? 0 : -1;
    case ABI_IO_FLUSH:
        return io_flush(file, error) ? 0 : -1;
    case ABI_IO_SIZE:
        return io_size(file, &size, error) ? (gint64)MIN(size, (guint64)G_MAXINT64) : -1;
    case ABI_IO_NEXT_DATA:
        return next_data(file, op->offset, error);
    default:
        g_return_val_if_reached(-1);
    }
}

void cell_run_io(Cell *cell, const CellCpu *cpu, struct abi_io *ops, guint n)
{
    gboolean failed = FALSE;

    for (guint i = 0; i < n; i++) {
        g_autoptr(GError) error = NULL;

        ops[i].result =
            failed ? NOT_RUN : run_one(cpu, cell->handles[ops[i].handle].file, &ops[i], &error);
        if (error) {
            ops[i].result = error->code > 0 && error->code < 4096 ? -error->code : -EIO;
            failed = TRUE;
        }
    }
}
