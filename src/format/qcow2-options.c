/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/options.h"

#define ROW(n, t, f, h)                                                                            \
    {                                                                                              \
        .name = n, .type = FMT_OPTION_##t, .fallback = f, .help = h                                \
    }

/* In the order of the "Formatting" line. */
static const struct fmt_option rows[] = {
    ROW("encryption", BOOL, NULL,
        "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)"),
    ROW("encrypt.format", STRING, NULL, "Encrypt the image, format choices: 'aes', 'luks'"),
    ROW("encrypt.key-secret", STRING, NULL,
        "ID of secret providing qcow AES key or LUKS passphrase"),
    ROW("encrypt.cipher-alg", STRING, NULL, "Name of encryption cipher algorithm"),
    ROW("encrypt.cipher-mode", STRING, NULL, "Name of encryption cipher mode"),
    ROW("encrypt.ivgen-alg", STRING, NULL, "Name of IV generator algorithm"),
    ROW("encrypt.ivgen-hash-alg", STRING, NULL, "Name of IV generator hash algorithm"),
    ROW("encrypt.hash-alg", STRING, NULL, "Name of encryption hash algorithm"),
    ROW("encrypt.iter-time", NUMBER, NULL, "Time to spend in PBKDF in milliseconds"),
    ROW("cluster_size", SIZE, "65536", "qcow2 cluster size"),
    ROW("extended_l2", BOOL, "off", "Extended L2 tables"),
    ROW("preallocation", STRING, NULL,
        "Preallocation mode (allowed values: off, metadata, falloc, full)"),
    ROW("compression_type", STRING, "zlib",
        "Compression method used for image cluster compression"),
    ROW("size", SIZE, NULL, "Virtual disk size"),
    ROW("compat", STRING, NULL, "Compatibility level (v2 [0.10] or v3 [1.1])"),
    ROW("backing_file", STRING, NULL, "File name of a base image"),
    ROW("backing_fmt", STRING, NULL, "Image format of the base image"),
    ROW("data_file", STRING, NULL, "File name of an external data file"),
    ROW("data_file_raw", BOOL, NULL, "The external data file must stay valid as a raw image"),
    ROW("lazy_refcounts", BOOL, "off", "Postpone refcount updates"),
    ROW("refcount_bits", NUMBER, "16", "Width of a reference count entry in bits"),
};

const struct fmt_option_table qcow2_options = { "qcow2", rows, sizeof rows / sizeof rows[0] };
