/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitmaps that are there: found, changed and removed. */
#include "format/qcow2-bitmap.h"

/* The bitmaps of the image are taken into use. */
static int begin(struct fmt_image *im)
{
    int status = qcow2_writer_start(im);

    return status ? status : qcow2_bitmap_work_make(im);
}

/* The one that is to be changed: not an inconsistent one, and not one whose turn was. */
static int find(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                struct qcow2_new_bitmap **ret)
{
    int status = begin(im);

    if (status) {
        return status;
    }
    *ret = qcow2_bitmap_by_name(qcow2_writer(im)->bitmaps, &args->name);
    return *ret && !(*ret)->table_offset && !qcow2_writer(im)->bitmaps->table
               ? FMT_OK
               : fmt_fail(im->env, FMT_E_BAD_JOB);
}

int qcow2_bitmap_clear(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                       struct props_writer *out)
{
    struct qcow2_new_bitmap *b;
    int status = find(im, args, &b);

    if (!status) {
        b->cleared = true;
    }
    return status;
}

int qcow2_bitmap_record(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                        struct props_writer *out)
{
    struct qcow2_new_bitmap *b;
    int status = find(im, args, &b);

    if (!status) {
        if (args->enabled && b->old_offset) {
            qcow2_bitmap_records(qcow2_writer(im), b);
        }
        b->flags = args->enabled ? b->flags | QCOW2_BITMAP_AUTO : b->flags & ~QCOW2_BITMAP_AUTO;
    }
    return status;
}

/* Take it out of its list, which begins at link. */
static bool forget(struct fmt_image *im, struct qcow2_new_bitmap **link, struct qcow2_new_bitmap *b)
{
    struct qcow2_bitmap_work *work = qcow2_writer(im)->bitmaps;

    while (*link && *link != b) {
        link = &(*link)->next;
    }
    if (!*link) {
        return false;
    }
    *link = b->next;
    work->n--;
    work->directory_size -= qcow2_bitmap_entry_size(b->name_length);
    work->current = 0;
    im->env->free(im->env, b);
    return true;
}

/* The directory without it, then its clusters. */
static int take_away(struct fmt_image *im, struct qcow2_new_bitmap *b)
{
    const struct qcow2_state *st = im->state;
    uint64_t table_offset = b->old_offset;
    uint32_t table_size = b->old_size;
    struct qcow2_bitmaps d;
    int status = qcow2_bitmaps_write_directory(im, b, &d);

    if (!status) {
        status = qcow2_bitmaps_publish(im, &d);
    }
    if (status && (st->bitmaps.n != d.n || st->bitmaps.directory_offset != d.directory_offset)) {
        struct abi_result first = *im->env->result;
        qcow2_bitmaps_free_directory(im, &d);
        *im->env->result = first;
        return status;
    }
    forget(im, &st->writer->bitmaps->old, b);
    if (!status) {
        status = qcow2_bitmap_give_back(im, table_offset, table_size);
    }
    return status ? status : qcow2_flush(im);
}

int qcow2_bitmap_remove(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                        struct props_writer *out)
{
    int status = begin(im);

    if (status) {
        return status;
    }
    struct qcow2_bitmap_work *work = qcow2_writer(im)->bitmaps;
    struct qcow2_new_bitmap *b = qcow2_bitmap_by_name(work, &args->name);
    if (!b || work->table ||
        b->table_offset != (b->flags & QCOW2_BITMAP_IN_USE ? b->old_offset : 0)) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    return forget(im, &work->first, b) ? FMT_OK : take_away(im, b);
}
