/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a vmdk image can be refused for; words in src/image/words-vmdk.c. */
#ifndef INSTAR_VMDK_STATUS_H
#define INSTAR_VMDK_STATUS_H

#include "abi/status.h"

enum vmdk_status {
    VMDK_E_SMALL = FMT_E_VMDK_FIRST,          /* an empty file */
    VMDK_E_DESCRIPTOR = FMT_E_VMDK_FIRST - 1, /* a descriptor that does not say its type */
    VMDK_E_TYPE = FMT_E_VMDK_FIRST - 2,       /* {s}: the type that has no driver here */
    VMDK_E_FOOTER = FMT_E_VMDK_FIRST - 3,
    VMDK_E_VERSION = FMT_E_VMDK_FIRST - 4, /* {0}: the version */
    VMDK_E_TABLE_SIZE = FMT_E_VMDK_FIRST - 5,
    VMDK_E_TABLE_SPAN = FMT_E_VMDK_FIRST - 6,
    VMDK_E_TRUNCATED = FMT_E_VMDK_FIRST - 7, /* {0}: bytes it should have, signed */
    VMDK_E_GRAIN_SIZE = FMT_E_VMDK_FIRST - 8,
    VMDK_E_DIRECTORY_SIZE = FMT_E_VMDK_FIRST - 9,
    VMDK_E_DIRECTORY = FMT_E_VMDK_FIRST - 10, /* the grain directory cannot be read: errno */
    VMDK_E_REDUNDANT = FMT_E_VMDK_FIRST - 11, /* its copy neither */
    VMDK_E_TEXT = FMT_E_VMDK_FIRST - 12,      /* the descriptor lacks what it must have */
    VMDK_E_TOO_LARGE = FMT_E_VMDK_FIRST - 13,
    VMDK_E_VERSION_READ_ONLY = FMT_E_VMDK_FIRST - 14, /* {0}: the version */

    /* making one */
    VMDK_E_OPTION_VALUE = FMT_E_VMDK_FIRST - 100, /* {s}: the value */
    VMDK_E_SUBFORMAT = FMT_E_VMDK_FIRST - 101,    /* {s}: a subformat that is not made here */
    VMDK_E_FLAT_BACKING = FMT_E_VMDK_FIRST - 102,
    VMDK_E_COMPAT6 = FMT_E_VMDK_FIRST - 103,
    VMDK_E_BACKING_FORMAT = FMT_E_VMDK_FIRST - 104,
    VMDK_E_BACKING = FMT_E_VMDK_FIRST - 105, /* {s}: the format the backing file has */
    VMDK_E_CREATE_TOO_LARGE = FMT_E_VMDK_FIRST - 106,
    VMDK_E_TEXT_TOO_LONG = FMT_E_VMDK_FIRST - 107,
    VMDK_E_CHARACTERS = FMT_E_VMDK_FIRST - 108, /* what would end a line or a value */

    /* told by a check */
    VMDK_M_BEHIND_EOF = FMT_E_VMDK_FIRST - 200, /* {0}: guest sector */
    VMDK_M_NO_TABLE = FMT_E_VMDK_FIRST - 201,   /* {0}: the same */
};

#endif
