/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/checked.h"
#include "cell/memory.h"

/* Enough for zstd at its default level on 2 MiB. */
#define CODEC_ARENA ABI_CODEC_ARENA_MAX

const CellBlockPiece cell_block_pieces[] = {
    { ABI_BLOCK_BOOT, ABI_PAGE, FALSE },
    { ABI_BLOCK_MAILBOX, ABI_BLOCK_IO - ABI_BLOCK_MAILBOX + ABI_MAX_IO * sizeof(struct abi_io),
      TRUE },
    { ABI_BLOCK_CPU, ABI_CPU_SIZE, TRUE },
    { ABI_BLOCK_IN, ABI_TABLE_SIZE, TRUE },
    { ABI_BLOCK_OUT, ABI_TABLE_SIZE, TRUE },
    { ABI_BLOCK_STACK, ABI_STACK_SIZE, TRUE },
    { ABI_BLOCK_FAULT, ABI_FAULT_SIZE, TRUE },
};
const guint cell_n_block_pieces = G_N_ELEMENTS(cell_block_pieces);

/* size bytes on a boundary of 2 MiB. */
static guint8 *map(gsize size, gboolean shared, GError **error)
{
    gsize all = size + CELL_HUGE;
    guint8 *p = mmap(NULL, all, PROT_READ | PROT_WRITE,
                     (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        g_set_error(error, CELL_ERROR, CELL_ERROR_START,
                    "Could not map %" G_GSIZE_FORMAT " bytes for a cell: %s", all,
                    g_strerror(errno));
        return NULL;
    }
    guint8 *base = (guint8 *)align_up((guintptr)p, CELL_HUGE);
    if (base != p) {
        munmap(p, (gsize)(base - p));
    }
    munmap(base + size, (gsize)(p + all - (base + size)));
    if (!shared) {
        madvise(base, size, MADV_DONTFORK);
    }
    return base;
}

static gboolean map_core(Cell *cell, CellPart *part, const CellPayload *payload, gboolean shared,
                         GError **error)
{
    gsize data = align_up(payload->data.size, ABI_PAGE);
    gsize arena = align_up(CELL_TABLES_SIZE + data + ABI_BLOCK_SIZE, CELL_HUGE);

    part->arena_size = align_up(cell->config.arena, CELL_HUGE);
    part->size = arena + part->arena_size;
    part->base = map(part->size, shared, error);
    if (!part->base) {
        return FALSE;
    }
    /* Few pages are ever touched, and clearing a huge one takes longer than a start should. */
    madvise(part->base, part->size, MADV_NOHUGEPAGE);
    part->tables = part->base;
    part->data = part->tables + CELL_TABLES_SIZE;
    part->block = part->data + data;
    part->arena = part->base + arena;
    return TRUE;
}

static gboolean map_codec(Cell *cell, CellPart *part, gboolean shared, GError **error)
{
    part->window_size = align_up(cell->config.window, CELL_HUGE);
    part->arena_size = CODEC_ARENA;
    part->size = part->window_size + part->arena_size + ABI_BLOCK_SIZE;
    part->base = map(part->size, shared, error);
    if (!part->base) {
        return FALSE;
    }
    part->window = part->base;
    part->arena = part->window + part->window_size;
    part->block = part->arena + part->arena_size;
    /* The first touch of a window is five times as fast in huge pages. */
    madvise(part->window, part->window_size, MADV_HUGEPAGE);
    madvise(part->arena, part->arena_size + ABI_BLOCK_SIZE, MADV_NOHUGEPAGE);
    return TRUE;
}

static void add_area(CellCpu *cpu, guint64 start, guint8 *host, gsize length, gboolean writable)
{
    g_assert_cmpuint(cpu->n_areas, <, CELL_MAX_AREAS);
    cpu->areas[cpu->n_areas++] = (CellArea){ start, length, host, writable };
}

static void write_boot(CellCpu *cpu, guint n)
{
    struct abi_boot boot = {
        .head = { sizeof boot, 0, ABI_VERSION },
        .cpu = n,
        .block = cell_block_address(n),
        .arena = cell_arena_address(n),
        .arena_size = cpu->part->arena_size,
        .doorbell = ABI_DOORBELL + (guint64)n * ABI_PAGE,
        .channel = -1,
    };

    /* No entropy, no harm: a stack smashed in a cell stays in it. */
    if (getrandom(&boot.canary, sizeof boot.canary, GRND_NONBLOCK) < 0) {
        boot.canary = (guintptr)cpu;
    }
    boot.canary &= ~(guint64)0xff;
    memcpy(cell_boot(cpu), &boot, sizeof boot);
}

/* The CellCpu of a part whose memory is all zeros. Takes the part. */
static CellCpu *make_cpu(Cell *cell, guint n, const CellPayload *payload, CellPart *part)
{
    CellCpu *cpu = g_new0(CellCpu, 1);

    cpu->part = part;
    cpu->box = (gpointer)(part->block + ABI_BLOCK_MAILBOX);
    cpu->io = (gpointer)(part->block + ABI_BLOCK_IO);
    cpu->in = part->block + ABI_BLOCK_IN;
    cpu->out = part->block + ABI_BLOCK_OUT;
    cpu->window = part->window;
    cpu->window_size = part->window_size;
    cpu->window_address = n ? cell_window_address(n) : 0;
    if (n == 0) {
        /* Only cpu 0 has requests; constants may be written to files, too. */
        guint64 block = cell_block_address(0);
        guint8 *constants = (guint8 *)(guintptr)payload->rodata.bytes;
        memcpy(part->data, payload->data.bytes, payload->data.file_size);
        add_area(cpu, cell_arena_address(0), part->arena, part->arena_size, TRUE);
        add_area(cpu, block + ABI_BLOCK_STACK, part->block + ABI_BLOCK_STACK, ABI_STACK_SIZE, TRUE);
        add_area(cpu, block + ABI_BLOCK_IN, cpu->in, ABI_TABLE_SIZE, TRUE);
        add_area(cpu, block + ABI_BLOCK_OUT, cpu->out, ABI_TABLE_SIZE, TRUE);
        add_area(cpu, payload->data.address, part->data, payload->data.size, TRUE);
        add_area(cpu, payload->rodata.address, constants, payload->rodata.size, FALSE);
    }
    write_boot(cpu, n);
    cell->cpus[n] = cpu;
    return cpu;
}

CellCpu *cell_make_cpu(Cell *cell, guint n, const CellPayload *payload, gboolean shared,
                       GError **error)
{
    CellPart part = { 0 };

    return (n ? map_codec(cell, &part, shared, error)
              : map_core(cell, &part, payload, shared, error))
               ? make_cpu(cell, n, payload, g_memdup2(&part, sizeof part))
               : NULL;
}

CellCpu *cell_remake_cpu(Cell *cell, const CellPayload *payload, CellPart *part)
{
    /* Private anonymous memory: what was in it is gone, for the cell and for us. */
    if (madvise(part->base, part->size, MADV_DONTNEED) < 0) {
        return NULL;
    }
    return make_cpu(cell, 0, payload, part);
}

CellPart *cell_take_part(CellCpu *cpu)
{
    return g_steal_pointer(&cpu->part);
}

void cell_free_part(CellPart *part)
{
    if (part) {
        munmap(part->base, part->size);
        g_free(part);
    }
}

void cell_unmake_cpu(CellCpu *cpu)
{
    if (cpu) {
        cell_free_part(cell_take_part(cpu));
    }
}
