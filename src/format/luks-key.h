/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key slots of a LUKS version 1 volume: a passphrase to the master key, and back. */
#ifndef INSTAR_LUKS_KEY_H
#define INSTAR_LUKS_KEY_H

#include "format/luks-header.h"

/* limit: this many iterations, of all slots in use together, take a minute or more; qemu-img and
 * cryptsetup make headers that take seconds. */
#define LUKS_MAX_ITERATIONS (1u << 29)

/* Where a volume's header and key material are. */
struct luks_place {
    uint32_t handle;
    uint64_t offset; /* bytes in the file */
    uint64_t length; /* bytes that belong to it; UINT64_MAX: no bound but the file's end */
};

/* Read and decode the header at a place. */
int luks_header_read(struct fmt_env *env, const struct luks_place *place, struct luks_header *ret);

/* Bytes of key material that a slot's key is split into, in whole sectors. */
uint64_t luks_material_bytes(const struct luks_header *h);
/* Read them as they are on disk. LUKS_E_MATERIAL: they could not be read. */
int luks_material_read(struct fmt_env *env, const struct luks_place *place,
                       const struct luks_header *h, uint32_t slot, uint8_t *material);
/* Iterations that a wrong secret costs. */
uint64_t luks_work(const struct luks_header *h);

/* Try the secret on each active slot: key (CRYPT_MAX_KEY bytes) is the master key then, *ret_slot
 * (may be NULL) the first slot it opens. LUKS_E_PASSWORD: none of them. */
int luks_find_key(struct fmt_env *env, const struct luks_place *place, const struct luks_header *h,
                  struct crypt_bytes secret, uint8_t *key, uint32_t *ret_slot);

/* The same for one slot; *ret_good: does the secret open it? */
int luks_try_slot(struct fmt_env *env, const struct luks_place *place, const struct luks_header *h,
                  uint32_t slot, struct crypt_bytes secret, uint8_t *key, bool *ret_good);

/* Find the key and set it in env->crypt. */
int luks_unlock(struct fmt_env *env, const struct luks_place *place, const struct luks_header *h,
                struct crypt_bytes secret);

#endif
