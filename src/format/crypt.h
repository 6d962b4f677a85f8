/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ciphers and hashes for encrypted images, on top of nettle: what they are called, data by
 * sectors, keys out of passphrases. Nothing here knows a format but for the names, which
 * are those of "LUKS On-Disk Format Specification, Version 1.2.3" and of qemu-img.
 */
#ifndef INSTAR_CRYPT_H
#define INSTAR_CRYPT_H

#include "format/format.h"

struct nettle_cipher;
struct nettle_hash;

#define CRYPT_SECTOR 512u
#define CRYPT_MAX_KEY 64u    /* bytes: two keys of xts */
#define CRYPT_MAX_DIGEST 64u /* bytes of a hash */

struct crypt_cipher {
    const char *header_name; /* in a LUKS header */
    uint32_t key_bytes;      /* of one key; xts takes two */
    const char *name;        /* as qemu-img shows it */
    const char *family;      /* as its messages have it; NULL: it cannot be used for essiv */
    const struct nettle_cipher *impl;
};

struct crypt_hash {
    const char *name;
    uint32_t bytes;
    uint32_t state_bytes; /* at the front of nettle's context */
    bool little, wide;    /* its words: byte order, 64 bits each */
    const struct nettle_hash *impl;
};

enum crypt_mode { CRYPT_ECB, CRYPT_CBC, CRYPT_XTS, CRYPT_CTR };
#define CRYPT_MODES 4u
enum crypt_ivgen { CRYPT_PLAIN, CRYPT_PLAIN64, CRYPT_ESSIV };
#define CRYPT_IVGENS 3u

/* Names by number; tables end with an entry without a name. */
extern const char *const crypt_modes[CRYPT_MODES];
extern const char *const crypt_ivgens[CRYPT_IVGENS];
extern const struct crypt_cipher crypt_ciphers[];
extern const struct crypt_hash crypt_hashes[];

/* By length bytes of text; NULL or -1: none. */
const struct crypt_cipher *crypt_cipher_by_name(const void *name, uint32_t length);
const struct crypt_cipher *crypt_cipher_by_header(const void *name, uint32_t length,
                                                  uint32_t key_bytes);
const struct crypt_hash *crypt_hash_by_name(const void *name, uint32_t length);
int crypt_mode_by_name(const void *name, uint32_t length);
int crypt_ivgen_by_name(const void *name, uint32_t length);

/* How sectors are coded. */
struct crypt_spec {
    const struct crypt_cipher *cipher;
    const struct crypt_hash *ivgen_hash; /* ESSIV; else NULL */
    enum crypt_mode mode;
    enum crypt_ivgen ivgen;
};

/* Bytes of key that spec takes. */
uint32_t crypt_key_bytes(const struct crypt_spec *spec);
/* The cipher that makes initial values for ESSIV; NULL: none has a key as long as the hash. */
const struct crypt_cipher *crypt_essiv_cipher(const struct crypt_spec *spec);

/* ---- data ------------------------------------------------------------------------- */

/* nettle's largest context: twofish. */
#define CRYPT_CONTEXT 4352u

struct crypt_key {
    const struct nettle_cipher *impl;
    _Alignas(16) uint8_t encrypt[CRYPT_CONTEXT];
    _Alignas(16) uint8_t decrypt[CRYPT_CONTEXT];
};

/* A cipher with its keys. Each holds key schedules: wipe it. */
struct crypt {
    uint32_t ready; /* 0: no key has been set */
    uint32_t mode, ivgen;
    struct crypt_key data, tweak, iv;
};

/* key: crypt_key_bytes() of them. FMT_E_UNSUPPORTED: spec is none that can be. */
int crypt_init(struct crypt *c, const struct crypt_spec *spec, const uint8_t *key);
/* Code whole sectors, the first of which has number sector; length is a multiple of
 * CRYPT_SECTOR. in and out are the same or apart. */
void crypt_run(const struct crypt *c, bool encrypt, uint64_t sector, const uint8_t *in,
               uint8_t *out, uint64_t length);

/* Overwrite what was secret, so that no compiler leaves it out. */
void crypt_wipe(void *p, uint64_t length);

/* ---- keys -------------------------------------------------------------------------- */

struct crypt_bytes {
    const uint8_t *data;
    uint32_t length;
};

/* PBKDF2 (RFC 8018, 5.2) with HMAC of hash. Tells progress now and then, so that the host sees
 * it live. */
int crypt_derive(struct fmt_env *env, const struct crypt_hash *hash, struct crypt_bytes secret,
                 struct crypt_bytes salt, uint32_t iterations, uint8_t *out, uint32_t out_length);
/* How many iterations for length bytes this cpu does in a second. */
int crypt_speed(struct fmt_env *env, const struct crypt_hash *hash, uint32_t length,
                uint64_t *ret_per_second);

/* The anti-forensic splitter (LUKS specification, 2.4): stripes times length bytes to length, and
 * back; for the latter all stripes but the last hold random bytes already. */
void crypt_af_merge(const struct crypt_hash *hash, const uint8_t *from, uint32_t length,
                    uint32_t stripes, uint8_t *out);
void crypt_af_split(const struct crypt_hash *hash, const uint8_t *key, uint32_t length,
                    uint32_t stripes, uint8_t *to);

/* Random bytes out of a seed that the host drew: the key stream of AES-256 in counter mode. */
#define CRYPT_SEED 32u
struct crypt_random {
    struct crypt_key key;
    uint8_t counter[16];
};
void crypt_random_init(struct crypt_random *r, const uint8_t *seed);
void crypt_random_bytes(struct crypt_random *r, uint8_t *out, uint32_t length);

#endif
