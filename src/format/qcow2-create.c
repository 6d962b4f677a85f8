/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * New images. First comes the least that is an image, of size 0: header, refcount
 * table and one refcount block, a cluster each; then it grows to its size.
 */
#include "format/qcow2-create.h"
#include "format/qcow2-write.h"

#define FIRST_CLUSTERS 3u

static int copy_text(struct fmt_image *im, struct qcow2_text from, struct qcow2_text *ret)
{
    uint8_t *data = im->env->alloc(im->env, from.length + 1);

    if (!data) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    if (from.length) {
        __builtin_memcpy(data, from.data, from.length);
    }
    *ret = (struct qcow2_text){ data, from.length };
    return FMT_OK;
}

/* A name that is stored as a header extension. */
static int add_extension(struct fmt_image *im, uint32_t type, struct qcow2_text from,
                         struct qcow2_text *ret)
{
    struct qcow2_extension *e;
    int status = qcow2_extension_add(im, type, from.data, from.length, &e);

    if (!status) {
        *ret = (struct qcow2_text){ e->data, e->length };
    }
    return status;
}

static int take_options(struct fmt_image *im, const struct qcow2_create_options *o)
{
    struct qcow2_state *st = im->state;
    int status = FMT_OK;

    st->header = (struct qcow2_header){
        .version = o->version,
        .cluster_bits = (uint32_t)__builtin_ctzll(o->cluster_size),
        .reftable_clusters = 1,
        .reftable_offset = o->cluster_size,
        .refcount_order = (uint32_t)__builtin_ctz(o->refcount_bits),
        .header_length = o->version < 3 ? QCOW2_HEADER_V2 : QCOW2_HEADER_V3_USED,
        .compression = o->compression,
        .incompatible = (o->has_data_file ? QCOW2_INCOMPAT_DATA_FILE : 0) |
                        (o->compression ? QCOW2_INCOMPAT_COMPRESSION : 0) |
                        (o->extended_l2 ? QCOW2_INCOMPAT_EXTENDED_L2 : 0),
        .compatible = o->lazy_refcounts ? QCOW2_COMPAT_LAZY_REFCOUNTS : 0,
        .autoclear = o->data_file_raw ? QCOW2_AUTOCLEAR_DATA_FILE_RAW : 0,
    };
    qcow2_set_geometry(st);
    if (o->has_backing) {
        status = copy_text(im, o->backing_file, &st->backing_name);
    }
    if (!status && o->backing_format.data) {
        status =
            add_extension(im, QCOW2_EXT_BACKING_FORMAT, o->backing_format, &st->backing_format);
    }
    if (!status && o->has_data_file) {
        st->has_data_file_name = true;
        status = add_extension(im, QCOW2_EXT_DATA_FILE, o->data_file, &st->data_file);
    }
    return status;
}

/* The refused name with its format, as the words quote them. */
static int fail_backing(struct fmt_image *im, const struct qcow2_create_options *o, uint32_t error)
{
    static const char between[] = "' with format '";
    const struct {
        const void *data;
        uint32_t length;
    } parts[] = {
        { o->backing_file.data, o->backing_file.length },
        { between, sizeof between - 1 },
        { o->backing_format.data, o->backing_format.length },
    };
    uint8_t text[ABI_ERROR_TEXT];
    uint32_t used = 0;

    for (uint32_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        uint32_t n = (uint32_t)min_u64(parts[i].length, sizeof text - used);
        if (n) {
            __builtin_memcpy(text + used, parts[i].data, n);
        }
        used += n;
    }
    im->env->result->io_errno = error;
    return fmt_fail_text(im->env, QCOW2_E_CREATE_BACKING, text, used);
}

/* Put a piece that was just written into the cache. */
static int keep_piece(struct fmt_image *im, enum qcow2_kind kind, uint64_t offset,
                      const uint8_t *bytes)
{
    uint32_t size = qcow2_block_size(im->state);
    struct qcow2_block *block;
    int status = qcow2_block_new(im, kind, offset, size, &block);

    if (!status) {
        __builtin_memcpy(block->data, bytes, size);
        block->dirty = false;
        qcow2_block_put(block);
    }
    return status;
}

/* Header, refcount table and refcount block of an image without clusters of its own. */
static int write_first(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    uint64_t size = st->cluster_size;
    struct fmt_env *env = im->env;
    uint8_t *bytes = env->alloc(env, FIRST_CLUSTERS * size);
    int status;

    if (!bytes) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    status = qcow2_header_encode(im, bytes);
    if (!status) {
        be64_store(bytes + size, 2 * size);
        for (uint32_t i = 0; i < FIRST_CLUSTERS; i++) {
            qcow2_refcount_store(bytes + 2 * size, st->header.refcount_order, i, 1);
        }
        struct abi_io ops[] = {
            { .op = ABI_IO_WRITE, .length = size, .address = (uint64_t)(uintptr_t)bytes },
            { .op = ABI_IO_WRITE,
              .offset = size,
              .length = 2 * size,
              .address = (uint64_t)(uintptr_t)(bytes + size) },
        };
        status = env->io(env, ops, 2);
        if (status == FMT_E_IO) {
            status =
                fmt_fail(env, ops[0].result < 0 ? QCOW2_E_CREATE_HEADER : QCOW2_E_CREATE_REFTABLE);
        }
    }
    if (!status) {
        status = keep_piece(im, QCOW2_KIND_REFTABLE, size, bytes + size);
    }
    if (!status) {
        status = keep_piece(im, QCOW2_KIND_REFBLOCK, 2 * size, bytes + 2 * size);
    }
    env->free(env, bytes);
    return status;
}

static int create(struct fmt_image *im, const struct qcow2_create_options *o)
{
    uint64_t rest; /* of a disk without a beginning: always 0 */
    int status = take_options(im, o);

    if (!status && o->has_backing && o->backing_file.length > QCOW2_MAX_BACKING_NAME) {
        return fail_backing(im, o, QCOW2_EINVAL);
    }
    if (!status) {
        status = qcow2_cache_open(im);
    }
    if (!status) {
        status = qcow2_writer_make(im);
    }
    if (status) {
        return status;
    }
    qcow2_writer(im)->creating = true;
    qcow2_extend(qcow2_writer(im), 0, FIRST_CLUSTERS * o->cluster_size);
    status = write_first(im);
    if (status == FMT_E_NO_SPACE) {
        return fail_backing(im, o, QCOW2_ENOSPC);
    }
    if (!status) {
        status = qcow2_resize(im, o->size, o->prealloc, 0, &rest);
    }
    if (!status) {
        status = qcow2_create_crypto(im, o);
    }
    qcow2_writer(im)->creating = false;
    return status;
}

int qcow2_create(struct fmt_image *im, const struct abi_create *req, struct props_reader options,
                 struct abi_facts *facts, struct props_writer *props)
{
    struct qcow2_create_options o;
    int status = qcow2_create_options_read(im->env, req, options, &o);

    if (!status) {
        status = qcow2_create_options_judge(im->env, &o);
    }
    if (!status && o.has_data_file != (im->data_handle != 0)) {
        status = fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    if (status) {
        return status;
    }
    im->state = im->env->alloc(im->env, sizeof(struct qcow2_state));
    if (!im->state) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    status = create(im, &o);
    if (status) {
        qcow2_free(im);
        return status;
    }
    qcow2_fill_facts(im->state, facts);
    qcow2_put_names(im->state, props);
    return FMT_OK;
}
