/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/qcow2-shift.h"

static int make_room(struct qcow2_shift *s)
{
    const struct qcow2_state *st = s->im->state;
    struct fmt_env *env = s->im->env;

    s->batch =
        (uint32_t)min_u64(max_u64(QCOW2_SHIFT_BUFFER / st->cluster_size, 1), QCOW2_SHIFT_BATCH);
    s->n_blocks = div_up(s->clusters, 1ull << st->refblock_bits);
    s->size = min_u64(QCOW2_SHIFT_WINDOW, s->clusters);
    s->values = env->alloc(env, s->size * sizeof *s->values);
    s->blocks = env->alloc(env, s->n_blocks * sizeof *s->blocks);
    s->buffer = env->alloc(env, (s->batch + 1) * st->cluster_size);
    s->entries = env->alloc(env, QCOW2_SHIFT_ENTRIES * 8);
    s->more = env->alloc(env, QCOW2_SHIFT_ENTRIES * 8);
    return s->values && s->blocks && s->buffer && s->entries && s->more
               ? FMT_OK
               : fmt_fail(env, FMT_E_NO_MEMORY);
}

static void free_room(struct qcow2_shift *s)
{
    struct fmt_env *env = s->im->env;

    env->free(env, s->more);
    env->free(env, s->entries);
    env->free(env, s->buffer);
    env->free(env, s->blocks);
    env->free(env, s->values);
}

/* What the cache holds is on disk, or of no use any more. */
static void empty_cache(struct qcow2_shift *s)
{
    qcow2_cache_drop(s->im, 0, UINT64_MAX);
}

static int draft(struct qcow2_shift *s)
{
    int status = FMT_OK;
    uint64_t size = s->size;

    for (s->base = 0; !status && s->base < s->clusters; s->base += size) {
        s->size = min_u64(size, s->clusters - s->base);
        status = qcow2_shift_count(s);
        if (!status) {
            status = qcow2_shift_settle(s);
        }
        s->counted = !status;
        if (!status) {
            status = qcow2_shift_flags(s);
        }
    }
    return status;
}

/* The header, in one write between flushes. */
static int turn(struct qcow2_shift *s, const struct qcow2_header *h)
{
    struct qcow2_state *st = s->im->state;

    st->header = *h;
    return qcow2_header_fields(s->im);
}

/* To the drafts. Should this fail nobody knows which header is on disk; both are good. */
static int turn_over(struct qcow2_shift *s, uint64_t table, uint64_t table_clusters)
{
    struct qcow2_header h = s->after;

    h.l1_offset = s->draft_l1;
    h.reftable_offset = table;
    h.reftable_clusters = (uint32_t)table_clusters;
    s->turned = true;
    int status = turn(s, &h);
    empty_cache(s);
    return status;
}

static int run(struct qcow2_shift *s)
{
    struct qcow2_state *st = s->im->state;
    uint64_t l1_clusters = div_up(s->after.l1_size * 8ull, st->cluster_size), table, n;
    int status = make_room(s);

    s->final_l1 = qcow2_shift_take(s, l1_clusters);
    s->draft_l1 = qcow2_shift_take(s, l1_clusters);
    if (!status) {
        /* the tables that are there stay where they are */
        qcow2_place_map_keep(st->writer, true);
        status = draft(s);
        qcow2_place_map_keep(st->writer, false);
    }
    if (!status) {
        status = qcow2_shift_finish(s, &table, &n);
    }
    if (!status) {
        status = turn_over(s, table, n);
    }
    if (!status) {
        status = qcow2_shift_place(s);
    }
    if (!status) {
        status = turn(s, &s->after);
    }
    return status;
}

int qcow2_shift(struct qcow2_shift *s)
{
    struct qcow2_state *st = s->im->state;
    struct qcow2_writer *w = st->writer;
    int status = qcow2_flush(s->im);

    if (!status) {
        status = fmt_file_size(s->im->env, 0, &s->before);
    }
    if (status) {
        return status;
    }
    s->clusters = div_up(max_u64(s->before, w->end), st->cluster_size);
    s->start = s->end = s->clusters << st->header.cluster_bits;
    status = run(s);
    free_room(s);
    if (status && s->turned) {
        w->dead = true;
        return status;
    }
    /* the area is in nobody's use, or never was */
    struct abi_result first = *s->im->env->result;
    int cut = fmt_truncate(s->im->env, 0, s->before, ABI_PREALLOC_OFF);
    if (status) {
        *s->im->env->result = first;
        return status;
    }
    st->active.l1_offset = st->header.l1_offset;
    st->active.l1_size = st->header.l1_size;
    st->active.size = st->header.size;
    st->view = st->active;
    w->sound_block = 0;
    empty_cache(s);
    return cut;
}
