/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/vmdk-create.h"

static bool is_word(struct vmdk_text text, const char *word)
{
    return props_word(text.bytes, text.length, word);
}

static bool is_among(struct vmdk_text text, const char *const *words)
{
    for (; *words; words++) {
        if (is_word(text, *words)) {
            return true;
        }
    }
    return false;
}

/* Strings that are taken as they are, by name. */
static const struct {
    const char *name;
    size_t field; /* of struct vmdk_create_options */
} strings[] = {
    { "adapter_type", offsetof(struct vmdk_create_options, adapter) },
    { "backing_file", offsetof(struct vmdk_create_options, backing) },
    { "backing_fmt", offsetof(struct vmdk_create_options, backing_format) },
    { "hwversion", offsetof(struct vmdk_create_options, hwversion) },
    { "subformat", offsetof(struct vmdk_create_options, subformat) },
    { "toolsversion", offsetof(struct vmdk_create_options, toolsversion) },
    { PROPS_CREATE_NAME, offsetof(struct vmdk_create_options, name) },
    { PROPS_CREATE_BACKING_FOUND, offsetof(struct vmdk_create_options, backing_found) },
};

static void take(const struct props_item *it, struct vmdk_create_options *o)
{
    struct vmdk_text text = { (const char *)it->value, it->value_length };

    if (it->type == ABI_PROP_BOOL && props_is(it, "compat6")) {
        o->compat6 = it->number != 0;
    } else if (it->type == ABI_PROP_BOOL && props_is(it, "zeroed_grain")) {
        o->zeroed_grain = it->number != 0;
    } else if (it->type == ABI_PROP_U64 && props_is(it, PROPS_CREATE_BACKING_ID)) {
        o->parent_id = (uint32_t)it->number;
    }
    for (size_t i = 0; it->type == ABI_PROP_STRING && i < sizeof strings / sizeof strings[0]; i++) {
        if (props_is(it, strings[i].name)) {
            __builtin_memcpy((uint8_t *)o + strings[i].field, &text, sizeof text);
        }
    }
}

/* A line of the text must stay one, and a quoted value end where it ends. */
static bool is_printable(struct vmdk_text text, bool quoted)
{
    for (uint32_t i = 0; i < text.length; i++) {
        if ((uint8_t)text.bytes[i] < ' ' || text.bytes[i] == 127 ||
            (quoted && text.bytes[i] == '"')) {
            return false;
        }
    }
    return true;
}

static int fail_word(struct fmt_env *env, int code, struct vmdk_text word)
{
    return fmt_fail_text(env, code, word.bytes, word.length);
}

static int judge(struct fmt_env *env, const struct vmdk_create_options *o)
{
    static const char *const adapters[] = { "ide", "buslogic", "lsilogic", "legacyESX", 0 };
    static const char *const flat[] = { "monolithicFlat", "twoGbMaxExtentFlat", 0 };
    static const char *const others[] = { "twoGbMaxExtentSparse", "streamOptimized", 0 };
    bool is_flat = is_among(o->subformat, flat);

    if (!is_among(o->adapter, adapters)) {
        return fail_word(env, VMDK_E_OPTION_VALUE, o->adapter);
    }
    if (!is_word(o->subformat, "monolithicSparse") && !is_flat && !is_among(o->subformat, others)) {
        return fail_word(env, VMDK_E_OPTION_VALUE, o->subformat);
    }
    if (o->compat6 && !is_word(o->hwversion, "undefined")) {
        return fmt_fail(env, VMDK_E_COMPAT6);
    }
    if (o->backing_format.bytes && !is_word(o->backing_format, "vmdk")) {
        return fmt_fail(env, VMDK_E_BACKING_FORMAT);
    }
    if (is_flat && o->backing.length) {
        return fmt_fail(env, VMDK_E_FLAT_BACKING);
    }
    if (!is_word(o->subformat, "monolithicSparse")) {
        return fail_word(env, VMDK_E_SUBFORMAT, o->subformat);
    }
    if (!is_printable(o->hwversion, false) || !is_printable(o->toolsversion, false) ||
        !is_printable(o->name, false) || !is_printable(o->backing, true)) {
        return fmt_fail(env, VMDK_E_CHARACTERS);
    }
    if (o->backing.length > VMDK_MAX_NAME) {
        return fmt_fail(env, VMDK_E_TEXT_TOO_LONG);
    }
    return FMT_OK;
}

#define WORD(w) ((struct vmdk_text){ w, sizeof w - 1 })

int vmdk_create_options_read(struct fmt_env *env, struct props_reader options,
                             struct vmdk_create_options *ret)
{
    struct props_item it;
    int more;

    *ret = (struct vmdk_create_options){
        .adapter = WORD("ide"),
        .hwversion = WORD("undefined"),
        .subformat = WORD("monolithicSparse"),
        .toolsversion = WORD("2147483647"),
        .parent_id = VMDK_NO_PARENT,
    };
    while ((more = props_next(&options, &it)) > 0) {
        take(&it, ret);
    }
    if (more < 0) {
        return fmt_fail(env, FMT_E_BAD_JOB);
    }
    int status = judge(env, ret);
    if (is_word(ret->hwversion, "undefined")) {
        ret->hwversion = ret->compat6 ? WORD("6") : WORD("4");
    }
    return status;
}
