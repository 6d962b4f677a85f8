/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/checked.h"
#include "base/endian.h"
#include "format/luks-header.h"

/* A part of the header's text. */
struct word {
    const uint8_t *data;
    uint32_t length;
};

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

static int fail_word(struct fmt_env *env, int status, struct word w)
{
    return fmt_fail_text(env, status, w.data, w.length);
}

uint32_t luks_material_sectors(uint32_t key_bytes, uint32_t stripes)
{
    uint64_t bytes = (uint64_t)key_bytes * stripes;
    return (uint32_t)align_up(div_up(bytes, LUKS_SECTOR), LUKS_ALIGN_SECTORS);
}

static int examine_slot(struct fmt_env *env, const struct luks_header *h, uint32_t state,
                        uint32_t i)
{
    const struct luks_slot *s = &h->slot[i];
    uint32_t size = luks_material_sectors(h->key_bytes, s->stripes);

    if (s->stripes != LUKS_STRIPES) {
        env->result->err_arg[2] = LUKS_STRIPES;
        return fmt_fail2(env, LUKS_E_SLOT_STRIPES, i, (uint64_t)(int32_t)s->stripes);
    }
    if (state != LUKS_ENABLED && state != LUKS_DISABLED) {
        return fmt_fail1(env, LUKS_E_SLOT_STATE, i);
    }
    if (s->active && !s->iterations) {
        return fmt_fail1(env, LUKS_E_SLOT_ITERATIONS, i);
    }
    if (s->key_offset < LUKS_ALIGN_SECTORS) {
        return fmt_fail1(env, LUKS_E_SLOT_HEADER, i);
    }
    if (s->key_offset + size > h->payload_offset) {
        return fmt_fail1(env, LUKS_E_SLOT_PAYLOAD, i);
    }
    for (uint32_t j = i + 1; j < LUKS_SLOTS; j++) {
        const struct luks_slot *other = &h->slot[j];
        uint64_t end = (uint64_t)s->key_offset + size;
        uint64_t other_end =
            (uint64_t)other->key_offset + luks_material_sectors(h->key_bytes, other->stripes);
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
        h->ivgen_hash = crypt_hash_by_name(hash.data, hash.length);
        if (!h->ivgen_hash) {
            return fail_word(env, LUKS_E_HASH, hash);
        }
    } else {
        *ret_ivgen = ivgen;
    }
    int number = crypt_mode_by_name(name.data, name.length);
    h->mode = (enum crypt_mode)number;
    return number >= 0 ? FMT_OK : fail_word(env, LUKS_E_MODE, name);
}

/* essiv encrypts sector numbers with a key as long as the hash. */
int luks_examine_essiv(struct fmt_env *env, const struct crypt_spec *spec)
{
    const struct crypt_cipher *c = spec->cipher;

    if (!spec->ivgen_hash) {
        return fmt_fail(env, LUKS_E_IVGEN_HASH);
    }
    if (crypt_essiv_cipher(spec)) {
        return FMT_OK;
    }
    env->result->err_arg[0] = spec->ivgen_hash->bytes;
    return c->family ? fmt_fail_text(env, LUKS_E_ESSIV_SIZE, c->family, props_strlen(c->family))
                     : fmt_fail_text(env, LUKS_E_ESSIV_CIPHER, c->name, props_strlen(c->name));
}

struct crypt_spec luks_spec(const struct luks_header *h)
{
    return (struct crypt_spec){ h->cipher, h->ivgen_hash, h->mode, h->ivgen };
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
    bool xts = h->mode == CRYPT_XTS;
    uint32_t key_bytes = xts ? h->key_bytes / 2 : h->key_bytes;
    h->cipher = crypt_cipher_by_header(name.data, name.length, key_bytes);
    if (!h->cipher || (xts && h->key_bytes % 2)) {
        env->result->err_arg[0] = key_bytes;
        return fail_word(env, LUKS_E_CIPHER, name);
    }
    h->hash = crypt_hash_by_name(hash.data, hash.length);
    if (!h->hash) {
        return fail_word(env, LUKS_E_HASH, hash);
    }
    int number = crypt_ivgen_by_name(ivgen.data, ivgen.length);
    if (number < 0) {
        return fail_word(env, LUKS_E_IVGEN, ivgen);
    }
    h->ivgen = (enum crypt_ivgen)number;
    if (h->ivgen == CRYPT_ESSIV) {
        struct crypt_spec spec = luks_spec(h);
        return luks_examine_essiv(env, &spec);
    }
    h->ivgen_hash = 0;
    return FMT_OK;
}

int luks_header_decode(struct fmt_env *env, const uint8_t *b, struct luks_header *ret)
{
    struct word name = word_at(b + LUKS_F_CIPHER_NAME, LUKS_NAME_SIZE);
    struct word mode = word_at(b + LUKS_F_CIPHER_MODE, LUKS_NAME_SIZE);
    struct word hash = word_at(b + LUKS_F_HASH_SPEC, LUKS_NAME_SIZE);
    struct luks_header h = {
        .payload_offset = be32_load(b + LUKS_F_PAYLOAD),
        .key_bytes = be32_load(b + LUKS_F_KEY_BYTES),
        .iterations = be32_load(b + LUKS_F_ITERATIONS),
    };
    uint32_t states[LUKS_SLOTS];

    __builtin_memcpy(h.digest, b + LUKS_F_DIGEST, LUKS_DIGEST);
    __builtin_memcpy(h.salt, b + LUKS_F_SALT, LUKS_SALT);
    __builtin_memcpy(h.uuid, b + LUKS_F_UUID, LUKS_UUID_SIZE);
    h.uuid_length = word_at(b + LUKS_F_UUID, LUKS_UUID_SIZE).length;
    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        const uint8_t *s = b + LUKS_F_SLOTS + i * LUKS_SLOT_SIZE;
        states[i] = be32_load(s + LUKS_S_ACTIVE);
        h.slot[i] = (struct luks_slot){
            .active = states[i] == LUKS_ENABLED,
            .iterations = be32_load(s + LUKS_S_ITERATIONS),
            .key_offset = be32_load(s + LUKS_S_KEY_OFFSET),
            .stripes = be32_load(s + LUKS_S_STRIPES),
        };
        __builtin_memcpy(h.slot[i].salt, s + LUKS_S_SALT, LUKS_SALT);
    }
    if (__builtin_memcmp(b + LUKS_F_MAGIC, "LUKS\xba\xbe", 6)) {
        return fmt_fail(env, LUKS_E_MAGIC);
    }
    if (be16_load(b + LUKS_F_VERSION) != 1) {
        return fmt_fail1(env, LUKS_E_VERSION, be16_load(b + LUKS_F_VERSION));
    }
    if (name.length == LUKS_NAME_SIZE) {
        return fmt_fail(env, LUKS_E_CIPHER_NAME);
    }
    if (mode.length == LUKS_NAME_SIZE) {
        return fmt_fail(env, LUKS_E_CIPHER_MODE);
    }
    if (hash.length == LUKS_NAME_SIZE) {
        return fmt_fail(env, LUKS_E_HASH_SPEC);
    }
    if (h.payload_offset < LUKS_ALIGN_SECTORS) {
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
    props_string(props, "cipher-mode", crypt_modes[h->mode]);
    props_string(props, "ivgen-alg", crypt_ivgens[h->ivgen]);
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
