/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ABI_JOB_CALL: who does what (enum abi_call). */
#include "format/qcow2-amend.h"
#include "format/qcow2-bitmap.h"

int qcow2_take_args(struct fmt_image *im, struct props_reader *in, const struct qcow2_arg *args,
                    uint32_t n)
{
    struct props_item item;
    int more;

    while ((more = props_next(in, &item)) > 0) {
        uint32_t i = 0;
        while (i < n && (item.type != args[i].type || !props_is(&item, args[i].key))) {
            i++;
        }
        if (i == n) {
            return fmt_fail(im->env, FMT_E_BAD_JOB);
        }
        if (item.type == ABI_PROP_STRING) {
            *(struct qcow2_text *)args[i].to = (struct qcow2_text){ item.value, item.value_length };
        } else {
            *(uint64_t *)args[i].to = item.number;
        }
    }
    return more < 0 ? fmt_fail(im->env, FMT_E_BAD_JOB) : FMT_OK;
}

int qcow2_call(struct fmt_image *im, uint32_t call, struct props_reader in,
               struct props_writer *out)
{
    static const struct {
        uint32_t call;
        int (*run)(struct fmt_image *im, struct props_reader in, struct props_writer *out);
    } calls[] = {
        { ABI_CALL_SNAPSHOT, qcow2_snapshot_call },
        { ABI_CALL_BITMAP, qcow2_bitmap_call },
        { ABI_CALL_AMEND, qcow2_amend },
        { ABI_CALL_SET_BACKING, qcow2_set_backing },
        { ABI_CALL_MAKE_EMPTY, qcow2_make_empty },
    };

    for (uint32_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (calls[i].call == call) {
            return calls[i].run(im, in, out);
        }
    }
    return fmt_fail(im->env, FMT_E_UNSUPPORTED);
}
