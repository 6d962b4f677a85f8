/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "base/checked.h"
#include "copy/buffer.h"
#include "copy/cut.h"
#include "copy/warn.h"

#define SECTOR 512u

typedef struct {
    CopyCutter base;
    const CopyWork *work;
    const CopyConvert *job;
    guint32 cluster; /* of a compressed target, else 0 */
    guint32 split;
    guint64 unit; /* that was cut, and how much of it is left */
    guint64 unit_left;
    guint64 total;
    guint64 at;    /* in the target */
    guint source;  /* at lies in this one */
    guint64 start; /* where it begins in the target */
    guint64 size;  /* its length in the target */
    guint64 skip;  /* bytes of it that are passed over first */
    CopyWalk *walk;
    CopyRun run; /* the rest of the run at at, if length > 0 */
} ConvertCutter;

static guint64 source_size(const ConvertCutter *c, guint i)
{
    guint64 size =
        c->job->is_dd ? c->job->source_end - c->job->source_start : image_size(c->job->sources[i]);

    return align_up(size, SECTOR);
}

/* Where the cutter stands in its source. */
static guint64 source_at(const ConvertCutter *c)
{
    return c->at - c->start + c->skip;
}

/* The source number i begins at c->at. */
static void open_source(ConvertCutter *c, guint i)
{
    CopyWalkFlags flags = COPY_WALK_HOLES | (c->job->target_has_backing ? COPY_WALK_TOP : 0);

    g_clear_pointer(&c->walk, copy_walk_free);
    c->source = i;
    c->start = c->at;
    c->size = source_size(c, i);
    c->run.length = 0;
    c->skip = c->job->is_dd ? c->job->source_start : 0;
    c->walk = copy_walk_new(c->job->sources[i], c->skip,
                            c->job->is_dd ? c->job->source_end : c->size, flags);
}

void copy_cutter_free(CopyCutter *cutter)
{
    if (cutter) {
        cutter->class->free(cutter);
    }
}

gboolean copy_cutter_next(CopyCutter *cutter, CopyPiece *ret_piece, GArray *parts,
                          gboolean *ret_more, GError **error)
{
    return cutter->class->next(cutter, ret_piece, parts, ret_more, error);
}

static void convert_free(CopyCutter *cutter);
static gboolean convert_next(CopyCutter *cutter, CopyPiece *ret_piece, GArray *parts,
                             gboolean *ret_more, GError **error);

CopyCutter *copy_cut_convert(const CopyWork *work, const CopyConvert *job, guint32 cluster,
                             guint32 split)
{
    static const CopyCutterClass class = { convert_next, convert_free };
    ConvertCutter *c = g_new0(ConvertCutter, 1);

    c->base.class = &class;
    c->work = work;
    c->job = job;
    c->cluster = cluster;
    c->split = split;
    for (guint i = 0; i < job->n_sources; i++) {
        c->total += source_size(c, i);
    }
    open_source(c, 0);
    return &c->base;
}

static void convert_free(CopyCutter *cutter)
{
    ConvertCutter *c = (ConvertCutter *)cutter;

    g_clear_pointer(&c->walk, copy_walk_free);
    g_free(c);
}

/* The image ends inside its last sector: what is behind is zeros. */
static CopyRun run_behind_end(const ConvertCutter *c)
{
    guint64 at = source_at(c), length = c->size - (c->at - c->start);

    return (CopyRun){
        .start = at,
        .length = length,
        .zero = TRUE,
        .layer = c->job->sources[c->source],
        .extent = { .kind = ABI_EXT_HOLE, .guest_offset = at, .length = length },
    };
}

/* --salvage: what a sector is made of cannot be found out, but perhaps it can be read. That is
 * tried at once, if it will be copied: the warnings come in this order. */
static CopyRun run_unknown(const ConvertCutter *c, guint64 at, gboolean copied)
{
    guint64 length = MIN(SECTOR, c->size - at);
    Image *img = c->job->sources[c->source];
    g_autoptr(GError) why = NULL;
    guint8 sector[SECTOR];
    CopyRun run = {
        .start = at,
        .length = length,
        .data = TRUE,
        .layer = img,
        .extent = { .guest_offset = at, .length = length },
    };

    if (copied && !image_read(img, at, sector, length, &why)) {
        copy_warn(c->job, "error while reading offset %" G_GUINT64_FORMAT ": %s", c->start + at,
                  why->message);
        run.lost = TRUE;
    }
    return run;
}

/* Have c->run begin at c->at, which lies in front of the end of all. copied: it will be. */
static gboolean ready(ConvertCutter *c, gboolean copied, GError **error)
{
    g_autoptr(GError) why = NULL;
    gboolean more;

    while (c->at - c->start >= c->size) {
        open_source(c, c->source + 1);
    }
    if (c->run.length) {
        return TRUE;
    }
    if (copy_walk_next(c->walk, &c->run, &more, &why)) {
        if (!more) {
            c->run = run_behind_end(c);
        }
        return TRUE;
    }
    if (!c->job->salvage) {
        copy_work_fail(c->work, COPY_FAILED_STATUS, c->at, why->message, error);
        return FALSE;
    }
    copy_warn(c->job, "error while reading block status at offset %" G_GUINT64_FORMAT ": %s", c->at,
              why->message);
    c->run = run_unknown(c, c->at - c->start, copied);
    copy_walk_seek(c->walk, c->at - c->start + c->run.length);
    return TRUE;
}

/* Take length bytes from c->at on, whatever they are made of. zeros: nobody is asked for them. */
static gboolean take(ConvertCutter *c, guint64 length, gboolean zeros, GArray *parts,
                     GError **error)
{
    while (length) {
        if (!ready(c, parts != NULL, error)) {
            return FALSE;
        }
        guint64 n = MIN(length, c->run.length);
        if (parts) {
            CopyPart part = { copy_run_part(&c->run, 0, n), NULL };
            part.run.stale = part.run.stale && !zeros;
            g_array_append_val(parts, part);
        }
        c->run = copy_run_part(&c->run, n, c->run.length - n);
        c->at += n;
        length -= n;
    }
    return TRUE;
}

static CopyPieceKind kind_of(const ConvertCutter *c)
{
    if (c->run.zero) {
        gboolean behind = c->job->target_has_backing && c->at >= c->job->target_backing_size;
        return behind ? COPY_PIECE_BACKING : COPY_PIECE_ZERO;
    }
    return c->run.data ? COPY_PIECE_DATA : COPY_PIECE_BACKING;
}

/* How much of length bytes from c->at on waits for the next turn, for that to begin with a cluster
 * of the source: no cluster is read twice then. */
static guint64 tail_of(const ConvertCutter *c, guint64 length)
{
    guint32 cluster = image_facts(c->job->sources[c->source])->cluster_size;
    guint64 tail = cluster ? (source_at(c) + length) % cluster : 0;

    return c->job->is_dd || length <= tail ? 0 : tail;
}

/* dd reads all, whatever it is; only here would that be seen. */
static gboolean is_read(const ConvertCutter *c)
{
    return c->job->is_dd && c->run.stale;
}

/* What qemu-img would do next, in one go. */
static CopyPiece next_unit(const ConvertCutter *c)
{
    CopyPiece piece = { .kind = kind_of(c), .start = c->at };
    guint64 length = MIN(align_up(c->run.length, SECTOR), c->start + c->size - c->at);

    if (c->job->target_has_backing && c->at < c->job->target_backing_size) {
        /* From there on zeros are treated in another way. */
        length = MIN(length, c->job->target_backing_size - c->at);
    }
    length -= tail_of(c, length);
    if (c->cluster && length < c->cluster) {
        length = MIN(c->cluster, c->total - c->at);
        piece.kind = COPY_PIECE_DATA;
    } else if (c->cluster) {
        length = align_down(length, c->cluster);
    }
    if (piece.kind == COPY_PIECE_ZERO && (!c->job->sparse || is_read(c))) {
        piece.kind = COPY_PIECE_DATA;
    }
    if (piece.kind == COPY_PIECE_DATA) {
        length = MIN(length, c->cluster ? c->cluster : COPY_BUFFER_SIZE);
        piece.weight = length;
    }
    piece.length = length;
    piece.unit = c->at;
    return piece;
}

static gboolean convert_next(CopyCutter *cutter, CopyPiece *ret_piece, GArray *parts,
                             gboolean *ret_more, GError **error)
{
    ConvertCutter *c = (ConvertCutter *)cutter;
    CopyPiece piece;
    gboolean zeros;

    *ret_more = c->at < c->total;
    if (!*ret_more) {
        return TRUE;
    }
    if (!ready(c, parts != NULL, error)) {
        return FALSE;
    }
    piece = c->unit_left ? (CopyPiece){ .kind = COPY_PIECE_DATA,
                                        .start = c->at,
                                        .length = c->unit_left,
                                        .unit = c->unit }
                         : next_unit(c);
    /* what is read to fill a coded cluster is read, also where it is known to be zeros */
    zeros =
        c->run.zero && !is_read(c) && piece.length >= c->cluster && piece.length <= c->run.length;
    if (piece.kind == COPY_PIECE_DATA) {
        guint64 whole = piece.length;
        if (c->split) {
            piece.length = MIN(whole, c->split - c->at % c->split);
        }
        c->unit = piece.unit;
        c->unit_left = whole - piece.length;
        piece.first_part = parts ? parts->len : 0;
    }
    if (!take(c, piece.length, zeros, piece.kind == COPY_PIECE_DATA ? parts : NULL, error)) {
        return FALSE;
    }
    piece.n_parts = parts ? parts->len - piece.first_part : 0;
    *ret_piece = piece;
    return TRUE;
}
