/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be wrong with a qcow2 image, as numbers; the words stand in
 * src/image/words-qcow2.c. Reading, info and check own -1000 .. -1499,
 * creating and writing -1500 .. -1999.
 */
#ifndef INSTAR_QCOW2_STATUS_H
#define INSTAR_QCOW2_STATUS_H

#include "abi/status.h"

enum qcow2_status {
    QCOW2_E_VERSION = -1001,            /* {0} version */
    QCOW2_E_HEADER_READ = -1002,
};

#endif
