/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be wrong with a LUKS header, as numbers (-3000 .. -3999); the words
 * stand in src/image/words-luks.c. {n} are the values of a status, {s} its text.
 */
#ifndef INSTAR_LUKS_STATUS_H
#define INSTAR_LUKS_STATUS_H

#include "abi/status.h"

enum luks_status {
    LUKS_E_READ = -3001,    /* {errno} */
    LUKS_E_OUTSIDE = -3002, /* the recorded length is shorter than a header */
    LUKS_E_MAGIC = -3003,
    LUKS_E_VERSION = -3004,     /* {0} version */
    LUKS_E_CIPHER_NAME = -3005, /* not terminated */
    LUKS_E_CIPHER_MODE = -3006, /* not terminated */
    LUKS_E_HASH_SPEC = -3007,   /* not terminated */
    LUKS_E_PAYLOAD = -3008,
    LUKS_E_ITERATIONS = -3009,
    LUKS_E_SLOT_STRIPES = -3010,    /* {0} slot, {1} stripes as a signed number, {2} wanted */
    LUKS_E_SLOT_STATE = -3011,      /* {0} slot */
    LUKS_E_SLOT_ITERATIONS = -3012, /* {0} slot */
    LUKS_E_SLOT_HEADER = -3013,     /* {0} slot */
    LUKS_E_SLOT_PAYLOAD = -3014,    /* {0} slot */
    LUKS_E_SLOT_OVERLAP = -3015,    /* {0} and {1} slots */
    LUKS_E_MODE_FORMAT = -3016,     /* {s} */
    LUKS_E_MODE = -3017,            /* {s} */
    LUKS_E_CIPHER = -3018,          /* {s} name, {0} bytes of the key */
    LUKS_E_HASH = -3019,            /* {s} */
    LUKS_E_IVGEN = -3020,           /* {s} */
    LUKS_E_IVGEN_HASH = -3021,
    LUKS_E_ESSIV_SIZE = -3022,   /* {s} family, {0} bytes of the hash */
    LUKS_E_ESSIV_CIPHER = -3023, /* {s} cipher */
    LUKS_E_PASSWORD = -3024,
    LUKS_E_MATERIAL = -3025,                /* {errno} */
    LUKS_E_CIPHER_MODE_UNSUPPORTED = -3026, /* {s} mode */
    LUKS_E_MANY_ITERATIONS = -3027,         /* {0} iterations in all slots, {1} most */
    LUKS_E_ITERATIONS_SCALE = -3028,        /* {0} iterations a second */
    LUKS_E_ITERATIONS_LARGE = -3029,        /* {0} iterations, {1} most */
    LUKS_E_WRITE = -3030,                   /* {errno} */
    LUKS_E_MATERIAL_WRITE = -3031,          /* {errno} */
    LUKS_E_ALGORITHM = -3033,               /* {s} */
    LUKS_E_OPTION_CIPHER = -3034,           /* {s} the wrong word, here and in what follows */
    LUKS_E_OPTION_MODE = -3035,
    LUKS_E_OPTION_IVGEN = -3036,
    LUKS_E_OPTION_IVGEN_HASH = -3037,
    LUKS_E_OPTION_HASH = -3038,
    LUKS_E_OPTION_PREALLOC = -3039,
    LUKS_E_SIZE = -3040, /* {errno} */
    LUKS_E_FILE_LARGE = -3041,
    /* amend */
    LUKS_E_AMEND_NO_STATE = -3042,
    LUKS_E_AMEND_STATE = -3043, /* {s} */
    LUKS_E_AMEND_NO_NEW = -3044,
    LUKS_E_AMEND_OLD = -3045,
    LUKS_E_AMEND_SLOT = -3046, /* {0} slot, here and in what follows */
    LUKS_E_AMEND_IN_USE = -3047,
    LUKS_E_AMEND_FULL = -3048,
    LUKS_E_AMEND_MASTER = -3049,
    LUKS_E_AMEND_NEW = -3050,
    LUKS_E_AMEND_TIME = -3051,
    LUKS_E_AMEND_WHICH = -3052,
    LUKS_E_AMEND_NO_MATCH = -3053,
    LUKS_E_AMEND_ERASED = -3054,
    LUKS_E_AMEND_LAST = -3055,
    LUKS_E_AMEND_NONE = -3056,
    LUKS_E_AMEND_ALL = -3057,
    /* resize: {errno} */
    LUKS_E_RESIZE = -3058,
    LUKS_E_RESIZE_METADATA = -3059,
    LUKS_E_RESIZE_ALLOC = -3060,
    LUKS_E_RESIZE_ZEROS = -3061,
};

#endif
