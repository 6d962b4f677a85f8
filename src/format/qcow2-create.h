/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creation options of qcow2, read from props and judged; for creating and measuring. */
#ifndef INSTAR_QCOW2_CREATE_H
#define INSTAR_QCOW2_CREATE_H

#include "format/luks-create.h"
#include "format/qcow2.h"

struct qcow2_create_options {
    uint64_t size; /* rounded up to sectors */
    uint64_t cluster_size;
    uint32_t version;
    uint32_t refcount_bits;
    uint32_t prealloc;    /* enum abi_prealloc */
    uint32_t compression; /* enum qcow2_compression */
    bool extended_l2;
    bool lazy_refcounts;
    bool data_file_raw;
    uint32_t crypt_method; /* enum qcow2_crypt */
    bool has_secret;       /* one is named */
    struct luks_options luks;
    bool negative; /* the size cannot be rounded up below 2^63 */
    bool has_data_file;
    bool has_backing;
    struct qcow2_text backing_file, backing_format, data_file; /* in the stream */
};

/* The options in their defaults. */
int qcow2_create_options_read(struct fmt_env *env, const struct abi_create *req,
                              struct props_reader options, struct qcow2_create_options *ret);
/* Can such an image be? */
int qcow2_create_options_judge(struct fmt_env *env, const struct qcow2_create_options *o);
/* Encrypt the new image, if it shall be. */
int qcow2_create_crypto(struct fmt_image *im, const struct qcow2_create_options *o);

#endif
