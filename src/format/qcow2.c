/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/qcow2-bitmap.h"

const struct fmt_driver qcow2_driver = {
    .name = "qcow2",
    .format = ABI_FORMAT_QCOW2,
    .probe = qcow2_probe,
    .open = qcow2_open,
    .attach = qcow2_attach,
    .unlock = qcow2_unlock,
    .info = qcow2_info,
    .extents = qcow2_extents,
    .check = qcow2_check,
    .write = qcow2_write,
    .flush = qcow2_flush,
    .close = qcow2_close,
    .create = qcow2_create,
    .truncate = qcow2_truncate,
    .measure = qcow2_measure,
    .select = qcow2_select,
    .call = qcow2_call,
};
