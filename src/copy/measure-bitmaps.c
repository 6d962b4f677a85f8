/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the bitmaps of a copy would take. */
#include "config.h"

#include "copy/bitmaps.h"
#include "copy/copy.h"

/* Sizes of qcow2's bitmaps (docs/interop/qcow2.txt, "Bitmaps"): an entry of the directory is a fixed
 * part and the name, rounded up; an entry of a bitmap's table stands for a cluster of bits. */
#define DIRECTORY_ENTRY 24u
#define DIRECTORY_ALIGN 8u
#define TABLE_ENTRY 8u

static guint64 round_up(guint64 n, guint64 unit)
{
    return (n + unit - 1) / unit * unit;
}

gboolean copy_measure_bitmaps(Image *img, guint64 cluster, guint64 *ret_bytes, GError **error)
{
    guint64 size = image_size(img), total = 0, directory = 0;
    g_autoptr(GPtrArray) bitmaps = copy_bitmaps_list(img, &size, error);

    if (bitmaps == NULL) {
        return FALSE;
    }
    for (guint i = 0; i < bitmaps->len; i++) {
        const CopyBitmap *b = g_ptr_array_index(bitmaps, i);
        guint64 bits = b->granularity != 0 ? size / b->granularity + 1 : 0;
        guint64 bytes;

        if (bits == 0) {
            continue;
        }
        bits -= size % b->granularity == 0;
        bytes = round_up((bits + 7) / 8, cluster);
        total += bytes + round_up(bytes / cluster * TABLE_ENTRY, cluster);
        directory += round_up(DIRECTORY_ENTRY + g_bytes_get_size(b->name), DIRECTORY_ALIGN);
    }
    *ret_bytes = total + round_up(directory, cluster);
    return TRUE;
}
