/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/checked.h"
#include "base/endian.h"
#include "format/luks-header.h"

/* Bytes, from the specification's figure 1 and 2. */
enum field {
    F_MAGIC = 0,
    F_VERSION = 6,
    F_CIPHER_NAME = 8,
    F_CIPHER_MODE = 40,
    F_HASH_SPEC = 72,
    F_PAYLOAD = 104,
    F_KEY_BYTES = 108,
    F_ITERATIONS = 164,
    F_UUID = 168,
    F_SLOTS = 208,
    SLOT_SIZE = 48,
    S_ACTIVE = 0,
    S_ITERATIONS = 4,
    S_KEY_OFFSET = 40,
    S_STRIPES = 44,
    NAME_SIZE = 32,
    UUID_SIZE = 40,
};

#define SLOT_ENABLED 0x00ac71f3u
#define SLOT_DISABLED 0x0000deadu
/* Key material begins and ends at multiples of this many sectors. */
#define ALIGN_SECTORS 8u

static const struct luks_cipher ciphers[] = {
    { "aes", 16, "aes-128", "AES" },
    { "aes", 24, "aes-192", "AES" },
    { "aes", 32, "aes-256", "AES" },
    { "cast5", 16, "cast5-128", 0 },
    { "serpent", 16, "serpent-128", "Serpent" },
    { "serpent", 24, "serpent-192", "Serpent" },
    { "serpent", 32, "serpent-256", "Serpent" },
    { "twofish", 16, "twofish-128", "Twofish" },
    { "twofish", 24, "twofish-192", "Twofish" },
    { "twofish", 32, "twofish-256", "Twofish" },
};

static const struct luks_hash hashes[] = {
    { "md5", 16 },    { "sha1", 20 },   { "sha224", 28 },    { "sha256", 32 },
    { "sha384", 48 }, { "sha512", 64 }, { "ripemd160", 20 },
};

static const char *const modes[] = { "ecb", "cbc", "xts", "ctr" };
static const char *const ivgens[] = { "plain", "plain64", "essiv" };

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof *(a)))

/* A part of the header's text. */
struct word {
    const uint8_t *data;
    uint32_t length;
};

static bool word_is(struct word w, const char *s)
{
    return props_strlen(s) == w.length && !__builtin_memcmp(w.data, s, w.length);
}

/* What stands before the first zero; w->length == size: there is none. */
static struct word word_at(const uint8_t *p, uint32_t size)
{
    struct word w = { p, 0 };

    while (w.length < size && p[w.length]) {
        w.length++;
    }
    return w;
}

/* Split at the first c; false if there is none. */
static bool split(struct word w, char c, struct word *ret_before, struct word *ret_after)
{
    for (uint32_t i = 0; i < w.length; i++) {
        if (w.data[i] == (uint8_t)c) {
            *ret_before = (struct word){ w.data, i };
            *ret_after = (struct word){ w.data + i + 1, w.length - i - 1 };
            return true;
        }
    }
    return false;
}

static const char *find_name(const char *const *names, uint32_t n, struct word w)
{
    for (uint32_t i = 0; i < n; i++) {
        if (word_is(w, names[i])) {
            return names[i];
        }
    }
    return 0;
}

static const struct luks_hash *find_hash(struct word w)
{
    for (uint32_t i = 0; i < COUNT(hashes); i++) {
        if (word_is(w, hashes[i].name)) {
            return &hashes[i];
        }
    }
    return 0;
}

static const struct luks_cipher *find_cipher(struct word name, uint32_t key_bytes)
{
    for (uint32_t i = 0; i < COUNT(ciphers); i++) {
        if (ciphers[i].key_bytes == key_bytes && word_is(name, ciphers[i].header_name)) {
            return &ciphers[i];
        }
    }
    return 0;
}

static int fail_word(struct fmt_env *env, int status, struct word w)
{
    return fmt_fail_text(env, status, w.data, w.length);
}

/* Sectors of the key material of one slot, counted in 32 bits as qemu-img does. */
static uint32_t material_sectors(uint32_t key_bytes, uint32_t stripes)
{
    uint64_t bytes = (uint64_t)key_bytes * stripes;
    return (uint32_t)align_up(div_up(bytes, LUKS_SECTOR), ALIGN_SECTORS);
}

static int examine_slot(struct fmt_env *env, const struct luks_header *h, uint32_t state,
                        uint32_t i)
{
    const struct luks_slot *s = &h->slot[i];
    uint32_t size = material_sectors(h->key_bytes, s->stripes);

    if (s->stripes != LUKS_STRIPES) {
        env->result->err_arg[2] = LUKS_STRIPES;
        return fmt_fail2(env, LUKS_E_SLOT_STRIPES, i, (uint64_t)(int32_t)s->stripes);
    }
    if (state != SLOT_ENABLED && state != SLOT_DISABLED) {
        return fmt_fail1(env, LUKS_E_SLOT_STATE, i);
    }
    if (s->active && !s->iterations) {
        return fmt_fail1(env, LUKS_E_SLOT_ITERATIONS, i);
    }
    if (s->key_offset < ALIGN_SECTORS) {
        return fmt_fail1(env, LUKS_E_SLOT_HEADER, i);
    }
    if (s->key_offset + size > h->payload_offset) {
        return fmt_fail1(env, LUKS_E_SLOT_PAYLOAD, i);
    }
    for (uint32_t j = i + 1; j < LUKS_SLOTS; j++) {
        const struct luks_slot *other = &h->slot[j];
        uint64_t end = (uint64_t)s->key_offset + size;
        uint64_t other_end =
            (uint64_t)other->key_offset + material_sectors(h->key_bytes, other->stripes);
        /* even an empty one must not lie within another */
        if (s->key_offset < other_end && other->key_offset < end) {
            return fmt_fail2(env, LUKS_E_SLOT_OVERLAP, i, j);
        }
    }
    return FMT_OK;
}

/* "xts-plain64", "cbc-essiv:sha256" */
static int decode_mode(struct fmt_env *env, struct word mode, struct luks_header *h,
                       struct word *ret_ivgen)
{
    struct word name, ivgen, hash;

    if (!split(mode, '-', &name, &ivgen)) {
        return fail_word(env, LUKS_E_MODE_FORMAT, mode);
    }
    if (split(ivgen, ':', ret_ivgen, &hash)) {
        h->ivgen_hash = find_hash(hash);
        if (!h->ivgen_hash) {
            return fail_word(env, LUKS_E_HASH, hash);
        }
    } else {
        *ret_ivgen = ivgen;
    }
    h->mode = find_name(modes, COUNT(modes), name);
    return h->mode ? FMT_OK : fail_word(env, LUKS_E_MODE, name);
}

static bool is_essiv(const struct luks_header *h)
{
    return h->ivgen == ivgens[2];
}

/* essiv encrypts sector numbers with a key as long as the hash. */
static int examine_essiv(struct fmt_env *env, const struct luks_header *h)
{
    const struct luks_cipher *c = h->cipher;
    struct word header_name = { (const uint8_t *)c->header_name, props_strlen(c->header_name) };

    if (!h->ivgen_hash) {
        return fmt_fail(env, LUKS_E_IVGEN_HASH);
    }
    if (find_cipher(header_name, h->ivgen_hash->bytes)) {
        return FMT_OK;
    }
    env->result->err_arg[0] = h->ivgen_hash->bytes;
    return c->family ? fmt_fail_text(env, LUKS_E_ESSIV_SIZE, c->family, props_strlen(c->family))
                     : fmt_fail_text(env, LUKS_E_ESSIV_CIPHER, c->name, props_strlen(c->name));
}

static int decode_words(struct fmt_env *env, struct word name, struct word mode, struct word hash,
                        struct luks_header *h)
{
    struct word ivgen = { 0, 0 };
    int status = decode_mode(env, mode, h, &ivgen);

    if (status) {
        return status;
    }
    /* xts takes two keys of equal length */
    bool xts = word_is((struct word){ (const uint8_t *)h->mode, 3 }, "xts");
    uint32_t key_bytes = xts ? h->key_bytes / 2 : h->key_bytes;
    h->cipher = find_cipher(name, key_bytes);
    if (!h->cipher || (xts && h->key_bytes % 2)) {
        env->result->err_arg[0] = key_bytes;
        return fail_word(env, LUKS_E_CIPHER, name);
    }
    h->hash = find_hash(hash);
    if (!h->hash) {
        return fail_word(env, LUKS_E_HASH, hash);
    }
    h->ivgen = find_name(ivgens, COUNT(ivgens), ivgen);
    if (!h->ivgen) {
        return fail_word(env, LUKS_E_IVGEN, ivgen);
    }
    if (is_essiv(h)) {
        return examine_essiv(env, h);
    }
    h->ivgen_hash = 0;
    return FMT_OK;
}

int luks_header_decode(struct fmt_env *env, const uint8_t *b, struct luks_header *ret)
{
    struct word name = word_at(b + F_CIPHER_NAME, NAME_SIZE);
    struct word mode = word_at(b + F_CIPHER_MODE, NAME_SIZE);
    struct word hash = word_at(b + F_HASH_SPEC, NAME_SIZE);
    struct luks_header h = {
        .payload_offset = be32_load(b + F_PAYLOAD),
        .key_bytes = be32_load(b + F_KEY_BYTES),
        .iterations = be32_load(b + F_ITERATIONS),
    };
    uint32_t states[LUKS_SLOTS];

    __builtin_memcpy(h.uuid, b + F_UUID, UUID_SIZE);
    h.uuid_length = word_at(b + F_UUID, UUID_SIZE).length;
    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        const uint8_t *s = b + F_SLOTS + i * SLOT_SIZE;
        states[i] = be32_load(s + S_ACTIVE);
        h.slot[i] = (struct luks_slot){
            .active = states[i] == SLOT_ENABLED,
            .iterations = be32_load(s + S_ITERATIONS),
            .key_offset = be32_load(s + S_KEY_OFFSET),
            .stripes = be32_load(s + S_STRIPES),
        };
    }
    if (__builtin_memcmp(b + F_MAGIC, "LUKS\xba\xbe", 6)) {
        return fmt_fail(env, LUKS_E_MAGIC);
    }
    if (be16_load(b + F_VERSION) != 1) {
        return fmt_fail1(env, LUKS_E_VERSION, be16_load(b + F_VERSION));
    }
    if (name.length == NAME_SIZE) {
        return fmt_fail(env, LUKS_E_CIPHER_NAME);
    }
    if (mode.length == NAME_SIZE) {
        return fmt_fail(env, LUKS_E_CIPHER_MODE);
    }
    if (hash.length == NAME_SIZE) {
        return fmt_fail(env, LUKS_E_HASH_SPEC);
    }
    if (h.payload_offset < ALIGN_SECTORS) {
        return fmt_fail(env, LUKS_E_PAYLOAD);
    }
    if (!h.iterations) {
        return fmt_fail(env, LUKS_E_ITERATIONS);
    }
    int status = FMT_OK;
    for (uint32_t i = 0; i < LUKS_SLOTS && !status; i++) {
        status = examine_slot(env, &h, states[i], i);
    }
    if (!status) {
        status = decode_words(env, name, mode, hash, &h);
    }
    if (!status) {
        *ret = h;
    }
    return status;
}

void luks_header_info(const struct luks_header *h, struct props_writer *props)
{
    props_string(props, "cipher-alg", h->cipher->name);
    props_string(props, "cipher-mode", h->mode);
    props_string(props, "ivgen-alg", h->ivgen);
    if (h->ivgen_hash) {
        props_string(props, "ivgen-hash-alg", h->ivgen_hash->name);
    }
    props_string(props, "hash-alg", h->hash->name);
    props_bool(props, "detached-header", false);
    props_u64(props, "payload-offset", (uint64_t)h->payload_offset * LUKS_SECTOR);
    props_u64(props, "master-key-iters", h->iterations);
    props_bytes(props, "uuid", h->uuid, h->uuid_length);
    props_list(props, "slots");
    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        const struct luks_slot *s = &h->slot[i];
        props_object(props, 0);
        props_bool(props, "active", s->active);
        if (s->active) {
            props_u64(props, "iters", s->iterations);
            props_u64(props, "stripes", s->stripes);
        }
        props_u64(props, "key-offset", (uint64_t)s->key_offset * LUKS_SECTOR);
        props_end(props);
    }
    props_end(props);
}
