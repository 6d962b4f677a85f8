/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encryption of a new image, which has its size already: qemu-img's order. */
#include "format/qcow2-create.h"
#include "format/qcow2-write.h"

/* Clusters for the LUKS header, then the header, then what points to it. */
static int make_luks(struct fmt_image *im, const struct luks_options *o)
{
    struct qcow2_state *st = im->state;
    struct luks_place place = { .length = luks_header_bytes(o) };
    uint64_t n = div_up(place.length, st->cluster_size);
    int status =
        o->secret.data ? luks_options_judge(im->env, o) : fmt_fail(im->env, FMT_E_NO_SECRET);

    if (!status) {
        status = qcow2_alloc(im, n, QCOW2_PLACE_NEW_DATA, &place.offset);
    }
    if (!status) {
        status = qcow2_write_zeros(im, 0, place.offset, n * st->cluster_size);
    }
    if (!status) {
        status = luks_format(im->env, &place, o);
    }
    if (status) {
        return status;
    }
    st->header.crypt_method = QCOW2_CRYPT_LUKS;
    st->has_crypto = true;
    st->crypto_offset = place.offset;
    st->crypto_length = place.length;
    return qcow2_header_write(im);
}

int qcow2_create_crypto(struct fmt_image *im, const struct qcow2_create_options *o)
{
    struct qcow2_state *st = im->state;

    switch (o->crypt_method) {
    case QCOW2_CRYPT_LUKS:
        return make_luks(im, &o->luks);
    case QCOW2_CRYPT_AES:
        if (!o->luks.secret.data) {
            return fmt_fail(im->env, FMT_E_NO_SECRET);
        }
        st->header.crypt_method = QCOW2_CRYPT_AES;
        int status = qcow2_aes_unlock(im, o->luks.secret);
        return status ? status : qcow2_header_write(im);
    default:
        return FMT_OK;
    }
}
