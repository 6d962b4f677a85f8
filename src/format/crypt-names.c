/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nettle/nettle-meta.h>
#include "abi/props.h"
#include "format/crypt.h"

const char *const crypt_modes[CRYPT_MODES] = {
    [CRYPT_ECB] = "ecb",
    [CRYPT_CBC] = "cbc",
    [CRYPT_XTS] = "xts",
    [CRYPT_CTR] = "ctr",
};

const char *const crypt_ivgens[CRYPT_IVGENS] = {
    [CRYPT_PLAIN] = "plain",
    [CRYPT_PLAIN64] = "plain64",
    [CRYPT_ESSIV] = "essiv",
};

const struct crypt_cipher crypt_ciphers[] = {
    { "aes", 16, "aes-128", "AES", &nettle_aes128 },
    { "aes", 24, "aes-192", "AES", &nettle_aes192 },
    { "aes", 32, "aes-256", "AES", &nettle_aes256 },
    { "cast5", 16, "cast5-128", 0, &nettle_cast128 },
    { "serpent", 16, "serpent-128", "Serpent", &nettle_serpent128 },
    { "serpent", 24, "serpent-192", "Serpent", &nettle_serpent192 },
    { "serpent", 32, "serpent-256", "Serpent", &nettle_serpent256 },
    { "twofish", 16, "twofish-128", "Twofish", &nettle_twofish128 },
    { "twofish", 24, "twofish-192", "Twofish", &nettle_twofish192 },
    { "twofish", 32, "twofish-256", "Twofish", &nettle_twofish256 },
    { 0 },
};

const struct crypt_hash crypt_hashes[] = {
    { "md5", 16, 16, true, false, &nettle_md5 },
    { "sha1", 20, 20, false, false, &nettle_sha1 },
    { "sha224", 28, 32, false, false, &nettle_sha224 },
    { "sha256", 32, 32, false, false, &nettle_sha256 },
    { "sha384", 48, 64, false, true, &nettle_sha384 },
    { "sha512", 64, 64, false, true, &nettle_sha512 },
    { "ripemd160", 20, 20, true, false, &nettle_ripemd160 },
    { 0 },
};

const struct crypt_cipher *crypt_cipher_by_name(const void *name, uint32_t length)
{
    const struct crypt_cipher *c = crypt_ciphers;

    while (c->name && !props_word(name, length, c->name)) {
        c++;
    }
    return c->name ? c : 0;
}

const struct crypt_cipher *crypt_cipher_by_header(const void *name, uint32_t length,
                                                  uint32_t key_bytes)
{
    const struct crypt_cipher *c = crypt_ciphers;

    while (c->name && !(c->key_bytes == key_bytes && props_word(name, length, c->header_name))) {
        c++;
    }
    return c->name ? c : 0;
}

const struct crypt_hash *crypt_hash_by_name(const void *name, uint32_t length)
{
    const struct crypt_hash *h = crypt_hashes;

    while (h->name && !props_word(name, length, h->name)) {
        h++;
    }
    return h->name ? h : 0;
}

static int find(const char *const *names, uint32_t n, const void *name, uint32_t length)
{
    for (uint32_t i = 0; i < n; i++) {
        if (props_word(name, length, names[i])) {
            return (int)i;
        }
    }
    return -1;
}

int crypt_mode_by_name(const void *name, uint32_t length)
{
    return find(crypt_modes, CRYPT_MODES, name, length);
}

int crypt_ivgen_by_name(const void *name, uint32_t length)
{
    return find(crypt_ivgens, CRYPT_IVGENS, name, length);
}

uint32_t crypt_key_bytes(const struct crypt_spec *spec)
{
    return spec->cipher->key_bytes * (spec->mode == CRYPT_XTS ? 2 : 1);
}

const struct crypt_cipher *crypt_essiv_cipher(const struct crypt_spec *spec)
{
    const char *name = spec->cipher->header_name;

    return crypt_cipher_by_header(name, props_strlen(name), spec->ivgen_hash->bytes);
}
