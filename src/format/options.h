/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Creation options of the formats, as tables that drivers and the host program
 * share. Tables only: they hold no parser.
 *
 * The host reads "-o" by these types, shows "-o help" from the help texts, and
 * prints the "Formatting" line in the order of the tables. A driver gets the
 * options as props under these names: SIZE and NUMBER as U64, BOOL as BOOL,
 * STRING as STRING. Options that were not given are left out, except those with
 * a fallback.
 */
#ifndef INSTAR_OPTIONS_H
#define INSTAR_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum fmt_option_type {
    FMT_OPTION_STRING = 1,
    FMT_OPTION_BOOL = 2,
    FMT_OPTION_NUMBER = 3,
    FMT_OPTION_SIZE = 4,
};

struct fmt_option {
    const char *name;     /* qemu-img's */
    const char *help;     /* as "-o help" prints it */
    const char *fallback; /* the value used (and printed) when not given; NULL: none */
    uint16_t type;        /* enum fmt_option_type */
    uint16_t since;       /* first version that lists it, major * 100 + minor; 0: all */
};

struct fmt_option_table {
    const char *format; /* a format's name, or "file" for the byte store */
    const struct fmt_option *rows;
    size_t n_rows;
};

extern const struct fmt_option_table qcow2_options;
extern const struct fmt_option_table raw_options;
extern const struct fmt_option_table luks_options;
extern const struct fmt_option_table vmdk_options;
/* What can be given another value in an image that exists. */
extern const struct fmt_option_table qcow2_amend_options;
extern const struct fmt_option_table luks_amend_options;
/* What the store adds when the target's name is known. A name that a format's
 * table holds too (preallocation) is listed once, with the format's help. */
extern const struct fmt_option_table file_options;

#endif
