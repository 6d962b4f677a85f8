/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>

#include "image/words.h"

static const WordsRow general_rows[] = {
    { FMT_E_IO, 0, "{errno}", EIO },
    { FMT_E_NO_MEMORY, 0, "The image needs more memory than a cell may use", ENOMEM },
    { FMT_E_UNSUPPORTED, 0, "{errno}", ENOTSUP },
    { FMT_E_BAD_JOB, 0, "Internal error: the cell was asked for something it does not know",
      EINVAL },
    { FMT_E_CANCELED, 0, "{errno}", ECANCELED },
    { FMT_E_CODEC, 0, "{errno}", EIO },
    { FMT_E_TABLE_FULL, 0, "Internal error: the answer of the cell does not fit", E2BIG },
    { FMT_E_CORRUPT_CLUSTER, 0, "{errno}", EIO },
    { FMT_E_NO_SNAPSHOT, 0, "Can't find snapshot", ENOENT },
    { FMT_E_READ_ONLY, 0, "{errno}", EACCES },
    { FMT_E_NO_SPACE, 0, "{errno}", ENOSPC },
    { FMT_E_NO_SECRET, 0, "Parameter 'key-secret' is required for cipher", EINVAL },
};
WORDS_TABLE(words_general, general_rows);
