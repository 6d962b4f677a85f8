/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts what rebase has to compare: what the overlay does not hold itself, where
 * its old and its new backing file can differ. What both show as zeros, and what
 * both take from the same place, is not even read.
 */
#include "config.h"

#include <string.h>

#include "base/checked.h"
#include "copy/cut.h"

/* The most that is compared at once; a multiple of all sizes of clusters but the largest. */
#define MOST_DATA (1u << 20)

/* One of the two backing files. */
typedef struct {
    CopyWalk *walk; /* NULL: there is none */
    guint64 size;
    CopyRun run; /* at what is being looked at */
    GArray *parts;
} Side;

typedef struct {
    CopyCutter base;
    const CopyWork *work;
    Image *overlay;
    CopyWalk *top;
    CopyRun run; /* of the overlay, the rest of it at at */
    Side old, new;
    guint shared;    /* layers of old from this depth on belong to new as well */
    guint32 cluster; /* to be compressed; 0: not */
    guint64 unit;    /* cluster of the overlay, bytes */
    guint64 at, size;
    CopyFailure failure; /* which image could not be looked at */
} RebaseCutter;

/* Nothing is recorded there: zeros. */
static CopyRun run_of_zeros(Image *layer, guint64 start, guint64 length)
{
    return (CopyRun){
        .start = start,
        .length = length,
        .zero = TRUE,
        .behind = TRUE,
        .layer = layer,
        .extent = { .kind = ABI_EXT_HOLE, .guest_offset = start, .length = length },
    };
}

/* Have side->run begin at at, with at most *length bytes, to which it is cut. */
static gboolean look(RebaseCutter *c, Side *side, guint64 at, guint64 *length, GError **error)
{
    gboolean more = FALSE;

    if (!side->walk || at >= side->size) {
        side->run = run_of_zeros(c->overlay, at, *length);
        return TRUE;
    }
    if (at < side->run.start || at - side->run.start >= side->run.length) {
        copy_walk_seek(side->walk, at);
        if (!copy_walk_next(side->walk, &side->run, &more, error)) {
            side->run.length = 0;
            c->failure = side == &c->old ? COPY_FAILED_READ : COPY_FAILED_READ_OTHER;
            return FALSE;
        }
        if (!more) {
            side->run = run_of_zeros(c->overlay, at, *length);
        }
    }
    *length = MIN(*length, side->run.length - (at - side->run.start));
    return TRUE;
}

static CopyRun part_at(const Side *side, guint64 at, guint64 length)
{
    return copy_run_part(&side->run, at - side->run.start, length);
}

/* Do both take the bytes from one place of one file? */
static gboolean is_one_place(const CopyRun *a, const CopyRun *b)
{
    const struct abi_extent *x = &a->extent, *y = &b->extent;
    IoFile *file_a = image_file_by_handle(a->layer, x->handle);
    IoFile *file_b = image_file_by_handle(b->layer, y->handle);

    return x->kind == ABI_EXT_DATA && y->kind == ABI_EXT_DATA && x->file_offset == y->file_offset &&
           file_a && file_b &&
           (file_a == file_b ||
            (io_same_store(file_a, file_b) && io_slice_start(file_a) == io_slice_start(file_b)));
}

/* Can the two differ in what both were looked at for? */
static gboolean may_differ(const RebaseCutter *c, guint64 at, guint64 length)
{
    CopyRun old, new;

    if (c->old.run.zero && c->new.run.zero) {
        return FALSE;
    }
    if (at < c->old.size && c->old.run.depth >= c->shared) {
        return FALSE;
    }
    old = part_at(&c->old, at, length);
    new = part_at(&c->new, at, length);
    return !is_one_place(&old, &new);
}

/* The next run of the overlay, from c->at on. */
static gboolean look_top(RebaseCutter *c, GError **error)
{
    gboolean more;

    if (c->at - c->run.start < c->run.length) {
        return TRUE;
    }
    if (!copy_walk_next(c->top, &c->run, &more, error)) {
        c->failure = COPY_FAILED_STATUS;
        return FALSE;
    }
    if (!more) {
        c->run = run_of_zeros(c->overlay, c->at, c->size - c->at);
    }
    return TRUE;
}

static guint64 top_left(const RebaseCutter *c)
{
    return c->run.length - (c->at - c->run.start);
}

static void take(Side *side, guint64 at, guint64 length)
{
    CopyPart part = { part_at(side, at, length), NULL };

    g_array_append_val(side->parts, part);
}

/* Add what follows to the piece, up to end; all of it if it is to be a whole cluster, else as far
 * as they can differ. */
static gboolean gather(RebaseCutter *c, CopyPiece *piece, guint64 end, GError **error)
{
    while (piece->start + piece->length < end) {
        guint64 at = piece->start + piece->length, length = end - at;
        if (!look(c, &c->old, at, &length, error) || !look(c, &c->new, at, &length, error)) {
            return FALSE;
        }
        if (!piece->whole && !may_differ(c, at, length)) {
            break;
        }
        take(&c->old, at, length);
        take(&c->new, at, length);
        piece->length += length;
    }
    return TRUE;
}

/* Bytes at c->at where the two can differ; the overlay has none of them. */
static gboolean take_piece(RebaseCutter *c, CopyPiece *piece, GArray *parts, GError **error)
{
    guint64 most = MAX(MOST_DATA, c->unit), end = c->at + top_left(c);

    piece->kind = COPY_PIECE_DATA;
    piece->zeros = c->at >= c->old.size;
    if (!piece->zeros) {
        end = MIN(end, c->old.size);
    }
    /* pieces end between clusters */
    end = MIN(end, align_down(c->at, most) + most);
    if (c->cluster) {
        guint64 cluster_end = align_down(c->at, c->cluster) + c->cluster;
        piece->whole =
            !piece->zeros && is_aligned(c->at, c->cluster) && end >= MIN(cluster_end, c->size);
        end = MIN(end, cluster_end);
    }
    g_array_set_size(c->old.parts, 0);
    g_array_set_size(c->new.parts, 0);
    if (!gather(c, piece, end, error)) {
        return FALSE;
    }
    piece->first_part = parts->len;
    piece->n_parts = c->old.parts->len;
    piece->n_other = c->new.parts->len;
    g_array_append_vals(parts, c->old.parts->data, c->old.parts->len);
    g_array_append_vals(parts, c->new.parts->data, c->new.parts->len);
    return TRUE;
}

static gboolean next_piece(RebaseCutter *c, CopyPiece *piece, GArray *parts, GError **error)
{
    guint64 length;

    if (!look_top(c, error)) {
        return FALSE;
    }
    length = top_left(c);
    if (c->run.present) {
        piece->length = length;
        return TRUE;
    }
    if (!look(c, &c->old, c->at, &length, error) || !look(c, &c->new, c->at, &length, error)) {
        return FALSE;
    }
    /* a cluster to be compressed is taken whole, also where it begins the same */
    gboolean partial = c->cluster && is_aligned(c->at, c->cluster) && length < c->cluster;
    if (!may_differ(c, c->at, length) && !partial) {
        piece->length = c->cluster && length > c->cluster ? align_down(length, c->cluster) : length;
        return TRUE;
    }
    return take_piece(c, piece, parts, error);
}

static gboolean rebase_next(CopyCutter *cutter, CopyPiece *ret_piece, GArray *parts,
                            gboolean *ret_more, GError **error)
{
    RebaseCutter *c = (RebaseCutter *)cutter;
    CopyPiece piece = { .kind = COPY_PIECE_BACKING, .start = c->at, .unit = c->at };
    g_autoptr(GError) why = NULL;

    *ret_more = c->at < c->size;
    if (!*ret_more) {
        return TRUE;
    }
    if (!next_piece(c, &piece, parts, &why)) {
        copy_work_fail(c->work, c->failure, c->at, why->message, error);
        return FALSE;
    }
    piece.weight = piece.length;
    c->at += piece.length;
    *ret_piece = piece;
    return TRUE;
}

static void rebase_free(CopyCutter *cutter)
{
    RebaseCutter *c = (RebaseCutter *)cutter;

    copy_walk_free(c->top);
    copy_walk_free(c->old.walk);
    copy_walk_free(c->new.walk);
    g_array_unref(c->old.parts);
    g_array_unref(c->new.parts);
    g_free(c);
}

static void open_side(Side *side, Image *img)
{
    side->parts = g_array_new(FALSE, FALSE, sizeof(CopyPart));
    if (img) {
        side->size = image_size(img);
        side->walk = copy_walk_new(img, 0, G_MAXUINT64, 0);
    }
}

CopyCutter *copy_cut_rebase(const CopyWork *work, const CopyConvert *job, guint32 cluster,
                            guint32 split)
{
    static const CopyCutterClass class = { rebase_next, rebase_free };
    const CopyRebase *rebase = work->what;
    RebaseCutter *c = g_new0(RebaseCutter, 1);
    Image *old = image_backing(rebase->overlay);

    c->base.class = &class;
    c->work = work;
    c->overlay = rebase->overlay;
    c->size = image_size(rebase->overlay);
    c->cluster = cluster;
    c->unit = MAX(image_facts(rebase->overlay)->cluster_size, 1);
    c->top = copy_walk_new(rebase->overlay, 0, G_MAXUINT64, COPY_WALK_TOP);
    open_side(&c->old, old);
    open_side(&c->new, rebase->newer);
    c->shared = G_MAXUINT;
    if (rebase->is_below) {
        for (c->shared = 0; old && old != rebase->newer; old = image_backing(old)) {
            c->shared++;
        }
    }
    return &c->base;
}
