/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>

#include "format/vmdk-status.h"
#include "image/words.h"

static const WordsRow vmdk_rows[] = {
    { VMDK_E_SMALL, 0, "File is too small, not a valid image", EINVAL },
    { VMDK_E_DESCRIPTOR, 0, "invalid VMDK image descriptor", EINVAL },
    { VMDK_E_TYPE, 0, "Unsupported image type '{s}'", ENOTSUP },
    { VMDK_E_FOOTER, 0, "Invalid footer", EINVAL },
    { VMDK_E_VERSION, 0, "Unsupported VMDK version {0}", ENOTSUP },
    { VMDK_E_TABLE_SIZE, 0, "L2 table size too big", EINVAL },
    { VMDK_E_TABLE_SPAN, 0, "L1 entry size is invalid", EINVAL },
    { VMDK_E_TRUNCATED, 0, "File truncated, expecting at least {0d} bytes", EINVAL },
    { VMDK_E_GRAIN_SIZE, 0, "Invalid granularity, image may be corrupt", EFBIG },
    { VMDK_E_DIRECTORY_SIZE, 0, "L1 size too big", EFBIG },
    { VMDK_E_DIRECTORY, 0, "Could not read l1 table from extent '{file}': {errno}", EIO },
    { VMDK_E_REDUNDANT, 0, "Could not read l1 backup table from extent '{file}': {errno}", EIO },
    { VMDK_E_TEXT, 0, "Could not open '{file}': {errno}", EINVAL },
    { VMDK_E_TOO_LARGE, 0, "Could not refresh total sector count: {errno}", EFBIG },
    { VMDK_E_VERSION_READ_ONLY, 0, "VMDK version {0} must be read only", EINVAL },

    { VMDK_E_OPTION_VALUE, 0, "invalid parameter value: {s}", EINVAL },
    { VMDK_E_SUBFORMAT, 0, "Images of subformat '{s}' cannot be made", ENOTSUP },
    { VMDK_E_FLAT_BACKING, 0, "Flat image can't have backing file", ENOTSUP },
    { VMDK_E_COMPAT6, 0, "compat6 cannot be enabled with hwversion set", EINVAL },
    { VMDK_E_BACKING_FORMAT, 0, "backing_file must be a vmdk image", EINVAL },
    { VMDK_E_BACKING, 0, "Invalid backing file format: {s}. Must be vmdk", EINVAL },
    { VMDK_E_CREATE_TOO_LARGE, 0, "The image size is too large for file format 'vmdk'", EFBIG },
    { VMDK_E_CHARACTERS, 0, "A name or value holds characters that a descriptor cannot", EINVAL },
    { VMDK_E_TEXT_TOO_LONG, 0, "The options are too long for the descriptor", EINVAL },

    { VMDK_M_BEHIND_EOF, 0, "ERROR: cluster offset for sector {0} points after EOF", EINVAL },
    { VMDK_M_NO_TABLE, 0, "ERROR: could not get cluster_offset for sector {0}", EIO },
};
WORDS_TABLE(words_vmdk, vmdk_rows);
