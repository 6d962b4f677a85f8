/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "abi/props.h"
#include "base/checked.h"
#include "copy/holes.h"

/* More clusters in use than this, for so many that the file really occupies, are a sign of
 * preallocated metadata (as qemu-img's map shows: a tenth more, and at least two). */
static guint64 threshold(guint64 occupied)
{
    return MAX(occupied / 9 * 10 + occupied % 9 * 10 / 9, occupied + 2);
}

/* Clusters with a count above zero; none if the driver cannot tell. */
static guint64 used_clusters(Image *layer)
{
    g_autoptr(GBytes) info = image_info(layer, ABI_INFO_USED, NULL);
    struct props_reader reader = { 0 };
    struct props_item item;
    gsize size;

    if (info) {
        reader.base = g_bytes_get_data(info, &size);
        reader.size = (guint32)size;
        if (props_next(&reader, &item) > 0 && item.type == ABI_PROP_U64) {
            return item.number;
        }
    }
    return 0;
}

static gboolean examine(Image *layer)
{
    const struct abi_facts *facts = image_facts(layer);
    guint64 size, occupied, limit;

    if (!(facts->flags & ABI_FACT_COUNTED) || !facts->cluster_size ||
        !io_size(image_file(layer), &size, NULL) ||
        !io_allocated(image_file(layer), &occupied, NULL)) {
        return FALSE;
    }
    /* Counting is work: not for a file that could not hold so many. */
    limit = threshold(occupied / facts->cluster_size);
    return div_up(size, facts->cluster_size) >= limit && used_clusters(layer) >= limit;
}

gboolean copy_holes_look(CopyHoles *holes, Image *layer, IoFile *file, guint64 offset,
                         guint64 *length)
{
    gboolean data;
    guint64 same;

    if (!holes->examined) {
        holes->examined = TRUE;
        holes->worth = examine(layer);
    }
    if (!holes->worth || !io_block_status(file, offset, *length, &data, &same, NULL) || !same) {
        return FALSE;
    }
    *length = MIN(*length, same);
    return !data;
}
