/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every way a driver can fail, and the words for it, in one table per area.
 *
 * Row: { NAME, since, "words" }. since is the fact of profile/facts.h with which
 * versions say it so, 0 for all; a NAME may stand in several rows, and the last
 * row that the profile has is used. In the words, {0}..{5}
 * are the values in decimal, {0d} as signed numbers, {0x} in hexadecimal, {0#}
 * the same with 0x in front of all but zero (printf's %#x), {0e} the words for
 * that errno; {s} is the text that goes along, up to its first zero byte, {t}
 * what follows that; {errno} the words for io_errno; {file} the name of the image. The numbers follow the
 * order of the enum below, never the rows.
 *
 * Payload code uses the enumerators only; the words are compiled into the host.
 */
#ifndef INSTAR_STATUS_H
#define INSTAR_STATUS_H

#include <stdint.h>

/* Areas own ranges of numbers, so that they can grow side by side. */
enum fmt_status {
    FMT_OK = 0,

    /* general */
    FMT_E_IO = -1,          /* a host request failed: io_errno */
    FMT_E_NO_MEMORY = -2,   /* the arena is used up */
    FMT_E_UNSUPPORTED = -3, /* this driver does not do it */
    FMT_E_BAD_JOB = -4,     /* the host asked nonsense */
    FMT_E_CANCELED = -6,
    FMT_E_CODEC = -7,           /* coded bytes are broken */
    FMT_E_TABLE_FULL = -8,      /* the answer does not fit in the table */
    FMT_E_CORRUPT_CLUSTER = -9, /* guest data cannot be located: EIO to the reader */
    FMT_E_NO_SNAPSHOT = -10,
    FMT_E_READ_ONLY = -11,
    FMT_E_NO_SPACE = -12,
    FMT_E_NO_SECRET = -13, /* a secret was not given; the host knows why */

    /* qcow2: -1000 .. -1999, see qcow2-status.h */
    FMT_E_QCOW2_FIRST = -1000,
    /* vmdk: -2000 .. -2999, see vmdk-status.h */
    FMT_E_VMDK_FIRST = -2000,
    /* LUKS, as a format and inside of others: -3000 .. -3999, see luks-status.h */
    FMT_E_LUKS_FIRST = -3000,
};

#endif
