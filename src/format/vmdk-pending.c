/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grains that the host is writing, until it says that it has. */
#include "format/vmdk-write.h"

#define FIRST_ROOM 64u

/* Index of the first one at guest or behind. */
static uint32_t index_of(const struct vmdk_writer *w, uint64_t guest)
{
    uint32_t low = 0, high = w->n_pending;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (w->pending[middle].guest >= guest) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

struct vmdk_pending *vmdk_pending_find(struct vmdk_writer *w, uint64_t guest)
{
    uint32_t i = index_of(w, guest);

    return i < w->n_pending && w->pending[i].guest == guest ? &w->pending[i] : 0;
}

static int grow(struct fmt_image *im, struct vmdk_writer *w)
{
    struct fmt_env *env = im->env;
    uint32_t room = w->room_pending ? 2 * w->room_pending : FIRST_ROOM;
    struct vmdk_pending *more = env->alloc(env, room * sizeof *more);

    if (!more) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    if (w->n_pending) {
        __builtin_memcpy(more, w->pending, w->n_pending * sizeof *more);
    }
    env->free(env, w->pending);
    w->pending = more;
    w->room_pending = room;
    return FMT_OK;
}

int vmdk_pending_make(struct fmt_image *im, uint64_t guest, struct vmdk_pending **ret)
{
    struct vmdk_state *st = im->state;
    struct vmdk_writer *w = st->writer;
    uint32_t at = index_of(w, guest);

    /* an entry has 32 bits for a sector */
    if (w->end / VMDK_SECTOR > UINT32_MAX) {
        return vmdk_fail_errno(im, VMDK_EINVAL);
    }
    if (w->n_pending == w->room_pending) {
        int status = grow(im, w);
        if (status) {
            return status;
        }
    }
    __builtin_memmove(w->pending + at + 1, w->pending + at,
                      (w->n_pending - at) * sizeof *w->pending);
    w->pending[at] = (struct vmdk_pending){
        .guest = guest,
        .place = w->end,
        .question = w->question,
        .born = w->question,
    };
    w->n_pending++;
    w->end += st->grain;
    *ret = &w->pending[at];
    return FMT_OK;
}

void vmdk_pending_add(struct vmdk_writer *w, struct vmdk_pending *p, uint64_t length)
{
    if (p->question != w->question) {
        p->question = w->question;
        p->added = 0;
    }
    p->added += length;
    p->missing += length;
}

void vmdk_pending_done(struct fmt_image *im, uint64_t guest, uint64_t length, bool broken)
{
    const struct vmdk_state *st = im->state;
    struct vmdk_writer *w = st->writer;
    uint64_t end = guest + length;

    for (uint32_t i = index_of(w, align_down(guest, st->grain)); i < w->n_pending; i++) {
        struct vmdk_pending *p = &w->pending[i];
        uint64_t from = max_u64(guest, p->guest), to = min_u64(end, p->guest + st->grain);

        if (from >= to) {
            break;
        }
        p->missing -= min_u64(p->missing, to - from);
        p->broken |= broken;
    }
}

int vmdk_pending_keep(struct fmt_image *im)
{
    const struct vmdk_state *st = im->state;
    struct vmdk_writer *w = st->writer;
    uint32_t kept = 0;
    int status = FMT_OK;

    for (uint32_t i = 0; i < w->n_pending; i++) {
        struct vmdk_pending p = w->pending[i];

        if (status || p.missing) {
            w->pending[kept++] = p;
        } else if (!p.broken) {
            status = vmdk_store_new_id(im);
            if (!status) {
                status = vmdk_entry_set(im, p.guest, (uint32_t)(p.place / VMDK_SECTOR));
            }
            w->grew = true;
        }
    }
    w->n_pending = kept;
    return status;
}

void vmdk_pending_undo(struct vmdk_writer *w)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < w->n_pending; i++) {
        struct vmdk_pending p = w->pending[i];

        if (p.question == w->question) {
            p.missing -= p.added;
            p.added = 0;
        }
        if (p.born != w->question) {
            w->pending[kept++] = p;
        }
    }
    w->n_pending = kept;
}
