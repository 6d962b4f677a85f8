/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/qcow2-create.h"

/* The words an option may have, and what they mean. */
struct word {
    const char *word;
    uint32_t value;
};

static const struct word compats[] = {
    { "0.10", 2 },
    { "v2", 2 },
    { "1.1", 3 },
    { "v3", 3 },
};
static const struct word preallocations[] = {
    { "off", ABI_PREALLOC_OFF },
    { "metadata", ABI_PREALLOC_METADATA },
    { "falloc", ABI_PREALLOC_FALLOC },
    { "full", ABI_PREALLOC_FULL },
};
static const struct word compressions[] = {
    { "zlib", QCOW2_COMPRESSION_ZLIB },
    { "zstd", QCOW2_COMPRESSION_ZSTD },
};

#define WORDS(a) a, sizeof a / sizeof a[0]

/* In the order in which a wrong word is complained about. */
static const struct choice {
    const char *name;
    const struct word *words;
    size_t n_words;
    size_t field; /* of struct qcow2_create_options */
    int code;
} choices[] = {
    { "compat", WORDS(compats), offsetof(struct qcow2_create_options, version),
      QCOW2_E_CREATE_COMPAT },
    { "preallocation", WORDS(preallocations), offsetof(struct qcow2_create_options, prealloc),
      QCOW2_E_CREATE_PREALLOC },
    { "compression_type", WORDS(compressions), offsetof(struct qcow2_create_options, compression),
      QCOW2_E_CREATE_COMPRESSION },
};
#define N_CHOICES (sizeof choices / sizeof choices[0])

static void take_number(const struct props_item *it, struct qcow2_create_options *o)
{
    if (props_is(it, "cluster_size")) {
        o->cluster_size = it->number;
    } else if (props_is(it, "refcount_bits")) {
        o->refcount_bits = it->number > UINT32_MAX ? UINT32_MAX : (uint32_t)it->number;
    }
}

static void take_bool(const struct props_item *it, struct qcow2_create_options *o)
{
    if (props_is(it, "extended_l2")) {
        o->extended_l2 = it->number;
    } else if (props_is(it, "lazy_refcounts")) {
        o->lazy_refcounts = it->number;
    } else if (props_is(it, "data_file_raw")) {
        o->data_file_raw = it->number;
    } else if (props_is(it, "encryption")) {
        if (it->number && o->crypt_method == QCOW2_CRYPT_NONE) {
            o->crypt_method = QCOW2_CRYPT_AES;
        }
    }
}

static void take_string(const struct props_item *it, struct qcow2_create_options *o)
{
    struct qcow2_text text = { it->value, it->value_length };

    if (props_is(it, "backing_file")) {
        o->backing_file = text;
        o->has_backing = true;
    } else if (props_is(it, "backing_fmt")) {
        o->backing_format = text;
    } else if (props_is(it, "data_file")) {
        o->data_file = text;
        o->has_data_file = true;
    } else if (props_is(it, "encrypt.format")) {
        o->crypt_method =
            props_word(it->value, it->value_length, "luks") ? QCOW2_CRYPT_LUKS : QCOW2_CRYPT_AES;
    } else if (props_is(it, "encrypt.key-secret")) {
        o->has_secret = true;
    }
}

/* A choice by its word; the first wrong one, in the order of choices, stays in *wrong. */
static void take_choice(const struct props_item *it, struct qcow2_create_options *o,
                        struct qcow2_text *wrong)
{
    for (uint32_t i = 0; i < N_CHOICES; i++) {
        const struct choice *c = &choices[i];
        bool found = false;

        if (!props_is(it, c->name)) {
            continue;
        }
        for (size_t k = 0; k < c->n_words && !found; k++) {
            found = props_word(it->value, it->value_length, c->words[k].word);
            if (found) {
                __builtin_memcpy((uint8_t *)o + c->field, &c->words[k].value, sizeof(uint32_t));
            }
        }
        wrong[i] =
            found ? (struct qcow2_text){ 0 } : (struct qcow2_text){ it->value, it->value_length };
    }
}

int qcow2_create_options_read(struct fmt_env *env, const struct abi_create *req,
                              struct props_reader options, struct qcow2_create_options *ret)
{
    struct qcow2_text wrong[N_CHOICES] = { { 0 } };
    struct props_reader again = options;
    struct props_item it;
    int more;

    *ret = (struct qcow2_create_options){
        .size = req->virtual_size,
        .cluster_size = 65536,
        .version = 3,
        .refcount_bits = 16,
    };
    while ((more = props_next(&options, &it)) > 0) {
        if (it.type == ABI_PROP_U64) {
            take_number(&it, ret);
        } else if (it.type == ABI_PROP_BOOL) {
            take_bool(&it, ret);
        } else if (it.type == ABI_PROP_STRING) {
            take_string(&it, ret);
            take_choice(&it, ret, wrong);
        }
    }
    if (more < 0) {
        return fmt_fail(env, FMT_E_BAD_JOB);
    }
    ret->negative = ret->size > INT64_MAX - (QCOW2_SECTOR - 1);
    ret->size = ret->negative ? 0 : align_up(ret->size, QCOW2_SECTOR);
    for (uint32_t i = 0; i < N_CHOICES; i++) {
        if (wrong[i].data) {
            return fmt_fail_text(env, choices[i].code, wrong[i].data, wrong[i].length);
        }
    }
    return luks_options_read(env, again, "encrypt.", &ret->luks);
}

int qcow2_create_options_judge(struct fmt_env *env, const struct qcow2_create_options *o)
{
    uint64_t span = o->cluster_size * (o->cluster_size / (o->extended_l2 ? 16 : 8));
    bool old = o->version < 3;
    bool prealloc = o->prealloc != ABI_PREALLOC_OFF;
    /* the first that is true is told */
    const struct {
        bool wrong;
        int code;
    } rules[] = {
        { o->extended_l2 && old, QCOW2_E_CREATE_EXTENDED_V2 },
        { o->extended_l2 && o->cluster_size < 1u << QCOW2_MIN_EXTENDED_BITS,
          QCOW2_E_CREATE_EXTENDED_SMALL },
        { !is_power_of_two(o->cluster_size) || o->cluster_size < 1u << QCOW2_MIN_CLUSTER_BITS ||
              o->cluster_size > 1u << QCOW2_MAX_CLUSTER_BITS,
          QCOW2_E_CREATE_CLUSTER_SIZE },
        { prealloc && o->has_backing && !o->extended_l2, QCOW2_E_CREATE_PREALLOC_BACKING },
        { o->backing_format.data && !o->has_backing, QCOW2_E_CREATE_FORMAT_ALONE },
        { o->lazy_refcounts && old, QCOW2_E_CREATE_LAZY_V2 },
        { !is_power_of_two(o->refcount_bits) || o->refcount_bits > 64,
          QCOW2_E_CREATE_REFCOUNT_BITS },
        { o->refcount_bits != 16 && old, QCOW2_E_CREATE_REFCOUNT_V2 },
        { o->data_file_raw && !o->has_data_file, QCOW2_E_CREATE_RAW_ALONE },
        { o->data_file_raw && o->has_backing, QCOW2_E_CREATE_RAW_BACKING },
        { o->has_data_file && old, QCOW2_E_CREATE_DATA_FILE_V2 },
        { o->compression != QCOW2_COMPRESSION_ZLIB && old, QCOW2_E_CREATE_COMPRESSION_V2 },
        { o->crypt_method != QCOW2_CRYPT_NONE && !o->has_secret, QCOW2_E_CREATE_NO_SECRET },
        { o->negative, QCOW2_E_CREATE_NEGATIVE },
    };

    for (uint32_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].wrong) {
            return fmt_fail1(env, rules[i].code, 1u << QCOW2_MIN_EXTENDED_BITS);
        }
    }
    if (o->has_backing && o->backing_file.length > QCOW2_MAX_BACKING_NAME) {
        env->result->io_errno = QCOW2_EINVAL;
        return FMT_OK;
    }
    if (div_up(o->size, span) > QCOW2_MAX_L1_BYTES / 8) {
        return fmt_fail(env, QCOW2_E_CREATE_TOO_LARGE);
    }
    return FMT_OK;
}
