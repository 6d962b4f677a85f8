/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS specification, 4.1.1 (initialisation) and 4.1.3 (adding passwords). */
#include "base/checked.h"
#include "base/endian.h"
#include "format/luks-create.h"

/* What is put into a slot or the digest at least. */
#define MIN_ITERATIONS 1000u
/* The digest takes an eighth of the time of a slot. */
#define DIGEST_PART 8u
#define FIRST_SLOT (LUKS_ALIGN_SECTORS)

uint64_t luks_header_bytes(const struct luks_options *o)
{
    uint64_t material = luks_material_sectors(crypt_key_bytes(&o->spec), LUKS_STRIPES);

    return (FIRST_SLOT + LUKS_SLOTS * material) * LUKS_SECTOR;
}

int luks_count_iterations(struct fmt_env *env, const struct crypt_hash *hash, uint32_t derived,
                          uint64_t ms, uint32_t part, uint32_t *ret)
{
    uint64_t rate, n;
    int status = crypt_speed(env, hash, derived, &rate);

    if (status) {
        return status;
    }
    if (ms && rate > UINT64_MAX / ms) {
        return fmt_fail1(env, LUKS_E_ITERATIONS_SCALE, rate);
    }
    n = rate * ms / 1000 / part;
    if (n > UINT32_MAX) {
        return fmt_fail2(env, LUKS_E_ITERATIONS_LARGE, n, UINT32_MAX);
    }
    if (n > LUKS_MAX_ITERATIONS) {
        return fmt_fail2(env, LUKS_E_ITERATIONS_LARGE, n, LUKS_MAX_ITERATIONS);
    }
    *ret = (uint32_t)max_u64(n, MIN_ITERATIONS);
    return FMT_OK;
}

/* RFC 4122, version 4, as text. */
static void make_uuid(struct crypt_random *random, struct luks_header *h)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t b[16];
    uint32_t n = 0;

    crypt_random_bytes(random, b, sizeof b);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    for (uint32_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            h->uuid[n++] = '-';
        }
        h->uuid[n++] = (uint8_t)digits[b[i] >> 4];
        h->uuid[n++] = (uint8_t)digits[b[i] & 15];
    }
    h->uuid_length = n;
}

static uint32_t put_text(uint8_t *to, uint32_t at, const char *text)
{
    uint32_t length = props_strlen(text);

    __builtin_memcpy(to + at, text, length);
    return at + length;
}

static void encode(const struct luks_header *h, uint8_t *b)
{
    uint8_t *mode = b + LUKS_F_CIPHER_MODE;
    uint32_t at;

    __builtin_memset(b, 0, LUKS_HEADER_SIZE);
    __builtin_memcpy(b + LUKS_F_MAGIC, LUKS_MAGIC, 6);
    be16_store(b + LUKS_F_VERSION, 1);
    put_text(b + LUKS_F_CIPHER_NAME, 0, h->cipher->header_name);
    at = put_text(mode, 0, crypt_modes[h->mode]);
    at = put_text(mode, at, "-");
    at = put_text(mode, at, crypt_ivgens[h->ivgen]);
    if (h->ivgen_hash) {
        at = put_text(mode, at, ":");
        put_text(mode, at, h->ivgen_hash->name);
    }
    put_text(b + LUKS_F_HASH_SPEC, 0, h->hash->name);
    be32_store(b + LUKS_F_PAYLOAD, h->payload_offset);
    be32_store(b + LUKS_F_KEY_BYTES, h->key_bytes);
    __builtin_memcpy(b + LUKS_F_DIGEST, h->digest, LUKS_DIGEST);
    __builtin_memcpy(b + LUKS_F_SALT, h->salt, LUKS_SALT);
    be32_store(b + LUKS_F_ITERATIONS, h->iterations);
    __builtin_memcpy(b + LUKS_F_UUID, h->uuid, LUKS_UUID_SIZE);
    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        const struct luks_slot *s = &h->slot[i];
        uint8_t *p = b + LUKS_F_SLOTS + i * LUKS_SLOT_SIZE;
        be32_store(p + LUKS_S_ACTIVE, s->active ? LUKS_ENABLED : LUKS_DISABLED);
        be32_store(p + LUKS_S_ITERATIONS, s->iterations);
        __builtin_memcpy(p + LUKS_S_SALT, s->salt, LUKS_SALT);
        be32_store(p + LUKS_S_KEY_OFFSET, s->key_offset);
        be32_store(p + LUKS_S_STRIPES, s->stripes);
    }
}

static int store(struct fmt_env *env, const struct luks_place *place, uint64_t offset,
                 const void *bytes, uint64_t length, int code)
{
    if (!range_fits(offset, length, place->length) ||
        !range_fits(place->offset, offset + length, INT64_MAX)) {
        return fmt_fail(env, LUKS_E_OUTSIDE);
    }
    int status = fmt_write(env, place->handle, place->offset + offset, bytes, length);
    return status ? fmt_fail(env, code) : FMT_OK;
}

int luks_header_store(struct fmt_env *env, const struct luks_place *place,
                      const struct luks_header *h)
{
    uint8_t bytes[LUKS_HEADER_SIZE];

    encode(h, bytes);
    return store(env, place, 0, bytes, sizeof bytes, LUKS_E_WRITE);
}

int luks_header_commit(struct fmt_env *env, const struct luks_place *place,
                       const struct luks_header *h)
{
    int status = luks_header_store(env, place, h);

    return status ? status : fmt_flush(env, place->handle);
}

/* key, split and encrypted with slot_key, into memory of material bytes. */
static int make_material(struct fmt_env *env, const struct luks_header *h, const uint8_t *slot_key,
                         const uint8_t *key, struct crypt_random *random, uint8_t *material,
                         uint64_t size)
{
    struct crypt_spec spec = luks_spec(h);
    struct crypt *c = env->alloc(env, sizeof *c);

    if (!c) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    int status = crypt_init(c, &spec, slot_key);
    if (status) {
        fmt_fail(env, status);
    } else {
        crypt_random_bytes(random, material, h->key_bytes * (LUKS_STRIPES - 1));
        crypt_af_split(h->hash, key, h->key_bytes, LUKS_STRIPES, material);
        crypt_run(c, true, 0, material, material, size);
    }
    crypt_wipe(c, sizeof *c);
    env->free(env, c);
    return status;
}

int luks_make_slot(struct fmt_env *env, struct luks_header *h, uint32_t slot,
                   struct crypt_bytes secret, uint64_t iter_time, const uint8_t *key,
                   struct crypt_random *random, uint8_t *material)
{
    struct luks_slot *s = &h->slot[slot];
    uint8_t slot_key[CRYPT_MAX_KEY];

    crypt_random_bytes(random, s->salt, LUKS_SALT);
    int status = luks_count_iterations(env, h->hash, h->key_bytes, iter_time, 1, &s->iterations);
    if (!status) {
        status = crypt_derive(env, h->hash, secret, (struct crypt_bytes){ s->salt, LUKS_SALT },
                              s->iterations, slot_key, h->key_bytes);
    }
    if (!status) {
        status = make_material(env, h, slot_key, key, random, material, luks_material_bytes(h));
    }
    s->active = !status;
    crypt_wipe(slot_key, sizeof slot_key);
    return status;
}

int luks_material_store(struct fmt_env *env, const struct luks_place *place,
                        const struct luks_header *h, uint32_t slot, const uint8_t *material)
{
    return store(env, place, (uint64_t)h->slot[slot].key_offset * LUKS_SECTOR, material,
                 luks_material_bytes(h), LUKS_E_MATERIAL_WRITE);
}

int luks_write_slot(struct fmt_env *env, const struct luks_place *place, struct luks_header *h,
                    uint32_t slot, struct crypt_bytes secret, uint64_t iter_time,
                    const uint8_t *key, struct crypt_random *random)
{
    uint64_t size = luks_material_bytes(h);
    uint8_t *material = env->alloc(env, size);

    if (!material) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    int status = luks_make_slot(env, h, slot, secret, iter_time, key, random, material);
    if (!status) {
        status = luks_material_store(env, place, h, slot, material);
    }
    crypt_wipe(material, size);
    env->free(env, material);
    return status;
}

int luks_scramble_slot(struct fmt_env *env, const struct luks_place *place,
                       const struct luks_header *h, uint32_t slot, struct crypt_random *random)
{
    uint64_t size = luks_material_bytes(h);
    uint8_t *bytes = env->alloc(env, size);

    if (!bytes) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    crypt_random_bytes(random, bytes, (uint32_t)size);
    int status = luks_material_store(env, place, h, slot, bytes);
    env->free(env, bytes);
    return status;
}

static void lay_out(const struct luks_options *o, struct luks_header *h)
{
    uint32_t material = luks_material_sectors(h->key_bytes, LUKS_STRIPES);

    h->payload_offset = (uint32_t)(luks_header_bytes(o) / LUKS_SECTOR);
    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        h->slot[i].key_offset = FIRST_SLOT + i * material;
        h->slot[i].stripes = LUKS_STRIPES;
    }
}

/* Header and first slot for a new key. */
static int make_volume(struct fmt_env *env, const struct luks_place *place,
                       const struct luks_options *o, struct luks_header *h,
                       struct crypt_random *random, uint8_t *key)
{
    crypt_random_bytes(random, key, h->key_bytes);
    crypt_random_bytes(random, h->salt, LUKS_SALT);
    make_uuid(random, h);
    lay_out(o, h);
    int status =
        luks_count_iterations(env, h->hash, LUKS_DIGEST, o->iter_time, DIGEST_PART, &h->iterations);
    if (!status) {
        status = crypt_derive(env, h->hash, (struct crypt_bytes){ key, h->key_bytes },
                              (struct crypt_bytes){ h->salt, LUKS_SALT }, h->iterations, h->digest,
                              LUKS_DIGEST);
    }
    if (!status) {
        status = luks_write_slot(env, place, h, 0, o->secret, o->iter_time, key, random);
    }
    return status ? status : luks_header_store(env, place, h);
}

int luks_format(struct fmt_env *env, const struct luks_place *place, const struct luks_options *o)
{
    struct luks_header h = {
        .cipher = o->spec.cipher,
        .hash = o->hash,
        .ivgen_hash = o->spec.ivgen_hash,
        .mode = o->spec.mode,
        .ivgen = o->spec.ivgen,
        .key_bytes = crypt_key_bytes(&o->spec),
    };
    struct crypt_random *random = env->alloc(env, sizeof *random);
    uint8_t key[CRYPT_MAX_KEY];

    if (!random) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    if (o->seed.length != CRYPT_SEED) {
        env->free(env, random);
        return fmt_fail(env, FMT_E_BAD_JOB);
    }
    crypt_random_init(random, o->seed.data);
    int status = make_volume(env, place, o, &h, random, key);
    if (!status && crypt_init(env->crypt, &o->spec, key)) {
        status = fmt_fail(env, FMT_E_UNSUPPORTED);
    }
    crypt_wipe(key, sizeof key);
    crypt_wipe(random, sizeof *random);
    env->free(env, random);
    return status;
}
