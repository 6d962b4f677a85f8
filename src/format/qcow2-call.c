/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ABI_JOB_CALL: who does what (enum abi_call). */
#include "format/qcow2-amend.h"
#include "format/qcow2-bitmap.h"

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
