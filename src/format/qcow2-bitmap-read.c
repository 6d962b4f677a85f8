/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Bitmap directory", "Bitmap table", "Bitmap data": telling what is there. */
#include "format/qcow2-bitmap.h"

/* Bytes that the members of one listed bitmap take beside its name. */
#define LISTED 256u
/* Bytes of a table read at once. */
#define TABLE_STEP (16u << 10)

uint64_t qcow2_bitmap_bytes(const struct qcow2_state *st, uint32_t granularity_bits)
{
    return div_up(div_up(st->active.size, 1ull << granularity_bits), 8);
}

static void put_listed(struct props_writer *out, const struct qcow2_bitmap *b)
{
    props_object(out, "bitmap");
    props_bytes(out, "name", b->name.data, b->name.length);
    props_u64(out, "granularity", 1ull << b->granularity_bits);
    props_bool(out, "enabled", b->flags & QCOW2_BITMAP_AUTO);
    props_bool(out, "inconsistent", b->flags & QCOW2_BITMAP_IN_USE);
    props_u64(out, "entry", b->offset);
    props_end(out);
}

int qcow2_bitmap_list(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                      struct props_writer *out)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_bitmap_walk it;
    struct qcow2_bitmap b;
    bool more = st->bitmaps.n, full = false;
    int status = FMT_OK;

    props_u64(out, "size", st->active.size);
    qcow2_bitmaps_begin(im, &it);
    for (uint64_t index = 0; !status && more && !full; index++) {
        status = qcow2_bitmaps_next(&it, &b, &more);
        if (status || !more || index < args->from) {
            continue;
        }
        full = out->size - out->used < 2 * LISTED + b.name.length;
        if (full) {
            props_u64(out, "next", index);
        } else {
            put_listed(out, &b);
        }
    }
    qcow2_bitmaps_end(&it);
    return status;
}

/* The directory entry at an offset that was listed. */
static int entry_at(struct fmt_image *im, struct qcow2_bitmap_walk *it, uint64_t offset,
                    struct qcow2_bitmap *ret)
{
    bool more = false;

    if (!qcow2_state(im)->bitmaps.n || offset < it->offset || offset >= it->end) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    it->offset = offset;
    int status = qcow2_bitmaps_next(it, ret, &more);
    return status || more ? status : fmt_fail(im->env, FMT_E_BAD_JOB);
}

/* What stands in a work list, as an entry of the directory would. */
static struct qcow2_bitmap as_entry(const struct qcow2_new_bitmap *n)
{
    return (struct qcow2_bitmap){
        .table_offset = n->old_offset,
        .table_size = n->old_size,
        .flags = n->flags,
        .granularity_bits = n->granularity_bits,
        .name = { n->name, n->name_length },
    };
}

/* The bitmap of a name, in the directory as it was before it was taken into use. */
static int named(struct fmt_image *im, struct qcow2_bitmap_walk *it, const struct qcow2_text *name,
                 struct qcow2_bitmap *ret, bool *ret_found)
{
    const struct qcow2_state *st = im->state;
    const struct qcow2_bitmap_work *work = st->writer ? st->writer->bitmaps : 0;
    bool more = st->bitmaps.n;
    int status = FMT_OK;

    *ret_found = false;
    if (work && (work->old || work->first)) {
        const struct qcow2_new_bitmap *n = qcow2_bitmap_by_name(work, name);
        if (n) {
            *ret = as_entry(n);
            *ret_found = true;
            return FMT_OK;
        }
        more = more && !work->old;
    }
    while (!status && more && !*ret_found) {
        status = qcow2_bitmaps_next(it, ret, &more);
        *ret_found = !status && more && ret->name.length == name->length &&
                     !__builtin_memcmp(ret->name.data, name->data, name->length);
    }
    return status;
}

int qcow2_bitmap_find(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                      struct props_writer *out)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_bitmap_walk it;
    struct qcow2_bitmap b;
    bool found;

    props_u64(out, "size", st->active.size);
    qcow2_bitmaps_begin(im, &it);
    int status = named(im, &it, &args->name, &b, &found);
    if (!status && found) {
        put_listed(out, &b);
    }
    qcow2_bitmaps_end(&it);
    return status;
}

/* Bits of the part [at, at + length) of one cluster, whose entry is given; buf is zeros. */
static int read_part(struct fmt_image *im, uint64_t entry, uint64_t at, uint64_t length,
                     uint8_t *buf)
{
    uint64_t offset = entry & QCOW2_BITMAP_TABLE_OFFSET;

    if (!qcow2_bitmap_entry_valid(im->state, entry)) {
        return qcow2_fail_errno(im, QCOW2_EINVAL);
    }
    if (offset) {
        return fmt_read(im->env, 0, offset + at, buf, length, 0);
    }
    if (entry & 1) {
        __builtin_memset(buf, 0xff, length);
    }
    return FMT_OK;
}

/* Up to a chunk of bits from *at on, which goes to the first cluster that is not all zeros. */
static int read_bits(struct fmt_image *im, const struct qcow2_bitmap *b, uint64_t *at, uint8_t *buf,
                     uint64_t *ret_length)
{
    const struct qcow2_state *st = im->state;
    uint64_t bytes = qcow2_bitmap_bytes(st, b->granularity_bits), from = *at;
    struct qcow2_reader r;
    const uint8_t *p;
    int status = FMT_OK;

    *ret_length = 0;
    qcow2_reader_init(&r, im, TABLE_STEP);
    while (!status && from < bytes && *ret_length < QCOW2_BITMAP_CHUNK) {
        uint64_t index = from >> st->header.cluster_bits;
        uint64_t within = from & (st->cluster_size - 1);
        uint64_t some = min_u64(st->cluster_size - within, bytes - from);

        some = min_u64(some, QCOW2_BITMAP_CHUNK - *ret_length);
        if (index >= b->table_size) {
            status = qcow2_fail_errno(im, QCOW2_EINVAL);
            break;
        }
        status = qcow2_reader_get(&r, b->table_offset + index * 8, 8, &p);
        if (status) {
            break;
        }
        uint64_t entry = be64_load(p);
        if (!*ret_length && !entry) {
            *at = from = min_u64((index + 1) << st->header.cluster_bits, bytes);
            continue;
        }
        status = read_part(im, entry, within, some, buf + *ret_length);
        *ret_length += some;
        from += some;
    }
    qcow2_reader_free(&r);
    return status;
}

int qcow2_bitmap_read(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                      struct props_writer *out)
{
    struct qcow2_bitmap_walk it;
    struct qcow2_bitmap b;
    uint64_t at = args->at, length = 0;
    uint8_t *buf = im->env->alloc(im->env, QCOW2_BITMAP_CHUNK);

    if (!buf) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    qcow2_bitmaps_begin(im, &it);
    bool found = true;
    int status = args->name.length ? named(im, &it, &args->name, &b, &found)
                                   : entry_at(im, &it, args->entry, &b);
    if (!status && !found) {
        status = fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    /* nobody knows what the table of one that is in use is worth */
    if (!status && (b.flags & QCOW2_BITMAP_IN_USE)) {
        status = fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    /* a new one has no bits yet */
    if (!status && b.table_offset) {
        status = read_bits(im, &b, &at, buf, &length);
    }
    if (!status && length) {
        props_u64(out, "at", at);
        props_bytes(out, "bits", buf, (uint32_t)length);
    }
    qcow2_bitmaps_end(&it);
    im->env->free(im->env, buf);
    return status;
}
