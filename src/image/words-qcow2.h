/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the tables of qcow2's words. */
#ifndef INSTAR_IMAGE_WORDS_QCOW2_H
#define INSTAR_IMAGE_WORDS_QCOW2_H

#include <errno.h>

#include "format/qcow2-status.h"
#include "image/words.h"

/* What is told when a table is found broken in use: without and with the image being marked. */
#define BROKEN(code, words)                                                                        \
    { code, 0,                                                                                     \
      "qcow2: Image is corrupt: " words                                                            \
      "; further non-fatal corruption events will be suppressed",                                  \
      EIO },                                                                                       \
    {                                                                                              \
        code - QCOW2_X_MARKING, 0,                                                                 \
            "qcow2: Marking image as corrupt: " words                                              \
            "; further corruption events will be suppressed",                                      \
            EIO                                                                                    \
    }

#endif
