/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LUKS version 1 as a format of its own: header and key material, then the payload, whose
 * sectors are numbered from its beginning. Source: "LUKS On-Disk Format Specification,
 * Version 1.2.3".
 */
#include "base/checked.h"
#include "format/luks-amend.h"

/* errno of a file that is shorter than its header says */
#define LUKS_EIO 5u

struct luks_state {
    struct luks_header header;
    uint64_t payload; /* bytes in the file */
    uint64_t size;    /* of the guest disk, bytes */
};

/* The header and its material: the file itself. */
static const struct luks_place whole_file = { .length = UINT64_MAX };

static uint32_t luks_probe(const uint8_t *head, uint32_t length)
{
    return length >= 8 && !__builtin_memcmp(head, LUKS_MAGIC "\0\1", 8) ? 100 : 0;
}

static void fill_facts(const struct luks_state *st, struct abi_facts *facts)
{
    facts->format = ABI_FORMAT_LUKS;
    facts->flags = ABI_FACT_ENCRYPTED;
    facts->virtual_size = st->size;
}

/* The end of the file is the end of the disk. */
static int read_size(struct fmt_image *im)
{
    struct luks_state *st = im->state;
    uint64_t size;
    int status = fmt_file_size(im->env, 0, &size);

    if (status) {
        return status;
    }
    if (size > INT64_MAX - LUKS_SECTOR || align_up(size, LUKS_SECTOR) < st->payload) {
        im->env->result->io_errno = LUKS_EIO;
        return fmt_fail(im->env, LUKS_E_SIZE);
    }
    st->size = align_up(size, LUKS_SECTOR) - st->payload;
    return FMT_OK;
}

static int make_state(struct fmt_image *im)
{
    im->state = im->env->alloc(im->env, sizeof(struct luks_state));
    return im->state ? FMT_OK : fmt_fail(im->env, FMT_E_NO_MEMORY);
}

static void free_state(struct fmt_image *im)
{
    im->env->free(im->env, im->state);
    im->state = 0;
}

static int luks_open(struct fmt_image *im, struct abi_facts *facts, struct props_writer *props)
{
    int status = make_state(im);
    struct luks_state *st = im->state;

    (void)props;
    if (!status) {
        status = luks_header_read(im->env, &whole_file, &st->header);
    }
    if (!status) {
        st->payload = (uint64_t)st->header.payload_offset * LUKS_SECTOR;
        /* a secret that is wrong is told before a file that is short */
        status = im->flags & ABI_OPEN_NO_IO ? read_size(im) : FMT_OK;
    }
    if (status) {
        free_state(im);
        return status;
    }
    if (!(im->flags & ABI_OPEN_NO_IO) && read_size(im)) {
        st->size = 0;
    }
    fill_facts(st, facts);
    return FMT_OK;
}

static int luks_driver_unlock(struct fmt_image *im, const uint8_t *secret, uint32_t length)
{
    struct luks_state *st = im->state;
    int status =
        luks_unlock(im->env, &whole_file, &st->header, (struct crypt_bytes){ secret, length });

    return status ? status : read_size(im);
}

static int luks_info(struct fmt_image *im, uint32_t part, struct props_writer *props)
{
    const struct luks_state *st = im->state;

    if (part == ABI_INFO_SPECIFIC) {
        luks_header_info(&st->header, props);
    }
    return FMT_OK;
}

/* One extent is all there is to say. */
static struct abi_extent extent_of(const struct luks_state *st, uint16_t kind, uint64_t start,
                                   uint64_t length)
{
    return (struct abi_extent){
        .guest_offset = start,
        .length = length,
        .file_offset = st->payload + start,
        .kind = kind,
        .flags = ABI_EXTF_OFFSET | (kind == ABI_EXT_DATA ? ABI_EXTF_ALLOCATED : 0),
        .codec = ABI_CODEC_CIPHER_GUEST,
    };
}

static int luks_extents(struct fmt_image *im, uint64_t start, uint64_t length, uint32_t flags,
                        struct abi_extent *out, uint32_t max, uint32_t *ret_count,
                        uint64_t *ret_next)
{
    const struct luks_state *st = im->state;

    (void)flags;
    *ret_count = 0;
    *ret_next = start;
    if (!im->env->crypt->ready) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    if (start < st->size && length && max) {
        length = min_u64(length, st->size - start);
        out[0] = extent_of(st, ABI_EXT_DATA, start, length);
        *ret_count = 1;
        *ret_next = start + length;
    }
    return FMT_OK;
}

static int luks_write(struct fmt_image *im, const struct abi_extent *in, uint32_t n_in,
                      struct abi_extent *out, uint32_t max, uint32_t *ret_count,
                      uint32_t *ret_taken)
{
    const struct luks_state *st = im->state;
    uint32_t n = 0, i = 0;

    if (!im->env->crypt->ready) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    for (; i < n_in; i++) {
        bool step = in[i].kind == ABI_EXT_DATA || in[i].kind == ABI_EXT_ZERO;
        if (!step && in[i].kind != ABI_EXT_LINK && in[i].kind != ABI_EXT_ABORT &&
            in[i].kind != ABI_EXT_DISCARD) {
            return fmt_fail(im->env, FMT_E_UNSUPPORTED);
        }
        if (!step) {
            continue;
        }
        if (!in[i].length || !range_fits(in[i].guest_offset, in[i].length, st->size)) {
            return fmt_fail(im->env, FMT_E_BAD_JOB);
        }
        if (n == max) {
            break;
        }
        out[n++] = extent_of(st, in[i].kind == ABI_EXT_DATA ? ABI_EXT_DATA : ABI_EXT_FILL_ZERO,
                             in[i].guest_offset, in[i].length);
    }
    *ret_count = n;
    *ret_taken = i;
    return FMT_OK;
}

static int luks_truncate(struct fmt_image *im, uint64_t size, uint32_t prealloc, uint32_t flags)
{
    struct luks_state *st = im->state;

    (void)flags;
    if (size > INT64_MAX - st->payload) {
        return fmt_fail(im->env, LUKS_E_FILE_LARGE);
    }
    /* by mode, what a file that does not take it is told as */
    static const int codes[] = {
        [ABI_PREALLOC_OFF] = LUKS_E_RESIZE,
        [ABI_PREALLOC_METADATA] = LUKS_E_RESIZE_METADATA,
        [ABI_PREALLOC_FALLOC] = LUKS_E_RESIZE_ALLOC,
        [ABI_PREALLOC_FULL] = LUKS_E_RESIZE_ZEROS,
    };
    if (fmt_truncate(im->env, 0, st->payload + size, prealloc)) {
        return fmt_fail(im->env,
                        prealloc < sizeof codes / sizeof *codes ? codes[prealloc] : LUKS_E_RESIZE);
    }
    st->size = size;
    return FMT_OK;
}

/* ---- new volumes ----------------------------------------------------------------- */

static const char *const prealloc_words[] = { "off", "metadata", "falloc", "full" };

static int read_prealloc(struct fmt_env *env, struct props_reader options, uint32_t *ret)
{
    struct props_item it;

    *ret = ABI_PREALLOC_OFF;
    while (props_next(&options, &it) > 0) {
        if (it.type != ABI_PROP_STRING || !props_is(&it, "preallocation")) {
            continue;
        }
        uint32_t i = 0;
        while (i < 4 && !props_word(it.value, it.value_length, prealloc_words[i])) {
            i++;
        }
        if (i == 4) {
            return fmt_fail_text(env, LUKS_E_OPTION_PREALLOC, it.value, it.value_length);
        }
        /* there is no metadata that grows with the disk */
        *ret = i == ABI_PREALLOC_METADATA ? ABI_PREALLOC_OFF : i;
    }
    return FMT_OK;
}

static int luks_create(struct fmt_image *im, const struct abi_create *req,
                       struct props_reader options, struct abi_facts *facts,
                       struct props_writer *props)
{
    struct fmt_env *env = im->env;
    struct luks_options o;
    uint32_t prealloc;
    int status = luks_options_read(env, options, "", &o);

    (void)props;
    if (!status) {
        status = read_prealloc(env, options, &prealloc);
    }
    if (!status && !o.secret.data) {
        status = fmt_fail(env, FMT_E_NO_SECRET);
    }
    if (!status) {
        status = luks_options_judge(env, &o);
    }
    if (!status) {
        status = make_state(im);
    }
    if (status) {
        return status;
    }
    struct luks_state *st = im->state;
    st->payload = luks_header_bytes(&o);
    if (req->virtual_size > INT64_MAX - LUKS_SECTOR - st->payload) {
        status = fmt_fail(env, LUKS_E_FILE_LARGE);
    }
    if (!status) {
        st->size = align_up(req->virtual_size, LUKS_SECTOR);
        status = fmt_truncate(env, 0, st->payload + st->size, prealloc);
    }
    if (!status) {
        status = luks_format(env, &whole_file, &o);
    }
    if (!status) {
        status = luks_header_read(env, &whole_file, &st->header);
    }
    if (status) {
        free_state(im);
        return status;
    }
    fill_facts(st, facts);
    return FMT_OK;
}

static int luks_measure(struct fmt_env *env, const struct abi_create *req,
                        struct props_reader options, struct abi_measure *ret)
{
    struct luks_options o;
    struct props_item it;
    bool secret = false;
    struct props_reader again = options;
    int status = luks_options_read(env, options, "", &o);

    while (props_next(&again, &it) > 0) {
        secret = secret || props_is(&it, "key-secret");
    }
    if (!status) {
        status = secret ? luks_options_judge(env, &o) : fmt_fail(env, FMT_E_NO_SECRET);
    }
    if (status) {
        return status;
    }
    /* as qemu-img adds it up: of a size that is no multiple of sectors, and of any size below 2^63 */
    uint64_t bytes = luks_header_bytes(&o) + req->virtual_size;
    *ret = (struct abi_measure){ .required = bytes, .fully_allocated = bytes };
    return FMT_OK;
}

static int luks_call(struct fmt_image *im, uint32_t call, struct props_reader in,
                     struct props_writer *out)
{
    struct luks_state *st = im->state;

    (void)out;
    if (call != ABI_CALL_AMEND) {
        return fmt_fail(im->env, FMT_E_UNSUPPORTED);
    }
    if (!(im->flags & ABI_OPEN_WRITE)) {
        return fmt_fail(im->env, FMT_E_READ_ONLY);
    }
    return luks_amend(im->env, &whole_file, &st->header, in, "");
}

const struct fmt_driver luks_driver = {
    .name = "luks",
    .format = ABI_FORMAT_LUKS,
    .probe = luks_probe,
    .open = luks_open,
    .unlock = luks_driver_unlock,
    .info = luks_info,
    .extents = luks_extents,
    .write = luks_write,
    .create = luks_create,
    .truncate = luks_truncate,
    .measure = luks_measure,
    .call = luks_call,
};
