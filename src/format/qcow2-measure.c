/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How large an image of given options gets. The rules are those that qemu-img
 * applies when measuring, which are fewer than those of creating.
 */
#include "format/luks-create.h"
#include "format/qcow2-write.h"

/* What matters of the options. */
struct plan {
    uint64_t cluster_size;
    uint64_t refcount_bits;
    uint64_t source_data;
    bool extended_l2, old, full, encryption, secret, backing;
    struct qcow2_text compat, prealloc; /* data NULL: not given */
    struct luks_options luks;
};

static bool is_word(const struct qcow2_text *text, const char *word)
{
    return props_word(text->data, text->length, word);
}

static int read_options(struct fmt_env *env, struct props_reader options, struct plan *p)
{
    struct props_reader again = options;
    struct props_item it;
    int more;

    *p = (struct plan){ .cluster_size = 65536, .refcount_bits = 16 };
    while ((more = props_next(&options, &it)) > 0) {
        struct qcow2_text text = { it.value, it.value_length };

        if (it.type == ABI_PROP_U64 && props_is(&it, "cluster_size")) {
            p->cluster_size = it.number;
        } else if (it.type == ABI_PROP_U64 && props_is(&it, "refcount_bits")) {
            p->refcount_bits = it.number;
        } else if (it.type == ABI_PROP_U64 && props_is(&it, "source-data")) {
            p->source_data = it.number;
        } else if (it.type == ABI_PROP_BOOL && props_is(&it, "extended_l2")) {
            p->extended_l2 = it.number;
        } else if (it.type == ABI_PROP_STRING && props_is(&it, "compat")) {
            p->compat = text;
        } else if (it.type == ABI_PROP_STRING && props_is(&it, "preallocation")) {
            p->prealloc = text;
        } else if (it.type == ABI_PROP_STRING && props_is(&it, "backing_file")) {
            p->backing = true;
        } else if (it.type == ABI_PROP_STRING && props_is(&it, "encrypt.format")) {
            p->encryption = is_word(&text, "luks");
        } else if (it.type == ABI_PROP_STRING && props_is(&it, "encrypt.key-secret")) {
            p->secret = true;
        }
    }
    if (more < 0) {
        return fmt_fail(env, FMT_E_BAD_JOB);
    }
    return p->encryption ? luks_options_read(env, again, "encrypt.", &p->luks) : FMT_OK;
}

/* The rules in the order in which they are complained about. */
static int judge(struct fmt_env *env, struct plan *p)
{
    uint64_t size = p->cluster_size;
    const struct qcow2_text *prealloc = &p->prealloc;

    if (!is_power_of_two(size) || size < 1u << QCOW2_MIN_CLUSTER_BITS ||
        size > 1u << QCOW2_MAX_CLUSTER_BITS) {
        return fmt_fail(env, QCOW2_E_CREATE_CLUSTER_SIZE);
    }
    if (p->extended_l2 && size < 1u << QCOW2_MIN_EXTENDED_BITS) {
        return fmt_fail1(env, QCOW2_E_CREATE_EXTENDED_SMALL, 1u << QCOW2_MIN_EXTENDED_BITS);
    }
    p->old = p->compat.data && is_word(&p->compat, "0.10");
    if (p->compat.data && !p->old && !is_word(&p->compat, "1.1")) {
        return fmt_fail_text(env, QCOW2_E_MEASURE_COMPAT, p->compat.data, p->compat.length);
    }
    if (!is_power_of_two(p->refcount_bits) || p->refcount_bits > 64) {
        return fmt_fail(env, QCOW2_E_CREATE_REFCOUNT_BITS);
    }
    if (p->old && p->refcount_bits != 16) {
        return fmt_fail(env, QCOW2_E_MEASURE_REFCOUNT_V2);
    }
    p->full = prealloc->data && (is_word(prealloc, "falloc") || is_word(prealloc, "full"));
    if (prealloc->data && !p->full && !is_word(prealloc, "off") && !is_word(prealloc, "metadata")) {
        return fmt_fail_text(env, QCOW2_E_MEASURE_PREALLOC, prealloc->data, prealloc->length);
    }
    if (p->encryption && !p->secret) {
        return fmt_fail(env, QCOW2_E_CREATE_NO_SECRET);
    }
    return p->encryption ? luks_options_judge(env, &p->luks) : FMT_OK;
}

static int too_large(struct fmt_env *env)
{
    env->result->ret[0] = ABI_MEASURE_SIZE;
    return fmt_fail(env, QCOW2_E_MEASURE_TOO_LARGE);
}

int qcow2_measure(struct fmt_env *env, const struct abi_create *req, struct props_reader options,
                  struct abi_measure *ret)
{
    struct plan p;
    int status = read_options(env, options, &p);
    bool source = (req->flags & ABI_MEASURE_SOURCE) != 0;

    if (!status) {
        status = judge(env, &p);
    }
    if (status) {
        return status;
    }
    uint64_t size = p.cluster_size, entries = size / (p.extended_l2 ? 16 : 8);
    uint32_t refblock_bits =
        (uint32_t)(__builtin_ctzll(size) + 3 - __builtin_ctzll(p.refcount_bits));
    uint64_t data, tables, l1, blocks, table, others;

    if (req->virtual_size > INT64_MAX - size) {
        return too_large(env);
    }
    data = div_up(req->virtual_size, size);
    tables = div_up(data, entries);
    if (tables > QCOW2_MAX_L1_BYTES / 8) {
        return too_large(env);
    }
    l1 = div_up(tables * 8, size);
    others = 1 + l1 + tables;
    qcow2_refcount_needs(data + others, size, refblock_bits, false, &blocks, &table);
    others += blocks + table;
    if (p.encryption) {
        others += div_up(luks_header_bytes(&p.luks), size);
    }
    *ret = (struct abi_measure){
        .required = others * size,
        .fully_allocated = (data + others) * size,
        .bitmap_unit = p.old ? 0 : size,
    };
    if (p.full || (source && p.backing)) {
        /* With a backing file nobody can tell what a copy will leave out. */
        ret->required = ret->fully_allocated;
    } else if (source) {
        ret->required += p.source_data / size < data ? p.source_data : data * size;
    }
    /* qemu-img looks at all of the source even where preallocation decides. */
    ret->unit = source && !p.backing ? size : 0;
    return FMT_OK;
}
