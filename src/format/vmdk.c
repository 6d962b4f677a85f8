/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/vmdk-write.h"

const struct fmt_driver vmdk_driver = {
    .name = "vmdk",
    .format = ABI_FORMAT_VMDK,
    .probe = vmdk_probe,
    .open = vmdk_open,
    .info = vmdk_info,
    .extents = vmdk_extents,
    .create = vmdk_create,
    .check = vmdk_check,
    .write = vmdk_write,
    .flush = vmdk_flush,
};
