/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A slot's key material on disk opens with its own salt and iterations wherever it lies (LUKS
 * specification, 2.4 and 4.1.2: its sectors count from its own begin). So a copy in a free slot
 * opens with the same secret, without deriving any key.
 */
#include "base/checked.h"
#include "base/zero.h"
#include "format/luks-replace.h"

struct refuge {
    bool found;
    bool left; /* by a run that was cut short: it holds the copy already */
    uint32_t slot;
    struct luks_slot before; /* what its place in the header is put back to */
};

struct replacement {
    struct fmt_env *env;
    const struct luks_place *place;
    struct luks_header *h;
    uint32_t slot;
    struct luks_slot fresh;
    struct refuge refuge;
    uint8_t *material; /* three of them: the slot's new one, its old one, and the refuge's */
    uint64_t size;     /* bytes of each */
};

static uint32_t first_sector(uint32_t slot)
{
    return (LUKS_F_SLOTS + slot * LUKS_SLOT_SIZE) / LUKS_SECTOR;
}

/* Do both slots' places in the header get to disk together? A sector does, or does not. */
static bool is_together(uint32_t a, uint32_t b)
{
    return first_sector(a) == first_sector(a + 1) && first_sector(b) == first_sector(b + 1) &&
           first_sector(a) == first_sector(b);
}

/* Does its material lie within the file? A damaged one may end early. */
static bool is_present(const struct replacement *r, uint32_t slot, uint64_t file_size)
{
    uint64_t end = (uint64_t)r->h->slot[slot].key_offset * LUKS_SECTOR + r->size;

    return range_fits(r->place->offset, end, file_size);
}

static void choose_refuge(struct replacement *r, uint64_t file_size)
{
    const struct luks_header *h = r->h;
    const struct luks_slot *old = &h->slot[r->slot];
    struct luks_header with = *h;

    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        const struct luks_slot *s = &h->slot[i];
        if (i == r->slot || !is_present(r, i, file_size)) {
            continue;
        }
        if (s->active && s->iterations == old->iterations &&
            !__builtin_memcmp(s->salt, old->salt, LUKS_SALT)) {
            /* Nothing else has the same salt. What it was before is not known any more. */
            r->refuge = (struct refuge){ true, true, i, *s };
            r->refuge.before.active = false;
            r->refuge.before.iterations = 0;
            __builtin_memset(r->refuge.before.salt, 0, LUKS_SALT);
            return;
        }
        if (!s->active && (!r->refuge.found ||
                           (is_together(i, r->slot) && !is_together(r->refuge.slot, r->slot)))) {
            r->refuge = (struct refuge){ true, false, i, *s };
        }
    }
    /* not so that the volume asks for more work than we do, were it left like that */
    with.slot[r->refuge.slot] = *old;
    r->refuge.found = r->refuge.found && is_present(r, r->slot, file_size) &&
                      luks_work(&with) <= LUKS_MAX_ITERATIONS;
}

/* Write material and have it on disk. */
static int settle(const struct replacement *r, uint32_t slot, const uint8_t *material)
{
    int status = luks_material_store(r->env, r->place, r->h, slot, material);

    return status ? status : fmt_flush(r->env, r->place->handle);
}

static int commit_slot(const struct replacement *r, uint32_t slot, const struct luks_slot *as)
{
    r->h->slot[slot] = *as;
    return luks_header_commit(r->env, r->place, r->h);
}

/* Put the copy of the old material into the refuge, and back again if that does not work. */
static int take_refuge(const struct replacement *r)
{
    uint32_t at = r->refuge.slot;
    struct luks_slot copy = r->h->slot[r->slot];
    uint8_t *old = r->material + r->size, *before = old + r->size;

    copy.key_offset = r->refuge.before.key_offset;
    int status = luks_material_read(r->env, r->place, r->h, r->slot, old);
    if (!status) {
        status = luks_material_read(r->env, r->place, r->h, at, before);
    }
    if (status) {
        return status;
    }
    status = settle(r, at, old);
    if (!status) {
        status = commit_slot(r, at, &copy);
    }
    if (status && !commit_slot(r, at, &r->refuge.before)) {
        settle(r, at, before);
    }
    return status;
}

/* Where there were zeros there may have been a hole: it is made again. A favour, never an error. */
static void make_hole(const struct replacement *r, const uint8_t *before)
{
    struct abi_io op = {
        .op = ABI_IO_ZERO,
        .flags = ABI_IOF_UNMAP,
        .handle = r->place->handle,
        .offset = r->place->offset + (uint64_t)r->h->slot[r->refuge.slot].key_offset * LUKS_SECTOR,
        .length = r->size,
    };

    if (bytes_are_zero(before, r->size)) {
        r->env->io(r->env, &op, 1);
    }
}

/* The slot is what it shall be; the refuge gives up the old secret. */
static int leave_refuge(const struct replacement *r)
{
    const uint8_t *before = r->material + 2 * r->size;

    r->h->slot[r->refuge.slot] = r->refuge.before;
    int status = luks_header_commit(r->env, r->place, r->h);
    if (!status) {
        status = settle(r, r->refuge.slot, before);
    }
    if (!status) {
        make_hole(r, before);
    }
    return status;
}

static int run(const struct replacement *r)
{
    const struct refuge *refuge = &r->refuge;
    int status = refuge->found && !refuge->left ? take_refuge(r) : FMT_OK;

    if (!status) {
        status = settle(r, r->slot, r->material);
    }
    if (!status && !(refuge->found && is_together(refuge->slot, r->slot))) {
        status = commit_slot(r, r->slot, &r->fresh);
    }
    r->h->slot[r->slot] = r->fresh;
    return status || !refuge->found ? status : leave_refuge(r);
}

int luks_replace_slot(struct fmt_env *env, const struct luks_place *place, struct luks_header *h,
                      uint32_t slot, struct crypt_bytes secret, uint64_t iter_time,
                      const uint8_t *key, struct crypt_random *random)
{
    struct replacement r = { .env = env, .place = place, .h = h, .slot = slot };
    struct luks_slot old = h->slot[slot];
    uint64_t file_size;
    int status = fmt_file_size(env, place->handle, &file_size);

    if (status) {
        return status;
    }
    r.size = luks_material_bytes(h);
    choose_refuge(&r, file_size);
    r.material = env->alloc(env, 3 * r.size);
    if (!r.material) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    /* what takes time comes first: nothing has changed yet */
    status = luks_make_slot(env, h, slot, secret, iter_time, key, random, r.material);
    r.fresh = h->slot[slot];
    h->slot[slot] = old;
    crypt_random_bytes(random, r.material + 2 * r.size, (uint32_t)r.size);
    if (!status) {
        status = run(&r);
    }
    crypt_wipe(r.material, 3 * r.size);
    env->free(env, r.material);
    return status;
}
