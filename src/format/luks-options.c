/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/options.h"

#define ROW(n, t, h)                                                                               \
    {                                                                                              \
        .name = n, .type = FMT_OPTION_##t, .help = h                                               \
    }

/* In the order of the "Formatting" line. */
static const struct fmt_option rows[] = {
    ROW("size", SIZE, "Virtual disk size"),
    ROW("key-secret", STRING, "ID of the secret that provides the keyslot passphrase"),
    ROW("cipher-alg", STRING, "Name of encryption cipher algorithm"),
    ROW("cipher-mode", STRING, "Name of encryption cipher mode"),
    ROW("ivgen-alg", STRING, "Name of IV generator algorithm"),
    ROW("ivgen-hash-alg", STRING, "Name of IV generator hash algorithm"),
    ROW("hash-alg", STRING, "Name of encryption hash algorithm"),
    ROW("iter-time", NUMBER, "Time to spend in PBKDF in milliseconds"),
};

const struct fmt_option_table luks_options = { "luks", rows, sizeof rows / sizeof *rows };
