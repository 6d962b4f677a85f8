/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "image/words-qcow2.h"

#define STALE                                                                                      \
    "warning: a program lacking bitmap support modified this file, so all bitmaps are now "        \
    "considered inconsistent"
#define STALE_V2                                                                                   \
    "warning: This qcow2 v2 image contains bitmaps, but they may have been modified by a program " \
    "without persistent bitmap support; so now they must all be considered inconsistent"
#define STALE_HINT                                                                                 \
    "\nSome clusters may be leaked, run 'qemu-img check -r' on the image file to fix."

#define SNAPSHOT_READ "Failed to read snapshot table: "
#define SNAPSHOT_EXTRA                                                                             \
    "Too much extra metadata in snapshot table entry {0}\n"                                        \
    "You can force-remove this extra metadata with qemu-img check -r all"
#define SNAPSHOT_TABLE_LARGE                                                                       \
    "Snapshot table is too big\nYou can force-remove all {0} overhanging snapshots with "          \
    "qemu-img check -r all"
#define TABLE_READ "ERROR failed to read the snapshot table: "

static const WordsRow qcow2_rows[] = {
    /* header */
    { QCOW2_E_HEADER_READ, 0, "Could not read qcow2 header: {errno}", EIO },
    { QCOW2_E_MAGIC, 0, "Image is not in qcow2 format", EINVAL },
    { QCOW2_E_VERSION, 0, "Unsupported qcow2 version {0}", ENOTSUP },
    { QCOW2_E_CLUSTER_BITS, 0, "Unsupported cluster size: 2^{0}", EINVAL },
    { QCOW2_E_HEADER_SHORT, 0, "qcow2 header too short", EINVAL },
    { QCOW2_E_HEADER_LONG, 0, "qcow2 header exceeds cluster size", EINVAL },
    { QCOW2_E_BACKING_OFFSET, 0, "Invalid backing file offset", EINVAL },
    { QCOW2_E_COMPRESSION_TYPE, 0, "qcow2: unknown compression type: {0}", ENOTSUP },
    { QCOW2_E_COMPRESSION_BIT_SET, 0,
      "qcow2: Compression type incompatible feature bit must not be set", EINVAL },
    { QCOW2_E_COMPRESSION_BIT_CLEAR, 0,
      "qcow2: Compression type incompatible feature bit must be set", EINVAL },
    { QCOW2_E_FEATURES, 0, "Unsupported qcow2 feature(s): {s}", ENOTSUP },
    { QCOW2_E_CORRUPT_WRITE, 0, "qcow2: Image is corrupt; cannot be opened read/write", EACCES },
    { QCOW2_E_SUBCLUSTER_SIZE, 0, "Unsupported subcluster size: {0}", EINVAL },
    { QCOW2_E_REFCOUNT_ORDER, 0, "Reference count entry width too large; may not exceed 64 bits",
      EINVAL },
    { QCOW2_E_REFTABLE_LARGE, 0, "Reference count table too large", EFBIG },
    { QCOW2_E_REFTABLE_NONE, 0, "Image does not contain a reference count table", EINVAL },
    { QCOW2_E_REFTABLE_OFFSET, 0, "Reference count table offset invalid", EINVAL },
    { QCOW2_E_SNAPSHOTS_LARGE, 0, "Snapshot table too large", EFBIG },
    { QCOW2_E_SNAPSHOTS_OFFSET, 0, "Snapshot table offset invalid", EINVAL },
    { QCOW2_E_L1_LARGE, 0, "Active L1 table too large", EFBIG },
    { QCOW2_E_L1_OFFSET, 0, "Active L1 table offset invalid", EINVAL },
    { QCOW2_E_SIZE_LARGE, 0, "Image is too big", EFBIG },
    { QCOW2_E_L1_SMALL, 0, "L1 table is too small", EINVAL },
    { QCOW2_E_L1_READ, 0, "Could not read L1 table: {errno}", EIO },
    { QCOW2_E_CRYPT_METHOD, 0, "Unsupported encryption method {0d}", EINVAL },
    { QCOW2_E_REFTABLE_READ, 0, "Could not initialize refcount handling: {errno}", EIO },
    { QCOW2_E_SIZE_SECTORS, 0, "Could not refresh total sector count: {errno}", EFBIG },
    { QCOW2_E_REFBLOCK_UNALIGNED, 0, "{errno}", EIO },
    { QCOW2_E_REFBLOCK_FAR, 0, "{errno}", EIO },

    BROKEN(QCOW2_X_L2_UNALIGNED, "L2 table offset {0#} unaligned (L1 index: {1#})"),
    BROKEN(QCOW2_X_CLUSTER_UNALIGNED,
           "Cluster allocation offset {0#} unaligned (L2 offset: {1#}, L2 index: {2#})"),
    BROKEN(QCOW2_X_ZERO_V2,
           "Zero cluster entry found in pre-v3 image (L2 offset: {0#}, L2 index: {1#})"),
    BROKEN(QCOW2_X_INVALID_ENTRY, "Invalid cluster entry found  (L2 offset: {0#}, L2 index: {1#})"),
    BROKEN(QCOW2_X_DATA_FILE_OFFSET,
           "External data file host cluster offset {0#} does not match guest cluster offset: "
           "{1#}, L2 index: {2#})"),
    BROKEN(QCOW2_X_DATA_FILE_COMPRESSED,
           "Compressed cluster entry found in image with external data file (L2 offset: {0#}, "
           "L2 index: {1#})"),

    BROKEN(QCOW2_X_REFBLOCK_UNALIGNED, "Refblock offset {0#} unaligned (reftable index: {1#})"),

    /* header extensions */
    { QCOW2_E_EXT_LARGE, 0, "Header extension too large", EINVAL },
    { QCOW2_E_EXT_READ, 0, "Could not read qcow2 header extensions: {errno}", EIO },
    { QCOW2_E_EXT_BACKING_FORMAT, 0, "ERROR: ext_backing_format: len={0} too large (>=16)",
      EINVAL },
    { QCOW2_E_EXT_CRYPTO_METHOD, 0,
      "CRYPTO header extension only expected with LUKS encryption method", EINVAL },
    { QCOW2_E_EXT_CRYPTO_LENGTH, 0, "CRYPTO header extension size {0}, but expected size 16",
      EINVAL },
    { QCOW2_E_EXT_CRYPTO_OFFSET, 0,
      "Encryption header offset '{0}' is not a multiple of cluster size '{1}'", EINVAL },
    { QCOW2_E_EXT_CRYPTO_MISSING, 0, "Missing CRYPTO header for crypt method {0}", EINVAL },
    { QCOW2_E_EXT_BITMAPS_LENGTH, 0, "bitmaps_ext: Invalid extension length", EINVAL },
    { QCOW2_E_EXT_BITMAPS_RESERVED, 0, "bitmaps_ext: Reserved field is not zero", EINVAL },
    { QCOW2_E_EXT_BITMAPS_MANY, 0,
      "bitmaps_ext: Image has {0} bitmaps, exceeding the QEMU supported maximum of 65535", EINVAL },
    { QCOW2_E_EXT_BITMAPS_NONE, 0, "found bitmaps extension with zero bitmaps", EINVAL },
    { QCOW2_E_EXT_BITMAPS_OFFSET, 0, "bitmaps_ext: invalid bitmap directory offset", EINVAL },
    { QCOW2_E_EXT_BITMAPS_SIZE, 0,
      "bitmaps_ext: bitmap directory size ({0}) exceeds the maximum supported size (67107840)",
      EINVAL },
    { QCOW2_W_BITMAPS_STALE, 0, STALE STALE_HINT WORDS_NO_NEWLINE, 0 },
    { QCOW2_W_BITMAPS_STALE, FACT_HINT_NEWLINE, STALE STALE_HINT, 0 },
    { QCOW2_W_BITMAPS_V2, 0, STALE_V2 STALE_HINT WORDS_NO_NEWLINE, 0 },
    { QCOW2_W_BITMAPS_V2, FACT_HINT_NEWLINE, STALE_V2 STALE_HINT, 0 },
    { QCOW2_E_RAW_WITHOUT_DATA_FILE, 0, "data-file-raw requires a data file", EINVAL },
    { QCOW2_E_DIRTY_REPAIR, 0, "Could not repair dirty image: {errno}", EIO },
    { QCOW2_E_BACKING_LENGTH, 0, "Backing file name too long", EINVAL },
    { QCOW2_E_BACKING_READ, 0, "Could not read backing file name: {errno}", EIO },

    /* snapshot table */
    { QCOW2_E_SNAPSHOT_READ, 0, SNAPSHOT_READ "{errno}", EIO },
    { QCOW2_E_SNAPSHOT_EXTRA, 0, SNAPSHOT_EXTRA, EFBIG },
    { QCOW2_E_SNAPSHOT_TABLE_LARGE, 0, SNAPSHOT_TABLE_LARGE, EFBIG },
    { QCOW2_E_SNAPSHOT_L1_LARGE, 0, "Snapshot L1 table too large", EFBIG },
    { QCOW2_E_SNAPSHOT_L1_OFFSET, 0, "Snapshot L1 table offset invalid", EINVAL },
    { QCOW2_E_SNAPSHOT_L1_READ, 0, "Failed to read l1 table for snapshot", EIO },

    /* bitmap directory */
    { QCOW2_E_BITMAP_DIR_EMPTY, 0, "Requested bitmap directory size is zero", EINVAL },
    { QCOW2_E_BITMAP_DIR_READ, 0, "Failed to read bitmap directory: {errno}", EIO },
    { QCOW2_E_BITMAP_DIR_BROKEN, 0, "Broken bitmap directory", EINVAL },
    { QCOW2_E_BITMAP_EXTRA, 0, "Bitmap extra data is not supported", EINVAL },
    { QCOW2_E_BITMAP_CONSTRAINTS, 0, "Bitmap '{s}' doesn't satisfy the constraints", EINVAL },
    { QCOW2_E_BITMAP_MANY, 0, "More bitmaps found than specified in header extension", EINVAL },
    { QCOW2_E_BITMAP_FEW, 0, "Less bitmaps found than specified in header extension", EINVAL },
    { QCOW2_E_BITMAP_EXISTS, 0, "Bitmap already exists: {s}", EINVAL },
    { QCOW2_E_BITMAP_TABLE, 0,
      "Could not read bitmap_table table from image for bitmap '{s}': {errno}", EINVAL },
    { QCOW2_E_BITMAP_DATA, 0, "Could not read bitmap '{s}' from image: {errno}", EINVAL },

    /* check */
    { QCOW2_C_SNAPSHOTS_LARGE, 0,
      "ERROR snapshot table too large\nYou can force-remove all {0} overhanging snapshots with "
      "qemu-img check -r all",
      0 },
    { QCOW2_C_SNAPSHOTS_OFFSET, 0, "ERROR snapshot table offset invalid", 0 },
    { QCOW2_C_SNAPSHOT_INCOMPLETE, 0, "ERROR snapshot table entry {0} is incomplete", 0 },
    { QCOW2_E_SNAPSHOT_READ - QCOW2_C_TABLE_READ, 0, TABLE_READ SNAPSHOT_READ "{0e}", 0 },
    { QCOW2_E_SNAPSHOT_EXTRA - QCOW2_C_TABLE_READ, 0, TABLE_READ SNAPSHOT_EXTRA, 0 },
    { QCOW2_E_SNAPSHOT_TABLE_LARGE - QCOW2_C_TABLE_READ, 0, TABLE_READ SNAPSHOT_TABLE_LARGE, 0 },
    { QCOW2_C_SNAPSHOT_MENDED, 0, "Repairing snapshot table entry {0} is incomplete", 0 },
    { QCOW2_C_SNAPSHOT_EXTRA, 0,
      "Discarding too much extra metadata in snapshot table entry {0} ({1} > {2})", 0 },
    { QCOW2_C_SNAPSHOTS_DISCARDED, 0, "Discarding {0} overhanging snapshots", 0 },
    { QCOW2_C_SNAPSHOTS_OVERHANG, 0,
      "Discarding {0} overhanging snapshots (snapshot table is too big)", 0 },
    { QCOW2_C_SNAPSHOTS_NOT_MENDED, 0, "ERROR failed to update snapshot table: {0e}", 0 },
    { QCOW2_C_BEYOND_END, 0,
      "ERROR: counting reference for region exceeding the end of the file by one cluster or more: "
      "offset 0x{0x} size 0x{1x}",
      0 },
    { QCOW2_C_OVERFLOW, 0,
      "ERROR: overflow cluster offset=0x{0x}\nUse qemu-img amend to increase the refcount entry "
      "width or qemu-img convert to create a clean copy if the image cannot be opened for "
      "writing",
      0 },
    { QCOW2_C_IO_L1, 0, "ERROR: I/O error in check_refcounts_l1", 0 },
    { QCOW2_C_IO_L2, 0, "ERROR: I/O error in check_refcounts_l2", 0 },
    { QCOW2_C_L1_RESERVED, FACT_QCOW2_RESERVED_BITS,
      "ERROR found L1 entry with reserved bits set: {0x}", 0 },
    { QCOW2_C_L1_UNALIGNED, 0,
      "ERROR l2_offset={0x}: Table is not cluster aligned; L1 entry corrupted", 0 },
    { QCOW2_C_L2_RESERVED, FACT_QCOW2_RESERVED_BITS,
      "ERROR found l2 entry with reserved bits set: {0x}", 0 },
    { QCOW2_C_COMPRESSED_COPIED, 0,
      "ERROR: coffset=0x{0x}: copied flag must never be set for compressed clusters", 0 },
    { QCOW2_C_COMPRESSED_DATA_FILE, FACT_QCOW2_RESERVED_BITS,
      "ERROR compressed cluster {0} with data file, entry=0x{1x}", 0 },
    { QCOW2_C_COMPRESSED_BITMAP, FACT_QCOW2_RESERVED_BITS,
      "ERROR compressed cluster {0} with non-zero subcluster allocation bitmap, entry=0x{1x}", 0 },
    { QCOW2_C_BITMAP_UNALLOCATED, FACT_QCOW2_RESERVED_BITS,
      "ERROR: Unallocated cluster has non-zero subcluster allocation map", 0 },
    { QCOW2_C_BITMAP_CORRUPT, FACT_QCOW2_RESERVED_BITS,
      "ERROR offset={0x}: Allocated cluster has corrupted subcluster allocation bitmap", 0 },
    { QCOW2_C_DATA_UNALIGNED, 0,
      "ERROR offset={0x}: Data cluster is not properly aligned; L2 entry corrupted.", 0 },
    { QCOW2_C_PREALLOC_UNALIGNED, 0,
      "ERROR offset={0x}: Preallocated cluster is not properly aligned; L2 entry corrupted.", 0 },
    { QCOW2_C_SNAPSHOTS_DATA_FILE, 0, "ERROR {0} snapshots in image with data file", 0 },
    { QCOW2_C_SNAPSHOT_UNALIGNED, 0,
      "ERROR snapshot {s} ({t}) l1_offset={0#}: L1 table is not cluster aligned; snapshot table "
      "entry corrupted",
      0 },
    { QCOW2_C_SNAPSHOT_LARGE, 0,
      "ERROR snapshot {s} ({t}) l1_size={0#}: L1 table is too large; snapshot table entry "
      "corrupted",
      0 },
    { QCOW2_C_REFTABLE_RESERVED, 0,
      "ERROR refcount block {0} is not cluster aligned; refcount table entry corrupted", 0 },
    { QCOW2_C_REFTABLE_RESERVED, FACT_QCOW2_RESERVED_BITS,
      "ERROR refcount table entry {0} has reserved bits set", 0 },
    { QCOW2_C_REFBLOCK_UNALIGNED, 0,
      "ERROR refcount block {0} is not cluster aligned; refcount table entry corrupted", 0 },
    { QCOW2_C_REFBLOCK_OUTSIDE, 0, "ERROR refcount block {0} is outside image", 0 },
    { QCOW2_C_REFBLOCK_SHARED, 0, "ERROR refcount block {0} refcount={1}", 0 },
    { QCOW2_C_NO_REFCOUNT, 0, "Can't get refcount for cluster {0}: {1e}", 0 },
    { QCOW2_C_TOO_LOW, 0, "ERROR cluster {0} refcount={1} reference={2}", 0 },
    { QCOW2_C_LEAK, 0, "Leaked cluster {0} refcount={1} reference={2}", 0 },
    { QCOW2_C_COPIED_L2, 0,
      "ERROR OFLAG_COPIED L2 cluster: l1_index={0} l1_entry={1x} refcount={2}", 0 },
    { QCOW2_C_OVERLAP, 0, "ERROR: Overlap check failed", 0 },
    { QCOW2_C_OVERLAP_L2, 0, "ERROR: Could not write L2 table; metadata overlap check failed: {0e}",
      0 },
    { QCOW2_C_PREALLOC_MENDED, 0,
      "Repairing offset={0x}: Preallocated cluster is not properly aligned; L2 entry corrupted.",
      0 },
    { QCOW2_C_REFBLOCK_MENDED, 0, "Repairing refcount block {0} is outside image", 0 },
    { QCOW2_C_FILE_RESIZE, 0, "Could not resize file: {0e}", 0 },
    { QCOW2_C_NO_RESIZE, 0, "ERROR could not resize image: {0e}", 0 },
    { QCOW2_C_COUNT_MENDED, 0, "Repairing cluster {0} refcount={1} reference={2}", 0 },
    { QCOW2_C_REBUILDING, 0, "Rebuilding refcount structure", 0 },
    { QCOW2_C_NEED_REBUILD, 0, "ERROR need to rebuild refcount structures", 0 },
    { QCOW2_C_STILL_BROKEN, 0, "ERROR rebuilt refcount structure is still broken", 0 },
    { QCOW2_C_L2_MENDED, 0,
      "Repairing OFLAG_COPIED L2 cluster: l1_index={0} l1_entry={1x} refcount={2}", 0 },
    { QCOW2_C_DATA_MENDED, 0, "Repairing OFLAG_COPIED data cluster: l2_entry={0x} refcount={1}",
      0 },
    { QCOW2_C_COPIED_DATA, 0, "ERROR OFLAG_COPIED data cluster: l2_entry={0x} refcount={1}", 0 },
};
WORDS_TABLE(words_qcow2, qcow2_rows);
