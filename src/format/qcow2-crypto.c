/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Full disk encryption header pointer" and crypt_method: what info tells, and the key. */
#include "format/luks-amend.h"
#include "format/qcow2.h"

/* crypt_method 1, "AES encryption": the first 16 bytes of the secret are the key. */
#define AES_KEY 16u

static struct luks_place luks_place(const struct qcow2_state *st)
{
    return (struct luks_place){ 0, st->crypto_offset, st->crypto_length };
}

static int read_header(struct fmt_image *im, struct luks_header *ret)
{
    struct luks_place place = luks_place(im->state);

    if (place.length >= LUKS_HEADER_SIZE &&
        !range_fits(place.offset, LUKS_HEADER_SIZE, QCOW2_MAX_FILE)) {
        im->env->result->io_errno = QCOW2_EIO;
        return fmt_fail(im->env, LUKS_E_READ);
    }
    return luks_header_read(im->env, &place, ret);
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

int qcow2_aes_unlock(struct fmt_image *im, struct crypt_bytes secret)
{
    const struct crypt_spec spec = {
        .cipher = crypt_cipher_by_name("aes-128", 7),
        .mode = CRYPT_CBC,
        .ivgen = CRYPT_PLAIN64,
    };
    uint8_t key[AES_KEY] = { 0 };

    if (secret.length) {
        __builtin_memcpy(key, secret.data, min_u64(secret.length, sizeof key));
    }
    int status = crypt_init(im->env->crypt, &spec, key);
    crypt_wipe(key, sizeof key);
    return status ? fmt_fail(im->env, status) : FMT_OK;
}

int qcow2_unlock(struct fmt_image *im, const uint8_t *secret, uint32_t length)
{
    struct qcow2_state *st = im->state;
    struct crypt_bytes bytes = { secret, length };
    struct luks_place place = luks_place(st);
    struct luks_header h;
    int status;

    switch (st->header.crypt_method) {
    case QCOW2_CRYPT_AES:
        status = qcow2_aes_unlock(im, bytes);
        break;
    case QCOW2_CRYPT_LUKS:
        status = read_header(im, &h);
        if (!status) {
            status = luks_unlock(im->env, &place, &h, bytes);
        }
        break;
    default:
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    st->unlocked = !status;
    return status;
}

bool qcow2_is_amend_key(const struct props_item *item)
{
    static const char *const keys[] = { "new", "old", "secret", "seed", "force" };

    for (uint32_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (props_is(item, keys[i])) {
            return true;
        }
    }
    return false;
}

int qcow2_amend_crypto(struct fmt_image *im, struct props_reader in)
{
    struct luks_place place = luks_place(im->state);
    struct luks_header h;
    int status;

    if (qcow2_state(im)->header.crypt_method != QCOW2_CRYPT_LUKS) {
        return fmt_fail(im->env, FMT_E_UNSUPPORTED);
    }
    status = read_header(im, &h);
    return status ? status : luks_amend(im->env, &place, &h, in, "encrypt.");
}

uint32_t qcow2_cipher(const struct fmt_image *im)
{
    switch (((const struct qcow2_state *)im->state)->header.crypt_method) {
    case QCOW2_CRYPT_AES:
        return ABI_CODEC_CIPHER_GUEST;
    case QCOW2_CRYPT_LUKS:
        return ABI_CODEC_CIPHER_FILE;
    default:
        return ABI_CODEC_NONE;
    }
}

bool qcow2_is_locked(const struct fmt_image *im)
{
    return qcow2_cipher(im) != ABI_CODEC_NONE && !(im->env->crypt && im->env->crypt->ready);
}
