/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grain directories and tables through a cache. Behind the end of the file are zeros. */
#include "format/vmdk.h"

/* Tables read in one request for a reader that goes on. */
#define MOST_AHEAD 128u

/* The piece of the file at place, which is a multiple of VMDK_SECTOR. */
static int piece_get(struct fmt_image *im, uint64_t place, const uint8_t **ret_bytes)
{
    struct vmdk_state *st = im->state;
    struct vmdk_piece *p = &st->pieces[place / VMDK_PIECE % VMDK_PIECES];

    if (!p->bytes || p->place != place) {
        if (!p->bytes) {
            p->bytes = im->env->alloc(im->env, VMDK_PIECE);
        }
        if (!p->bytes) {
            return fmt_fail(im->env, FMT_E_NO_MEMORY);
        }
        p->place = UINT64_MAX;
        int status = fmt_read(im->env, 0, place, p->bytes, VMDK_PIECE, 0);
        if (status) {
            return status;
        }
        p->place = place;
    }
    *ret_bytes = p->bytes;
    return FMT_OK;
}

int vmdk_table_place(struct fmt_image *im, bool redundant, uint64_t n, uint64_t *ret_place)
{
    const struct vmdk_state *st = im->state;
    uint64_t at = n * 4, base = (redundant ? st->header.rgd : st->header.gd) * VMDK_SECTOR;
    const uint8_t *bytes = 0;
    int status = piece_get(im, base + align_down(at, VMDK_PIECE), &bytes);

    if (!status) {
        *ret_place = (uint64_t)le32_load(bytes + at % VMDK_PIECE) * VMDK_SECTOR;
    }
    return status;
}

uint32_t vmdk_entry(const struct vmdk_table *table, uint32_t index)
{
    return le32_load(table->entries + index * 4);
}

/* Make t the slot of table n. What is changed is written first. */
static int slot_make(struct fmt_image *im, struct vmdk_table *t, uint64_t n)
{
    int status = FMT_OK;

    if (t->entries && t->end) {
        status = vmdk_flush(im);
    }
    if (!status && !t->entries) {
        t->entries = im->env->alloc(im->env, VMDK_MAX_GTES * 4);
        status = t->entries ? FMT_OK : fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    if (!status) {
        t->number = UINT64_MAX;
        t->place = 0;
        status = vmdk_table_place(im, false, n, &t->place);
    }
    return status;
}

/* Read tables from n on: one, and more for a reader that goes on, as far as slots are free. */
static int load(struct fmt_image *im, uint64_t n)
{
    struct vmdk_state *st = im->state;
    struct abi_io ops[MOST_AHEAD];
    struct vmdk_table *slots[MOST_AHEAD];
    uint32_t n_ops = 0, n_slots = 0;
    int status = FMT_OK;

    st->ahead = n == st->next_table && st->ahead ? st->ahead * 2 : 1;
    st->ahead = st->ahead < MOST_AHEAD ? st->ahead : MOST_AHEAD;
    for (uint32_t i = 0; i < st->ahead && n + i < st->n_tables && !status; i++) {
        struct vmdk_table *t = &st->tables[(n + i) % VMDK_SLOTS];

        if (i && t->entries && (t->number == n + i || t->end)) {
            break;
        }
        status = slot_make(im, t, n + i);
        if (status) {
            break;
        }
        slots[n_slots++] = t;
        st->next_table = n + i + 1;
        if (t->place) {
            ops[n_ops++] = (struct abi_io){
                .op = ABI_IO_READ,
                .offset = t->place,
                .length = st->header.n_gtes * 4,
                .address = (uint64_t)(uintptr_t)t->entries,
            };
        } else {
            __builtin_memset(t->entries, 0, VMDK_MAX_GTES * 4);
        }
    }
    if (!status && n_ops) {
        status = im->env->io(im->env, ops, n_ops);
    }
    for (uint32_t i = 0; i < n_slots && !status; i++) {
        slots[i]->number = n + i;
    }
    return status;
}

int vmdk_table_get(struct fmt_image *im, uint64_t guest, struct vmdk_table **ret_table,
                   uint32_t *ret_index)
{
    struct vmdk_state *st = im->state;
    uint64_t n = guest / st->span;
    struct vmdk_table *t = &st->tables[n % VMDK_SLOTS];

    *ret_table = t;
    *ret_index = (uint32_t)(guest % st->span / st->grain);
    return t->entries && t->number == n ? FMT_OK : load(im, n);
}
