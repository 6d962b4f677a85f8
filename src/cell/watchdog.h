/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A time limit for a blocking ioctl. A timer sends the calling thread a signal,
 * whose handler also sets a byte, so that a signal that comes just before the
 * ioctl is not lost.
 */
#ifndef INSTAR_CELL_WATCHDOG_H
#define INSTAR_CELL_WATCHDOG_H

#include <glib.h>

/* From now on until watchdog_disarm(), after ms milliseconds *flag is set to 1 and the thread
 * gets a signal. FALSE and errno: no timer to be had. */
gboolean watchdog_arm(guint ms, volatile guint8 *flag);
/* TRUE if the time was over. */
gboolean watchdog_disarm(void);

#endif
