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
    QCOW2_E_VERSION = -1003,      /* {0} the version */
    QCOW2_E_CLUSTER_BITS = -1004, /* {0} the bits */
    QCOW2_E_HEADER_SHORT = -1005,
    QCOW2_E_HEADER_LONG = -1006,
    QCOW2_E_BACKING_OFFSET = -1007,
    QCOW2_E_COMPRESSION_TYPE = -1008, /* {0} the type */
    QCOW2_E_COMPRESSION_BIT_SET = -1009,
    QCOW2_E_COMPRESSION_BIT_CLEAR = -1010,
    QCOW2_E_FEATURES = -1011, /* {s} names, joined */
    QCOW2_E_CORRUPT_WRITE = -1012,
    QCOW2_E_SUBCLUSTER_SIZE = -1013, /* {0} bytes */
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
    QCOW2_E_L1_READ = -1024,       /* {errno} */
    QCOW2_E_CRYPT_METHOD = -1025,  /* {0} the method, as a signed number */
    QCOW2_E_REFTABLE_READ = -1026, /* {errno} */
    QCOW2_E_SIZE_SECTORS = -1027,

    QCOW2_E_REFBLOCK_UNALIGNED = -1028, /* {0} offset, {1} index in the refcount table */

    QCOW2_E_REFBLOCK_FAR = -1029, /* {0} offset, {1} index in the refcount table */

    /* found broken while the image is in use: told once, then reads fail (qcow2-corrupt.c) */
    QCOW2_X_L2_UNALIGNED = -1030,         /* {0} offset, {1} L1 index */
    QCOW2_X_CLUSTER_UNALIGNED = -1031,    /* {0} offset, {1} L2 offset, {2} L2 index */
    QCOW2_X_ZERO_V2 = -1032,              /* {0} L2 offset, {1} L2 index */
    QCOW2_X_INVALID_ENTRY = -1033,        /* {0} L2 offset, {1} L2 index */
    QCOW2_X_DATA_FILE_OFFSET = -1034,     /* {0} host offset, {1} guest offset, {2} L2 index */
    QCOW2_X_DATA_FILE_COMPRESSED = -1035, /* {0} L2 offset, {1} L2 index */
    QCOW2_X_REFBLOCK_UNALIGNED = -1036,   /* {0} offset, {1} index in the refcount table */
    QCOW2_X_DATA_UNALIGNED = -1037,       /* {0} offset, {1} guest offset */
    /* the same, told when the image is marked as corrupt: lower by this */
    QCOW2_X_MARKING = 400,

    /* header extensions */
    QCOW2_E_EXT_LARGE = -1040,
    QCOW2_E_EXT_READ = -1041,           /* {errno} */
    QCOW2_E_EXT_BACKING_FORMAT = -1042, /* {0} bytes */
    QCOW2_E_EXT_CRYPTO_METHOD = -1043,
    QCOW2_E_EXT_CRYPTO_LENGTH = -1044, /* {0} bytes */
    QCOW2_E_EXT_CRYPTO_OFFSET = -1045, /* {0} offset, {1} cluster size */
    QCOW2_E_EXT_CRYPTO_MISSING = -1046,
    QCOW2_E_EXT_BITMAPS_LENGTH = -1047,
    QCOW2_E_EXT_BITMAPS_RESERVED = -1048,
    QCOW2_E_EXT_BITMAPS_MANY = -1049, /* {0} bitmaps */
    QCOW2_E_EXT_BITMAPS_NONE = -1050,
    QCOW2_E_EXT_BITMAPS_OFFSET = -1051,
    QCOW2_E_EXT_BITMAPS_SIZE = -1052, /* {0} bytes of the directory */
    QCOW2_W_BITMAPS_STALE = -1053,
    QCOW2_W_BITMAPS_V2 = -1054,
    QCOW2_E_BACKING_LENGTH = -1055,
    QCOW2_E_BACKING_READ = -1056, /* {errno} */
    QCOW2_E_RAW_WITHOUT_DATA_FILE = -1057,
    QCOW2_E_DIRTY_REPAIR = -1058, /* {errno} */

    /* snapshot table */
    QCOW2_E_SNAPSHOT_READ = -1070,        /* {errno} */
    QCOW2_E_SNAPSHOT_EXTRA = -1071,       /* {0} index */
    QCOW2_E_SNAPSHOT_TABLE_LARGE = -1072, /* {0} snapshots left */

    QCOW2_E_SNAPSHOT_L1_LARGE = -1073,
    QCOW2_E_SNAPSHOT_L1_OFFSET = -1074,
    QCOW2_E_SNAPSHOT_L1_READ = -1075,

    /* bitmap directory */
    QCOW2_E_BITMAP_DIR_EMPTY = -1080,
    QCOW2_E_BITMAP_DIR_READ = -1081, /* {errno} */
    QCOW2_E_BITMAP_DIR_BROKEN = -1082,
    QCOW2_E_BITMAP_EXTRA = -1083,
    QCOW2_E_BITMAP_CONSTRAINTS = -1084, /* {s} name */
    QCOW2_E_BITMAP_MANY = -1085,
    QCOW2_E_BITMAP_FEW = -1086,
    QCOW2_E_BITMAP_EXISTS = -1087, /* {s} name */
    QCOW2_E_BITMAP_TABLE = -1088,  /* {s} name, {errno} */
    QCOW2_E_BITMAP_DATA = -1089,   /* {s} name, {errno} */

    /* lines of a check, in the order in which things are looked at */
    QCOW2_C_SNAPSHOTS_LARGE = -1100, /* {0} snapshots too many */
    QCOW2_C_SNAPSHOTS_OFFSET = -1101,
    QCOW2_C_SNAPSHOT_INCOMPLETE = -1102, /* {0} index */
    QCOW2_C_BEYOND_END = -1103,          /* {0} offset, {1} bytes */
    QCOW2_C_OVERFLOW = -1104,            /* {0} offset */
    QCOW2_C_IO_L1 = -1105,
    QCOW2_C_IO_L2 = -1106,
    QCOW2_C_L1_RESERVED = -1107,          /* {0} entry */
    QCOW2_C_L1_UNALIGNED = -1108,         /* {0} L2 offset */
    QCOW2_C_L2_RESERVED = -1109,          /* {0} entry */
    QCOW2_C_COMPRESSED_COPIED = -1110,    /* {0} offset */
    QCOW2_C_COMPRESSED_DATA_FILE = -1111, /* {0} index, {1} entry */
    QCOW2_C_COMPRESSED_BITMAP = -1112,    /* {0} index, {1} entry */
    QCOW2_C_BITMAP_UNALLOCATED = -1113,
    QCOW2_C_BITMAP_CORRUPT = -1114,      /* {0} offset */
    QCOW2_C_DATA_UNALIGNED = -1115,      /* {0} offset */
    QCOW2_C_PREALLOC_UNALIGNED = -1116,  /* {0} offset */
    QCOW2_C_SNAPSHOTS_DATA_FILE = -1117, /* {0} snapshots */
    QCOW2_C_SNAPSHOT_UNALIGNED = -1118,  /* {s} id, {t} name, {0} L1 offset */
    QCOW2_C_SNAPSHOT_LARGE = -1119,      /* {s} id, {t} name, {0} L1 entries */
    QCOW2_C_REFTABLE_RESERVED = -1120,   /* {0} index */
    QCOW2_C_REFBLOCK_UNALIGNED = -1121,  /* {0} index */
    QCOW2_C_REFBLOCK_OUTSIDE = -1122,    /* {0} index */
    QCOW2_C_REFBLOCK_SHARED = -1123,     /* {0} index, {1} references */
    QCOW2_C_NO_REFCOUNT = -1124,         /* {0} cluster, {1} errno */
    QCOW2_C_TOO_LOW = -1125,             /* {0} cluster, {1} refcount, {2} references */
    QCOW2_C_LEAK = -1126,                /* {0} cluster, {1} refcount, {2} references */
    QCOW2_C_COPIED_L2 = -1127,           /* {0} L1 index, {1} entry, {2} refcount */
    QCOW2_C_COPIED_DATA = -1128,         /* {0} entry, {1} refcount */
    QCOW2_C_PREALLOC_MENDED = -1129,     /* {0} offset */
    QCOW2_C_REFBLOCK_MENDED = -1130,     /* {0} index */
    QCOW2_C_NO_RESIZE = -1131,           /* {0} errno */
    QCOW2_C_COUNT_MENDED = -1132,        /* {0} cluster, {1} refcount, {2} references */
    QCOW2_C_REBUILDING = -1133,
    QCOW2_C_NEED_REBUILD = -1134,
    QCOW2_C_STILL_BROKEN = -1135,
    QCOW2_C_L2_MENDED = -1136,            /* {0} L1 index, {1} entry, {2} refcount */
    QCOW2_C_DATA_MENDED = -1137,          /* {0} entry, {1} refcount */
    QCOW2_C_SNAPSHOT_MENDED = -1140,      /* {0} index */
    QCOW2_C_SNAPSHOT_EXTRA = -1141,       /* {0} index, {1} bytes, {2} most bytes */
    QCOW2_C_SNAPSHOTS_DISCARDED = -1142,  /* {0} snapshots */
    QCOW2_C_SNAPSHOTS_OVERHANG = -1143,   /* {0} snapshots */
    QCOW2_C_SNAPSHOTS_NOT_MENDED = -1144, /* {0} errno */
    QCOW2_C_OVERLAP = -1138,
    QCOW2_C_OVERLAP_L2 = -1139,  /* {0} errno */
    QCOW2_C_FILE_RESIZE = -1145, /* {0} errno */
    /* a check that could not read the snapshot table says why: QCOW2_E_SNAPSHOT_* lower by
     * this; {0} is the errno of QCOW2_E_SNAPSHOT_READ */
    QCOW2_C_TABLE_READ = 300,

    /* found while writing: a place that is taken (as QCOW2_X_ above) */
    QCOW2_X_OVERLAP_HEADER = -1091,
    QCOW2_X_OVERLAP_L1 = -1092,
    QCOW2_X_OVERLAP_L2 = -1093,
    QCOW2_X_OVERLAP_REFBLOCK = -1094,
    QCOW2_X_OVERLAP_REFTABLE = -1095,
    QCOW2_X_OVERLAP_SNAPSHOTS = -1096,
    QCOW2_X_OVERLAP_INACTIVE_L1 = -1097,
    QCOW2_X_OVERLAP_BITMAPS = -1098,
    QCOW2_X_ZERO_DATA = -1061,
    QCOW2_X_ZERO_CODED = -1062,
    QCOW2_X_ZERO_L2 = -1064,
    QCOW2_X_ZERO_REFBLOCK = -1065,

    /* creation options that cannot be */
    QCOW2_E_CREATE_COMPAT = -1500,      /* {s} the word */
    QCOW2_E_CREATE_PREALLOC = -1501,    /* {s} the word */
    QCOW2_E_CREATE_COMPRESSION = -1502, /* {s} the word */
    QCOW2_E_CREATE_EXTENDED_V2 = -1503,
    QCOW2_E_CREATE_EXTENDED_SMALL = -1504, /* {0} least bytes of a cluster */
    QCOW2_E_CREATE_CLUSTER_SIZE = -1505,
    QCOW2_E_CREATE_PREALLOC_BACKING = -1506,
    QCOW2_E_CREATE_FORMAT_ALONE = -1507,
    QCOW2_E_CREATE_LAZY_V2 = -1508,
    QCOW2_E_CREATE_REFCOUNT_BITS = -1509,
    QCOW2_E_CREATE_REFCOUNT_V2 = -1510,
    QCOW2_E_CREATE_RAW_ALONE = -1511,
    QCOW2_E_CREATE_RAW_BACKING = -1512,
    QCOW2_E_CREATE_DATA_FILE_V2 = -1513,
    QCOW2_E_CREATE_COMPRESSION_V2 = -1514,
    QCOW2_E_CREATE_TOO_LARGE = -1516,
    QCOW2_E_CREATE_BACKING = -1517,  /* {s} name' with format 'format, {errno} */
    QCOW2_E_CREATE_HEADER = -1518,   /* {errno} */
    QCOW2_E_CREATE_REFTABLE = -1519, /* {errno} */
    QCOW2_E_CREATE_NO_SECRET = -1520,
    QCOW2_E_CREATE_NEGATIVE = -1521, /* rounded up, the size does not fit in 63 bits */

    QCOW2_E_MEASURE_COMPAT = -1525,   /* {s} the word */
    QCOW2_E_MEASURE_PREALLOC = -1526, /* {s} the word */
    QCOW2_E_MEASURE_REFCOUNT_V2 = -1527,
    QCOW2_E_MEASURE_TOO_LARGE = -1528,

    /* sizes that cannot be changed; the same while creating: lower by QCOW2_E_IN_CREATE */
    QCOW2_E_SIZE_UNALIGNED = -1530,
    QCOW2_E_RESIZE_L1 = -1531, /* {errno}, so all below */
    QCOW2_E_RESIZE_CLUSTERS = -1532,
    QCOW2_E_RESIZE_FILE = -1533,
    QCOW2_E_RESIZE_FILE_ALLOC = -1534,
    QCOW2_E_RESIZE_FILE_ZEROS = -1535,
    QCOW2_E_RESIZE_DATA = -1536,
    QCOW2_E_RESIZE_DATA_ALLOC = -1537,
    QCOW2_E_RESIZE_DATA_ZEROS = -1538,
    QCOW2_E_RESIZE_HEADER = -1539,
    QCOW2_E_RESIZE_DEVICE = -1670, /* it has the size it has; and its room is its own */
    QCOW2_E_RESIZE_DEVICE_ALLOC = -1671,
    QCOW2_E_RESIZE_DEVICE_ZEROS = -1672,
    QCOW2_E_RESIZE_DATA_DEVICE_ALLOC = -1673,
    QCOW2_E_RESIZE_DATA_DEVICE_ZEROS = -1674,
    QCOW2_E_IN_CREATE = 50,
    QCOW2_E_RESIZE_ZERO = -1540,
    QCOW2_E_RESIZE_SNAPSHOTS_V2 = -1541,
    QCOW2_E_RESIZE_BITMAP = -1542, /* {s} its name */
    QCOW2_E_SHRINK_CLUSTERS = -1543,
    QCOW2_E_SHRINK_REFBLOCKS = -1544,
    QCOW2_E_SHRINK_FILE = -1545,

    QCOW2_E_SNAPSHOT_BITMAPS = -1650, /* the disk must stay what its bitmaps are about */
    QCOW2_E_SNAPSHOT_REMOVE = -1651,  /* {errno}, so below */
    QCOW2_E_SNAPSHOT_FREE = -1652,
    QCOW2_E_SNAPSHOT_UPDATE = -1653,

    /* options that cannot be given another value */
    QCOW2_E_AMEND_NOT_ENCRYPTED = -1550,
    QCOW2_E_AMEND_NOT_LUKS = -1563,
    QCOW2_E_AMEND_COMPAT = -1551, /* {s} the word */
    QCOW2_E_AMEND_DATA_FILE = -1552,
    QCOW2_E_AMEND_RAW = -1553,
    QCOW2_E_AMEND_WIDTH_V2 = -1554,
    QCOW2_E_AMEND_WIDTH = -1555, /* {0} bits, {1} offset of a cluster, {2} its count */
    QCOW2_E_AMEND_BACKING = -1556,
    QCOW2_E_AMEND_LAZY_V2 = -1557,
    QCOW2_E_AMEND_ZEROS = -1564,    /* {errno} */
    QCOW2_E_AMEND_HEADER = -1565,   /* {errno} */
    QCOW2_E_AMEND_REFBLOCK = -1566, /* {errno} */
    QCOW2_E_AMEND_REFBLOCK_UNALIGNED = -1567,
    QCOW2_E_AMEND_OVERLAP = -1568, /* {errno} */
    QCOW2_E_DOWNGRADE_WIDTH = -1558,
    QCOW2_E_DOWNGRADE_DATA_FILE = -1559,
    QCOW2_E_DOWNGRADE_SNAPSHOTS = -1560,
    QCOW2_E_DOWNGRADE_ZSTD = -1561,
    QCOW2_E_DOWNGRADE_FEATURES = -1562, /* {0} incompatible features */

    /* bitmaps that cannot be added */
    QCOW2_E_BITMAP_TOO_MANY = -1600,
    QCOW2_E_BITMAP_NO_ROOM = -1601,
    QCOW2_E_BITMAP_TOO_LARGE = -1602,
    QCOW2_E_BITMAP_DIR_UPDATE = -1603,
    QCOW2_E_BITMAP_V2 = -1604,
};

#endif
