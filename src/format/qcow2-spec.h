/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts of the qcow2 format: its specification is QEMU's docs/interop/qcow2.txt
 * ("spec" below, with the section). "limit" marks a bound of qemu-img that the
 * specification does not have, found by trying it at the limit and one above.
 */
#ifndef INSTAR_QCOW2_SPEC_H
#define INSTAR_QCOW2_SPEC_H

#include <stdint.h>

/* errno values that qemu-img names where nothing failed in a system call */
#define QCOW2_EIO 5
#define QCOW2_EINVAL 22
#define QCOW2_EFBIG 27
#define QCOW2_ENOMEDIUM 123
#define QCOW2_ENOSPC 28
#define QCOW2_ENOTSUP 95

/* spec "Header" */
#define QCOW2_MAGIC 0x514649fbu   /* "QFI\xfb" */
#define QCOW2_HEADER_V2 72u       /* bytes of a version 2 header */
#define QCOW2_HEADER_V3 104u      /* least bytes of a version 3 header */
#define QCOW2_HEADER_V3_USED 112u /* with compression_type and padding */

enum qcow2_header_field {
    QCOW2_H_MAGIC = 0,
    QCOW2_H_VERSION = 4,
    QCOW2_H_BACKING_OFFSET = 8,
    QCOW2_H_BACKING_LENGTH = 16,
    QCOW2_H_CLUSTER_BITS = 20,
    QCOW2_H_SIZE = 24,
    QCOW2_H_CRYPT = 32,
    QCOW2_H_L1_SIZE = 36,
    QCOW2_H_L1_OFFSET = 40,
    QCOW2_H_REFTABLE_OFFSET = 48,
    QCOW2_H_REFTABLE_CLUSTERS = 56,
    QCOW2_H_N_SNAPSHOTS = 60,
    QCOW2_H_SNAPSHOTS_OFFSET = 64,
    QCOW2_H_INCOMPATIBLE = 72,
    QCOW2_H_COMPATIBLE = 80,
    QCOW2_H_AUTOCLEAR = 88,
    QCOW2_H_REFCOUNT_ORDER = 96,
    QCOW2_H_HEADER_LENGTH = 100,
    QCOW2_H_COMPRESSION = 104,
};

#define QCOW2_MIN_CLUSTER_BITS 9u            /* spec */
#define QCOW2_MAX_CLUSTER_BITS 21u           /* limit, noted in the spec: 2 MiB */
#define QCOW2_MIN_EXTENDED_BITS 14u          /* spec: extended L2 entries need 16 KiB clusters */
#define QCOW2_MAX_REFCOUNT_ORDER 6u          /* spec */
#define QCOW2_V2_REFCOUNT_ORDER 4u           /* spec */
#define QCOW2_MAX_BACKING_NAME 1023u         /* spec */
#define QCOW2_MAX_L1_BYTES (32u << 20)       /* limit, noted in the spec */
#define QCOW2_MAX_REFTABLE_BYTES (8u << 20)  /* limit, noted in the spec */
#define QCOW2_MAX_SNAPSHOTS 65536u           /* limit */
#define QCOW2_MAX_SNAPSHOT_EXTRA 1024u       /* limit: bytes of extra data of one snapshot */
#define QCOW2_MAX_SNAPSHOT_TABLE (64u << 20) /* limit: bytes */
#define QCOW2_MAX_BITMAPS 65535u             /* limit, noted in the spec */
#define QCOW2_MAX_BITMAP_DIRECTORY (QCOW2_MAX_BITMAPS * 1024u) /* limit: bytes */
#define QCOW2_MAX_BITMAP_TABLE_DATA (512u << 20) /* limit: bytes the table of a bitmap may map */
#define QCOW2_MAX_FILE 0x7fffffffc0000000ull     /* limit: bytes of a file; reads beyond fail */
#define QCOW2_MAX_BITMAP_NAME 1023u              /* limit, noted in the spec */

enum qcow2_crypt { QCOW2_CRYPT_NONE = 0, QCOW2_CRYPT_AES = 1, QCOW2_CRYPT_LUKS = 2 };
enum qcow2_compression { QCOW2_COMPRESSION_ZLIB = 0, QCOW2_COMPRESSION_ZSTD = 1 };

#define QCOW2_INCOMPAT_DIRTY (1ull << 0)
#define QCOW2_INCOMPAT_CORRUPT (1ull << 1)
#define QCOW2_INCOMPAT_DATA_FILE (1ull << 2)
#define QCOW2_INCOMPAT_COMPRESSION (1ull << 3)
#define QCOW2_INCOMPAT_EXTENDED_L2 (1ull << 4)
#define QCOW2_INCOMPAT_KNOWN 0x1full
#define QCOW2_COMPAT_LAZY_REFCOUNTS (1ull << 0)
#define QCOW2_COMPAT_KNOWN 0x1ull
#define QCOW2_AUTOCLEAR_BITMAPS (1ull << 0)
#define QCOW2_AUTOCLEAR_DATA_FILE_RAW (1ull << 1)
#define QCOW2_AUTOCLEAR_KNOWN 0x3ull

/* spec "Header extensions": u32 type, u32 length, data, padded to 8 bytes */
#define QCOW2_EXT_HEAD 8u
#define QCOW2_EXT_END 0x00000000u
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acau
#define QCOW2_EXT_FEATURE_NAMES 0x6803f857u
#define QCOW2_EXT_BITMAPS 0x23852875u
#define QCOW2_EXT_CRYPTO 0x0537be77u
#define QCOW2_EXT_DATA_FILE 0x44415441u

/* spec "Feature name table": u8 type, u8 bit, 46 bytes of name padded with zeros */
#define QCOW2_FEATURE_SIZE 48u
#define QCOW2_FEATURE_NAME 46u

/* spec "Host cluster management" and "Cluster mapping". The reserved bits of an
 * entry are those outside these masks. */
#define QCOW2_REFTABLE_OFFSET 0xfffffffffffffe00ull
#define QCOW2_L1_OFFSET 0x00fffffffffffe00ull
#define QCOW2_L2_OFFSET 0x00fffffffffffe00ull
#define QCOW2_COPIED (1ull << 63)     /* L1 and L2 entries: refcount is exactly 1 */
#define QCOW2_COMPRESSED (1ull << 62) /* L2 entries */
#define QCOW2_ZERO (1ull << 0)        /* L2 entries, version 3 without extended L2 */
#define QCOW2_L1_RESERVED 0x7f000000000001ffull
#define QCOW2_L2_STD_RESERVED 0x3f000000000001feull
#define QCOW2_REFTABLE_RESERVED 0x1ffull
#define QCOW2_BITMAP_TABLE_OFFSET 0x00fffffffffffe00ull
#define QCOW2_BITMAP_TABLE_RESERVED 0xff000000000001feull
#define QCOW2_SECTOR 512u /* unit of the length of compressed clusters */

/* spec "Extended L2 Entries" */
#define QCOW2_SUBCLUSTERS 32u

/* spec "Snapshots" */
#define QCOW2_SNAPSHOT_HEAD 40u     /* fixed bytes of an entry */
#define QCOW2_SNAPSHOT_EXTRA_V3 16u /* bytes of extra data version 3 must have */

/* spec "Bitmap directory" */
#define QCOW2_BITMAP_HEAD 24u
#define QCOW2_BITMAP_IN_USE (1u << 0)
#define QCOW2_BITMAP_AUTO (1u << 1)
#define QCOW2_BITMAP_EXTRA_COMPATIBLE (1u << 2)
#define QCOW2_BITMAP_FLAGS_RESERVED 0xfffffff8u
#define QCOW2_BITMAP_DIRTY_TRACKING 1u
#define QCOW2_BITMAP_MIN_GRANULARITY 9u  /* limit, noted in the spec */
#define QCOW2_BITMAP_MAX_GRANULARITY 31u /* limit, noted in the spec */

#endif
