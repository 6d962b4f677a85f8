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

static const struct fmt_option amend_rows[] = {
    ROW("state", STRING, "Select new state of affected keyslots (active/inactive)"),
    ROW("keyslot", NUMBER, "Select a single keyslot to modify explicitly"),
    ROW("old-secret", STRING, "Select all keyslots that match this password"),
    ROW("new-secret", STRING, "New secret to set in the matching keyslots. Empty string to erase"),
    ROW("iter-time", NUMBER, "Time to spend in PBKDF in milliseconds"),
};

const struct fmt_option_table luks_amend_options = { "luks", amend_rows,
                                                     sizeof amend_rows / sizeof *amend_rows };
