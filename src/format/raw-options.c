/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/options.h"

#define ROW(n, t, h)                                                                               \
    {                                                                                              \
        .name = n, .type = FMT_OPTION_##t, .help = h                                               \
    }

static const struct fmt_option raw_rows[] = {
    ROW("size", SIZE, "Virtual disk size"),
};

const struct fmt_option_table raw_options = { "raw", raw_rows,
                                              sizeof raw_rows / sizeof raw_rows[0] };

static const struct fmt_option file_rows[] = {
    ROW("nocow", BOOL, "Turn off copy-on-write (valid only on btrfs)"),
    ROW("preallocation", STRING, "Preallocation mode (allowed values: off, falloc, full)"),
    ROW("extent_size_hint", SIZE, "Extent size hint for the image file, 0 to disable"),
};

const struct fmt_option_table file_options = { "file", file_rows,
                                               sizeof file_rows / sizeof file_rows[0] };
