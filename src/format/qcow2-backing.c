/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ABI_CALL_SET_BACKING: another backing file, or none. spec "Header", "Header extensions". */
#include "format/qcow2-write.h"

static bool is_key(const struct props_item *item, const char *key)
{
    return item->type == ABI_PROP_STRING && props_is(item, key);
}

/* The members of the question; without the name there is no format either. */
static int take_names(struct fmt_image *im, struct props_reader *in, struct qcow2_text *ret_name,
                      struct qcow2_text *ret_format)
{
    struct props_item item;
    int more;

    while ((more = props_next(in, &item)) > 0) {
        struct qcow2_text *to = is_key(&item, "file")     ? ret_name
                                : is_key(&item, "format") ? ret_format
                                                          : 0;
        if (!to) {
            return fmt_fail(im->env, FMT_E_BAD_JOB);
        }
        *to = (struct qcow2_text){ item.value, item.value_length };
    }
    if (!ret_name->length) {
        ret_format->length = 0;
    }
    return more < 0 ? fmt_fail(im->env, FMT_E_BAD_JOB) : FMT_OK;
}

/* Memory of our own for a name: the question's does not outlive the job. */
static int copy_name(struct fmt_image *im, const struct qcow2_text *from, struct qcow2_text *to)
{
    uint8_t *copy;

    *to = (struct qcow2_text){ 0 };
    if (!from->length) {
        return FMT_OK;
    }
    copy = im->env->alloc(im->env, from->length);
    if (!copy) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    __builtin_memcpy(copy, from->data, from->length);
    *to = (struct qcow2_text){ copy, from->length };
    return FMT_OK;
}

/* A format is kept with the extensions, as one that was read is. */
static int copy_format(struct fmt_image *im, const struct qcow2_text *from, struct qcow2_text *to)
{
    struct qcow2_extension *e;
    int status = FMT_OK;

    *to = (struct qcow2_text){ 0 };
    if (from->length) {
        status = qcow2_extension_add(im, QCOW2_EXT_BACKING_FORMAT, from->data, from->length, &e);
    }
    if (from->length && !status) {
        *to = (struct qcow2_text){ e->data, e->length };
    }
    return status;
}

int qcow2_set_backing(struct fmt_image *im, struct props_reader in, struct props_writer *out)
{
    struct qcow2_state *st = im->state;
    struct qcow2_text old_name = st->backing_name, old_format = st->backing_format;
    struct qcow2_text asked = { 0 }, asked_format = { 0 }, name, format;
    int status;

    (void)out;
    if (!(im->flags & ABI_OPEN_WRITE)) {
        return fmt_fail(im->env, FMT_E_READ_ONLY);
    }
    status = take_names(im, &in, &asked, &asked_format);
    if (!status && (asked.length > QCOW2_MAX_BACKING_NAME || (asked.length && st->data_file_raw))) {
        /* spec "Header": a raw external data file goes without a backing file */
        status = qcow2_fail_errno(im, QCOW2_EINVAL);
    }
    /* what was written on top of the old one is in place before the new one is named */
    if (!status) {
        status = qcow2_flush(im);
    }
    if (!status) {
        status = copy_format(im, &asked_format, &format);
    }
    if (!status) {
        status = copy_name(im, &asked, &name);
    }
    if (status) {
        return status;
    }
    st->backing_name = name;
    st->backing_format = format;
    status = qcow2_header_write(im);
    if (status) {
        st->backing_name = old_name;
        st->backing_format = old_format;
        old_name = name;
    }
    im->env->free(im->env, (void *)(uintptr_t)old_name.data);
    if (status == FMT_E_NO_SPACE) {
        return qcow2_fail_errno(im, QCOW2_ENOSPC);
    }
    return status ? status : fmt_flush(im->env, 0);
}
