/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys out of passphrases, split keys, and random bytes. */
#include <nettle/nettle-meta.h>

#include "base/checked.h"
#include "base/endian.h"
#include "format/crypt.h"

/* nettle's largest context of a hash is that of SHA-512. */
#define CONTEXT 256u
#define MAX_HASH_BLOCK 128u
/* Iterations between two signs of life. */
#define ALIVE (1u << 20)
/* A trial of speed: nanoseconds it lasts at least, and how many there are. */
#define TRIAL 10000000u
#define TRIALS 3u

/*
 * HMAC (RFC 2104) of what is as long as a digest, again and again. Both keys are absorbed; what is
 * left of inner and outer hash is one block each, padded once and for all, so that an iteration is
 * two blocks and nothing else. nettle's contexts begin with the state, and a block that is whole
 * goes through update() without a copy.
 */
struct hmac {
    const struct crypt_hash *hash;
    const struct nettle_hash *impl;
    _Alignas(16) uint8_t context[CONTEXT];
    _Alignas(16) uint8_t block[MAX_HASH_BLOCK];
    uint64_t inner[CRYPT_MAX_DIGEST / 8], outer[CRYPT_MAX_DIGEST / 8];
};

static void absorb_pad(struct hmac *h, const uint8_t *key, uint8_t pad, uint64_t *ret_state)
{
    uint8_t block[MAX_HASH_BLOCK];

    for (uint32_t i = 0; i < h->impl->block_size; i++) {
        block[i] = key[i] ^ pad;
    }
    h->impl->init(h->context);
    h->impl->update(h->context, h->impl->block_size, block);
    __builtin_memcpy(ret_state, h->context, h->hash->state_bytes);
    crypt_wipe(block, sizeof block);
}

/* The block behind a pad: a digest, a bit, zeros, and the number of bits in both blocks. */
static void pad_block(struct hmac *h)
{
    uint32_t size = h->impl->block_size;
    uint64_t bits = (size + h->hash->bytes) * 8ull;

    __builtin_memset(h->block, 0, sizeof h->block);
    h->block[h->hash->bytes] = 0x80;
    if (h->hash->little) {
        le64_store(h->block + size - 8, bits);
    } else {
        be64_store(h->block + size - 8, bits);
    }
}

static void hmac_begin(struct hmac *h, const struct crypt_hash *hash, struct crypt_bytes key)
{
    const struct nettle_hash *impl = hash->impl;
    uint8_t block[MAX_HASH_BLOCK] = { 0 };

    h->hash = hash;
    h->impl = impl;
    if (key.length > impl->block_size) {
        impl->init(h->context);
        impl->update(h->context, key.length, key.data);
        impl->digest(h->context, impl->digest_size, block);
    } else if (key.length) {
        __builtin_memcpy(block, key.data, key.length);
    }
    absorb_pad(h, block, 0x36, h->inner);
    absorb_pad(h, block, 0x5c, h->outer);
    crypt_wipe(block, sizeof block);
    pad_block(h);
}

/* The state as bytes, to the front of the block. */
static inline void put_state(struct hmac *h)
{
    if (h->hash->little) {
        __builtin_memcpy(h->block, h->context, h->hash->bytes);
    } else if (h->hash->wide) {
        for (uint32_t i = 0; i < h->hash->bytes; i += 8) {
            uint64_t v;
            __builtin_memcpy(&v, h->context + i, 8);
            be64_store(h->block + i, v);
        }
    } else {
        for (uint32_t i = 0; i < h->hash->bytes; i += 4) {
            uint32_t v;
            __builtin_memcpy(&v, h->context + i, 4);
            be32_store(h->block + i, v);
        }
    }
}

static inline void half(struct hmac *h, const uint64_t *state)
{
    __builtin_memcpy(h->context, state, h->hash->state_bytes);
    h->impl->update(h->context, h->impl->block_size, h->block);
    put_state(h);
}

/* HMAC of the digest in the block, in place. */
static inline void iterate(struct hmac *h)
{
    half(h, h->inner);
    half(h, h->outer);
}

/* The first iteration of a block of output: its HMAC is of salt and number. */
static void begin_block(struct hmac *h, struct crypt_bytes salt, uint32_t number)
{
    _Alignas(16) uint8_t context[CONTEXT], digest[CRYPT_MAX_DIGEST], index[4];

    be32_store(index, number);
    /* nothing of a context but its state differs once a whole block has been absorbed */
    h->impl->init(h->context);
    h->impl->update(h->context, h->impl->block_size, h->block);
    __builtin_memcpy(context, h->context, sizeof context);
    __builtin_memcpy(context, h->inner, h->hash->state_bytes);
    h->impl->update(context, salt.length, salt.data);
    h->impl->update(context, sizeof index, index);
    h->impl->digest(context, h->hash->bytes, digest);
    __builtin_memcpy(h->block, digest, h->hash->bytes);
    half(h, h->outer);
    crypt_wipe(context, sizeof context);
}

static int derive_block(struct fmt_env *env, struct hmac *h, struct crypt_bytes salt,
                        uint32_t number, uint32_t iterations, uint64_t *sum)
{
    uint32_t words = (uint32_t)div_up(h->hash->bytes, 8);
    int status = FMT_OK;

    begin_block(h, salt, number);
    __builtin_memcpy(sum, h->block, CRYPT_MAX_DIGEST);
    for (uint32_t i = 1; i < iterations && !status; i++) {
        iterate(h);
        for (uint32_t k = 0; k < words; k++) {
            uint64_t v;
            __builtin_memcpy(&v, h->block + 8 * k, 8);
            sum[k] ^= v;
        }
        if (i % ALIVE == 0) {
            /* no total: a sign of life, and nothing that anybody is shown */
            status = env->progress(env, i, 0);
        }
    }
    return status;
}

int crypt_derive(struct fmt_env *env, const struct crypt_hash *hash, struct crypt_bytes secret,
                 struct crypt_bytes salt, uint32_t iterations, uint8_t *out, uint32_t out_length)
{
    struct hmac h;
    uint64_t sum[CRYPT_MAX_DIGEST / 8];
    int status = FMT_OK;

    hmac_begin(&h, hash, secret);
    for (uint32_t at = 0, i = 1; at < out_length && !status; at += hash->bytes, i++) {
        status = derive_block(env, &h, salt, i, iterations, sum);
        __builtin_memcpy(out + at, sum, min_u64(hash->bytes, out_length - at));
    }
    crypt_wipe(&h, sizeof h);
    crypt_wipe(sum, sizeof sum);
    return status;
}

int crypt_speed(struct fmt_env *env, const struct crypt_hash *hash, uint32_t length,
                uint64_t *ret_per_second)
{
    static const uint8_t salt[32] = "a salt that is as long as others";
    uint8_t out[CRYPT_MAX_KEY];
    uint64_t best = 0;
    uint32_t n = 1u << 13;

    /* The fastest of some trials: whatever else runs on the machine can only make one slower. */
    for (uint32_t trial = 0; trial < TRIALS;) {
        uint64_t start = env->clock(env);
        int status = crypt_derive(env, hash, (struct crypt_bytes){ salt, 8 },
                                  (struct crypt_bytes){ salt, sizeof salt }, n, out, length);
        uint64_t took = env->clock(env) - start;
        if (status) {
            return status;
        }
        if (took < TRIAL && n < 1u << 30) {
            n *= took < TRIAL / 8 ? 4 : 2;
            continue;
        }
        best = max_u64(best, n * 1000000000ull / max_u64(took, 1));
        trial++;
    }
    *ret_per_second = best;
    return FMT_OK;
}

/* ---- the splitter -------------------------------------------------------------------- */

/* Each piece as long as a digest becomes the digest of its number and itself. */
static void diffuse(const struct crypt_hash *hash, uint8_t *p, uint32_t length)
{
    _Alignas(16) uint8_t context[CONTEXT], number[4];

    for (uint32_t at = 0, i = 0; at < length; at += hash->bytes, i++) {
        uint32_t n = (uint32_t)min_u64(hash->bytes, length - at);
        be32_store(number, i);
        hash->impl->init(context);
        hash->impl->update(context, sizeof number, number);
        hash->impl->update(context, n, p + at);
        hash->impl->digest(context, n, p + at);
    }
    crypt_wipe(context, sizeof context);
}

static void xor_bytes(uint8_t *to, const uint8_t *from, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        to[i] ^= from[i];
    }
}

/* All stripes but the last, mixed. */
static void mix(const struct crypt_hash *hash, const uint8_t *from, uint32_t length,
                uint32_t stripes, uint8_t *out)
{
    __builtin_memset(out, 0, length);
    for (uint32_t i = 0; i + 1 < stripes; i++) {
        xor_bytes(out, from + (uint64_t)i * length, length);
        diffuse(hash, out, length);
    }
}

void crypt_af_merge(const struct crypt_hash *hash, const uint8_t *from, uint32_t length,
                    uint32_t stripes, uint8_t *out)
{
    mix(hash, from, length, stripes, out);
    xor_bytes(out, from + (uint64_t)(stripes - 1) * length, length);
}

void crypt_af_split(const struct crypt_hash *hash, const uint8_t *key, uint32_t length,
                    uint32_t stripes, uint8_t *to)
{
    uint8_t *last = to + (uint64_t)(stripes - 1) * length;

    mix(hash, to, length, stripes, last);
    xor_bytes(last, key, length);
}

/* ---- random bytes --------------------------------------------------------------------- */

void crypt_random_init(struct crypt_random *r, const uint8_t *seed)
{
    r->key.impl = &nettle_aes256;
    nettle_aes256.set_encrypt_key(r->key.encrypt, seed);
    __builtin_memset(r->counter, 0, sizeof r->counter);
}

void crypt_random_bytes(struct crypt_random *r, uint8_t *out, uint32_t length)
{
    uint8_t block[16];

    for (uint32_t at = 0; at < length; at += sizeof block) {
        le64_store(r->counter, le64_load(r->counter) + 1);
        r->key.impl->encrypt(r->key.encrypt, sizeof block, block, r->counter);
        __builtin_memcpy(out + at, block, min_u64(sizeof block, length - at));
    }
    crypt_wipe(block, sizeof block);
}
