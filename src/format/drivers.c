/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All drivers, in the order they are probed. A new driver is one line here. */
#include "format/probe-others.h"
#include "format/qcow2.h"
#include "format/vmdk.h"

const struct fmt_driver *const fmt_drivers[] = {
    &qcow2_driver, &qcow_driver,      &qed_driver,  &vmdk_driver,  &vdi_driver,   &vpc_driver,
    &vhdx_driver,  &parallels_driver, &luks_driver, &bochs_driver, &cloop_driver, NULL,
};

const struct fmt_driver *fmt_driver_by_format(uint32_t format)
{
    for (const struct fmt_driver *const *d = fmt_drivers; *d; d++) {
        if ((*d)->format == format) {
            return *d;
        }
    }
    return NULL;
}
