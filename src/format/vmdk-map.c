/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the bytes of the disk are. */
#include "format/vmdk.h"

/* Tables looked at in one job: an empty disk has many, and one extent. */
#define JOB_TABLES 2048u

struct answer {
    struct abi_extent *out;
    uint32_t max, n;
};

/* FALSE: there is no room for it. */
static bool put(struct answer *a, struct abi_extent e)
{
    struct abi_extent *last = a->n ? &a->out[a->n - 1] : 0;

    if (last && last->kind == e.kind &&
        (e.kind != ABI_EXT_DATA || last->file_offset + last->length == e.file_offset)) {
        last->length += e.length;
        return true;
    }
    if (a->n == a->max) {
        return false;
    }
    a->out[a->n++] = e;
    return true;
}

static struct abi_extent extent_of(const struct vmdk_state *st, uint32_t entry, uint64_t guest,
                                   uint64_t length)
{
    struct abi_extent e = { .guest_offset = guest, .length = length, .kind = ABI_EXT_HOLE };

    if (vmdk_is_zero(st, entry)) {
        e.kind = ABI_EXT_ZERO;
        e.flags = ABI_EXTF_ALLOCATED;
    } else if (entry) {
        e.kind = ABI_EXT_DATA;
        e.flags = ABI_EXTF_ALLOCATED | ABI_EXTF_OFFSET;
        e.file_offset = (uint64_t)entry * VMDK_SECTOR + guest % st->grain;
    }
    return e;
}

/* The grains of one table from guest to stop. Returns where it ended. */
static uint64_t walk(const struct vmdk_state *st, const struct vmdk_table *table, uint32_t index,
                     uint64_t guest, uint64_t stop, struct answer *a)
{
    while (guest < stop) {
        uint64_t next = min_u64(stop, align_down(guest, st->grain) + st->grain);
        uint32_t entry = vmdk_entry(table, index++);

        if (!put(a, extent_of(st, entry, guest, next - guest))) {
            break;
        }
        guest = next;
    }
    return guest;
}

int vmdk_extents(struct fmt_image *im, uint64_t start, uint64_t length, uint32_t flags,
                 struct abi_extent *out, uint32_t max, uint32_t *ret_count, uint64_t *ret_next)
{
    const struct vmdk_state *st = im->state;
    struct answer a = { out, max, 0 };
    uint64_t end = start >= st->size ? start : start + min_u64(length, st->size - start);
    int status = FMT_OK;

    for (uint32_t n = 0; n < JOB_TABLES && start < end; n++) {
        uint64_t stop = min_u64(end, (start / st->span + 1) * st->span), at;
        struct vmdk_table *table;
        uint32_t index;

        status = vmdk_table_get(im, start, &table, &index);
        if (status) {
            break;
        }
        at = walk(st, table, index, start, stop, &a);
        start = at;
        if (at < stop) {
            break;
        }
    }
    *ret_count = a.n;
    *ret_next = start;
    /* what could be answered counts */
    return a.n ? FMT_OK : status;
}
