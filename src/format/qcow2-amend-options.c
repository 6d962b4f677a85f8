/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/options.h"

#define ROW(n, t, h)                                                                               \
    {                                                                                              \
        .name = n, .type = FMT_OPTION_##t, .help = h                                               \
    }

static const struct fmt_option rows[] = {
    ROW("encrypt.state", STRING, "Select new state of affected keyslots (active/inactive)"),
    ROW("encrypt.keyslot", NUMBER, "Select a single keyslot to modify explicitly"),
    ROW("encrypt.old-secret", STRING, "Select all keyslots that match this password"),
    ROW("encrypt.new-secret", STRING,
        "New secret to set in the matching keyslots. Empty string to erase"),
    ROW("encrypt.iter-time", NUMBER, "Time to spend in PBKDF in milliseconds"),
    ROW("size", SIZE, "Virtual disk size"),
    ROW("compat", STRING, "Compatibility level (v2 [0.10] or v3 [1.1])"),
    ROW("backing_file", STRING, "File name of a base image"),
    ROW("backing_fmt", STRING, "Image format of the base image"),
    ROW("data_file", STRING, "File name of an external data file"),
    ROW("data_file_raw", BOOL, "The external data file must stay valid as a raw image"),
    ROW("lazy_refcounts", BOOL, "Postpone refcount updates"),
    ROW("refcount_bits", NUMBER, "Width of a reference count entry in bits"),
};

const struct fmt_option_table qcow2_amend_options = { "qcow2", rows, sizeof rows / sizeof rows[0] };
