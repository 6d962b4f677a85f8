/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a copy of an image would have to hold. */
#include "config.h"

#include "copy/copy.h"
#include "copy/walk.h"

gboolean copy_measure_data(Image *img, guint64 unit, guint64 *ret_bytes, GError **error)
{
    g_autoptr(CopyWalk) walk = copy_walk_new(img, 0, G_MAXUINT64, COPY_WALK_HOLES);
    guint64 bytes = 0, end = 0; /* of the last unit counted */
    CopyRun run;
    gboolean more;

    for (;;) {
        if (!copy_walk_next(walk, &run, &more, error)) {
            g_prefix_error(error, "Unable to get block status: ");
            return FALSE;
        }
        if (!more) {
            break;
        }
        if (run.data && !run.zero && run.start + run.length > end) {
            guint64 first = MAX(end, run.start & ~(unit - 1));

            /* sizes of images are below 2^63 */
            end = (run.start + run.length + unit - 1) & ~(unit - 1);
            bytes += end - first;
        }
        if (end > run.start + run.length) {
            /* the rest of the unit makes no difference */
            copy_walk_seek(walk, end);
        }
    }
    *ret_bytes = bytes;
    return TRUE;
}
