/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/vmdk.h"

/* Images of other kinds: only a text, which names the files with the disk. */
static int refuse_plain(struct fmt_image *im, uint64_t offset)
{
    struct fmt_env *env = im->env;
    struct vmdk_text type;
    char *bytes = env->alloc(env, VMDK_TEXT_SIZE);

    if (!bytes) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    int status = fmt_read(env, 0, offset, bytes, VMDK_TEXT_SIZE, 0);
    if (!status) {
        status = vmdk_text_type(vmdk_text_of(bytes, VMDK_TEXT_SIZE), &type)
                     ? fmt_fail_text(env, VMDK_E_TYPE, type.bytes, type.length)
                     : fmt_fail(env, VMDK_E_DESCRIPTOR);
    }
    env->free(env, bytes);
    return status;
}

int vmdk_state_make(struct fmt_image *im, const struct vmdk_header *h, uint64_t file_size)
{
    struct fmt_env *env = im->env;
    struct vmdk_state *st = env->alloc(env, sizeof *st);

    if (!st) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    st->header = *h;
    st->seed = im->seed;
    st->size = h->capacity * VMDK_SECTOR;
    st->grain = (uint32_t)h->grain_size * VMDK_SECTOR;
    st->span = (uint64_t)st->grain * h->n_gtes;
    st->n_tables = div_up(st->size, st->span);
    st->file_size = file_size;
    st->tables = env->alloc(env, VMDK_SLOTS * sizeof *st->tables);
    st->text_bytes = env->alloc(env, VMDK_TEXT_SIZE + 1);
    im->state = st;
    return st->tables && st->text_bytes ? FMT_OK : fmt_fail(env, FMT_E_NO_MEMORY);
}

static int read_text(struct fmt_image *im)
{
    struct vmdk_state *st = im->state;
    int status = fmt_read(im->env, 0, VMDK_TEXT_OFFSET, st->text_bytes, VMDK_TEXT_SIZE, 0);

    if (status) {
        return status;
    }
    struct vmdk_text text = vmdk_text_of(st->text_bytes, VMDK_TEXT_SIZE);
    return vmdk_text_id(text, "CID", &st->id) && vmdk_text_id(text, "parentCID", &st->parent_id) &&
                   vmdk_text_parent(text, &st->parent)
               ? FMT_OK
               : fmt_fail(im->env, VMDK_E_TEXT);
}

void vmdk_tell(const struct vmdk_state *st, struct abi_facts *facts, struct props_writer *props)
{
    facts->virtual_size = st->size;
    facts->cluster_size = facts->subcluster_size = st->grain;
    facts->look_span = st->grain;
    facts->flags = ABI_FACT_HAS_CLUSTER_SIZE | ABI_FACT_UNALLOCATED_ZERO | ABI_FACT_CONTENT_ID |
                   ABI_FACT_CAN_COMPRESS | /* qemu-img takes -c, and stores plain bytes */

                   (st->header.flags & VMDK_FLAG_ZEROED ? ABI_FACT_CAN_ZERO : 0);
    facts->content_id = st->id;
    if (st->parent.length) {
        facts->flags |= ABI_FACT_BACKING | ABI_FACT_BACKING_FORMAT | ABI_FACT_PARENT_ID;
        facts->parent_id = st->parent_id;
        props_bytes(props, "backing-file", st->parent.bytes, st->parent.length);
        props_string(props, "backing-format", "vmdk");
    }
}

int vmdk_open(struct fmt_image *im, struct abi_facts *facts, struct props_writer *props)
{
    struct vmdk_header h;
    uint64_t file_size, text;
    bool plain;
    int status = fmt_file_size(im->env, 0, &file_size);

    if (!status) {
        status = vmdk_header_read(im, file_size, &h, &plain, &text);
    }
    if (!status && plain) {
        return refuse_plain(im, text);
    }
    if (!status) {
        status = vmdk_header_judge(im, &h, file_size);
    }
    if (!status) {
        status = vmdk_state_make(im, &h, file_size);
    }
    if (!status) {
        status = read_text(im);
    }
    if (!status) {
        vmdk_tell(im->state, facts, props);
    }
    return status;
}

int vmdk_info(struct fmt_image *im, uint32_t part, struct props_writer *props)
{
    const struct vmdk_state *st = im->state;
    struct vmdk_text text = vmdk_text_of(st->text_bytes, VMDK_TEXT_SIZE);
    uint32_t id = st->id, parent_id = st->parent_id;

    switch (part) {
    case ABI_INFO_SPECIFIC:
        /* the present ones: writing gives a new one */
        vmdk_text_id(text, "CID", &id);
        props_u64(props, "cid", id);
        props_u64(props, "parent-cid", parent_id);
        props_string(props, "create-type", "monolithicSparse");
        props_list(props, "extents");
        props_object(props, 0);
        props_u64(props, "file", 0);
        props_u64(props, "virtual-size", st->size);
        props_u64(props, "cluster-size", st->grain);
        props_string(props, "format", "");
        props_end(props);
        props_end(props);
        return FMT_OK;
    case ABI_INFO_NAMES:
        if (st->parent.length) {
            props_bytes(props, "backing-file", st->parent.bytes, st->parent.length);
            props_string(props, "backing-format", "vmdk");
        }
        return FMT_OK;
    case ABI_INFO_SNAPSHOTS:
        return FMT_OK;
    default:
        return fmt_fail(im->env, FMT_E_UNSUPPORTED);
    }
}
