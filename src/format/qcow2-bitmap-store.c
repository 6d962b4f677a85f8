/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Bitmap directory": bitmaps are added, and published by a new directory. */
#include "format/qcow2-bitmap.h"

static bool has_name(const struct qcow2_new_bitmap *b, const struct qcow2_text *name)
{
    while (b && (b->name_length != name->length ||
                 __builtin_memcmp(b->name, name->data, name->length))) {
        b = b->next;
    }
    return b;
}

static int may_add(struct fmt_image *im, const struct qcow2_bitmap_args *args)
{
    const struct qcow2_state *st = im->state;
    const struct qcow2_bitmap_work *work = st->writer->bitmaps;
    uint64_t granularity = args->granularity;

    if (!st->active.size) {
        return fmt_fail(im->env, FMT_E_UNSUPPORTED);
    }
    if (!args->name.length || args->name.length > QCOW2_MAX_BITMAP_NAME ||
        granularity < 1ull << QCOW2_BITMAP_MIN_GRANULARITY ||
        granularity > 1ull << QCOW2_BITMAP_MAX_GRANULARITY || (granularity & (granularity - 1))) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    if (has_name(work->old, &args->name) || has_name(work->first, &args->name)) {
        return fmt_fail_text(im->env, QCOW2_E_BITMAP_EXISTS, args->name.data, args->name.length);
    }
    uint64_t bits = (uint64_t)__builtin_ctzll(granularity);
    if (align_up(qcow2_bitmap_bytes(st, (uint32_t)bits), st->cluster_size) >
        QCOW2_MAX_BITMAP_TABLE_DATA) {
        return fmt_fail(im->env, QCOW2_E_BITMAP_TOO_LARGE);
    }
    if (work->n >= QCOW2_MAX_BITMAPS) {
        return fmt_fail(im->env, QCOW2_E_BITMAP_TOO_MANY);
    }
    if (work->directory_size + qcow2_bitmap_entry_size(args->name.length) >
        QCOW2_MAX_BITMAP_DIRECTORY) {
        return fmt_fail(im->env, QCOW2_E_BITMAP_NO_ROOM);
    }
    return FMT_OK;
}

int qcow2_bitmap_add(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                     struct props_writer *out)
{
    struct qcow2_state *st = im->state;
    int status =
        st->header.version < 3 ? fmt_fail(im->env, QCOW2_E_BITMAP_V2) : qcow2_writer_start(im);

    if (!status) {
        status = qcow2_bitmap_work_make(im);
    }
    if (!status) {
        status = may_add(im, args);
    }
    if (status || args->dry_run) {
        return status;
    }
    struct qcow2_bitmap_work *work = st->writer->bitmaps;
    struct qcow2_new_bitmap *b = im->env->alloc(im->env, sizeof *b + args->name.length);
    if (!b) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    b->flags = args->enabled ? QCOW2_BITMAP_AUTO : 0;
    b->granularity_bits = (uint8_t)__builtin_ctzll(args->granularity);
    b->table_size = (uint32_t)div_up(qcow2_bitmap_bytes(st, b->granularity_bits), st->cluster_size);
    b->name_length = (uint16_t)args->name.length;
    __builtin_memcpy(b->name, args->name.data, args->name.length);
    b->next = work->first;
    work->first = b;
    work->n++;
    work->directory_size += qcow2_bitmap_entry_size(b->name_length);
    return FMT_OK;
}

/* Each bitmap has its table. */
static int finish_all(struct fmt_image *im)
{
    struct qcow2_bitmap_work *work = qcow2_writer(im)->bitmaps;
    int status = qcow2_bitmap_finish(im);

    if (!status) {
        status = qcow2_bitmaps_carry(im, 0);
    }
    for (struct qcow2_new_bitmap *b = work->first; b && !status; b = b->next) {
        if (!b->table_offset) {
            status = qcow2_bitmap_begin(im, b);
        }
        if (!status) {
            status = qcow2_bitmap_finish(im);
        }
    }
    return status;
}

/* present: as they are on the disk, without that one. */
static uint8_t *put_entries(uint8_t *bytes, const struct qcow2_new_bitmap *b,
                            const struct qcow2_new_bitmap *present, bool in_use)
{
    for (; b; b = b->next) {
        if (b == present) {
            continue;
        }
        be64_store(bytes, present ? b->old_offset : b->table_offset);
        be32_store(bytes + 8, present ? b->old_size : b->table_size);
        be32_store(bytes + 12, b->flags | (in_use ? QCOW2_BITMAP_IN_USE : 0));
        bytes[16] = QCOW2_BITMAP_DIRTY_TRACKING;
        bytes[17] = b->granularity_bits;
        be16_store(bytes + 18, b->name_length);
        __builtin_memcpy(bytes + QCOW2_BITMAP_HEAD, b->name, b->name_length);
        bytes += qcow2_bitmap_entry_size(b->name_length);
    }
    return bytes;
}

/* What the entries of a list take. */
static void count(struct qcow2_bitmaps *d, const struct qcow2_new_bitmap *b,
                  const struct qcow2_new_bitmap *without)
{
    for (; b; b = b->next) {
        if (b != without) {
            d->n++;
            d->directory_size += qcow2_bitmap_entry_size(b->name_length);
        }
    }
}

int qcow2_bitmaps_write_directory(struct fmt_image *im, const struct qcow2_new_bitmap *present,
                                  struct qcow2_bitmaps *ret)
{
    struct qcow2_state *st = im->state;
    const struct qcow2_bitmap_work *work = st->writer->bitmaps;

    *ret = (struct qcow2_bitmaps){ 0 };
    count(ret, work->old, present);
    if (!present) {
        count(ret, work->first, 0);
    }
    if (!ret->n) {
        return FMT_OK;
    }
    uint8_t *bytes = im->env->alloc(im->env, ret->directory_size);
    if (!bytes) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    uint8_t *end = put_entries(bytes, work->old, present, present && work->in_use);
    if (!present) {
        put_entries(end, work->first, 0, false);
    }
    int status = qcow2_alloc(im, div_up(ret->directory_size, st->cluster_size),
                             QCOW2_PLACE_NEW_DATA, &ret->directory_offset);
    /* limit: a directory is smaller than ABI_MAX_IO_LENGTH */
    if (!status) {
        status = fmt_write(im->env, 0, ret->directory_offset, bytes, ret->directory_size);
    }
    im->env->free(im->env, bytes);
    return status;
}

int qcow2_bitmaps_free_directory(struct fmt_image *im, const struct qcow2_bitmaps *d)
{
    const struct qcow2_state *st = im->state;

    return d->directory_offset ? qcow2_lower(im, d->directory_offset >> st->header.cluster_bits,
                                             div_up(d->directory_size, st->cluster_size), false)
                               : FMT_OK;
}

/* Everything the new directory needs is on the disk before the header names it. */
int qcow2_bitmaps_publish(struct fmt_image *im, const struct qcow2_bitmaps *d)
{
    struct qcow2_state *st = im->state;
    struct qcow2_bitmaps old = st->bitmaps;
    uint64_t autoclear = st->header.autoclear;
    int status = qcow2_flush(im);

    if (status) {
        return status;
    }
    st->bitmaps = *d;
    st->header.autoclear =
        d->n ? autoclear | QCOW2_AUTOCLEAR_BITMAPS : autoclear & ~QCOW2_AUTOCLEAR_BITMAPS;
    status = qcow2_header_write(im);
    if (status) {
        st->bitmaps = old;
        st->header.autoclear = autoclear;
        return status;
    }
    status = fmt_flush(im->env, 0);
    return status || !old.n ? status : qcow2_bitmaps_free_directory(im, &old);
}

int qcow2_bitmap_store(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                       struct props_writer *out)
{
    struct qcow2_writer *w = qcow2_writer(im);
    struct qcow2_bitmaps d = { 0 };

    if (!w || !qcow2_bitmaps_pending(w)) {
        return FMT_OK;
    }
    int status = w->bitmaps->broken ? qcow2_fail_errno(im, QCOW2_EIO) : finish_all(im);
    if (!status) {
        status = qcow2_bitmaps_write_directory(im, 0, &d);
    }
    if (!status) {
        status = qcow2_bitmaps_publish(im, &d);
    }
    const struct qcow2_bitmaps *now = &qcow2_state(im)->bitmaps;
    bool published = d.n && now->n == d.n && now->directory_offset == d.directory_offset;
    if (!status) {
        status = qcow2_bitmaps_leave(im);
    }
    if (!status) {
        status = qcow2_flush(im);
    }
    if (status && !published) {
        /* what failed stands in the result; undoing must not write over it */
        struct abi_result first = *im->env->result;
        qcow2_bitmaps_free_directory(im, &d);
        qcow2_bitmaps_drop(im);
        *im->env->result = first;
    }
    qcow2_bitmap_work_free(im);
    return status;
}
