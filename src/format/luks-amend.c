/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LUKS specification, 4.1.3 to 4.1.5. A new slot's key material is on disk before the header says
 * that the slot is in use; of one that goes, the header forgets it first.
 */
#include "base/checked.h"
#include "format/luks-amend.h"
#include "format/luks-replace.h"

/* Times that key material is written over, so that what a disk moved elsewhere is worth less. */
#define ERASE_PASSES 8u

struct question {
    struct crypt_bytes state, new_name, old_name;
    struct crypt_bytes new_secret, old_secret, secret, seed;
    bool has_slot, has_time, force;
    uint64_t slot, iter_time;
};

static void take_text(const struct props_item *it, const char *prefix, struct question *q)
{
    const struct {
        const char *prefix, *name;
        struct crypt_bytes *to;
    } texts[] = {
        { prefix, "state", &q->state },
        { prefix, "new-secret", &q->new_name },
        { prefix, "old-secret", &q->old_name },
        { "", "new", &q->new_secret },
        { "", "old", &q->old_secret },
        { "", "secret", &q->secret },
        { "", "seed", &q->seed },
    };

    for (uint32_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (props_is_joined(it, texts[i].prefix, texts[i].name)) {
            *texts[i].to = (struct crypt_bytes){ it->value, it->value_length };
        }
    }
}

static int read_question(struct fmt_env *env, struct props_reader in, const char *prefix,
                         struct question *q)
{
    struct props_item it;
    int more;

    *q = (struct question){ .iter_time = LUKS_DEFAULT_TIME };
    while ((more = props_next(&in, &it)) > 0) {
        if (it.type == ABI_PROP_STRING) {
            take_text(&it, prefix, q);
        } else if (it.type == ABI_PROP_BOOL && props_is_joined(&it, "", "force")) {
            q->force = it.number != 0;
        } else if (it.type == ABI_PROP_U64 && props_is_joined(&it, prefix, "keyslot")) {
            q->has_slot = true;
            q->slot = it.number;
        } else if (it.type == ABI_PROP_U64 && props_is_joined(&it, prefix, "iter-time")) {
            q->has_time = true;
            q->iter_time = it.number;
        }
    }
    if (more < 0 || q->seed.length != CRYPT_SEED) {
        return fmt_fail(env, FMT_E_BAD_JOB);
    }
    if (!q->state.data) {
        return fmt_fail(env, LUKS_E_AMEND_NO_STATE);
    }
    q->slot = (uint32_t)q->slot; /* as qemu-img counts */
    return FMT_OK;
}

static uint32_t count_active(const struct luks_header *h)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        n += h->slot[i].active;
    }
    return n;
}

static int choose_slot(struct fmt_env *env, const struct luks_header *h, const struct question *q,
                       uint32_t *ret)
{
    if (q->has_slot) {
        *ret = (uint32_t)q->slot;
        if (q->slot >= LUKS_SLOTS) {
            return fmt_fail1(env, LUKS_E_AMEND_SLOT, q->slot);
        }
        return h->slot[*ret].active && !q->force ? fmt_fail1(env, LUKS_E_AMEND_IN_USE, *ret)
                                                 : FMT_OK;
    }
    for (*ret = 0; *ret < LUKS_SLOTS && h->slot[*ret].active; ++*ret) {}
    return *ret < LUKS_SLOTS ? FMT_OK : fmt_fail(env, LUKS_E_AMEND_FULL);
}

/* A slot that is not in use: nothing is lost if this is cut short. */
static int fill_slot(struct fmt_env *env, const struct luks_place *place, struct luks_header *h,
                     uint32_t slot, struct crypt_bytes secret, uint64_t iter_time,
                     const uint8_t *key, struct crypt_random *random)
{
    int status = luks_write_slot(env, place, h, slot, secret, iter_time, key, random);

    if (!status) {
        status = fmt_flush(env, place->handle);
    }
    return status ? status : luks_header_commit(env, place, h);
}

static int add_slot(struct fmt_env *env, const struct luks_place *place, struct luks_header *h,
                    const struct question *q, struct crypt_random *random)
{
    uint8_t key[CRYPT_MAX_KEY];
    uint32_t slot;

    if (!q->new_name.data) {
        return fmt_fail(env, LUKS_E_AMEND_NO_NEW);
    }
    if (q->old_name.data) {
        return fmt_fail(env, LUKS_E_AMEND_OLD);
    }
    int status = choose_slot(env, h, q, &slot);
    if (!status) {
        status = luks_find_key(env, place, h, q->secret, key, 0);
        if (status == LUKS_E_PASSWORD) {
            status = fmt_fail(env, LUKS_E_AMEND_MASTER);
        }
    }
    if (!status && !q->new_secret.data) {
        status = fmt_fail(env, FMT_E_NO_SECRET);
    }
    if (!status) {
        status = (h->slot[slot].active ? luks_replace_slot : fill_slot)(
            env, place, h, slot, q->new_secret, q->iter_time, key, random);
    }
    crypt_wipe(key, sizeof key);
    return status;
}

/* Write over the slots' material, then take them out of the header: cut short, they still count as
 * used, and erasing them once more completes it. */
static int erase_slots(struct fmt_env *env, const struct luks_place *place, struct luks_header *h,
                       const bool *which, struct crypt_random *random)
{
    int status = FMT_OK;

    for (uint32_t i = 0; i < LUKS_SLOTS * ERASE_PASSES && !status; i++) {
        if (which[i / ERASE_PASSES]) {
            status = luks_scramble_slot(env, place, h, i / ERASE_PASSES, random);
        }
        if (!status && which[i / ERASE_PASSES]) {
            status = fmt_flush(env, place->handle);
        }
    }
    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        if (which[i]) {
            h->slot[i].active = false;
            h->slot[i].iterations = 0;
            __builtin_memset(h->slot[i].salt, 0, LUKS_SALT);
        }
    }
    return status ? status : luks_header_commit(env, place, h);
}

/* Which slots the old secret opens: of all, or of one. */
static int match_slots(struct fmt_env *env, const struct luks_place *place,
                       const struct luks_header *h, const struct question *q, bool *which,
                       uint32_t *ret_n)
{
    uint8_t key[CRYPT_MAX_KEY];
    int status = FMT_OK;

    *ret_n = 0;
    for (uint32_t i = 0; i < LUKS_SLOTS && !status; i++) {
        if (q->has_slot && i != q->slot) {
            continue;
        }
        status = luks_try_slot(env, place, h, i, q->old_secret, key, &which[i]);
        *ret_n += which[i];
    }
    crypt_wipe(key, sizeof key);
    return status;
}

/* May they go? */
static int judge_erase(struct fmt_env *env, const struct luks_place *place,
                       const struct luks_header *h, const struct question *q, bool *which)
{
    uint32_t n = 0;
    int status = FMT_OK;

    if (q->old_name.data && !q->old_secret.data) {
        return fmt_fail(env, FMT_E_NO_SECRET);
    }
    if (q->has_slot && q->slot >= LUKS_SLOTS) {
        return fmt_fail1(env, LUKS_E_AMEND_SLOT, q->slot);
    }
    if (q->old_name.data) {
        status = match_slots(env, place, h, q, which, &n);
    }
    if (status) {
        return status;
    }
    if (q->has_slot) {
        if (q->old_name.data && !n) {
            return fmt_fail1(env, LUKS_E_AMEND_NO_MATCH, q->slot);
        }
        which[q->slot] = true;
        if (!q->force && !h->slot[q->slot].active) {
            return fmt_fail1(env, LUKS_E_AMEND_ERASED, q->slot);
        }
        return !q->force && count_active(h) == 1 ? fmt_fail1(env, LUKS_E_AMEND_LAST, q->slot)
                                                 : FMT_OK;
    }
    if (!n) {
        return fmt_fail(env, LUKS_E_AMEND_NONE);
    }
    return !q->force && n == count_active(h) ? fmt_fail(env, LUKS_E_AMEND_ALL) : FMT_OK;
}

static int erase(struct fmt_env *env, const struct luks_place *place, struct luks_header *h,
                 const struct question *q, struct crypt_random *random)
{
    bool which[LUKS_SLOTS] = { false };

    if (q->new_name.data) {
        return fmt_fail(env, LUKS_E_AMEND_NEW);
    }
    if (q->has_time) {
        return fmt_fail(env, LUKS_E_AMEND_TIME);
    }
    if (!q->has_slot && !q->old_name.data) {
        return fmt_fail(env, LUKS_E_AMEND_WHICH);
    }
    int status = judge_erase(env, place, h, q, which);
    return status ? status : erase_slots(env, place, h, which, random);
}

int luks_amend(struct fmt_env *env, const struct luks_place *place, struct luks_header *h,
               struct props_reader in, const char *prefix)
{
    struct question q;
    int status = read_question(env, in, prefix, &q);

    if (status) {
        return status;
    }
    bool active = props_word(q.state.data, q.state.length, "active");
    if (!active && !props_word(q.state.data, q.state.length, "inactive")) {
        return fmt_fail_text(env, LUKS_E_AMEND_STATE, q.state.data, q.state.length);
    }
    struct crypt_random *random = env->alloc(env, sizeof *random);
    if (!random) {
        return fmt_fail(env, FMT_E_NO_MEMORY);
    }
    crypt_random_init(random, q.seed.data);
    status = active ? add_slot(env, place, h, &q, random) : erase(env, place, h, &q, random);
    crypt_wipe(random, sizeof *random);
    env->free(env, random);
    return status;
}
