/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/options.h"

#define ROW(n, t, f, h)                                                                            \
    {                                                                                              \
        .name = n, .type = FMT_OPTION_##t, .fallback = f, .help = h                                \
    }

/* In the order of the "Formatting" line. */
static const struct fmt_option rows[] = {
    ROW("size", SIZE, NULL, "Virtual disk size"),
    ROW("adapter_type", STRING, NULL,
        "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or legacyESX"),
    ROW("backing_file", STRING, NULL, "File name of a base image"),
    ROW("backing_fmt", STRING, NULL, "Must be 'vmdk' if present"),
    ROW("compat6", BOOL, "off", "VMDK version 6 image"),
    ROW("hwversion", STRING, "undefined", "VMDK hardware version"),
    { .name = "toolsversion",
      .type = FMT_OPTION_STRING,
      .help = "VMware guest tools version",
      .since = 602 },
    ROW("subformat", STRING, NULL,
        "VMDK flat extent format, can be one of {monolithicSparse (default) | monolithicFlat | "
        "twoGbMaxExtentSparse | twoGbMaxExtentFlat | streamOptimized} "),
    ROW("zeroed_grain", BOOL, NULL,
        "Enable efficient zero writes using the zeroed-grain GTE feature"),
};

const struct fmt_option_table vmdk_options = { "vmdk", rows, sizeof rows / sizeof rows[0] };
