/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The header of a LUKS version 1 volume, wherever it stands (a file of its own,
 * or inside qcow2). Source: "LUKS On-Disk Format Specification, Version 1.2.3",
 * section 3; what is refused beyond it was found by trying it on qemu-img.
 */
#ifndef INSTAR_LUKS_HEADER_H
#define INSTAR_LUKS_HEADER_H

#include "format/crypt.h"
#include "format/luks-status.h"

#define LUKS_HEADER_SIZE 592u
#define LUKS_SLOTS 8u
#define LUKS_STRIPES 4000u
#define LUKS_SECTOR 512u

#define LUKS_DIGEST 20u
#define LUKS_SALT 32u
#define LUKS_MAGIC "LUKS\xba\xbe"
#define LUKS_ENABLED 0x00ac71f3u
#define LUKS_DISABLED 0x0000deadu
/* Key material begins and ends at multiples of this many sectors. */
#define LUKS_ALIGN_SECTORS 8u

/* Bytes, from the specification's figures 1 and 2. */
enum luks_field {
    LUKS_F_MAGIC = 0,
    LUKS_F_VERSION = 6,
    LUKS_F_CIPHER_NAME = 8,
    LUKS_F_CIPHER_MODE = 40,
    LUKS_F_HASH_SPEC = 72,
    LUKS_F_PAYLOAD = 104,
    LUKS_F_KEY_BYTES = 108,
    LUKS_F_DIGEST = 112,
    LUKS_F_SALT = 132,
    LUKS_F_ITERATIONS = 164,
    LUKS_F_UUID = 168,
    LUKS_F_SLOTS = 208,
    LUKS_SLOT_SIZE = 48,
    LUKS_S_ACTIVE = 0,
    LUKS_S_ITERATIONS = 4,
    LUKS_S_SALT = 8,
    LUKS_S_KEY_OFFSET = 40,
    LUKS_S_STRIPES = 44,
    LUKS_NAME_SIZE = 32,
    LUKS_UUID_SIZE = 40,
};

struct luks_slot {
    bool active;
    uint32_t iterations;
    uint32_t key_offset; /* sectors */
    uint32_t stripes;
    uint8_t salt[LUKS_SALT];
};

struct luks_header {
    const struct crypt_cipher *cipher;
    const struct crypt_hash *hash;
    const struct crypt_hash *ivgen_hash; /* of essiv; NULL otherwise */
    enum crypt_mode mode;
    enum crypt_ivgen ivgen;
    uint32_t payload_offset; /* sectors */
    uint32_t key_bytes;
    uint32_t iterations;         /* of the digest */
    uint8_t digest[LUKS_DIGEST]; /* of the master key */
    uint8_t salt[LUKS_SALT];     /* of the digest */
    uint8_t uuid[LUKS_UUID_SIZE];
    uint32_t uuid_length; /* bytes before the first zero */
    struct luks_slot slot[LUKS_SLOTS];
};

/* Decode and validate LUKS_HEADER_SIZE bytes, in the order in which qemu-img
 * does. Fails with LUKS_E_*. */
int luks_header_decode(struct fmt_env *env, const uint8_t *bytes, struct luks_header *ret);

/* How data is coded. */
struct crypt_spec luks_spec(const struct luks_header *h);
/* spec is of essiv: can that be? */
int luks_examine_essiv(struct fmt_env *env, const struct crypt_spec *spec);
/* Sectors of the key material of one slot, counted in 32 bits as qemu-img does. */
uint32_t luks_material_sectors(uint32_t key_bytes, uint32_t stripes);

/* The members of an object that describes it, as info has them. */
void luks_header_info(const struct luks_header *h, struct props_writer *props);

#endif
