/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/checked.h"
#include "format/qcow2-reader.h"

void qcow2_reader_init(struct qcow2_reader *r, struct fmt_image *im, uint64_t step)
{
    *r = (struct qcow2_reader){ .im = im, .step = step ? step : QCOW2_READER_STEP };
}

static int make_room(struct qcow2_reader *r, uint64_t length)
{
    struct fmt_env *env = r->im->env;

    if (length <= r->room) {
        return FMT_OK;
    }
    env->free(env, r->data);
    r->room = 0;
    r->have = 0;
    r->data = env->alloc(env, length);
    if (!r->data) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    r->room = length;
    return FMT_OK;
}

int qcow2_reader_get(struct qcow2_reader *r, uint64_t offset, uint64_t length, const uint8_t **ret)
{
    if (r->have && offset >= r->offset && range_fits(offset - r->offset, length, r->have)) {
        *ret = r->data + (offset - r->offset);
        return FMT_OK;
    }
    uint64_t want = max_u64(length, r->step);
    int status = make_room(r, want);
    if (status) {
        return status;
    }
    r->have = 0;
    status = fmt_read(r->im->env, 0, offset, r->data, want, 0);
    if (status) {
        return status;
    }
    r->offset = offset;
    r->have = want;
    *ret = r->data;
    return FMT_OK;
}

void qcow2_reader_free(struct qcow2_reader *r)
{
    if (r->data) {
        r->im->env->free(r->im->env, r->data);
    }
    r->data = 0;
    r->room = r->have = 0;
}
