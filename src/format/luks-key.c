/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS specification, 4.1.2 (master key recovery) with 2.3 and 2.4. */
#include "base/checked.h"
#include "base/endian.h"
#include "format/luks-key.h"

/* errno of a file that ends too early */
#define LUKS_EIO 5u

static int fail_read(struct fmt_env *env, int code)
{
    env->result->io_errno = env->result->io_errno ? env->result->io_errno : LUKS_EIO;
    return fmt_fail(env, code);
}

/* length bytes of the volume at offset; code: what a failure is told as. */
static int read_part(struct fmt_env *env, const struct luks_place *place, uint64_t offset, void *to,
                     uint64_t length, int code)
{
    uint64_t present;

    if (!range_fits(offset, length, place->length)) {
        return fmt_fail(env, LUKS_E_OUTSIDE);
    }
    if (!range_fits(place->offset, offset + length, INT64_MAX)) {
        return fail_read(env, code);
    }
    int status = fmt_read(env, place->handle, place->offset + offset, to, length, &present);
    return status ? fail_read(env, code) : FMT_OK;
}

int luks_header_read(struct fmt_env *env, const struct luks_place *place, struct luks_header *ret)
{
    uint8_t bytes[LUKS_HEADER_SIZE];
    int status = read_part(env, place, 0, bytes, sizeof bytes, LUKS_E_READ);

    return status ? status : luks_header_decode(env, bytes, ret);
}

/* Does the digest say that it is the master key? */
static int check_key(struct fmt_env *env, const struct luks_header *h, const uint8_t *key,
                     bool *ret_good)
{
    uint8_t digest[LUKS_DIGEST];
    int status = crypt_derive(env, h->hash, (struct crypt_bytes){ key, h->key_bytes },
                              (struct crypt_bytes){ h->salt, LUKS_SALT }, h->iterations, digest,
                              sizeof digest);

    *ret_good = !status && !__builtin_memcmp(digest, h->digest, sizeof digest);
    crypt_wipe(digest, sizeof digest);
    return status;
}

uint64_t luks_material_bytes(const struct luks_header *h)
{
    return align_up((uint64_t)h->key_bytes * LUKS_STRIPES, LUKS_SECTOR);
}

int luks_material_read(struct fmt_env *env, const struct luks_place *place,
                       const struct luks_header *h, uint32_t slot, uint8_t *material)
{
    return read_part(env, place, (uint64_t)h->slot[slot].key_offset * LUKS_SECTOR, material,
                     luks_material_bytes(h), LUKS_E_MATERIAL);
}

/* The key material of a slot, decrypted with slot_key, into material. */
static int read_material(struct fmt_env *env, const struct luks_place *place,
                         const struct luks_header *h, uint32_t slot, const uint8_t *slot_key,
                         uint8_t *material, uint64_t size)
{
    struct crypt_spec spec = luks_spec(h);
    struct crypt *c = env->alloc(env, sizeof *c);

    if (!c) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    int status = luks_material_read(env, place, h, slot, material);
    if (!status && crypt_init(c, &spec, slot_key)) {
        status = fmt_fail_text(env, LUKS_E_CIPHER_MODE_UNSUPPORTED, crypt_modes[h->mode],
                               props_strlen(crypt_modes[h->mode]));
    }
    if (!status) {
        crypt_run(c, false, 0, material, material, size);
    }
    crypt_wipe(c, sizeof *c);
    env->free(env, c);
    return status;
}

uint64_t luks_work(const struct luks_header *h)
{
    uint64_t rounds = div_up(h->key_bytes, h->hash->bytes);
    uint64_t digest = div_up(LUKS_DIGEST, h->hash->bytes) * h->iterations;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        sum += h->slot[i].active ? h->slot[i].iterations * rounds + digest : 0;
    }
    return sum;
}

int luks_try_slot(struct fmt_env *env, const struct luks_place *place, const struct luks_header *h,
                  uint32_t slot, struct crypt_bytes secret, uint8_t *key, bool *ret_good)
{
    const struct luks_slot *s = &h->slot[slot];
    uint64_t size = luks_material_bytes(h);
    uint8_t slot_key[CRYPT_MAX_KEY];

    *ret_good = false;
    if (!s->active) {
        return FMT_OK;
    }
    if (luks_work(h) > LUKS_MAX_ITERATIONS) {
        return fmt_fail2(env, LUKS_E_MANY_ITERATIONS, luks_work(h), LUKS_MAX_ITERATIONS);
    }
    uint8_t *material = env->alloc(env, size);
    if (!material) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    int status = crypt_derive(env, h->hash, secret, (struct crypt_bytes){ s->salt, LUKS_SALT },
                              s->iterations, slot_key, h->key_bytes);
    if (!status) {
        status = read_material(env, place, h, slot, slot_key, material, size);
    }
    if (!status) {
        crypt_af_merge(h->hash, material, h->key_bytes, LUKS_STRIPES, key);
        status = check_key(env, h, key, ret_good);
    }
    crypt_wipe(slot_key, sizeof slot_key);
    crypt_wipe(material, size);
    env->free(env, material);
    if (!*ret_good) {
        crypt_wipe(key, h->key_bytes);
    }
    return status;
}

int luks_find_key(struct fmt_env *env, const struct luks_place *place, const struct luks_header *h,
                  struct crypt_bytes secret, uint8_t *key, uint32_t *ret_slot)
{
    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        bool good;
        int status = luks_try_slot(env, place, h, i, secret, key, &good);
        if (status) {
            return status;
        }
        if (good) {
            if (ret_slot) {
                *ret_slot = i;
            }
            return FMT_OK;
        }
    }
    return fmt_fail(env, LUKS_E_PASSWORD);
}

int luks_unlock(struct fmt_env *env, const struct luks_place *place, const struct luks_header *h,
                struct crypt_bytes secret)
{
    struct crypt_spec spec = luks_spec(h);
    uint8_t key[CRYPT_MAX_KEY];
    int status = luks_find_key(env, place, h, secret, key, 0);

    if (!status && crypt_init(env->crypt, &spec, key)) {
        status = fmt_fail(env, FMT_E_UNSUPPORTED);
    }
    crypt_wipe(key, sizeof key);
    return status;
}
