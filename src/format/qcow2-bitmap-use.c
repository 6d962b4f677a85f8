/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bitmaps that an image has when it is opened to be written. */
#include "format/qcow2-bitmap.h"

/* Entries marked in one request. */
#define MARK_BATCH 64u
#define FLAGS_LOW_BYTE 15u /* spec "Bitmap directory": of an entry, the last byte of its flags */

void qcow2_bitmap_records(struct qcow2_writer *w, struct qcow2_new_bitmap *b)
{
    uint64_t granule = 1ull << b->granularity_bits;

    w->touched.unit = w->touched.unit ? min_u64(w->touched.unit, granule) : granule;
    b->records = true;
}

static int take(struct fmt_image *im, const struct qcow2_bitmap *b, struct qcow2_new_bitmap ***link)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_writer *w = st->writer;
    struct qcow2_new_bitmap *n = im->env->alloc(im->env, sizeof *n + b->name.length);

    if (!n) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    n->flags = b->flags;
    n->granularity_bits = b->granularity_bits;
    n->old_offset = b->table_offset;
    n->old_size = b->table_size;
    if (b->flags & QCOW2_BITMAP_IN_USE) {
        n->table_offset = b->table_offset;
        n->table_size = b->table_size;
    } else if (b->flags & QCOW2_BITMAP_AUTO) {
        qcow2_bitmap_records(w, n);
    }
    n->name_length = (uint16_t)b->name.length;
    __builtin_memcpy(n->name, b->name.data, b->name.length);
    **link = n;
    *link = &n->next;
    w->bitmaps->n++;
    w->bitmaps->directory_size += qcow2_bitmap_entry_size(n->name_length);
    return FMT_OK;
}

/* Entries of the directory that are to be marked as in use. */
struct marks {
    struct abi_io ops[MARK_BATCH];
    uint8_t bytes[MARK_BATCH];
    uint32_t n;
};

static int mark_flush(struct fmt_image *im, struct marks *m)
{
    int status = m->n ? im->env->io(im->env, m->ops, m->n) : FMT_OK;

    m->n = 0;
    return status;
}

static int mark(struct fmt_image *im, struct marks *m, const struct qcow2_bitmap *b)
{
    if (b->flags & QCOW2_BITMAP_IN_USE) {
        return FMT_OK;
    }
    m->bytes[m->n] = (uint8_t)(b->flags | QCOW2_BITMAP_IN_USE);
    m->ops[m->n] = (struct abi_io){
        .op = ABI_IO_WRITE,
        .offset = b->offset + FLAGS_LOW_BYTE,
        .length = 1,
        .address = (uint64_t)(uintptr_t)&m->bytes[m->n],
    };
    return ++m->n == MARK_BATCH ? mark_flush(im, m) : FMT_OK;
}

/* All are taken before the first is marked: a directory that cannot be read stays as it is. */
static int walk(struct fmt_image *im, struct marks *marks)
{
    struct qcow2_new_bitmap **link = &qcow2_writer(im)->bitmaps->old;
    struct qcow2_bitmap_walk it;
    struct qcow2_bitmap b;
    bool more = true;
    int status = FMT_OK;

    qcow2_bitmaps_begin(im, &it);
    while (!status && more) {
        status = qcow2_bitmaps_next(&it, &b, &more);
        if (!status && more) {
            status = marks ? mark(im, marks, &b) : take(im, &b, &link);
        }
    }
    qcow2_bitmaps_end(&it);
    return status;
}

int qcow2_bitmaps_use(struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;

    if (!st->bitmaps.n || (st->writer->bitmaps && st->writer->bitmaps->old) ||
        (im->flags & ABI_OPEN_INACTIVE) || ((im->flags & ABI_OPEN_CHECK) && !st->mend_bitmaps)) {
        return FMT_OK;
    }
    int status = qcow2_bitmap_work_make(im);
    if (!status) {
        status = walk(im, 0);
    }
    if (status) {
        qcow2_bitmap_work_free(im);
    }
    return status;
}

int qcow2_bitmaps_mark(struct fmt_image *im)
{
    struct qcow2_bitmap_work *work = qcow2_writer(im)->bitmaps;
    struct marks marks = { .n = 0 };

    if (!work || !work->old || work->in_use) {
        return FMT_OK;
    }
    int status = walk(im, &marks);
    if (!status) {
        status = mark_flush(im, &marks);
    }
    if (!status) {
        status = fmt_flush(im->env, 0);
    }
    work->in_use = !status;
    return status;
}

/* Of n bytes of bits from bit first on, those behind the last bit of the disk are zeros: the disk
 * may have had another size when they were stored. */
static void cut(const struct qcow2_state *st, const struct qcow2_new_bitmap *b, uint64_t first,
                uint8_t *bytes, uint64_t n)
{
    uint64_t bits = div_up(st->active.size, 1ull << b->granularity_bits);
    uint64_t keep = min_u64(bits - min_u64(bits, first), n * 8);

    if (keep % 8) {
        bytes[keep / 8] &= (uint8_t)((1u << keep % 8) - 1);
    }
    __builtin_memset(bytes + div_up(keep, 8), 0, n - div_up(keep, 8));
}

/* The old bits of the cluster at hand, if there are any. */
static int load(struct fmt_image *im, const struct qcow2_new_bitmap *b)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_bitmap_work *work = st->writer->bitmaps;
    const uint8_t *p;

    if (work->index >= b->old_size) {
        return FMT_OK;
    }
    int status = qcow2_reader_get(&work->reader, b->old_offset + work->index * 8, 8, &p);
    if (status) {
        return status;
    }
    uint64_t entry = be64_load(p);
    if (!qcow2_bitmap_entry_valid(st, entry)) {
        return qcow2_fail_errno(im, QCOW2_EINVAL);
    }
    if (entry & 1) {
        __builtin_memset(work->cluster, 0xff, st->cluster_size);
    } else if (entry) {
        status = fmt_read(im->env, 0, entry & QCOW2_BITMAP_TABLE_OFFSET, work->cluster,
                          st->cluster_size, 0);
    }
    if (!status && entry) {
        cut(st, b, work->index * st->cluster_size * 8, work->cluster, st->cluster_size);
    }
    for (uint64_t i = 0; entry && !work->marked && i < st->cluster_size; i++) {
        work->marked = work->cluster[i] != 0;
    }
    return status;
}

int qcow2_bitmap_base(struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_bitmap_work *work = st->writer->bitmaps;
    const struct qcow2_new_bitmap *b = work->current;
    uint64_t bits = st->cluster_size * 8;

    if (!b->old_offset || work->index >= b->table_size) {
        return FMT_OK;
    }
    int status = b->cleared ? FMT_OK : load(im, b);
    if (!status && b->records &&
        qcow2_touched_bits(st->writer, b->granularity_bits, work->index * bits, bits,
                           work->cluster)) {
        work->marked = true;
    }
    return status;
}

int qcow2_bitmaps_carry(struct fmt_image *im, const struct qcow2_new_bitmap *until)
{
    struct qcow2_bitmap_work *work = qcow2_writer(im)->bitmaps;
    int status = FMT_OK;

    for (struct qcow2_new_bitmap *b = work->old; b && b != until && !status; b = b->next) {
        if (!b->table_offset) {
            status = qcow2_bitmap_begin(im, b);
            if (!status) {
                status = qcow2_bitmap_finish(im);
            }
        }
    }
    return status;
}

bool qcow2_bitmaps_pending(const struct qcow2_writer *w)
{
    const struct qcow2_new_bitmap *b = w->bitmaps ? w->bitmaps->old : 0;

    while (b && (b->flags & QCOW2_BITMAP_IN_USE)) {
        b = b->next;
    }
    return b || (w->bitmaps && w->bitmaps->first);
}

int qcow2_bitmaps_leave(struct fmt_image *im)
{
    int status = FMT_OK;

    for (const struct qcow2_new_bitmap *b = qcow2_writer(im)->bitmaps->old; b && !status;
         b = b->next) {
        if (b->old_offset != b->table_offset) {
            status = qcow2_bitmap_give_back(im, b->old_offset, b->old_size);
        }
    }
    return status;
}
