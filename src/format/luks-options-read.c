/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creation options of LUKS, read from props and judged. */
#include "format/luks-create.h"

/* Names that are understood, of what is not there. */
static const char *const known_ciphers[] = { "des", "3des" };

struct text {
    const uint8_t *data;
    uint32_t length;
};

/* In the order in which a wrong word is complained about. */
enum { O_CIPHER, O_MODE, O_IVGEN, O_IVGEN_HASH, O_HASH, N_WORDS };
static const struct {
    const char *name;
    int code;
} words[N_WORDS] = {
    [O_CIPHER] = { "cipher-alg", LUKS_E_OPTION_CIPHER },
    [O_MODE] = { "cipher-mode", LUKS_E_OPTION_MODE },
    [O_IVGEN] = { "ivgen-alg", LUKS_E_OPTION_IVGEN },
    [O_IVGEN_HASH] = { "ivgen-hash-alg", LUKS_E_OPTION_IVGEN_HASH },
    [O_HASH] = { "hash-alg", LUKS_E_OPTION_HASH },
};

static void take(const struct props_item *it, const char *prefix, struct luks_options *o,
                 struct text *word)
{
    struct crypt_bytes bytes = { it->value, it->value_length };

    if (it->type == ABI_PROP_U64 && props_is_joined(it, prefix, "iter-time")) {
        o->iter_time = it->number;
    }
    if (it->type != ABI_PROP_STRING) {
        return;
    }
    if (props_is_joined(it, "", "secret")) {
        o->secret = bytes;
    } else if (props_is_joined(it, "", "seed")) {
        o->seed = bytes;
    }
    for (uint32_t i = 0; i < N_WORDS; i++) {
        if (props_is_joined(it, prefix, words[i].name)) {
            word[i] = (struct text){ it->value, it->value_length };
        }
    }
}

static bool is_known(const struct text *w)
{
    for (uint32_t i = 0; i < sizeof known_ciphers / sizeof *known_ciphers; i++) {
        if (props_word(w->data, w->length, known_ciphers[i])) {
            return true;
        }
    }
    return false;
}

/* What the word of number i means; false: nothing. */
static bool understand(struct luks_options *o, uint32_t i, const struct text *w)
{
    const struct crypt_cipher *cipher;
    int number;

    switch (i) {
    case O_CIPHER:
        cipher = crypt_cipher_by_name(w->data, w->length);
        o->unsupported = !cipher && is_known(w);
        o->cipher = (struct crypt_bytes){ w->data, w->length };
        o->spec.cipher = cipher ? cipher : o->spec.cipher;
        return cipher || o->unsupported;
    case O_MODE:
        number = crypt_mode_by_name(w->data, w->length);
        o->spec.mode = (enum crypt_mode)number;
        return number >= 0;
    case O_IVGEN:
        number = crypt_ivgen_by_name(w->data, w->length);
        o->spec.ivgen = (enum crypt_ivgen)number;
        return number >= 0;
    case O_IVGEN_HASH:
        o->spec.ivgen_hash = crypt_hash_by_name(w->data, w->length);
        return o->spec.ivgen_hash;
    default:
        o->hash = crypt_hash_by_name(w->data, w->length);
        return o->hash;
    }
}

int luks_options_read(struct fmt_env *env, struct props_reader options, const char *prefix,
                      struct luks_options *ret)
{
    const struct crypt_hash *sha256 = crypt_hash_by_name("sha256", 6);
    struct text word[N_WORDS] = { { 0 } };
    struct props_item it;
    int more;

    *ret = (struct luks_options){
        .spec = { crypt_cipher_by_name("aes-256", 7), 0, CRYPT_XTS, CRYPT_PLAIN64 },
        .hash = sha256,
        .iter_time = LUKS_DEFAULT_TIME,
    };
    while ((more = props_next(&options, &it)) > 0) {
        take(&it, prefix, ret, word);
    }
    if (more < 0) {
        return fmt_fail(env, FMT_E_BAD_JOB);
    }
    for (uint32_t i = 0; i < N_WORDS; i++) {
        if (word[i].data && !understand(ret, i, &word[i])) {
            return fmt_fail_text(env, words[i].code, word[i].data, word[i].length);
        }
    }
    if (ret->spec.ivgen != CRYPT_ESSIV) {
        ret->spec.ivgen_hash = 0;
    } else if (!ret->spec.ivgen_hash) {
        ret->spec.ivgen_hash = sha256;
    }
    return FMT_OK;
}

int luks_options_judge(struct fmt_env *env, const struct luks_options *o)
{
    const char *mode = crypt_modes[o->spec.mode];

    if (o->unsupported) {
        return fmt_fail_text(env, LUKS_E_ALGORITHM, o->cipher.data, o->cipher.length);
    }
    if (o->spec.ivgen == CRYPT_ESSIV) {
        int status = luks_examine_essiv(env, &o->spec);
        if (status) {
            return status;
        }
    }
    /* xts is defined for blocks of 16 bytes */
    if (o->spec.mode == CRYPT_XTS && !o->spec.cipher->family) {
        return fmt_fail_text(env, LUKS_E_CIPHER_MODE_UNSUPPORTED, mode, props_strlen(mode));
    }
    return FMT_OK;
}
