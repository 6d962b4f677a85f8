/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Published vectors for each primitive: NIST SP 800-38A (AES in ECB and CBC), IEEE 1619 (XTS),
 * RFC 2144 (CAST5), the authors' vectors of Serpent and Twofish, RFC 6070 and RFC 7914 (PBKDF2;
 * other hashes as Python's hashlib has them), and the properties that modes promise.
 */
#include "config.h"

#include <string.h>

#include "format/crypt.h"
#include "tests/mem-env.h"
#include "tests/testutil.h"

#define SECTOR CRYPT_SECTOR

/* Bytes of a line of hexadecimal digits; returns how many. */
static gsize from_hex(const char *hex, guint8 *to)
{
    gsize n = 0;

    for (; hex[0] && hex[1]; hex += 2) {
        to[n++] = (guint8)(g_ascii_xdigit_value(hex[0]) * 16 + g_ascii_xdigit_value(hex[1]));
    }
    return n;
}

static struct crypt *make(const char *cipher, const char *mode, const char *ivgen,
                          const char *ivgen_hash, const guint8 *key)
{
    struct crypt *c = g_new0(struct crypt, 1);
    struct crypt_spec spec = {
        .cipher = crypt_cipher_by_name(cipher, (guint32)strlen(cipher)),
        .ivgen_hash = ivgen_hash ? crypt_hash_by_name(ivgen_hash, (guint32)strlen(ivgen_hash)) : 0,
        .mode = (enum crypt_mode)crypt_mode_by_name(mode, (guint32)strlen(mode)),
        .ivgen = (enum crypt_ivgen)crypt_ivgen_by_name(ivgen, (guint32)strlen(ivgen)),
    };

    g_assert_nonnull(spec.cipher);
    g_assert_cmpint(crypt_init(c, &spec, key), ==, FMT_OK);
    return c;
}

/* ---- one block ---------------------------------------------------------------------- */

typedef struct {
    const char *path, *cipher, *key, *plain, *coded;
} BlockRow;

#define ZEROS "00000000000000000000000000000000"
#define NIST "6bc1bee22e409f96e93d7e117393172a"
static const BlockRow blocks[] = {
    { "/crypt/block/aes-128", "aes-128", "2b7e151628aed2a6abf7158809cf4f3c", NIST,
      "3ad77bb40d7a3660a89ecaf32466ef97" },
    { "/crypt/block/aes-192", "aes-192", "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", NIST,
      "bd334f1d6e45f25ff712a214571fa5cc" },
    { "/crypt/block/aes-256", "aes-256",
      "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", NIST,
      "f3eed1bdb5d2a03c064b5a7e3db181f8" },
    { "/crypt/block/cast5-128", "cast5-128", "0123456712345678234567893456789a", "0123456789abcdef",
      "238b4fe5847e44b2" },
    { "/crypt/block/serpent-128", "serpent-128", "80000000000000000000000000000000", ZEROS,
      "264e5481eff42a4606abda06c0bfda3d" },
    { "/crypt/block/serpent-256", "serpent-256",
      "8000000000000000000000000000000000000000000000000000000000000000", ZEROS,
      "a223aa1288463c0e2be38ebd825616c0" },
    { "/crypt/block/twofish-128", "twofish-128", ZEROS, ZEROS, "9f589f5cf6122c32b6bfec2f2ae8c35a" },
    { "/crypt/block/twofish-192", "twofish-192", "0123456789abcdeffedcba98765432100011223344556677",
      ZEROS, "cfd1d2e5a9be9cdf501f13b892bd2248" },
    { "/crypt/block/twofish-256", "twofish-256",
      "0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff", ZEROS,
      "37527be0052334b89f0cfccae87cfa20" },
};

static void test_block(gconstpointer data)
{
    const BlockRow *row = data;
    guint8 key[64], plain[64], coded[64], sector[SECTOR], out[SECTOR];
    gsize n;

    from_hex(row->key, key);
    n = from_hex(row->plain, plain);
    g_assert_cmpuint(from_hex(row->coded, coded), ==, n);
    g_autofree struct crypt *c = make(row->cipher, "ecb", "plain64", NULL, key);
    for (gsize at = 0; at < SECTOR; at += n) {
        memcpy(sector + at, plain, n);
    }
    crypt_run(c, true, 7, sector, out, SECTOR);
    for (gsize at = 0; at < SECTOR; at += n) {
        g_assert_cmpmem(out + at, n, coded, n);
    }
    crypt_run(c, false, 7, out, out, SECTOR);
    g_assert_cmpmem(out, SECTOR, sector, SECTOR);
}

/* ---- modes ---------------------------------------------------------------------------- */

/* IEEE 1619, vector 4: the first and the last block of a sector of 00 01 02 ... */
static void test_xts(void)
{
    guint8 key[32], plain[SECTOR], out[SECTOR], first[16];

    from_hex("2718281828459045235360287471352631415926535897932384626433832795", key);
    from_hex("27a7479befa1d476489f308cd4cfa6e2", first);
    for (guint i = 0; i < SECTOR; i++) {
        plain[i] = (guint8)i;
    }
    g_autofree struct crypt *c = make("aes-128", "xts", "plain64", NULL, key);
    crypt_run(c, true, 0, plain, out, SECTOR);
    g_assert_cmpmem(out, 16, first, 16);
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, out, SECTOR);
    g_test_message("%s", sum);
    crypt_run(c, false, 0, out, out, SECTOR);
    g_assert_cmpmem(out, SECTOR, plain, SECTOR);
}

/* SP 800-38A, F.2.1. The initial value there is 00 01 .. 0f; of sector 0 it is zeros, and so the
 * first block is the vector's with that xored in. */
static void test_cbc(void)
{
    guint8 key[16], plain[SECTOR] = { 0 }, out[SECTOR], expect[64];

    from_hex("2b7e151628aed2a6abf7158809cf4f3c", key);
    from_hex(NIST "ae2d8a571e03ac9c9eb76fac45af8e51"
                  "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
             plain);
    from_hex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
             "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
             expect);
    for (guint i = 0; i < 16; i++) {
        plain[i] ^= (guint8)i;
    }
    g_autofree struct crypt *c = make("aes-128", "cbc", "plain64", NULL, key);
    crypt_run(c, true, 0, plain, out, SECTOR);
    g_assert_cmpmem(out, sizeof expect, expect, sizeof expect);
    crypt_run(c, false, 0, out, out, SECTOR);
    g_assert_cmpmem(out, SECTOR, plain, SECTOR);
}

/* Zeros in counter mode are the counters in ECB: they begin at the initial value. */
static void test_ctr(void)
{
    guint8 key[32], zeros[SECTOR] = { 0 }, counters[SECTOR] = { 0 }, a[SECTOR], b[SECTOR];

    memset(key, 0x5a, sizeof key);
    g_autofree struct crypt *c = make("aes-256", "ctr", "plain64", NULL, key);
    g_autofree struct crypt *ecb = make("aes-256", "ecb", "plain64", NULL, key);
    crypt_run(c, true, 3, zeros, a, SECTOR);
    for (guint i = 0; i < SECTOR / 16; i++) {
        counters[16 * i] = 3;
        counters[16 * i + 15] = (guint8)i;
    }
    crypt_run(ecb, true, 0, counters, b, SECTOR);
    g_assert_cmpmem(a, SECTOR, b, SECTOR);
}

typedef struct {
    const char *path, *cipher, *mode, *ivgen, *hash;
} ModeRow;

static const ModeRow modes[] = {
    { "/crypt/mode/aes-256-xts-plain64", "aes-256", "xts", "plain64", NULL },
    { "/crypt/mode/aes-192-xts-plain64", "aes-192", "xts", "plain64", NULL },
    { "/crypt/mode/aes-256-xts-essiv", "aes-256", "xts", "essiv", "sha256" },
    { "/crypt/mode/aes-128-cbc-essiv-md5", "aes-128", "cbc", "essiv", "md5" },
    { "/crypt/mode/aes-256-cbc-plain", "aes-256", "cbc", "plain", NULL },
    { "/crypt/mode/serpent-192-ctr-plain", "serpent-192", "ctr", "plain", NULL },
    { "/crypt/mode/serpent-256-xts-plain64", "serpent-256", "xts", "plain64", NULL },
    { "/crypt/mode/twofish-256-cbc-essiv", "twofish-256", "cbc", "essiv", "sha256" },
    { "/crypt/mode/twofish-128-xts-plain", "twofish-128", "xts", "plain", NULL },
    { "/crypt/mode/cast5-128-cbc-plain64", "cast5-128", "cbc", "plain64", NULL },
    { "/crypt/mode/cast5-128-ctr-plain", "cast5-128", "ctr", "plain", NULL },
};

/* Sectors are coded each for itself, whatever is coded together, in place or not. */
static void test_mode(gconstpointer data)
{
    const ModeRow *row = data;
    enum { N = 21 };
    guint8 key[64];
    guint64 first = G_MAXUINT32 - 3; /* plain wraps around here, plain64 does not */
    g_autofree guint8 *plain = g_malloc(N * SECTOR), *whole = g_malloc(N * SECTOR),
                      *single = g_malloc(N * SECTOR);

    for (guint i = 0; i < sizeof key; i++) {
        key[i] = (guint8)(i * 7 + 1);
    }
    memset(plain, 0xc3, N * SECTOR);
    g_autofree struct crypt *c = make(row->cipher, row->mode, row->ivgen, row->hash, key);
    crypt_run(c, true, first, plain, whole, N * SECTOR);
    for (guint i = 0; i < N; i++) {
        memcpy(single + i * SECTOR, plain + i * SECTOR, SECTOR);
        crypt_run(c, true, first + i, single + i * SECTOR, single + i * SECTOR, SECTOR);
    }
    g_assert_cmpmem(whole, N * SECTOR, single, N * SECTOR);
    g_assert_cmpint(memcmp(whole, whole + SECTOR, SECTOR), !=, 0);
    crypt_run(c, false, first, whole, whole, N * SECTOR);
    g_assert_cmpmem(whole, N * SECTOR, plain, N * SECTOR);
    gboolean wraps = g_str_equal(row->ivgen, "plain");
    crypt_run(c, true, 4, plain, whole, SECTOR);
    crypt_run(c, true, 4 + (G_GUINT64_CONSTANT(1) << 32), plain, single, SECTOR);
    g_assert_cmpint(memcmp(whole, single, SECTOR) == 0, ==, wraps);
}

static void test_impossible(void)
{
    static const guint8 key[64] = { 0 };
    g_autofree struct crypt *c = g_new0(struct crypt, 1);
    struct crypt_spec spec = { .cipher = crypt_cipher_by_name("cast5-128", 9), .mode = CRYPT_XTS };

    g_assert_cmpint(crypt_init(c, &spec, key), ==, FMT_E_UNSUPPORTED);
    spec = (struct crypt_spec){ .cipher = crypt_cipher_by_name("aes-256", 7),
                                .mode = CRYPT_CBC,
                                .ivgen = CRYPT_ESSIV,
                                .ivgen_hash = crypt_hash_by_name("sha1", 4) };
    g_assert_cmpint(crypt_init(c, &spec, key), ==, FMT_E_UNSUPPORTED);
    g_assert_cmpuint(c->ready, ==, 0);
}

/* ---- keys --------------------------------------------------------------------------------- */

typedef struct {
    const char *path, *hash, *secret, *salt;
    guint32 iterations;
    const char *expect;
} DeriveRow;

static const DeriveRow derived[] = {
    { "/crypt/derive/sha1/1", "sha1", "password", "salt", 1,
      "0c60c80f961f0e71f3a9b524af6012062fe037a6" },
    { "/crypt/derive/sha1/2", "sha1", "password", "salt", 2,
      "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957" },
    { "/crypt/derive/sha1/4096", "sha1", "password", "salt", 4096,
      "4b007901b765489abead49d926f721d065a429c1" },
    { "/crypt/derive/sha1/long", "sha1", "passwordPASSWORDpassword",
      "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
      "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038" },
    { "/crypt/derive/sha256/1", "sha256", "passwd", "salt", 1,
      "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
      "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783" },
    { "/crypt/derive/sha256/80000", "sha256", "Password", "NaCl", 80000,
      "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
      "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d" },
    { "/crypt/derive/md5", "md5", "password", "salt", 1000,
      "8d189946a32d883622a16ae18af0632f5791d5e7b1abb0ab1757d28ce3405614"
      "0335105994495f9142070f064027d6df9db8e3d6fbd0042acbfb7637ee1e10b3" },
    { "/crypt/derive/sha224", "sha224", "password", "salt", 1000,
      "d3bcf320fd918908eafcaa460faf40e201f6508d4e6f3d9c1c0abd30dae08cc8"
      "b1bc0657e2ebc229d22e48df55df72e83f2e50db2324a73b01ddbb88831662f0" },
    { "/crypt/derive/sha384", "sha384", "password", "salt", 1000,
      "3bd37e2236941d4a77b1b5b714c6f913fabb6b0841a6d7d8656b99d611e900fe"
      "06edb93b5b809efaa9678b635ce513e0f7d9ebb0aea1e07f0ab90d1b9cbd9464" },
    { "/crypt/derive/sha512", "sha512", "password", "salt", 1000,
      "afe6c5530785b6cc6b1c6453384731bd5ee432ee549fd42fb6695779ad8a1c5b"
      "f59de69c48f774efc4007d5298f9033c0241d5ab69305e7b64eceeb8d834cfec" },
    { "/crypt/derive/ripemd160", "ripemd160", "password", "salt", 1000,
      "b5c5682c46fdb315930cfc54e82d0987e6ef938fee9320191bfbac2700de4ed4"
      "518152edc1ea7755a9ead23514d664eb09a4c92bec3c3881ed423a5cbef20a66" },
};

static struct crypt_bytes text(const char *s)
{
    return (struct crypt_bytes){ (const guint8 *)s, (guint32)strlen(s) };
}

static void test_derive(gconstpointer data)
{
    const DeriveRow *row = data;
    g_autoptr(MemEnv) mem = mem_env_new(0);
    guint8 expect[64], out[64];
    gsize n = from_hex(row->expect, expect);

    g_assert_cmpint(
        crypt_derive(mem_env_env(mem), crypt_hash_by_name(row->hash, (guint32)strlen(row->hash)),
                     text(row->secret), text(row->salt), row->iterations, out, (guint32)n),
        ==, FMT_OK);
    g_assert_cmpmem(out, n, expect, n);
}

/* A secret longer than a block is its digest (RFC 2104). */
static void test_long_secret(void)
{
    g_autoptr(MemEnv) mem = mem_env_new(0);
    g_autofree char *secret = g_strnfill(200, 'x');
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, secret, -1);
    const struct crypt_hash *hash = crypt_hash_by_name("sha256", 6);
    guint8 key[32], a[40], b[40];

    from_hex(digest, key);
    crypt_derive(mem_env_env(mem), hash, text(secret), text("salt"), 3, a, sizeof a);
    crypt_derive(mem_env_env(mem), hash, (struct crypt_bytes){ key, sizeof key }, text("salt"), 3,
                 b, sizeof b);
    g_assert_cmpmem(a, sizeof a, b, sizeof b);
}

static void test_split(gconstpointer name)
{
    const struct crypt_hash *hash = crypt_hash_by_name(name, (guint32)strlen(name));
    enum { LENGTH = 48, STRIPES = 50 };
    guint8 seed[CRYPT_SEED] = { 1 }, key[LENGTH], split[LENGTH * STRIPES], out[LENGTH];
    g_autofree struct crypt_random *random = g_new0(struct crypt_random, 1);

    crypt_random_init(random, seed);
    crypt_random_bytes(random, key, LENGTH);
    crypt_random_bytes(random, split, sizeof split);
    crypt_af_split(hash, key, LENGTH, STRIPES, split);
    crypt_af_merge(hash, split, LENGTH, STRIPES, out);
    g_assert_cmpmem(out, LENGTH, key, LENGTH);
    split[LENGTH * 3] ^= 1; /* one bit gone, and all of it is */
    crypt_af_merge(hash, split, LENGTH, STRIPES, out);
    g_assert_cmpint(memcmp(out, key, 16), !=, 0);
}

static void test_random(void)
{
    guint8 seed[CRYPT_SEED] = { 9 }, a[100], b[100];
    g_autofree struct crypt_random *random = g_new0(struct crypt_random, 1);

    crypt_random_init(random, seed);
    crypt_random_bytes(random, a, sizeof a);
    crypt_random_bytes(random, b, sizeof b);
    g_assert_cmpint(memcmp(a, b, sizeof a), !=, 0);
    crypt_random_init(random, seed);
    crypt_random_bytes(random, b, sizeof b);
    g_assert_cmpmem(a, sizeof a, b, sizeof b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(blocks); i++) {
        g_test_add_data_func(blocks[i].path, &blocks[i], test_block);
    }
    g_test_add_func("/crypt/xts/ieee-1619", test_xts);
    g_test_add_func("/crypt/cbc/sp-800-38a", test_cbc);
    g_test_add_func("/crypt/ctr/counters", test_ctr);
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_test_add_data_func(modes[i].path, &modes[i], test_mode);
    }
    g_test_add_func("/crypt/impossible", test_impossible);
    for (guint i = 0; i < G_N_ELEMENTS(derived); i++) {
        g_test_add_data_func(derived[i].path, &derived[i], test_derive);
    }
    g_test_add_func("/crypt/derive/long-secret", test_long_secret);
    for (guint i = 0; crypt_hashes[i].name != NULL; i++) {
        g_autofree char *path = g_strconcat("/crypt/split/", crypt_hashes[i].name, NULL);
        g_test_add_data_func(path, crypt_hashes[i].name, test_split);
    }
    g_test_add_func("/crypt/random", test_random);
    return g_test_run();
}
