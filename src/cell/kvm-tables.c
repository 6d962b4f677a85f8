/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables of a cell (Intel SDM 3A, 4.5). They lie in the core but are not
 * mapped in it, so no code of the cell can reach them. Accessed and dirty are
 * set from the start: then nobody has to write them later.
 */
#include "config.h"

#include "base/checked.h"
#include "cell/kvm.h"

#define PRESENT (1ull << 0)
#define WRITE (1ull << 1)
#define USER (1ull << 2)
#define ACCESSED (1ull << 5)
#define DIRTY (1ull << 6)
#define HUGE (1ull << 7)
#define NO_EXECUTE (1ull << 63)

#define LINK (PRESENT | WRITE | USER | ACCESSED)
#define READABLE (PRESENT | USER | ACCESSED | DIRTY)

/* Pages of CellPart.tables. The first 2 GiB have tables down to 2 MiB; those parts of them where
 * 4 KiB are told apart have one more, in the order of fine_parts. */
enum { TOP, GIGABYTES, DIRECTORIES, FINE = DIRECTORIES + 2 };

static const struct {
    guint64 start, end;
} fine_parts[] = {
    { ABI_PAYLOAD_START, ABI_PAYLOAD_END },
    { ABI_BLOCK_START, ABI_BLOCK_START + (ABI_MAX_CPUS + 1) * (guint64)ABI_BLOCK_SIZE },
};

G_STATIC_ASSERT((FINE + (ABI_PAYLOAD_END - ABI_PAYLOAD_START) / CELL_HUGE +
                 ((ABI_MAX_CPUS + 1) * ABI_BLOCK_SIZE) / CELL_HUGE) *
                    ABI_PAGE <=
                CELL_TABLES_SIZE);

static guint64 *table(const CellPart *core, guint page)
{
    return (guint64 *)(gpointer)(core->tables + page * ABI_PAGE);
}

static guint64 table_gpa(guint page)
{
    return KVM_GPA_CORE + page * ABI_PAGE;
}

guint64 kvm_top_table(void)
{
    return table_gpa(TOP);
}

/* The fine table's page for an address, linked on first use. */
static guint64 *fine_table(const CellPart *core, guint64 address)
{
    guint page = FINE;

    for (guint i = 0; address < fine_parts[i].start || address >= fine_parts[i].end; i++) {
        page += (guint)((fine_parts[i].end - fine_parts[i].start) / CELL_HUGE);
        g_assert_cmpuint(i + 1, <, G_N_ELEMENTS(fine_parts));
    }
    for (guint i = 0; i < G_N_ELEMENTS(fine_parts); i++) {
        if (address >= fine_parts[i].start && address < fine_parts[i].end) {
            page += (guint)((address - fine_parts[i].start) / CELL_HUGE);
        }
    }
    table(core, DIRECTORIES)[address / CELL_HUGE] = table_gpa(page) | LINK;
    return table(core, page);
}

static void map_pages(const CellPart *core, guint64 address, guint64 gpa, guint64 size,
                      guint64 rights)
{
    for (guint64 at = 0; at < size; at += ABI_PAGE) {
        fine_table(core, address + at)[(address + at) / ABI_PAGE % 512] = (gpa + at) | rights;
    }
}

static void map_huge(const CellPart *core, guint64 address, guint64 gpa, guint64 size)
{
    for (guint64 at = 0; at < size; at += CELL_HUGE) {
        table(core, DIRECTORIES)[(address + at) / CELL_HUGE] =
            (gpa + at) | READABLE | WRITE | HUGE | NO_EXECUTE;
    }
}

static void map_block(const CellPart *core, guint n, guint64 gpa)
{
    for (guint i = 0; i < cell_n_block_pieces; i++) {
        const CellBlockPiece *piece = &cell_block_pieces[i];
        map_pages(core, cell_block_address(n) + piece->offset, gpa + piece->offset, piece->size,
                  READABLE | NO_EXECUTE | (piece->writable ? WRITE : 0));
    }
}

void kvm_map_core(const CellCpu *cpu, const CellPayload *p)
{
    const CellPart *core = cpu->part;

    table(core, TOP)[0] = table_gpa(GIGABYTES) | LINK;
    table(core, GIGABYTES)[0] = table_gpa(DIRECTORIES) | LINK;
    table(core, GIGABYTES)[1] = table_gpa(DIRECTORIES + 1) | LINK;
    map_pages(core, p->text.address, KVM_GPA_TEXT, p->text.size, READABLE);
    map_pages(core, p->rodata.address, KVM_GPA_TEXT + (p->rodata.address - p->text.address),
              p->rodata.size, READABLE | NO_EXECUTE);
    map_pages(core, p->data.address, KVM_GPA_CORE + (guint64)(core->data - core->base),
              p->data.size, READABLE | WRITE | NO_EXECUTE);
    map_block(core, 0, KVM_GPA_CORE + (guint64)(core->block - core->base));
    map_huge(core, ABI_ARENA_START, KVM_GPA_CORE + (guint64)(core->arena - core->base),
             core->arena_size);
    /* Present, but no memory slot behind it: a store is an exit. */
    map_huge(core, ABI_DOORBELL, ABI_DOORBELL, CELL_HUGE);
}

void kvm_map_codec(const CellCpu *first, const CellCpu *cpu, guint n)
{
    const CellPart *core = first->part, *part = cpu->part;
    guint64 gpa = kvm_gpa_of(n);

    map_block(core, n, gpa + (guint64)(part->block - part->base));
    map_huge(core, cell_window_address(n), gpa, part->window_size);
    map_huge(core, cell_arena_address(n), gpa + (guint64)(part->arena - part->base),
             part->arena_size);
}
