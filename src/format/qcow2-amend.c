/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/qcow2-amend.h"

/* What is asked for. */
struct wanted {
    struct qcow2_text compat, data_file;
    bool has_compat, has_data_file, has_raw, has_lazy, has_bits;
    bool backing, encrypt, downgrade, shown;
    uint64_t raw, lazy, bits;
    uint32_t version, order; /* judged; as they are, if not asked for */
};

static bool begins(const struct props_item *item, const char *with)
{
    uint32_t n = (uint32_t)props_strlen(with);

    return item->key_length > n && !__builtin_memcmp(item->key, with, n);
}

static bool take_text(const struct props_item *item, struct qcow2_text *to, bool *has)
{
    *to = (struct qcow2_text){ item->value, item->value_length };
    *has = true;
    return item->type == ABI_PROP_STRING;
}

static bool take_number(const struct props_item *item, uint16_t type, uint64_t *to, bool *has)
{
    *to = item->number;
    *has = true;
    return item->type == type;
}

static bool take_member(const struct props_item *item, struct wanted *w)
{
    uint64_t number;

    if (props_is(item, "compat")) {
        return take_text(item, &w->compat, &w->has_compat);
    }
    if (props_is(item, "data_file")) {
        return take_text(item, &w->data_file, &w->has_data_file);
    }
    if (props_is(item, "data_file_raw")) {
        return take_number(item, ABI_PROP_BOOL, &w->raw, &w->has_raw);
    }
    if (props_is(item, "lazy_refcounts")) {
        return take_number(item, ABI_PROP_BOOL, &w->lazy, &w->has_lazy);
    }
    if (props_is(item, "refcount_bits")) {
        return take_number(item, ABI_PROP_U64, &w->bits, &w->has_bits);
    }
    if (props_is(item, "downgrade")) {
        return take_number(item, ABI_PROP_BOOL, &number, &w->downgrade);
    }
    if (props_is(item, "shown")) {
        return take_number(item, ABI_PROP_BOOL, &number, &w->shown);
    }
    w->backing |= props_is(item, "backing_file") || props_is(item, "backing_fmt");
    w->encrypt |= begins(item, "encrypt.");
    return w->backing || w->encrypt || qcow2_is_amend_key(item);
}

static int take_members(struct fmt_image *im, struct props_reader *in, struct wanted *w)
{
    struct props_item item;
    int more;

    while ((more = props_next(in, &item)) > 0) {
        if (!take_member(&item, w)) {
            return fmt_fail(im->env, FMT_E_BAD_JOB);
        }
    }
    return more < 0 ? fmt_fail(im->env, FMT_E_BAD_JOB) : FMT_OK;
}

/* In the order in which qemu-img looks at them. */
static int judge(struct fmt_image *im, struct wanted *w)
{
    const struct qcow2_state *st = im->state;

    w->version = st->header.version;
    w->order = st->header.refcount_order;
    if (w->encrypt && st->header.crypt_method != QCOW2_CRYPT_LUKS) {
        return fmt_fail(im->env, st->header.crypt_method == QCOW2_CRYPT_NONE
                                     ? QCOW2_E_AMEND_NOT_ENCRYPTED
                                     : QCOW2_E_AMEND_NOT_LUKS);
    }
    if (w->has_compat) {
        if (props_word(w->compat.data, w->compat.length, "0.10") ||
            props_word(w->compat.data, w->compat.length, "v2")) {
            w->version = 2;
        } else if (props_word(w->compat.data, w->compat.length, "1.1") ||
                   props_word(w->compat.data, w->compat.length, "v3")) {
            w->version = 3;
        } else {
            return fmt_fail_text(im->env, QCOW2_E_AMEND_COMPAT, w->compat.data, w->compat.length);
        }
    }
    if (w->has_data_file && !st->has_data_file) {
        return fmt_fail(im->env, QCOW2_E_AMEND_DATA_FILE);
    }
    if (w->has_raw && w->raw && !st->data_file_raw) {
        return fmt_fail(im->env, QCOW2_E_AMEND_RAW);
    }
    if (w->has_bits) {
        if (!w->bits || w->bits > 64 || (w->bits & (w->bits - 1))) {
            return fmt_fail(im->env, QCOW2_E_CREATE_REFCOUNT_BITS);
        }
        w->order = (uint32_t)__builtin_ctzll(w->bits);
    }
    return FMT_OK;
}

int qcow2_amend_fail(struct fmt_image *im, int status, int code)
{
    if (status == FMT_E_NO_SPACE) {
        im->env->result->io_errno = QCOW2_ENOSPC;
    } else if (status != FMT_E_IO && status != FMT_E_CORRUPT_CLUSTER) {
        return status;
    }
    return fmt_fail(im->env, code);
}

/* The header is written in any case, as qemu-img has it. */
static int change_header(struct fmt_image *im, const struct wanted *w)
{
    struct qcow2_state *st = im->state;
    struct qcow2_text old = st->data_file;
    uint64_t autoclear = st->header.autoclear;
    bool had_name = st->has_data_file_name;
    struct qcow2_extension *e;
    int status = FMT_OK;

    if (w->has_data_file) {
        status = qcow2_extension_add(im, QCOW2_EXT_DATA_FILE, w->data_file.data,
                                     w->data_file.length, &e);
        if (status) {
            return status;
        }
        st->data_file = (struct qcow2_text){ e->data, e->length };
        st->has_data_file_name = true;
    }
    if (w->has_raw && !w->raw) {
        st->header.autoclear &= ~QCOW2_AUTOCLEAR_DATA_FILE_RAW;
    }
    status = qcow2_header_write(im);
    if (status) {
        st->data_file = old;
        st->has_data_file_name = had_name;
        st->header.autoclear = autoclear;
        return qcow2_amend_fail(im, status, QCOW2_E_AMEND_HEADER);
    }
    st->data_file_raw = (st->header.autoclear & QCOW2_AUTOCLEAR_DATA_FILE_RAW) != 0;
    return fmt_flush(im->env, 0);
}

/* version: the one the image is to have. */
static int change_lazy(struct fmt_image *im, bool lazy, uint32_t version)
{
    struct qcow2_state *st = im->state;
    struct qcow2_header *h = &st->header, before = *h;
    int status;

    if (lazy == ((h->compatible & QCOW2_COMPAT_LAZY_REFCOUNTS) != 0)) {
        return FMT_OK;
    }
    if (lazy && version < 3) {
        return fmt_fail(im->env, QCOW2_E_AMEND_LAZY_V2);
    }
    /* counts are on disk before the image goes without its mark */
    status = qcow2_settle_tables(im);
    if (status) {
        return status;
    }
    h->compatible ^= QCOW2_COMPAT_LAZY_REFCOUNTS;
    if (!lazy) {
        h->incompatible &= ~QCOW2_INCOMPAT_DIRTY;
    }
    status = qcow2_header_write(im);
    if (status) {
        *h = before;
        return status;
    }
    st->writer->marked &= lazy;
    return fmt_flush(im->env, 0);
}

/* A part came to its end: nothing of it is left to do where a later one is refused. */
static int finish(struct fmt_image *im, int status)
{
    qcow2_amend_next(&qcow2_writer(im)->amend);
    return status ? status : qcow2_flush(im);
}

static int apply(struct fmt_image *im, const struct wanted *w, struct props_reader in)
{
    const struct qcow2_state *st = im->state;
    bool upgrade = w->version > st->header.version, width = w->order != st->header.refcount_order;
    struct qcow2_amend_steps *steps = &st->writer->amend;
    int status = FMT_OK;

    /* key slots are one of them, though nothing is told of them */
    *steps = (struct qcow2_amend_steps){
        .ops = (uint64_t)upgrade + w->encrypt + width + (w->version < st->header.version),
        .shown = w->shown,
    };
    if (upgrade) {
        status = finish(im, qcow2_upgrade(im, steps));
    }

    if (!status && w->encrypt) {
        status = qcow2_amend_crypto(im, in);
    }
    if (!status && width) {
        status = w->version < 3 && w->order != QCOW2_V2_REFCOUNT_ORDER
                     ? fmt_fail(im->env, QCOW2_E_AMEND_WIDTH_V2)
                     : finish(im, qcow2_change_width(im, w->order, steps));
    }
    if (!status) {
        status = change_header(im, w);
    }
    if (!status && w->backing) {
        status = fmt_fail(im->env, QCOW2_E_AMEND_BACKING);
    }
    if (!status && w->has_lazy) {
        status = change_lazy(im, w->lazy, w->version);
    }
    return status;
}

int qcow2_amend(struct fmt_image *im, struct props_reader in, struct props_writer *out)
{
    struct props_reader again = in;
    struct wanted w = { 0 };
    int status = take_members(im, &in, &w);

    if (!status) {
        status = judge(im, &w);
    }
    if (!status) {
        status = qcow2_writer_start(im);
    }
    if (status) {
        return status;
    }
    if (qcow2_writer(im)->n_promises) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    if (w.downgrade) {
        return qcow2_downgrade(im, &qcow2_writer(im)->amend);
    }
    status = apply(im, &w, again);
    if (!status && w.version < qcow2_state(im)->header.version) {
        props_bool(out, "downgrade", true);
    }
    if (!status) {
        status = qcow2_flush(im);
    }
    return status == FMT_E_NO_SPACE ? qcow2_fail_errno(im, QCOW2_ENOSPC) : status;
}
