/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The header of a LUKS version 1 volume, wherever it stands (a file of its own,
 * or inside qcow2). Source: "LUKS On-Disk Format Specification, Version 1.2.3",
 * section 3; what is refused beyond it was found by trying it on qemu-img.
 */
#ifndef INSTAR_LUKS_HEADER_H
#define INSTAR_LUKS_HEADER_H

#include "format/format.h"
#include "format/luks-status.h"

#define LUKS_HEADER_SIZE 592u
#define LUKS_SLOTS 8u
#define LUKS_STRIPES 4000u
#define LUKS_SECTOR 512u

struct luks_cipher {
    const char *header_name; /* in the header */
    uint32_t key_bytes;
    const char *name;   /* as qemu-img shows it */
    const char *family; /* as its messages have it */
};

struct luks_hash {
    const char *name;
    uint32_t bytes;
};

struct luks_slot {
    bool active;
    uint32_t iterations;
    uint32_t key_offset; /* sectors */
    uint32_t stripes;
};

struct luks_header {
    const struct luks_cipher *cipher;
    const struct luks_hash *hash;
    const struct luks_hash *ivgen_hash; /* of essiv; NULL otherwise */
    const char *mode;                   /* "xts" */
    const char *ivgen;                  /* "plain64" */
    uint32_t payload_offset;            /* sectors */
    uint32_t key_bytes;
    uint32_t iterations;
    uint8_t uuid[40];
    uint32_t uuid_length; /* bytes before the first zero */
    struct luks_slot slot[LUKS_SLOTS];
};

/* Decode and validate LUKS_HEADER_SIZE bytes, in the order in which qemu-img
 * does. Fails with LUKS_E_*. */
int luks_header_decode(struct fmt_env *env, const uint8_t *bytes, struct luks_header *ret);

/* The members of an object that describes it, as info has them. */
void luks_header_info(const struct luks_header *h, struct props_writer *props);

#endif
