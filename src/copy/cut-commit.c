/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts what commit writes. qemu-img marks blocks of the guest in which a layer
 * above the base holds something, blocks of the base's clusters, and copies
 * each as a whole: what it shows through the chain, whoever holds it.
 */
#include "config.h"

#include "base/checked.h"
#include "copy/cut.h"

/* Blocks are as large as the base's clusters, within these bounds; the larger one if it has none. */
#define BLOCK_LEAST (4u << 10)
#define BLOCK_MOST (64u << 10)
/* The most that is copied at once. */
#define MOST_DATA (1u << 20)

typedef struct {
    CopyCutter base;
    const CopyWork *work;
    CopyWalk *walk;
    guint depth;     /* of the base; what lies above it is to be written */
    guint64 block;   /* bytes, a power of two */
    guint64 cluster; /* of the base, bytes; 1: it has none */
    guint64 at, size;
    gboolean found; /* at stands on a block that is to be written */
} CommitCutter;

static guint depth_of(Image *top, const Image *base)
{
    guint depth = 0;

    while (top && top != base) {
        top = image_backing(top);
        depth++;
    }
    return depth;
}

static gboolean next_run(CommitCutter *c, CopyRun *ret_run, GError **error)
{
    gboolean more;

    if (!copy_walk_next(c->walk, ret_run, &more, error)) {
        return FALSE;
    }
    if (!more) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
    }
    return more;
}

/* Did a layer above the base decide about it? One that ends in front of it decides, too. */
static gboolean is_above(const CommitCutter *c, const CopyRun *run)
{
    return run->depth < c->depth && (run->present || (run->behind && run->depth + 1 < c->depth));
}

/* Go to the next block that is to be written, or to the end. */
static gboolean find_block(CommitCutter *c, GError **error)
{
    guint64 from = c->at, to = from;

    copy_walk_seek(c->walk, from);
    c->found = FALSE;
    while (to < c->size && !c->found) {
        CopyRun run;
        if (!next_run(c, &run, error)) {
            return FALSE;
        }
        c->found = is_above(c, &run);
        to = c->found ? align_down(run.start, c->block) : run.start + run.length;
    }
    c->at = MAX(from, to);
    return TRUE;
}

/* What to read for [start, start + length). */
static gboolean take_parts(CommitCutter *c, guint64 start, guint64 length, GArray *parts,
                           GError **error)
{
    guint64 end = start + length;

    copy_walk_seek(c->walk, start);
    while (start < end) {
        CopyPart part = { .buf = NULL };
        CopyRun run;
        if (!next_run(c, &run, error)) {
            return FALSE;
        }
        part.run = copy_run_part(&run, 0, MIN(run.length, end - start));
        start += part.run.length;
        g_array_append_val(parts, part);
    }
    return TRUE;
}

/* The block at c->at, with those behind it that one answer of the chain tells about. */
static gboolean take_block(CommitCutter *c, CopyPiece *piece, GArray *parts, GError **error)
{
    guint64 left = c->size - c->at, length;
    CopyRun run;

    copy_walk_seek(c->walk, c->at);
    if (!next_run(c, &run, error)) {
        return FALSE;
    }
    length = align_down(run.data ? MIN(run.length, MOST_DATA) : run.length, c->block);
    piece->kind =
        run.data || !length || !is_aligned(c->at, c->cluster) || !is_aligned(length, c->cluster)
            ? COPY_PIECE_DATA
            : COPY_PIECE_ZERO;
    if (piece->kind == COPY_PIECE_DATA) {
        length = MIN(length, MOST_DATA);
    }
    piece->start = piece->unit = c->at;
    piece->length = MIN(MAX(length, c->block), left);
    piece->weight = piece->length;
    c->at += piece->length;
    if (piece->kind == COPY_PIECE_ZERO) {
        return TRUE;
    }
    piece->first_part = parts->len;
    if (!take_parts(c, piece->start, piece->length, parts, error)) {
        return FALSE;
    }
    piece->n_parts = parts->len - piece->first_part;
    return TRUE;
}

static gboolean commit_next(CopyCutter *cutter, CopyPiece *ret_piece, GArray *parts,
                            gboolean *ret_more, GError **error)
{
    CommitCutter *c = (CommitCutter *)cutter;
    CopyPiece piece = { .kind = COPY_PIECE_BACKING, .start = c->at };
    g_autoptr(GError) why = NULL;
    gboolean ok = TRUE;

    *ret_more = c->at < c->size;
    if (!*ret_more) {
        return TRUE;
    }
    if (!c->found) {
        ok = find_block(c, &why);
        piece.length = piece.weight = c->at - piece.start;
    }
    if (ok && !piece.length) {
        ok = take_block(c, &piece, parts, &why);
        c->found = FALSE;
    }
    if (!ok) {
        copy_work_fail(c->work, COPY_FAILED_STATUS, piece.start, why->message, error);
        return FALSE;
    }
    *ret_piece = piece;
    return TRUE;
}

static void commit_free(CopyCutter *cutter)
{
    CommitCutter *c = (CommitCutter *)cutter;

    copy_walk_free(c->walk);
    g_free(c);
}

CopyCutter *copy_cut_commit(const CopyWork *work, const CopyConvert *job, guint32 cluster,
                            guint32 split)
{
    static const CopyCutterClass class = { commit_next, commit_free };
    const CopyCommit *commit = work->what;
    guint32 size = image_facts(commit->base)->cluster_size;
    CommitCutter *c = g_new0(CommitCutter, 1);

    c->base.class = &class;
    c->work = work;
    c->walk = copy_walk_new(commit->top, 0, G_MAXUINT64, 0);
    c->depth = depth_of(commit->top, commit->base);
    c->cluster = MAX(size, 1);
    c->block = size ? CLAMP(size, BLOCK_LEAST, BLOCK_MOST) : BLOCK_MOST;
    c->size = image_size(commit->top);
    return &c->base;
}
