/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changed tables, and when they go to the file: behind the data they name. */
#include "format/vmdk-write.h"

#define BATCH 64u

/* Is it one that may be written: behind the descriptor, and in the file as it was? */
static bool may_lie_at(const struct vmdk_state *st, uint64_t place)
{
    return place >= VMDK_TEXT_OFFSET + VMDK_TEXT_SIZE &&
           range_fits(place, st->header.n_gtes * 4, align_up(st->file_size, VMDK_SECTOR));
}

int vmdk_table_writable(struct fmt_image *im, const struct vmdk_table *table, bool *ret)
{
    const struct vmdk_state *st = im->state;
    uint64_t copy = 0;
    int status = FMT_OK;

    *ret = may_lie_at(st, table->place);
    if (*ret && (st->header.flags & VMDK_FLAG_REDUNDANT)) {
        status = vmdk_table_place(im, true, table->number, &copy);
        *ret = !status && may_lie_at(st, copy);
    }
    return status;
}

int vmdk_entry_set(struct fmt_image *im, uint64_t guest, uint32_t entry)
{
    struct vmdk_table *table;
    uint32_t index;
    int status = vmdk_table_get(im, guest, &table, &index);
    struct vmdk_writer *w;

    if (!status) {
        status = vmdk_writer_get(im, &w);
    }
    if (status || vmdk_entry(table, index) == entry) {
        return status;
    }
    le32_store(table->entries + index * 4, entry);
    if (!table->end) {
        table->from = (uint16_t)index;
    }
    table->from = (uint16_t)min_u64(table->from, index);
    table->end = (uint16_t)max_u64(table->end, index + 1);
    w->dirty = true;
    return FMT_OK;
}

/* New grains lie in the file whole, also those whose end nobody wrote. */
static int extend_file(struct fmt_image *im, struct vmdk_writer *w)
{
    uint64_t size;
    int status = fmt_file_size(im->env, 0, &size);

    if (!status && size < w->end) {
        status = fmt_truncate(im->env, 0, w->end, ABI_PREALLOC_OFF);
    }
    return status;
}

static struct abi_io write_op(const struct vmdk_table *t, uint64_t place)
{
    return (struct abi_io){
        .op = ABI_IO_WRITE,
        .offset = place + t->from * 4u,
        .length = (t->end - t->from) * 4u,
        .address = (uint64_t)(uintptr_t)(t->entries + t->from * 4u),
    };
}

/* All changed tables, redundant or not. */
static int write_tables(struct fmt_image *im, bool redundant)
{
    struct vmdk_state *st = im->state;
    struct abi_io ops[BATCH];
    uint32_t n = 0;
    int status = FMT_OK;

    for (uint32_t i = 0; i < VMDK_SLOTS && !status; i++) {
        const struct vmdk_table *t = &st->tables[i];
        uint64_t place = t->place;

        if (!t->entries || !t->end) {
            continue;
        }
        if (redundant) {
            status = vmdk_table_place(im, true, t->number, &place);
        }
        if (!status) {
            ops[n++] = write_op(t, place);
        }
        if (n == BATCH && !status) {
            status = im->env->io(im->env, ops, n);
            n = 0;
        }
    }
    return status || !n ? status : im->env->io(im->env, ops, n);
}

int vmdk_flush(struct fmt_image *im)
{
    struct vmdk_state *st = im->state;
    struct vmdk_writer *w = st->writer;
    int status = FMT_OK;

    if (!(im->flags & ABI_OPEN_WRITE)) {
        return FMT_OK;
    }
    if (w && w->grew) {
        status = extend_file(im, w);
        w->grew = status != FMT_OK;
    }
    if (!status && w && w->dirty) {
        status = fmt_flush(im->env, 0);
        if (!status && (st->header.flags & VMDK_FLAG_REDUNDANT)) {
            status = write_tables(im, true);
        }
        if (!status) {
            status = write_tables(im, false);
        }
        for (uint32_t i = 0; i < VMDK_SLOTS && !status; i++) {
            st->tables[i].from = st->tables[i].end = 0;
        }
        w->dirty = status != FMT_OK;
    }
    return status ? status : fmt_flush(im->env, 0);
}
