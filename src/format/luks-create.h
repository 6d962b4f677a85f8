/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New LUKS version 1 volumes, and new key slots. */
#ifndef INSTAR_LUKS_CREATE_H
#define INSTAR_LUKS_CREATE_H

#include "format/luks-key.h"

/* Time a key slot takes to open, ms, where nothing else is asked for. */
#define LUKS_DEFAULT_TIME 2000u

/* The creation options, with their defaults. */
struct luks_options {
    struct crypt_spec spec;
    const struct crypt_hash *hash;
    uint64_t iter_time;        /* ms */
    bool unsupported;          /* a cipher that is known by name only */
    struct crypt_bytes cipher; /* its name */
    struct crypt_bytes secret; /* NULL: none was given, or found */
    struct crypt_bytes seed;   /* CRYPT_SEED random bytes of the host */
};

/* Read what stands behind prefix ("encrypt." or ""): cipher-alg, cipher-mode, ivgen-alg,
 * ivgen-hash-alg, hash-alg, iter-time; secret and seed are the host's. LUKS_E_OPTION_*. */
int luks_options_read(struct fmt_env *env, struct props_reader options, const char *prefix,
                      struct luks_options *ret);
/* Can there be such a volume? */
int luks_options_judge(struct fmt_env *env, const struct luks_options *o);
/* Bytes of header and key material: where the payload begins. */
uint64_t luks_header_bytes(const struct luks_options *o);

/* Write header and key material at place and set the new key in env->crypt. */
int luks_format(struct fmt_env *env, const struct luks_place *place, const struct luks_options *o);

/* Iterations for a slot (derived bytes of output take so many ms; part: of which one in so many),
 * by a measurement of this cpu. */
int luks_count_iterations(struct fmt_env *env, const struct crypt_hash *hash, uint32_t derived,
                          uint64_t ms, uint32_t part, uint32_t *ret);

/* Give slot a new secret for key: its salt, iterations and state in h, its key material on disk. */
int luks_write_slot(struct fmt_env *env, const struct luks_place *place, struct luks_header *h,
                    uint32_t slot, struct crypt_bytes secret, uint64_t iter_time,
                    const uint8_t *key, struct crypt_random *random);
/* The same in memory only: the slot in h, and material (luks_material_bytes()) to be stored. */
int luks_make_slot(struct fmt_env *env, struct luks_header *h, uint32_t slot,
                   struct crypt_bytes secret, uint64_t iter_time, const uint8_t *key,
                   struct crypt_random *random, uint8_t *material);
/* Write luks_material_bytes() as the key material of a slot. */
int luks_material_store(struct fmt_env *env, const struct luks_place *place,
                        const struct luks_header *h, uint32_t slot, const uint8_t *material);
/* Write random bytes over the key material of a slot. */
int luks_scramble_slot(struct fmt_env *env, const struct luks_place *place,
                       const struct luks_header *h, uint32_t slot, struct crypt_random *random);
/* Write the header. */
int luks_header_store(struct fmt_env *env, const struct luks_place *place,
                      const struct luks_header *h);
/* The same, and flush. */
int luks_header_commit(struct fmt_env *env, const struct luks_place *place,
                       const struct luks_header *h);

#endif
