/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate: whether a file that an image names may be opened. All names that
 * come out of images pass here and nowhere else.
 *
 * The default opens what qemu-img opens, within bounds that end where qemu-img
 * would go on for ever.
 */
#include "config.h"

#include <string.h>

#include "image/image-private.h"
#include "image/words.h"

/* Layers of one chain. Each holds a cell and a few descriptors. */
#define MAX_CHAIN 256u

gboolean gate_allows(const Image *img, GateUse use, const char *name, GError **error)
{
    if (use == GATE_BACKING && img->depth + 1 >= MAX_CHAIN) {
        g_autofree char *safe = words_printable(name, strlen(name));

        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_GATE,
                    "Backing file '%s' would be layer %u of the chain; at most %u are opened", safe,
                    img->depth + 2, MAX_CHAIN);
        return FALSE;
    }
    return TRUE;
}

/* Is what lies below what the image says, and nobody else? */
static gboolean is_as_recorded(const Image *img)
{
    return !img->backing_none && img->backing_options == NULL;
}

/* Two layers with one file go on alike, and so for ever, unless somebody says what is below one. */
gboolean gate_no_loop(const Image *img, const char *name, GError **error)
{
    if (img->cell == NULL || !is_as_recorded(img)) {
        return TRUE; /* raw: nothing below */
    }
    for (const Image *above = img->above; above != NULL; above = above->above) {
        if (above->cell != NULL && is_as_recorded(above) &&
            io_same_store(img->handles[0], above->handles[0]) &&
            io_slice_start(img->handles[0]) == io_slice_start(above->handles[0])) {
            g_autofree char *safe = words_printable(name, strlen(name));

            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_GATE,
                        "Backing file '%s' creates an infinite loop.", safe);
            return FALSE;
        }
    }
    return TRUE;
}
