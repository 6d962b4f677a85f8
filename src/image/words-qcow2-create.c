/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "image/words-qcow2.h"

#define V3_ONLY " only supported with compatibility level 1.1 and above (use version=v3 or greater)"

#define OVERLAP(code, table)                                                                       \
    BROKEN(code, "Preventing invalid write on metadata (overlaps with " table ")")
#define AT_ZERO(code, what) BROKEN(code, "Preventing invalid allocation of " what " at offset 0")

/* Of a size that changes, and of the size a new image gets. */
#define RESIZE(code, words)                                                                        \
    { code, 0, words, EIO },                                                                       \
    {                                                                                              \
        code - QCOW2_E_IN_CREATE, 0, "Could not resize image: " words, EIO                         \
    }

static const WordsRow create_rows[] = {
    { QCOW2_E_CREATE_COMPAT, 0, "Parameter 'version' does not accept value '{s}'", EINVAL },
    { QCOW2_E_CREATE_PREALLOC, 0, "Parameter 'preallocation' does not accept value '{s}'", EINVAL },
    { QCOW2_E_CREATE_COMPRESSION, 0, "Parameter 'compression-type' does not accept value '{s}'",
      EINVAL },
    { QCOW2_E_CREATE_EXTENDED_V2, 0, "Extended L2 entries are" V3_ONLY, EINVAL },
    { QCOW2_E_CREATE_EXTENDED_SMALL, 0,
      "Extended L2 entries are only supported with cluster sizes of at least {0} bytes", EINVAL },
    { QCOW2_E_CREATE_CLUSTER_SIZE, 0, "Cluster size must be a power of two between 512 and 2048k",
      EINVAL },
    { QCOW2_E_CREATE_PREALLOC_BACKING, 0,
      "Backing file and preallocation can only be used at the same time if extended_l2 is on",
      EINVAL },
    { QCOW2_E_CREATE_FORMAT_ALONE, 0, "Backing format cannot be used without backing file",
      EINVAL },
    { QCOW2_E_CREATE_LAZY_V2, 0, "Lazy refcounts" V3_ONLY, EINVAL },
    { QCOW2_E_CREATE_REFCOUNT_BITS, 0,
      "Refcount width must be a power of two and may not exceed 64 bits", EINVAL },
    { QCOW2_E_CREATE_REFCOUNT_V2, 0,
      "Different refcount widths than 16 bits require compatibility level 1.1 or above "
      "(use version=v3 or greater)",
      EINVAL },
    { QCOW2_E_CREATE_RAW_ALONE, 0, "data-file-raw requires data-file", EINVAL },
    { QCOW2_E_CREATE_RAW_BACKING, 0,
      "Backing file and data-file-raw cannot be used at the same time", EINVAL },
    { QCOW2_E_CREATE_DATA_FILE_V2, 0, "External data files are" V3_ONLY, EINVAL },
    { QCOW2_E_CREATE_COMPRESSION_V2, 0, "Non-zlib compression type is" V3_ONLY, EINVAL },
    { QCOW2_E_CREATE_NO_SECRET, 0, "Parameter 'encrypt.key-secret' is required for cipher",
      EINVAL },
    { QCOW2_E_CREATE_NEGATIVE, 0, "Could not resize image: Image size cannot be negative", EINVAL },
    { QCOW2_E_CREATE_TOO_LARGE, 0,
      "The image size is too large for file format 'qcow2' (try using a larger cluster size)",
      EFBIG },
    { QCOW2_E_CREATE_BACKING, 0, "Could not assign backing file '{s}': {errno}", EINVAL },
    { QCOW2_E_CREATE_HEADER, 0, "Could not write qcow2 header: {errno}", EIO },
    { QCOW2_E_CREATE_REFTABLE, 0, "Could not write refcount table: {errno}", EIO },

    { QCOW2_E_MEASURE_COMPAT, 0, "Invalid compatibility level: '{s}'", EINVAL },
    { QCOW2_E_MEASURE_PREALLOC, 0, "invalid parameter value: {s}", EINVAL },
    { QCOW2_E_MEASURE_REFCOUNT_V2, 0,
      "Different refcount widths than 16 bits require compatibility level 1.1 or above "
      "(use compat=1.1 or greater)",
      EINVAL },
    { QCOW2_E_MEASURE_TOO_LARGE, 0, "The image size is too large (try using a larger cluster size)",
      EFBIG },

    { QCOW2_E_SIZE_UNALIGNED, 0, "The new size must be a multiple of 512", EINVAL },
    RESIZE(QCOW2_E_RESIZE_L1, "Failed to grow the L1 table: {errno}"),
    RESIZE(QCOW2_E_RESIZE_CLUSTERS, "Allocating clusters failed: {errno}"),
    RESIZE(QCOW2_E_RESIZE_FILE, "Failed to resize underlying file: Failed to resize file: {errno}"),
    RESIZE(QCOW2_E_RESIZE_FILE_ALLOC,
           "Failed to resize underlying file: Could not preallocate new data: {errno}"),
    RESIZE(QCOW2_E_RESIZE_FILE_ZEROS,
           "Failed to resize underlying file: Could not write zeros for preallocation: {errno}"),
    RESIZE(QCOW2_E_RESIZE_DATA, "Failed to resize file: {errno}"),
    RESIZE(QCOW2_E_RESIZE_DATA_ALLOC, "Could not preallocate new data: {errno}"),
    RESIZE(QCOW2_E_RESIZE_DATA_ZEROS, "Could not write zeros for preallocation: {errno}"),
    RESIZE(QCOW2_E_RESIZE_DEVICE, "Cannot grow device files"),
    RESIZE(QCOW2_E_RESIZE_DEVICE_ALLOC,
           "Failed to resize underlying file: Preallocation mode 'falloc' unsupported for this "
           "non-regular file"),
    RESIZE(QCOW2_E_RESIZE_DEVICE_ZEROS,
           "Failed to resize underlying file: Preallocation mode 'full' unsupported for this "
           "non-regular file"),
    RESIZE(QCOW2_E_RESIZE_DATA_DEVICE_ALLOC,
           "Preallocation mode 'falloc' unsupported for this non-regular file"),
    RESIZE(QCOW2_E_RESIZE_DATA_DEVICE_ZEROS,
           "Preallocation mode 'full' unsupported for this non-regular file"),
    RESIZE(QCOW2_E_RESIZE_HEADER, "Failed to update the image size: {errno}"),
    { QCOW2_E_RESIZE_ZERO, 0, "Failed to zero out new clusters: {errno}", ENOTSUP },
    { QCOW2_E_RESIZE_SNAPSHOTS_V2, 0, "Can't resize a v2 image which has snapshots", ENOTSUP },
    { QCOW2_E_RESIZE_BITMAP, 0,
      "Bitmap '{s}' is inconsistent and cannot be used\n"
      "Try block-dirty-bitmap-remove to delete this bitmap from disk",
      ENOTSUP },
    { QCOW2_E_SHRINK_CLUSTERS, 0, "Failed to discard cropped clusters: {errno}", EIO },
    { QCOW2_E_SHRINK_REFBLOCKS, 0, "Failed to discard unused refblocks: {errno}", EIO },
    { QCOW2_E_SHRINK_FILE, 0, "Failed to truncate the tail of the image: {errno}", EIO },

    { QCOW2_E_SNAPSHOT_BITMAPS, 0, "Device has active dirty bitmaps", EBUSY },
    { QCOW2_E_SNAPSHOT_REMOVE, 0, "Failed to remove snapshot from snapshot list: {errno}", EIO },
    { QCOW2_E_SNAPSHOT_FREE, 0, "Failed to free the cluster and L1 table: {errno}", EIO },
    { QCOW2_E_SNAPSHOT_UPDATE, 0, "Failed to update snapshot status in disk: {errno}", EIO },

    { QCOW2_E_AMEND_ZEROS, 0, "Failed to turn zero into data clusters: {errno}", EIO },
    { QCOW2_E_AMEND_HEADER, 0, "Failed to update the image header: {errno}", EIO },
    { QCOW2_E_AMEND_REFBLOCK, 0, "Failed to retrieve refblock: {errno}", EIO },
    { QCOW2_E_AMEND_REFBLOCK_UNALIGNED, 0, "Image is corrupt (unaligned refblock offset)", EIO },
    { QCOW2_E_AMEND_OVERLAP, 0, "Overlap check failed: {errno}", EIO },
    { QCOW2_E_AMEND_NOT_LUKS, 0, "Only LUKS encryption options can be amended", ENOTSUP },
    { QCOW2_E_AMEND_NOT_ENCRYPTED, 0, "Can't amend encryption options - encryption not present",
      EINVAL },
    { QCOW2_E_AMEND_COMPAT, 0, "Unknown compatibility level {s}", EINVAL },
    { QCOW2_E_AMEND_DATA_FILE, 0,
      "data-file can only be set for images that use an external data file", EINVAL },
    { QCOW2_E_AMEND_RAW, 0, "data-file-raw cannot be set on existing images", EINVAL },
    { QCOW2_E_AMEND_WIDTH_V2, 0,
      "Refcount widths other than 16 bits require compatibility level 1.1 or above "
      "(use compat=1.1 or greater)",
      EINVAL },
    { QCOW2_E_AMEND_WIDTH, 0,
      "Cannot decrease refcount entry width to {0} bits: Cluster at offset {1#} has a refcount of "
      "{2}",
      EINVAL },
    { QCOW2_E_AMEND_BACKING, 0,
      "Cannot amend the backing file\nYou can use 'qemu-img rebase' instead.", EINVAL },
    { QCOW2_E_AMEND_LAZY_V2, 0,
      "Lazy refcounts only supported with compatibility level 1.1 and above "
      "(use compat=1.1 or greater)",
      EINVAL },
    { QCOW2_E_DOWNGRADE_WIDTH, 0, "compat=0.10 requires refcount_bits=16", ENOTSUP },
    { QCOW2_E_DOWNGRADE_DATA_FILE, 0, "Cannot downgrade an image with a data file", ENOTSUP },
    { QCOW2_E_DOWNGRADE_SNAPSHOTS, 0, "Internal snapshots prevent downgrade of image", ENOTSUP },
    { QCOW2_E_DOWNGRADE_ZSTD, 0,
      "Cannot downgrade an image with zstd compression type and existing compressed clusters",
      ENOTSUP },
    { QCOW2_E_DOWNGRADE_FEATURES, 0,
      "Cannot downgrade an image with incompatible features {0#} set", ENOTSUP },

    { QCOW2_E_BITMAP_TOO_MANY, 0, "Maximum number of persistent bitmaps is already reached",
      EFBIG },
    { QCOW2_E_BITMAP_NO_ROOM, 0, "Not enough space in the bitmap directory", EFBIG },
    { QCOW2_E_BITMAP_TOO_LARGE, 0,
      "Too much space will be occupied by the bitmap. Use larger granularity", EFBIG },
    { QCOW2_E_BITMAP_V2, 0, "Cannot store dirty bitmaps in qcow2 v2 files", ENOTSUP },
    { QCOW2_E_BITMAP_DIR_UPDATE, 0, "Can't update bitmap directory: Invalid argument", EINVAL },

    BROKEN(QCOW2_X_DATA_UNALIGNED, "Data cluster offset {0#} unaligned (guest offset: {1#})"),
    OVERLAP(QCOW2_X_OVERLAP_HEADER, "qcow2_header"),
    OVERLAP(QCOW2_X_OVERLAP_L1, "active L1 table"),
    OVERLAP(QCOW2_X_OVERLAP_L2, "active L2 table"),
    OVERLAP(QCOW2_X_OVERLAP_REFBLOCK, "refcount block"),
    OVERLAP(QCOW2_X_OVERLAP_REFTABLE, "refcount table"),
    OVERLAP(QCOW2_X_OVERLAP_SNAPSHOTS, "snapshot table"),
    OVERLAP(QCOW2_X_OVERLAP_INACTIVE_L1, "inactive L1 table"),
    OVERLAP(QCOW2_X_OVERLAP_BITMAPS, "bitmap directory"),
    AT_ZERO(QCOW2_X_ZERO_DATA, "data cluster"),
    AT_ZERO(QCOW2_X_ZERO_CODED, "compressed cluster"),
    AT_ZERO(QCOW2_X_ZERO_L2, "L2 table"),
    AT_ZERO(QCOW2_X_ZERO_REFBLOCK, "refcount block"),
};
WORDS_TABLE(words_qcow2_create, create_rows);
