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
#define TRIAL 40000000u
#define TRIALS 3u

/* HMAC (RFC 2104) with both keys absorbed. */
struct hmac {
    const struct nettle_hash *hash;
    _Alignas(16) uint8_t inner[CONTEXT], outer[CONTEXT], now[CONTEXT];
};

static void absorb_pad(const struct nettle_hash *hash, uint8_t *context, const uint8_t *key,
                       uint8_t pad)
{
    uint8_t block[MAX_HASH_BLOCK];

    for (uint32_t i = 0; i < hash->block_size; i++) {
        block[i] = key[i] ^ pad;
    }
    hash->init(context);
    hash->update(context, hash->block_size, block);
    crypt_wipe(block, sizeof block);
}

static void hmac_begin(struct hmac *h, const struct nettle_hash *hash, struct crypt_bytes key)
{
    uint8_t block[MAX_HASH_BLOCK] = { 0 };

    h->hash = hash;
    if (key.length > hash->block_size) {
        hash->init(h->now);
        hash->update(h->now, key.length, key.data);
        hash->digest(h->now, hash->digest_size, block);
    } else if (key.length) {
        __builtin_memcpy(block, key.data, key.length);
    }
    absorb_pad(hash, h->inner, block, 0x36);
    absorb_pad(hash, h->outer, block, 0x5c);
    crypt_wipe(block, sizeof block);
}

/* A context as it was saved; inline, for it is done four times in an iteration. */
static inline void restore(struct hmac *h, const uint8_t *from)
{
    const uint64_t *s = (const uint64_t *)(const void *)from;
    uint64_t *d = (uint64_t *)(void *)h->now;

    for (uint32_t i = 0; i < h->hash->context_size; i += 8) {
        *d++ = *s++;
        __asm__ volatile("" : "+r"(d)); /* or it becomes a call of memcpy() */
    }
}

/* HMAC of length bytes at data into digest; they may be the same. */
static void hmac_finish(struct hmac *h, uint8_t *digest)
{
    const struct nettle_hash *hash = h->hash;

    hash->digest(h->now, hash->digest_size, digest);
    restore(h, h->outer);
    hash->update(h->now, hash->digest_size, digest);
    hash->digest(h->now, hash->digest_size, digest);
}

static int derive_block(struct fmt_env *env, struct hmac *h, struct crypt_bytes salt,
                        uint32_t number, uint32_t iterations, uint64_t *sum)
{
    _Alignas(16) uint64_t u[CRYPT_MAX_DIGEST / 8] = { 0 };
    uint8_t *bytes = (uint8_t *)u, index[4];
    uint32_t words = (uint32_t)div_up(h->hash->digest_size, 8);
    int status = FMT_OK;

    be32_store(index, number);
    restore(h, h->inner);
    h->hash->update(h->now, salt.length, salt.data);
    h->hash->update(h->now, sizeof index, index);
    hmac_finish(h, bytes);
    __builtin_memcpy(sum, u, sizeof u);
    for (uint32_t i = 1; i < iterations && !status; i++) {
        restore(h, h->inner);
        h->hash->update(h->now, h->hash->digest_size, bytes);
        hmac_finish(h, bytes);
        for (uint32_t k = 0; k < words; k++) {
            sum[k] ^= u[k];
        }
        if (i % ALIVE == 0) {
            status = env->progress(env, i, iterations);
        }
    }
    crypt_wipe(u, sizeof u);
    return status;
}

int crypt_derive(struct fmt_env *env, const struct crypt_hash *hash, struct crypt_bytes secret,
                 struct crypt_bytes salt, uint32_t iterations, uint8_t *out, uint32_t out_length)
{
    struct hmac h;
    uint64_t sum[CRYPT_MAX_DIGEST / 8];
    int status = FMT_OK;

    hmac_begin(&h, hash->impl, secret);
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
