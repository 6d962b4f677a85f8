/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Formats that are recognised and named, whatever else is known about them: a
 * file with such a head is never taken for raw. dmg has no head to look at;
 * qemu-img knows it by the ending of the file's name.
 */
#ifndef INSTAR_PROBE_OTHERS_H
#define INSTAR_PROBE_OTHERS_H

#include "format/format.h"

extern const struct fmt_driver qcow_driver;
extern const struct fmt_driver qed_driver;
extern const struct fmt_driver vdi_driver;
extern const struct fmt_driver vpc_driver;
extern const struct fmt_driver vhdx_driver;
extern const struct fmt_driver parallels_driver;
extern const struct fmt_driver luks_driver;
extern const struct fmt_driver bochs_driver;
extern const struct fmt_driver cloop_driver;

#endif
