/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one place that says which parts of an output vary from run to run and are therefore not
 * compared as they stand. Whatever is not named here is compared byte for byte.
 */
#pragma once

#include <glib.h>

enum twin_text_flags {
    TWIN_TEXT_PLAIN = 0,
    TWIN_TEXT_CLOCKS = 1 << 0,       /* snapshots were not taken at the same time */
    TWIN_TEXT_HOST_OFFSETS = 1 << 1, /* clusters were written in no fixed order */
};

/*
 * @text with its varying parts replaced: sizes on disk, content ids, LUKS parameters, all but
 * the first and last of a run of progress lines; the path @dir by @DIR@; and what @flags name.
 * A text with a NUL in it is no text and comes back as it is.
 */
GString *twin_text_normalise(const GString *text, const char *dir, enum twin_text_flags flags);

/*
 * Whether the JSON sizes on disk in @a and @b, which the normaliser hides, belong to images made
 * alike: pairwise within one cluster and the metadata that goes with it.
 */
gboolean twin_text_sizes_agree(const GString *a, const GString *b);
