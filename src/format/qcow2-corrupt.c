/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/qcow2.h"

int qcow2_mark_corrupt(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    uint8_t bytes[8];

    if (st->header.version < 3 || (st->header.incompatible & QCOW2_INCOMPAT_CORRUPT)) {
        return FMT_OK;
    }
    st->header.incompatible |= QCOW2_INCOMPAT_CORRUPT;
    be64_store(bytes, st->header.incompatible);
    return fmt_write(im->env, 0, QCOW2_H_INCOMPATIBLE, bytes, sizeof bytes);
}

int qcow2_corrupt(struct fmt_image *im, int code, uint64_t a0, uint64_t a1, uint64_t a2)
{
    uint8_t room[ABI_EMIT_ROOM];
    struct qcow2_state *st = im->state;
    bool writable = im->flags & ABI_OPEN_WRITE;
    struct abi_message m = {
        .code = code - (writable ? QCOW2_X_MARKING : 0),
        .stream = ABI_STREAM_ERR,
        .arg = { a0, a1, a2 },
    };
    struct props_writer w = { .base = room, .size = sizeof room };
    int status = FMT_OK;

    if (!st->told_corrupt || (writable && !st->dead)) {
        st->told_corrupt = true;
        if (writable) {
            st->dead = true;
            status = qcow2_mark_corrupt(im);
        }
        if (!status && st->pending) {
            status = im->env->emit(im->env, st->pending);
        }
        if (!status) {
            status = fmt_message(im->env, &w, &m, 0, 0);
        }
        if (!status) {
            status = im->env->emit(im->env, &w);
        }
    }
    if (status) {
        return status;
    }
    im->env->result->io_errno = QCOW2_EIO;
    return fmt_fail(im->env, FMT_E_CORRUPT_CLUSTER);
}
