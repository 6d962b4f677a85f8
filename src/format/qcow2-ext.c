/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Header extensions": walking them, keeping them, decoding those we know. */
#include "format/qcow2.h"
#include "format/qcow2-reader.h"

#define CRYPTO_LENGTH 16u
#define BITMAPS_LENGTH 24u
/* limit: one less than the room qemu-img has for the name of a format */
#define MAX_FORMAT_NAME 15u

/* Bytes before the first zero: names are C strings to qemu-img. */
static uint32_t text_length(const uint8_t *data, uint32_t length)
{
    uint32_t n = 0;
    while (n < length && data[n]) {
        n++;
    }
    return n;
}

static int take_backing_format(struct fmt_image *im, const struct qcow2_extension *e)
{
    struct qcow2_state *st = im->state;

    if (e->length > MAX_FORMAT_NAME) {
        return fmt_fail1(im->env, QCOW2_E_EXT_BACKING_FORMAT, e->length);
    }
    st->backing_format.data = e->data;
    st->backing_format.length = text_length(e->data, e->length);
    return FMT_OK;
}

static int take_data_file(struct fmt_image *im, const struct qcow2_extension *e)
{
    struct qcow2_state *st = im->state;

    st->has_data_file_name = true;
    st->data_file.data = e->data;
    st->data_file.length = text_length(e->data, e->length);
    return FMT_OK;
}

static int take_crypto(struct fmt_image *im, const struct qcow2_extension *e)
{
    struct qcow2_state *st = im->state;

    if (st->header.crypt_method != QCOW2_CRYPT_LUKS) {
        return fmt_fail(im->env, QCOW2_E_EXT_CRYPTO_METHOD);
    }
    if (e->length != CRYPTO_LENGTH) {
        return fmt_fail1(im->env, QCOW2_E_EXT_CRYPTO_LENGTH, e->length);
    }
    uint64_t offset = be64_load(e->data);
    if (!is_aligned(offset, st->cluster_size)) {
        return fmt_fail2(im->env, QCOW2_E_EXT_CRYPTO_OFFSET, offset, st->cluster_size);
    }
    st->crypto_offset = offset;
    st->crypto_length = be64_load(e->data + 8);
    st->has_crypto = true;
    return qcow2_crypto_validate(im);
}

static int take_bitmaps(struct fmt_image *im, const struct qcow2_extension *e)
{
    struct qcow2_state *st = im->state;
    struct fmt_env *env = im->env;

    if (e->length != BITMAPS_LENGTH) {
        return fmt_fail(env, QCOW2_E_EXT_BITMAPS_LENGTH);
    }
    if (!(st->header.autoclear & QCOW2_AUTOCLEAR_BITMAPS)) {
        /* somebody wrote without looking after them: not even looked at */
        st->stale_bitmaps++;
        return FMT_OK;
    }
    struct qcow2_bitmaps b = {
        .n = be32_load(e->data),
        .directory_size = be64_load(e->data + 8),
        .directory_offset = be64_load(e->data + 16),
    };
    if (be32_load(e->data + 4)) {
        return fmt_fail(env, QCOW2_E_EXT_BITMAPS_RESERVED);
    }
    if (b.n > QCOW2_MAX_BITMAPS) {
        return fmt_fail1(env, QCOW2_E_EXT_BITMAPS_MANY, b.n);
    }
    if (b.n == 0) {
        return fmt_fail(env, QCOW2_E_EXT_BITMAPS_NONE);
    }
    if (!is_aligned(b.directory_offset, st->cluster_size)) {
        return fmt_fail(env, QCOW2_E_EXT_BITMAPS_OFFSET);
    }
    if (b.directory_size > QCOW2_MAX_BITMAP_DIRECTORY) {
        return fmt_fail1(env, QCOW2_E_EXT_BITMAPS_SIZE, b.directory_size);
    }
    st->bitmaps = b;
    return FMT_OK;
}

static int take(struct fmt_image *im, const struct qcow2_extension *e)
{
    switch (e->type) {
    case QCOW2_EXT_BACKING_FORMAT:
        return take_backing_format(im, e);
    case QCOW2_EXT_DATA_FILE:
        return take_data_file(im, e);
    case QCOW2_EXT_CRYPTO:
        return take_crypto(im, e);
    case QCOW2_EXT_BITMAPS:
        return take_bitmaps(im, e);
    default:
        return FMT_OK;
    }
}

int qcow2_extension_add(struct fmt_image *im, uint32_t type, const uint8_t *data, uint32_t length,
                        struct qcow2_extension **ret)
{
    struct qcow2_state *st = im->state;
    struct qcow2_extension *e = im->env->alloc(im->env, sizeof *e + length);

    if (!e) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    e->type = type;
    e->length = length;
    e->data = (uint8_t *)(e + 1);
    if (length) {
        __builtin_memcpy(e->data, data, length);
    }
    struct qcow2_extension **link = &st->extensions;
    if (st->last_extension) {
        link = &st->last_extension->next;
    }
    *link = e;
    st->last_extension = e;
    *ret = e;
    return FMT_OK;
}

int qcow2_extensions_read(struct fmt_image *im, struct qcow2_reader *r, uint64_t end,
                          bool names_only)
{
    struct qcow2_state *st = im->state;
    uint64_t at = st->header.header_length;
    struct qcow2_extension *e = 0;
    const uint8_t *p;

    while (at < end) {
        int status = qcow2_reader_get(r, at, QCOW2_EXT_HEAD, &p);
        if (status) {
            return fmt_fail(im->env, QCOW2_E_EXT_READ);
        }
        uint32_t type = be32_load(p);
        uint32_t length = be32_load(p + 4);
        at += QCOW2_EXT_HEAD;
        /* the length counts even for the end marker */
        if (at > end || length > end - at) {
            return fmt_fail(im->env, QCOW2_E_EXT_LARGE);
        }
        if (type == QCOW2_EXT_END) {
            return FMT_OK;
        }
        status = qcow2_reader_get(r, at, length, &p);
        if (status) {
            return fmt_fail(im->env, QCOW2_E_EXT_READ);
        }
        status = qcow2_extension_add(im, type, p, length, &e);
        if (!status && !names_only) {
            status = take(im, e);
        }
        if (status) {
            return status;
        }
        at += align_up(length, 8);
    }
    return FMT_OK;
}

void qcow2_extensions_free(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;

    while (st->extensions) {
        struct qcow2_extension *e = st->extensions;
        st->extensions = e->next;
        im->env->free(im->env, e);
    }
    st->last_extension = 0;
    st->backing_format.data = st->data_file.data = 0;
}

const struct qcow2_extension *qcow2_extension_find(const struct qcow2_state *st, uint32_t type)
{
    const struct qcow2_extension *e = st->extensions;

    while (e && e->type != type) {
        e = e->next;
    }
    return e;
}

/* A sentence being put together; what does not fit is cut. */
struct sentence {
    uint8_t text[ABI_ERROR_TEXT];
    uint32_t length;
};

static void say(struct sentence *s, const void *text, uint32_t length)
{
    if (length > ABI_ERROR_TEXT - s->length) {
        length = ABI_ERROR_TEXT - s->length;
    }
    if (length) {
        __builtin_memcpy(s->text + s->length, text, length);
        s->length += length;
    }
}

static void say_separator(struct sentence *s)
{
    if (s->length) {
        say(s, ", ", 2);
    }
}

static void say_hex(struct sentence *s, uint64_t v)
{
    char digits[16];
    uint32_t n = 0;

    do {
        digits[sizeof digits - ++n] = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v);
    say(s, digits + sizeof digits - n, n);
}

int qcow2_fail_features(struct fmt_image *im, uint64_t unknown)
{
    struct qcow2_state *st = im->state;
    const struct qcow2_extension *table = 0;
    struct sentence s = { .length = 0 };

    /* of several tables the last counts */
    for (const struct qcow2_extension *e = st->extensions; e; e = e->next) {
        if (e->type == QCOW2_EXT_FEATURE_NAMES) {
            table = e;
        }
    }
    /* An empty name ends the table; one cut short by the end of the extension counts;
     * bit numbers wrap: all as qemu-img has it. */
    for (uint32_t at = 0; table && at + 2 <= table->length; at += QCOW2_FEATURE_SIZE) {
        const uint8_t *entry = table->data + at;
        uint32_t room = (uint32_t)min_u64(table->length - at - 2, QCOW2_FEATURE_NAME);
        uint64_t bit = 1ull << (entry[1] & 63);
        uint32_t length = text_length(entry + 2, room);
        if (!length) {
            break;
        }
        if (entry[0] == 0 && (unknown & bit)) {
            say_separator(&s);
            say(&s, entry + 2, length);
            unknown &= ~bit;
        }
    }
    if (unknown) {
        static const char words[] = "Unknown incompatible feature: ";
        say_separator(&s);
        say(&s, words, sizeof words - 1);
        say_hex(&s, unknown);
    }
    return fmt_fail_text(im->env, QCOW2_E_FEATURES, s.text, s.length);
}
