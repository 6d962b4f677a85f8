/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ABI_CALL_BITMAP: what is asked, and who answers. */
#include "format/qcow2-bitmap.h"

/* The members of the question, each of the type it must have. */
static int take_args(struct fmt_image *im, struct props_reader *in, struct qcow2_text *action,
                     struct qcow2_bitmap_args *args)
{
    const struct qcow2_arg members[] = {
        { "action", ABI_PROP_STRING, action },
        { "name", ABI_PROP_STRING, &args->name },
        { "bits", ABI_PROP_STRING, &args->bits },
        { "granularity", ABI_PROP_U64, &args->granularity },
        { "entry", ABI_PROP_U64, &args->entry },
        { "at", ABI_PROP_U64, &args->at },
        { "from", ABI_PROP_U64, &args->from },
        { "to", ABI_PROP_U64, &args->to },
        { "enabled", ABI_PROP_BOOL, &args->enabled },
        { "dry-run", ABI_PROP_BOOL, &args->dry_run },
    };
    return qcow2_take_args(im, in, members, sizeof members / sizeof *members);
}

int qcow2_bitmap_call(struct fmt_image *im, struct props_reader in, struct props_writer *out)
{
    static const struct {
        const char *word;
        int (*run)(struct fmt_image *im, const struct qcow2_bitmap_args *args,
                   struct props_writer *out);
    } actions[] = {
        { "list", qcow2_bitmap_list },   { "read", qcow2_bitmap_read },
        { "add", qcow2_bitmap_add },     { "set", qcow2_bitmap_set },
        { "store", qcow2_bitmap_store }, { "drop", qcow2_bitmap_drop },
        { "find", qcow2_bitmap_find },   { "remove", qcow2_bitmap_remove },
        { "clear", qcow2_bitmap_clear }, { "record", qcow2_bitmap_record },
        { "merge", qcow2_bitmap_merge },
    };
    struct qcow2_bitmap_args args = { 0 };
    struct qcow2_text action = { 0 };

    int status = take_args(im, &in, &action, &args);
    if (status) {
        return status;
    }
    for (uint32_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (props_word(action.data, action.length, actions[i].word)) {
            return actions[i].run(im, &args, out);
        }
    }
    return fmt_fail(im->env, FMT_E_BAD_JOB);
}
