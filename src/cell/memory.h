/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of cells, as both back ends have it: a core (the payload's data, block
 * and arena of cpu 0), and for each codec cpu a part of its own.
 */
#ifndef INSTAR_CELL_MEMORY_H
#define INSTAR_CELL_MEMORY_H

#include "cell/internal.h"
#include "cell/payload.h"

/* Host mappings in which a cpu's memory lies. */
struct CellPart {
    guint8 *base; /* page-aligned; a codec's and all arenas on 2 MiB */
    gsize size;
    guint8 *tables; /* page tables (kvm), in the core */
    guint8 *data;   /* the payload's data, in the core */
    guint8 *block;
    guint8 *arena;
    gsize arena_size; /* multiples of 2 MiB */
    guint8 *window;   /* codecs */
    gsize window_size;
    gpointer machine; /* of the back end: what runs the cpu */
};

#define CELL_TABLES_SIZE 0x20000u
#define CELL_HUGE 0x200000u

/* What of a block is mapped; the rest is guard. */
typedef struct {
    guint offset, size;
    gboolean writable;
} CellBlockPiece;
extern const CellBlockPiece cell_block_pieces[];
extern const guint cell_n_block_pieces;

static inline guint64 cell_block_address(guint cpu)
{
    return ABI_BLOCK_START + (guint64)cpu * ABI_BLOCK_SIZE;
}

static inline guint64 cell_window_address(guint cpu)
{
    return ABI_WINDOW_START + (guint64)(cpu - 1) * ABI_WINDOW_STRIDE;
}

static inline guint64 cell_arena_address(guint cpu)
{
    return cpu ? cell_window_address(cpu) + ABI_CODEC_ARENA : ABI_ARENA_START;
}

/* Make the CellCpu and the memory of a cpu, all zeros but the boot page and the payload's data;
 * shared: children see the same bytes, else the memory is out of their sight. */
CellCpu *cell_make_cpu(Cell *cell, guint cpu, const CellPayload *payload, gboolean shared,
                       GError **error);
/* Give its memory back; the CellCpu stays. */
void cell_unmake_cpu(CellCpu *cpu);

/* Memory of a cpu 0 that was not shared, used once more: the part out of one CellCpu, into another
 * that finds it all zeros again (NULL and errno: it cannot be cleared, and the part is as before). */
CellPart *cell_take_part(CellCpu *cpu);
CellCpu *cell_remake_cpu(Cell *cell, const CellPayload *payload, CellPart *part);
void cell_free_part(CellPart *part);

/* The boot page of a cpu, to be changed before it starts. */
static inline struct abi_boot *cell_boot(CellCpu *cpu)
{
    return (struct abi_boot *)(gpointer)(cpu->part->block + ABI_BLOCK_BOOT);
}

#endif
