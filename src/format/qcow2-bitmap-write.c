/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Bitmap table", "Bitmap data": the content of a new bitmap goes to the disk. */
#include "format/qcow2-bitmap.h"

/* The cluster at hand is complete: zeros need no place. */
static int put_cluster(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct qcow2_bitmap_work *b = st->writer->bitmaps;
    uint64_t bits = div_up(st->active.size, 1ull << b->current->granularity_bits);
    uint64_t first = (b->index << st->header.cluster_bits) * 8, place;

    if (!b->marked) {
        return FMT_OK;
    }
    /* bits behind the end of the disk mean nothing */
    if (bits - first < st->cluster_size * 8 && bits % 8) {
        b->cluster[(bits - first) / 8] &= (uint8_t)((1u << bits % 8) - 1);
    }
    int status = qcow2_alloc(im, 1, QCOW2_PLACE_NEW_DATA, &place);
    if (!status) {
        be64_store(&b->table[b->index], place);
        status = fmt_write(im->env, 0, place, b->cluster, st->cluster_size);
    }
    __builtin_memset(b->cluster, 0, st->cluster_size);
    b->marked = false;
    return status;
}

int qcow2_bitmap_go(struct fmt_image *im, uint64_t index)
{
    struct qcow2_bitmap_work *b = qcow2_writer(im)->bitmaps;
    int status = FMT_OK;

    while (!status && b->index < index) {
        status = put_cluster(im);
        /* a new one holds nothing: what was not set is left out */
        b->index = b->current->old_offset ? b->index + 1 : index;
        if (!status) {
            status = qcow2_bitmap_base(im);
        }
    }
    b->broken |= status != FMT_OK;
    return status;
}

static void end_content(struct fmt_image *im)
{
    struct qcow2_bitmap_work *b = qcow2_writer(im)->bitmaps;

    qcow2_reader_free(&b->reader);

    im->env->free(im->env, b->table);
    im->env->free(im->env, b->cluster);
    b->table = 0;
    b->cluster = 0;
}

int qcow2_bitmap_begin(struct fmt_image *im, struct qcow2_new_bitmap *current)
{
    struct qcow2_state *st = im->state;
    struct qcow2_bitmap_work *b = st->writer->bitmaps;

    int status = qcow2_end_coded(im);
    if (!status && !b->flushed) {
        status = qcow2_flush(im);
        b->flushed = !status;
    }
    if (status) {
        return status;
    }
    if (current->old_offset) {
        current->table_size =
            (uint32_t)div_up(qcow2_bitmap_bytes(st, current->granularity_bits), st->cluster_size);
    }
    b->current = current;
    b->index = b->end = 0;
    b->marked = false;
    b->table = im->env->alloc(im->env, max_u64(current->table_size, 1) * 8ull);
    b->cluster = im->env->alloc(im->env, st->cluster_size);
    if (!b->table || !b->cluster) {
        end_content(im);
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    qcow2_reader_init(&b->reader, im, 0);
    status = qcow2_bitmap_base(im);
    b->broken |= status != FMT_OK;
    return status;
}

/* Clusters of the bitmap being written are free again. */
static int give_back(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct qcow2_bitmap_work *b = st->writer->bitmaps;
    uint32_t bits = st->header.cluster_bits;
    int status = FMT_OK;

    for (uint32_t i = 0; b->table && !status && i < b->current->table_size; i++) {
        uint64_t place = be64_load(&b->table[i]);
        status = place ? qcow2_lower(im, place >> bits, 1, false) : FMT_OK;
    }
    end_content(im);
    return status;
}

int qcow2_bitmap_finish(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct qcow2_bitmap_work *b = st->writer->bitmaps;
    uint64_t place = 0;

    if (!b->table) {
        return FMT_OK;
    }
    uint64_t bytes = b->current->table_size * 8ull;
    uint64_t n = div_up(bytes, st->cluster_size);
    int status = qcow2_bitmap_go(im, max_u64(b->current->table_size, b->index + 1));
    if (!status) {
        status = qcow2_alloc(im, n, QCOW2_PLACE_NEW_DATA, &place);
    }
    if (status) {
        return status;
    }
    /* a table of 512 MiB in clusters of 512 bytes has 8 MiB: within ABI_MAX_IO_LENGTH */
    status = fmt_write(im->env, 0, place, b->table, bytes);
    if (status) {
        struct abi_result first = *im->env->result;
        qcow2_lower(im, place >> st->header.cluster_bits, n, false);
        *im->env->result = first;
        return status;
    }
    b->current->table_offset = place;
    end_content(im);
    return FMT_OK;
}

/* Put bits at byte at, which lies behind what was put before. */
static int put_bits(struct fmt_image *im, uint64_t at, const uint8_t *bits, uint64_t length)
{
    struct qcow2_state *st = im->state;
    struct qcow2_bitmap_work *b = st->writer->bitmaps;
    int status = FMT_OK;

    while (!status && length) {
        uint64_t within = at & (st->cluster_size - 1);
        uint64_t some = min_u64(length, st->cluster_size - within);

        status = qcow2_bitmap_go(im, at >> st->header.cluster_bits);
        for (uint64_t i = 0; !status && i < some; i++) {
            b->cluster[within + i] = bits[i];
            b->marked |= bits[i] != 0;
        }
        at += some;
        bits += some;
        length -= some;
        b->end = at;
    }
    return status;
}

static bool is_named(const struct qcow2_new_bitmap *b, const struct qcow2_text *name)
{
    return b->name_length == name->length && !__builtin_memcmp(b->name, name->data, name->length);
}

/* Of those that were added, looked for from the last one on: they come in order. */
static struct qcow2_new_bitmap *find(const struct qcow2_bitmap_work *b,
                                     const struct qcow2_text *name)
{
    struct qcow2_new_bitmap *start = b->current && !b->current->old_offset ? b->current : b->first;
    struct qcow2_new_bitmap *at = start;

    while (at && !is_named(at, name)) {
        at = at->next ? at->next : b->first;
        if (at == start) {
            return 0;
        }
    }
    return at;
}

struct qcow2_new_bitmap *qcow2_bitmap_by_name(const struct qcow2_bitmap_work *work,
                                              const struct qcow2_text *name)
{
    struct qcow2_new_bitmap *b = work->old;

    while (b && !is_named(b, name)) {
        b = b->next;
    }
    return b ? b : find(work, name);
}

int qcow2_bitmap_turn(struct fmt_image *im, struct qcow2_new_bitmap *bitmap)
{
    const struct qcow2_bitmap_work *b = qcow2_writer(im)->bitmaps;

    if (b->table && b->current == bitmap) {
        return FMT_OK;
    }
    int status = qcow2_bitmap_finish(im);
    if (!status) {
        status = qcow2_bitmaps_carry(im, bitmap);
    }
    return status ? status : qcow2_bitmap_begin(im, bitmap);
}

int qcow2_bitmap_set(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                     struct props_writer *out)
{
    struct qcow2_state *st = im->state;
    struct qcow2_bitmap_work *b = st->writer ? st->writer->bitmaps : 0;
    struct qcow2_new_bitmap *bitmap = b ? find(b, &args->name) : 0;

    if (!bitmap || bitmap->table_offset ||
        !range_fits(args->at, args->bits.length,
                    qcow2_bitmap_bytes(st, bitmap->granularity_bits)) ||
        (b->table && b->current == bitmap && args->bits.length && args->at < b->end)) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    int status = qcow2_bitmap_turn(im, bitmap);
    if (!status) {
        status = put_bits(im, args->at, args->bits.data, args->bits.length);
    }
    b->broken |= status != FMT_OK;
    return status;
}

int qcow2_bitmap_give_back(struct fmt_image *im, uint64_t table_offset, uint32_t table_size)
{
    struct qcow2_state *st = im->state;
    uint32_t bits = st->header.cluster_bits;
    struct qcow2_reader r;
    const uint8_t *p;
    int status = FMT_OK;

    qcow2_reader_init(&r, im, 0);
    for (uint32_t i = 0; !status && i < table_size; i++) {
        status = qcow2_reader_get(&r, table_offset + i * 8ull, 8, &p);
        uint64_t entry = status ? 0 : be64_load(p);
        uint64_t place = entry & QCOW2_BITMAP_TABLE_OFFSET;
        if (place && qcow2_bitmap_entry_valid(st, entry)) {
            /* the file system may have them at once; qemu-img does so, too */
            status = qcow2_lower(im, place >> bits, 1, true);
        }
    }
    qcow2_reader_free(&r);
    if (!status) {
        status = qcow2_lower(im, table_offset >> bits, div_up(table_size * 8ull, st->cluster_size),
                             false);
    }
    return status;
}

/* The new tables of a list, if they have one, are given up. */
static int drop_list(struct fmt_image *im, const struct qcow2_new_bitmap *b)
{
    int status = FMT_OK;

    for (; b && !status; b = b->next) {
        if (b->table_offset && b->table_offset != b->old_offset) {
            status = qcow2_bitmap_give_back(im, b->table_offset, b->table_size);
        }
    }
    return status;
}

int qcow2_bitmaps_drop(struct fmt_image *im)
{
    struct qcow2_writer *w = qcow2_writer(im);
    int status = FMT_OK;

    if (!w->bitmaps) {
        return FMT_OK;
    }
    if (w->bitmaps->table) {
        status = give_back(im);
    }
    if (!status) {
        status = drop_list(im, w->bitmaps->old);
    }
    if (!status) {
        status = drop_list(im, w->bitmaps->first);
    }
    qcow2_bitmap_work_free(im);
    return status;
}

static void free_list(struct fmt_image *im, struct qcow2_new_bitmap *b)
{
    while (b) {
        struct qcow2_new_bitmap *next = b->next;
        im->env->free(im->env, b);
        b = next;
    }
}

/* The content of one is given up: it holds what it held on the disk, or nothing. */
static int drop_content(struct fmt_image *im, struct qcow2_new_bitmap *b)
{
    uint64_t place = b->table_offset;

    if (!place || (b->flags & QCOW2_BITMAP_IN_USE)) {
        return FMT_OK;
    }
    b->table_offset = 0;
    return qcow2_bitmap_give_back(im, place, b->table_size);
}

int qcow2_bitmap_drop(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                      struct props_writer *out)
{
    struct qcow2_writer *w = qcow2_writer(im);
    struct qcow2_bitmap_work *b = w ? w->bitmaps : 0;
    int status = FMT_OK;

    if (!b) {
        return FMT_OK;
    }
    b->broken = false;
    if (b->table) {
        status = give_back(im);
    }
    if (args->name.length) {
        struct qcow2_new_bitmap *named = qcow2_bitmap_by_name(b, &args->name);
        return status || !named ? status : drop_content(im, named);
    }
    if (!status) {
        status = drop_list(im, b->first);
    }
    for (const struct qcow2_new_bitmap *n = b->first; n; n = n->next) {
        b->n--;
        b->directory_size -= qcow2_bitmap_entry_size(n->name_length);
    }
    free_list(im, b->first);
    b->first = b->current = 0;
    return status;
}

int qcow2_bitmap_work_make(struct fmt_image *im)
{
    struct qcow2_writer *w = qcow2_writer(im);

    if (!w->bitmaps) {
        w->bitmaps = im->env->alloc(im->env, sizeof *w->bitmaps);
    }
    return w->bitmaps ? FMT_OK : fmt_fail(im->env, FMT_E_NO_MEMORY);
}

void qcow2_bitmap_work_free(struct fmt_image *im)
{
    struct qcow2_writer *w = qcow2_writer(im);

    im->env->free(im->env, w->touched.ranges);
    w->touched = (struct qcow2_touched){ 0 };
    if (!w->bitmaps) {
        return;
    }
    end_content(im);
    free_list(im, w->bitmaps->old);
    free_list(im, w->bitmaps->first);
    im->env->free(im->env, w->bitmaps);
    w->bitmaps = 0;
}
