/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What map prints: the runs of the chain, like neighbours joined. */
#include "config.h"

#include "copy/copy.h"
#include "copy/walk.h"
#include "profile/profile.h"

/* Does b go on where a ends, with the same facts? What is not shown parts nothing. */
static gboolean joins(const CopyMapEntry *a, const CopyMapEntry *b)
{
    return a->data == b->data && a->zero == b->zero &&
           (a->present == b->present || !profile_has(FACT_MAP_PRESENT)) &&
           a->compressed == b->compressed && a->depth == b->depth &&
           a->has_offset == b->has_offset && a->filename == b->filename &&
           (!a->has_offset || a->offset + a->length == b->offset);
}

static CopyMapEntry entry_from_run(const CopyRun *run)
{
    return (CopyMapEntry){
        .start = run->start,
        .length = run->length,
        .data = run->data,
        .zero = run->zero,
        .present = run->present,
        .compressed = run->compressed,
        .has_offset = run->has_offset,
        .offset = run->offset + image_start(run->layer),
        .depth = run->depth,
        .filename = run->file ? io_path(run->file) : NULL,
    };
}

gboolean copy_map(Image *img, guint64 start, guint64 length, CopyMapFunc each, gpointer user_data,
                  GError **error)
{
    guint64 size = image_size(img);
    guint64 end = start < size && length > size - start ? size : start + length;
    g_autoptr(CopyWalk) walk = copy_walk_new(img, start, end, COPY_WALK_HOLES);
    CopyMapEntry entry = { .length = 0 };
    CopyRun run;
    gboolean more;

    for (;;) {
        if (!copy_walk_next(walk, &run, &more, error)) {
            return FALSE;
        }
        if (!more) {
            break;
        }
        CopyMapEntry next = entry_from_run(&run);
        if (entry.length && joins(&entry, &next)) {
            entry.length += next.length;
            continue;
        }
        if (entry.length && !each(&entry, user_data)) {
            return TRUE;
        }
        entry = next;
    }
    if (entry.length) {
        each(&entry, user_data);
    }
    return TRUE;
}
