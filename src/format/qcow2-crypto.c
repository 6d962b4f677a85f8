/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Full disk encryption header pointer": what info tells about it. */
#include "format/luks-header.h"
#include "format/qcow2.h"

static int read_header(struct fmt_image *im, struct luks_header *ret)
{
    const struct qcow2_state *st = im->state;
    struct fmt_env *env = im->env;
    uint8_t bytes[LUKS_HEADER_SIZE];

    if (st->crypto_length < LUKS_HEADER_SIZE) {
        return fmt_fail(env, LUKS_E_OUTSIDE);
    }
    if (!range_fits(st->crypto_offset, LUKS_HEADER_SIZE, QCOW2_MAX_FILE)) {
        env->result->io_errno = QCOW2_EIO;
        return fmt_fail(env, LUKS_E_READ);
    }
    int status = fmt_read(env, 0, st->crypto_offset, bytes, sizeof bytes, 0);
    if (status) {
        return fmt_fail(env, LUKS_E_READ);
    }
    return luks_header_decode(env, bytes, ret);
}

int qcow2_crypto_validate(struct fmt_image *im)
{
    struct luks_header h;
    return read_header(im, &h);
}

int qcow2_crypto_info(struct fmt_image *im, struct props_writer *props)
{
    const struct qcow2_state *st = im->state;
    struct luks_header h;

    if (st->header.crypt_method == QCOW2_CRYPT_NONE) {
        return FMT_OK;
    }
    props_object(props, "encrypt");
    if (st->header.crypt_method == QCOW2_CRYPT_AES) {
        props_string(props, "format", "aes");
    } else {
        int status = read_header(im, &h);
        if (status) {
            return status;
        }
        props_string(props, "format", "luks");
        luks_header_info(&h, props);
    }
    props_end(props);
    return FMT_OK;
}
