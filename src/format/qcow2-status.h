/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be wrong with a qcow2 image, as numbers; the words stand in
 * src/image/words-qcow2.c. Reading, info and check own -1000 .. -1499,
 * creating and writing -1500 .. -1999. {n} are the values that go with a
 * status, {s} its text.
 */
#ifndef INSTAR_QCOW2_STATUS_H
#define INSTAR_QCOW2_STATUS_H

#include "abi/status.h"

enum qcow2_status {
    /* the header, in the order in which it is examined */
    QCOW2_E_HEADER_READ = -1001,
    QCOW2_E_MAGIC = -1002,
    QCOW2_E_VERSION = -1003,            /* {0} the version */
    QCOW2_E_CLUSTER_BITS = -1004,       /* {0} the bits */
    QCOW2_E_HEADER_SHORT = -1005,
    QCOW2_E_HEADER_LONG = -1006,
    QCOW2_E_BACKING_OFFSET = -1007,
    QCOW2_E_COMPRESSION_TYPE = -1008,   /* {0} the type */
    QCOW2_E_COMPRESSION_BIT_SET = -1009,
    QCOW2_E_COMPRESSION_BIT_CLEAR = -1010,
    QCOW2_E_FEATURES = -1011,           /* {s} names, joined */
    QCOW2_E_CORRUPT_WRITE = -1012,
    QCOW2_E_SUBCLUSTER_SIZE = -1013,    /* {0} bytes */
    QCOW2_E_REFCOUNT_ORDER = -1014,
    QCOW2_E_REFTABLE_LARGE = -1015,
    QCOW2_E_REFTABLE_NONE = -1016,
    QCOW2_E_REFTABLE_OFFSET = -1017,
    QCOW2_E_SNAPSHOTS_LARGE = -1018,
    QCOW2_E_SNAPSHOTS_OFFSET = -1019,
    QCOW2_E_L1_LARGE = -1020,
    QCOW2_E_L1_OFFSET = -1021,
    QCOW2_E_SIZE_LARGE = -1022,
    QCOW2_E_L1_SMALL = -1023,
    QCOW2_E_L1_READ = -1024,            /* {errno} */
    QCOW2_E_CRYPT_METHOD = -1025,       /* {0} the method, as a signed number */
    QCOW2_E_REFTABLE_READ = -1026,      /* {errno} */
    QCOW2_E_SIZE_SECTORS = -1027,

    QCOW2_E_REFBLOCK_UNALIGNED = -1028, /* {0} offset, {1} index in the refcount table */

    /* found broken while the image is in use: told once, then reads fail (qcow2-corrupt.c) */
    QCOW2_X_L2_UNALIGNED = -1030,       /* {0} offset, {1} L1 index */
    QCOW2_X_CLUSTER_UNALIGNED = -1031,  /* {0} offset, {1} L2 offset, {2} L2 index */
    QCOW2_X_ZERO_V2 = -1032,            /* {0} L2 offset, {1} L2 index */
    QCOW2_X_INVALID_ENTRY = -1033,      /* {0} L2 offset, {1} L2 index */
    QCOW2_X_DATA_FILE_OFFSET = -1034,   /* {0} host offset, {1} guest offset, {2} L2 index */
    QCOW2_X_DATA_FILE_COMPRESSED = -1035, /* {0} L2 offset, {1} L2 index */
    QCOW2_X_LAST = -1039,
    /* the same, told when the image is marked as corrupt: lower by this */
    QCOW2_X_MARKING = 400,

    /* header extensions */
    QCOW2_E_EXT_LARGE = -1040,
    QCOW2_E_EXT_READ = -1041,           /* {errno} */
    QCOW2_E_EXT_BACKING_FORMAT = -1042, /* {0} bytes */
    QCOW2_E_EXT_CRYPTO_METHOD = -1043,
    QCOW2_E_EXT_CRYPTO_LENGTH = -1044,  /* {0} bytes */
    QCOW2_E_EXT_CRYPTO_OFFSET = -1045,  /* {0} offset, {1} cluster size */
    QCOW2_E_EXT_CRYPTO_MISSING = -1046,
    QCOW2_E_EXT_BITMAPS_LENGTH = -1047,
    QCOW2_E_EXT_BITMAPS_RESERVED = -1048,
    QCOW2_E_EXT_BITMAPS_MANY = -1049,   /* {0} bitmaps */
    QCOW2_E_EXT_BITMAPS_NONE = -1050,
    QCOW2_E_EXT_BITMAPS_OFFSET = -1051,
    QCOW2_E_EXT_BITMAPS_SIZE = -1052,   /* {0} bytes of the directory */
    QCOW2_W_BITMAPS_STALE = -1053,
    QCOW2_W_BITMAPS_V2 = -1054,
    QCOW2_E_BACKING_LENGTH = -1055,
    QCOW2_E_BACKING_READ = -1056,       /* {errno} */

    /* snapshot table */
    QCOW2_E_SNAPSHOT_READ = -1070,      /* {errno} */
    QCOW2_E_SNAPSHOT_EXTRA = -1071,     /* {0} index */
    QCOW2_E_SNAPSHOT_TABLE_LARGE = -1072, /* {0} snapshots left */

    QCOW2_E_SNAPSHOT_L1_LARGE = -1073,
    QCOW2_E_SNAPSHOT_L1_OFFSET = -1074,
    QCOW2_E_SNAPSHOT_L1_READ = -1075,

    /* bitmap directory */
    QCOW2_E_BITMAP_DIR_EMPTY = -1080,
    QCOW2_E_BITMAP_DIR_READ = -1081,    /* {errno} */
    QCOW2_E_BITMAP_DIR_BROKEN = -1082,
    QCOW2_E_BITMAP_EXTRA = -1083,
    QCOW2_E_BITMAP_CONSTRAINTS = -1084, /* {s} name */
    QCOW2_E_BITMAP_MANY = -1085,
    QCOW2_E_BITMAP_FEW = -1086,
    QCOW2_E_BITMAP_EXISTS = -1087,      /* {s} name */
    QCOW2_E_BITMAP_TABLE = -1088,       /* {s} name, {errno} */
    QCOW2_E_BITMAP_DATA = -1089,        /* {s} name, {errno} */
};

#endif
