/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A new image, laid out as qemu-img's: header, text, the redundant directory and its tables, the
 * first directory and its tables, then grains. */
#include "format/vmdk-create.h"

#define GRAIN_SECTORS 128u
#define N_GTES 512u
#define TABLE_SECTORS (N_GTES * 4u / VMDK_SECTOR)
#define FLAG_LINE_ENDS 1u /* the header holds bytes that a transfer as text would spoil */

/* Entries of a directory written at a time. */
#define CHUNK (64u << 10)

/* Grains are numbered with 32 bits in qemu-img. */
#define MAX_SIZE ((uint64_t)UINT32_MAX * GRAIN_SECTORS * VMDK_SECTOR)

/* The directory at sector, whose tables follow it. */
static int write_directory(struct fmt_image *im, uint64_t sector, uint64_t n_tables, uint8_t *chunk)
{
    uint64_t table = sector + div_up(n_tables * 4, VMDK_SECTOR), done = 0;
    int status = FMT_OK;

    while (done < n_tables && !status) {
        uint64_t n = min_u64(n_tables - done, CHUNK / 4);

        for (uint64_t i = 0; i < n; i++) {
            le32_store(chunk + i * 4, (uint32_t)(table + (done + i) * TABLE_SECTORS));
        }
        status = fmt_write(im->env, 0, sector * VMDK_SECTOR + done * 4, chunk, n * 4);
        done += n;
    }
    return status;
}

static struct vmdk_header layout(uint64_t size, bool zeroed, uint64_t *ret_tables)
{
    struct vmdk_header h = {
        .version = zeroed ? 2 : 1,
        .flags = FLAG_LINE_ENDS | VMDK_FLAG_REDUNDANT | (zeroed ? VMDK_FLAG_ZEROED : 0),
        .capacity = div_up(size, VMDK_SECTOR),
        .grain_size = GRAIN_SECTORS,
        .text_offset = VMDK_TEXT_OFFSET / VMDK_SECTOR,
        .n_gtes = N_GTES,
        .rgd = (VMDK_TEXT_OFFSET + VMDK_TEXT_SIZE) / VMDK_SECTOR,
    };
    uint64_t n = div_up(div_up(h.capacity, GRAIN_SECTORS), N_GTES);
    uint64_t directory = div_up(n * 4, VMDK_SECTOR) + n * TABLE_SECTORS;

    h.gd = h.rgd + directory;
    h.overhead = align_up(h.gd + directory, GRAIN_SECTORS);
    *ret_tables = n;
    return h;
}

/* head: the header and the text, of which the sectors that say something take space. */
static int write_image(struct fmt_image *im, const struct vmdk_header *h, uint64_t n_tables,
                       uint8_t *head, uint8_t *chunk)
{
    const struct vmdk_text text =
        vmdk_text_of((const char *)head + VMDK_TEXT_OFFSET, VMDK_TEXT_SIZE);
    int status = fmt_truncate(im->env, 0, h->overhead * VMDK_SECTOR, ABI_PREALLOC_OFF);

    if (!status) {
        status = write_directory(im, h->rgd, n_tables, chunk);
    }
    if (!status) {
        status = write_directory(im, h->gd, n_tables, chunk);
    }
    /* what makes it an image comes last */
    if (!status) {
        vmdk_header_store(h, head);
        /* with the zero behind it */
        status = fmt_write(im->env, 0, 0, head,
                           VMDK_TEXT_OFFSET + align_up((uint64_t)text.length + 1, VMDK_SECTOR));
    }
    return status;
}

int vmdk_create(struct fmt_image *im, const struct abi_create *req, struct props_reader options,
                struct abi_facts *facts, struct props_writer *props)
{
    struct fmt_env *env = im->env;
    struct vmdk_create_options o;
    uint32_t id = (uint32_t)req->seed;
    uint64_t n_tables;
    int status = vmdk_create_options_read(env, options, &o);

    if (!status && req->virtual_size > MAX_SIZE) {
        status = fmt_fail(env, VMDK_E_CREATE_TOO_LARGE);
    }
    if (!status && o.backing_found.bytes &&
        (o.backing_found.length != 4 || __builtin_memcmp(o.backing_found.bytes, "vmdk", 4))) {
        status = fmt_fail_text(env, VMDK_E_BACKING, o.backing_found.bytes, o.backing_found.length);
    }
    if (status) {
        return status;
    }
    id += id == VMDK_NO_PARENT;
    struct vmdk_header h = layout(req->virtual_size, o.zeroed_grain, &n_tables);
    uint8_t *head = env->alloc(env, VMDK_TEXT_OFFSET + VMDK_TEXT_SIZE);
    uint8_t *chunk = env->alloc(env, CHUNK);

    if (!head || !chunk) {
        status = fmt_fail(env, FMT_E_NO_MEMORY);
    } else {
        status = vmdk_create_text(env, &o, req->virtual_size, id, (char *)head + VMDK_TEXT_OFFSET);
    }
    if (!status && !(req->flags & ABI_CREATE_JUDGE)) {
        status = write_image(im, &h, n_tables, head, chunk);
    }
    if (!status) {
        status = vmdk_state_make(im, &h, h.overhead * VMDK_SECTOR);
    }
    if (!status) {
        struct vmdk_state *st = im->state;
        __builtin_memcpy(st->text_bytes, head + VMDK_TEXT_OFFSET, VMDK_TEXT_SIZE);
        st->id = id;
        st->parent_id = o.parent_id;
        vmdk_text_parent(vmdk_text_of(st->text_bytes, VMDK_TEXT_SIZE), &st->parent);
        vmdk_tell(st, facts, props);
    }
    env->free(env, chunk);
    env->free(env, head);
    return status;
}
