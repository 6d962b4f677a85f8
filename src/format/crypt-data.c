/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sectors through a cipher. What a mode allows goes to nettle many blocks at once, which is
 * several times as fast as block by block.
 */
#include <nettle/cbc.h>
#include <nettle/ctr.h>
#include <nettle/nettle-meta.h>

#include "base/checked.h"
#include "base/endian.h"
#include "format/crypt.h"

#define BLOCK 16u
/* Sectors worked on together. */
#define CHUNK 8u

void crypt_wipe(void *p, uint64_t length)
{
    if (length) {
        __builtin_memset(p, 0, length);
    }
    __asm__ volatile("" : : "r"(p) : "memory");
}

static void set_key(struct crypt_key *k, const struct nettle_cipher *impl, const uint8_t *key)
{
    k->impl = impl;
    impl->set_encrypt_key(k->encrypt, key);
    impl->set_decrypt_key(k->decrypt, key);
}

static void set_essiv(struct crypt_key *k, const struct crypt_cipher *cipher,
                      const struct nettle_hash *hash, const uint8_t *key, uint32_t key_bytes)
{
    _Alignas(16) uint8_t context[256], digest[CRYPT_MAX_DIGEST];

    hash->init(context);
    hash->update(context, key_bytes, key);
    hash->digest(context, hash->digest_size, digest);
    set_key(k, cipher->impl, digest);
    crypt_wipe(digest, sizeof digest);
    crypt_wipe(context, sizeof context);
}

int crypt_init(struct crypt *c, const struct crypt_spec *spec, const uint8_t *key)
{
    const struct nettle_cipher *impl = spec->cipher->impl;
    const struct crypt_cipher *essiv = 0;

    if (impl->context_size > CRYPT_CONTEXT ||
        (spec->mode == CRYPT_XTS && impl->block_size != BLOCK)) {
        return FMT_E_UNSUPPORTED;
    }
    if (spec->ivgen == CRYPT_ESSIV) {
        essiv = spec->ivgen_hash ? crypt_essiv_cipher(spec) : 0;
        if (!essiv || spec->ivgen_hash->impl->context_size > 256) {
            return FMT_E_UNSUPPORTED;
        }
    }
    c->mode = spec->mode;
    c->ivgen = spec->ivgen;
    set_key(&c->data, impl, key);
    if (spec->mode == CRYPT_XTS) {
        set_key(&c->tweak, impl, key + spec->cipher->key_bytes);
    }
    if (essiv) {
        set_essiv(&c->iv, essiv, spec->ivgen_hash->impl, key, crypt_key_bytes(spec));
    }
    c->ready = 1;
    return FMT_OK;
}

/* Initial values of n sectors, BLOCK bytes each. */
static void make_ivs(const struct crypt *c, uint64_t sector, uint32_t n, uint8_t *iv)
{
    __builtin_memset(iv, 0, (uint64_t)n * BLOCK);
    for (uint32_t i = 0; i < n; i++, iv += BLOCK) {
        if (c->ivgen == CRYPT_PLAIN) {
            le32_store(iv, (uint32_t)(sector + i));
        } else {
            le64_store(iv, sector + i);
        }
        if (c->ivgen == CRYPT_ESSIV) {
            c->iv.impl->encrypt(c->iv.encrypt, c->iv.impl->block_size, iv, iv);
        }
    }
}

static void xor_words(uint64_t *to, const uint8_t *a, const uint64_t *b, uint64_t length)
{
    for (uint64_t i = 0; i < length / 8; i++) {
        uint64_t v;
        __builtin_memcpy(&v, a + 8 * i, 8);
        to[i] = v ^ b[i];
    }
}

/* IEEE 1619: the tweak of block j is that of block 0 times x to the power of j. */
static void spread_tweaks(const uint8_t *first, uint64_t *tweak)
{
    uint64_t low = le64_load(first), high = le64_load(first + 8);

    for (uint32_t j = 0; j < CRYPT_SECTOR / BLOCK; j++) {
        uint64_t carry = high >> 63;
        tweak[2 * j] = low;
        tweak[2 * j + 1] = high;
        high = high << 1 | low >> 63;
        low = low << 1 ^ (carry * 0x87);
    }
}

static void run_xts(const struct crypt *c, bool encrypt, uint64_t sector, const uint8_t *in,
                    uint8_t *out, uint32_t n)
{
    _Alignas(16) uint64_t tweak[CHUNK * CRYPT_SECTOR / 8], work[CHUNK * CRYPT_SECTOR / 8];
    _Alignas(16) uint8_t iv[CHUNK * BLOCK];
    uint64_t length = (uint64_t)n * CRYPT_SECTOR;

    make_ivs(c, sector, n, iv);
    c->tweak.impl->encrypt(c->tweak.encrypt, (uint64_t)n * BLOCK, iv, iv);
    for (uint32_t i = 0; i < n; i++) {
        spread_tweaks(iv + i * BLOCK, tweak + i * (CRYPT_SECTOR / 8));
    }
    xor_words(work, in, tweak, length);
    if (encrypt) {
        c->data.impl->encrypt(c->data.encrypt, length, (uint8_t *)work, (const uint8_t *)work);
    } else {
        c->data.impl->decrypt(c->data.decrypt, length, (uint8_t *)work, (const uint8_t *)work);
    }
    xor_words(work, (const uint8_t *)work, tweak, length);
    __builtin_memcpy(out, work, length);
}

static void run_sector(const struct crypt *c, bool encrypt, uint8_t *iv, const uint8_t *in,
                       uint8_t *out)
{
    const struct nettle_cipher *impl = c->data.impl;

    if (c->mode == CRYPT_CTR) {
        ctr_crypt(c->data.encrypt, impl->encrypt, impl->block_size, iv, CRYPT_SECTOR, out, in);
    } else if (encrypt) {
        cbc_encrypt(c->data.encrypt, impl->encrypt, impl->block_size, iv, CRYPT_SECTOR, out, in);
    } else {
        cbc_decrypt(c->data.decrypt, impl->decrypt, impl->block_size, iv, CRYPT_SECTOR, out, in);
    }
}

static void run_ecb(const struct crypt *c, bool encrypt, const uint8_t *in, uint8_t *out,
                    uint64_t length)
{
    if (encrypt) {
        c->data.impl->encrypt(c->data.encrypt, length, out, in);
    } else {
        c->data.impl->decrypt(c->data.decrypt, length, out, in);
    }
}

void crypt_run(const struct crypt *c, bool encrypt, uint64_t sector, const uint8_t *in,
               uint8_t *out, uint64_t length)
{
    uint8_t iv[CHUNK * BLOCK];

    if (c->mode == CRYPT_ECB) {
        run_ecb(c, encrypt, in, out, length);
        return;
    }
    for (uint64_t left = length / CRYPT_SECTOR; left;) {
        uint32_t n = (uint32_t)min_u64(left, CHUNK);
        if (c->mode == CRYPT_XTS) {
            run_xts(c, encrypt, sector, in, out, n);
        } else {
            make_ivs(c, sector, n, iv);
            for (uint32_t i = 0; i < n; i++) {
                run_sector(c, encrypt, iv + i * BLOCK, in + i * CRYPT_SECTOR,
                           out + i * CRYPT_SECTOR);
            }
        }
        in += n * CRYPT_SECTOR;
        out += n * CRYPT_SECTOR;
        sector += n;
        left -= n;
    }
}
