/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "base/checked.h"
#include "copy/holes.h"
#include "copy/walk.h"

/* A layer is asked for few extents first and for more the longer the walk stays in it: what lies
 * under an overlay is often looked at in few places only. */
#define FIRST_EXTENTS 32u
#define MOST_EXTENTS 1024u

typedef struct {
    Image *img;
    guint64 size;
    guint64 span; /* bytes of the guest that one look can tell about; 0: all */
    gboolean joins_holes;
    guint64 below; /* size of the layer below, 0: none */
    struct abi_extent *extents;
    guint at, count;
    guint ask;       /* how many extents the next call asks for */
    guint64 covered; /* end of what extents tell */
    CopyHoles holes;
} Layer;

struct CopyWalk {
    CopyWalkFlags flags;
    guint64 at, end;
    guint n_layers;
    Layer *layers;
};

static guint count_layers(Image *img, CopyWalkFlags flags)
{
    guint n = 1;

    if (!(flags & COPY_WALK_TOP)) {
        while ((img = image_backing(img))) {
            n++;
        }
    }
    return n;
}

CopyWalk *copy_walk_new(Image *img, guint64 start, guint64 end, CopyWalkFlags flags)
{
    CopyWalk *walk = g_new0(CopyWalk, 1);

    walk->flags = flags;
    walk->n_layers = count_layers(img, flags);
    walk->layers = g_new0(Layer, walk->n_layers);
    for (guint i = 0; i < walk->n_layers; i++) {
        walk->layers[i].img = img;
        walk->layers[i].size = image_size(img);
        walk->layers[i].span = image_facts(img)->look_span;
        /* Looked at one by one, clusters that hold nothing would be many, and nothing shows it. */
        walk->layers[i].joins_holes = walk->layers[i].span == image_facts(img)->cluster_size;
        walk->layers[i].ask = FIRST_EXTENTS;
        img = image_backing(img);
        walk->layers[i].below = img ? image_size(img) : 0;
    }
    walk->end = MIN(end, walk->layers[0].size);
    walk->at = MIN(start, walk->end);
    return walk;
}

void copy_walk_free(CopyWalk *walk)
{
    if (walk) {
        for (guint i = 0; i < walk->n_layers; i++) {
            g_free(walk->layers[i].extents);
        }
        g_free(walk->layers);
        g_free(walk);
    }
}

guint64 copy_walk_tell(const CopyWalk *walk)
{
    return walk->at;
}

void copy_walk_seek(CopyWalk *walk, guint64 offset)
{
    for (guint i = 0; i < walk->n_layers && offset < walk->at; i++) {
        Layer *layer = &walk->layers[i];
        layer->at = 0;
        if (layer->count && layer->extents[0].guest_offset > offset) {
            layer->count = 0;
            layer->covered = 0;
        }
    }
    walk->at = MIN(offset, walk->end);
}

static guint64 extent_end(const struct abi_extent *e)
{
    return e->guest_offset + e->length;
}

static gboolean layer_fill(Layer *layer, guint64 at, guint64 end, GError **error)
{
    guint count = 0;
    guint64 next = at;

    layer->ask = layer->covered == at ? MIN(layer->ask * 2, MOST_EXTENTS) : FIRST_EXTENTS;
    layer->extents = g_renew(struct abi_extent, layer->extents, layer->ask);
    layer->at = layer->count = 0;
    if (!image_extents(layer->img, at, end - at, layer->extents, layer->ask, &count, &next,
                       error)) {
        return FALSE;
    }
    /* The answer comes from a cell: it must cover what was asked, in order and without gaps. */
    guint64 expect = at;
    for (guint i = 0; i < count; i++) {
        const struct abi_extent *e = &layer->extents[i];
        if (e->guest_offset > expect || e->length > end - e->guest_offset ||
            extent_end(e) <= expect) {
            count = 0;
            break;
        }
        expect = extent_end(e);
    }
    if (!count || next != expect) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, g_strerror(EIO));
        return FALSE;
    }
    layer->count = count;
    layer->covered = next;
    return TRUE;
}

/* The extent that holds guest byte at, cut to begin there. */
static gboolean layer_extent(Layer *layer, guint64 at, guint64 end, struct abi_extent *ret,
                             GError **error)
{
    while (layer->at < layer->count && extent_end(&layer->extents[layer->at]) <= at) {
        layer->at++;
    }
    if (layer->at == layer->count && !layer_fill(layer, at, end, error)) {
        return FALSE;
    }
    *ret = layer->extents[layer->at];
    guint64 skip = at - ret->guest_offset;
    ret->guest_offset += skip;
    ret->length -= skip;
    if (layer->span && (ret->kind == ABI_EXT_DATA || !layer->joins_holes)) {
        ret->length = MIN(ret->length, layer->span - at % layer->span);
    } else if (layer->span && at < layer->below) {
        ret->length = MIN(ret->length, align_up(layer->below, layer->span) - at);
    }
    if (ret->kind != ABI_EXT_COOKED) {
        ret->file_offset += skip;
    }
    return TRUE;
}

static void run_from_extent(CopyRun *run, Layer *layer, guint depth, gboolean has_below)
{
    const struct abi_extent *e = &run->extent;

    run->layer = layer->img;
    run->depth = depth;
    switch (e->kind) {
    case ABI_EXT_DATA:
        run->data = run->present = TRUE;
        run->has_offset = (e->flags & ABI_EXTF_OFFSET) != 0;
        break;
    case ABI_EXT_COOKED:
        run->data = run->present = TRUE;
        run->compressed = e->codec != ABI_CODEC_NONE;
        break;
    case ABI_EXT_ZERO:
        run->zero = run->present = TRUE;
        run->has_offset = (e->flags & ABI_EXTF_OFFSET) != 0;
        break;
    default:
        /* a subcluster may have its place in the file before it has content */
        run->zero = !has_below;
        run->has_offset = (e->flags & ABI_EXTF_OFFSET) != 0;
        break;
    }
    /* what is stored there is not what the guest sees */
    run->has_offset = run->has_offset && e->codec == ABI_CODEC_NONE;
    if (run->has_offset) {
        run->offset = e->file_offset;
        run->file = image_file_by_handle(layer->img, e->handle);
    }
}

static void run_cut(CopyRun *run, guint64 length)
{
    run->length = run->extent.length = MIN(run->length, length);
}

CopyRun copy_run_part(const CopyRun *run, guint64 skip, guint64 length)
{
    CopyRun part = *run;

    part.start += skip;
    part.length = length;
    part.last = run->last && skip + length == run->length;
    part.offset += skip;
    part.extent.guest_offset += skip;
    part.extent.length = length;
    if (part.extent.kind != ABI_EXT_COOKED) {
        part.extent.file_offset += skip;
    }
    return part;
}

gboolean copy_walk_next(CopyWalk *walk, CopyRun *ret_run, gboolean *ret_more, GError **error)
{
    guint64 left = walk->end - walk->at;
    CopyRun run = { .start = walk->at };

    *ret_more = left > 0;
    if (!left) {
        return TRUE;
    }
    for (guint i = 0; i < walk->n_layers; i++) {
        Layer *layer = &walk->layers[i];
        if (layer->size <= walk->at) {
            /* Behind the end of a backing file: the layer above has nothing, and nobody else. */
            run_from_extent(&run, &walk->layers[i - 1], i - 1, FALSE);
            run.behind = TRUE;
            break;
        }
        left = MIN(left, layer->size - walk->at);
        if (!layer_extent(layer, walk->at, MIN(walk->end, layer->size), &run.extent, error)) {
            return FALSE;
        }
        left = MIN(left, run.extent.length);
        if (run.extent.kind != ABI_EXT_HOLE || i + 1 == walk->n_layers) {
            /* what begins behind the end of the layer below is not left to that */
            run_from_extent(&run, layer, i, walk->at < layer->below);
            if ((walk->flags & COPY_WALK_HOLES) && run.data && run.has_offset) {
                run.zero = copy_holes_look(&layer->holes, layer->img, run.file, run.offset, &left);
            }
            break;
        }
        run.stale |= image_backing_stale(layer->img);
    }
    run.length = left;
    run_cut(&run, left);
    walk->at += left;
    run.last = walk->at == walk->layers[0].size;
    *ret_run = run;
    return TRUE;
}
