/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host was told to write where, until it says that it has. */
#include "format/qcow2-write.h"

#define FIRST_ROOM 64u

static uint64_t end_of(const struct qcow2_promise *p)
{
    return p->guest + p->length;
}

/* Index of the first promise that ends behind guest. */
static uint32_t index_behind(const struct qcow2_writer *w, uint64_t guest)
{
    uint32_t low = 0, high = w->n_promises;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (end_of(&w->promises[middle]) > guest) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

struct qcow2_promise *qcow2_promise_find(struct fmt_image *im, uint64_t guest, uint64_t length)
{
    struct qcow2_writer *w = qcow2_writer(im);
    uint32_t i = index_behind(w, guest);

    return i < w->n_promises && w->promises[i].guest < guest + length ? &w->promises[i] : 0;
}

bool qcow2_promise_room(struct fmt_image *im, uint32_t n)
{
    return QCOW2_MAX_PROMISES - qcow2_writer(im)->n_promises >= n;
}

static int insert(struct fmt_image *im, struct qcow2_promise p)
{
    struct qcow2_writer *w = qcow2_writer(im);
    struct fmt_env *env = im->env;
    uint32_t at = index_behind(w, p.guest);

    if (w->n_promises == w->room_promises) {
        uint32_t room = w->room_promises ? 2 * w->room_promises : FIRST_ROOM;
        struct qcow2_promise *more = env->alloc(env, room * sizeof *more);
        if (!more) {
            return fmt_fail(env, FMT_E_NO_MEMORY);
        }
        if (w->n_promises) {
            __builtin_memcpy(more, w->promises, w->n_promises * sizeof *more);
        }
        env->free(env, w->promises);
        w->promises = more;
        w->room_promises = room;
    }
    __builtin_memmove(w->promises + at + 1, w->promises + at,
                      (w->n_promises - at) * sizeof *w->promises);
    w->promises[at] = p;
    w->n_promises++;
    return FMT_OK;
}

int qcow2_promise_add(struct fmt_image *im, struct qcow2_promise p)
{
    const struct qcow2_writer *w = qcow2_writer(im);

    p.job = w->job;
    p.question = w->question;
    return insert(im, p);
}

/* Cut the promise p of several clusters, untouched or done as a whole, at guest. */
static int cut(struct fmt_image *im, struct qcow2_promise *p, uint64_t guest)
{
    struct qcow2_promise rest = *p;

    rest.guest = guest;
    rest.length = end_of(p) - guest;
    rest.host += guest - p->guest;
    rest.missing = p->missing ? rest.length : 0;
    p->length = guest - p->guest;
    p->missing = p->missing ? p->length : 0;
    return insert(im, rest);
}

/* Bytes of [from, to) that are steps of p: other subclusters may be written in place. */
static uint64_t bytes_of(const struct qcow2_state *st, const struct qcow2_promise *p, uint64_t from,
                         uint64_t to)
{
    uint64_t bytes = 0;

    if (!st->extended_l2 || p->stored || p->length > st->cluster_size) {
        return to - from;
    }
    for (uint64_t at = from; at < to;) {
        uint64_t stop = min_u64(to, align_down(at, st->subcluster_size) + st->subcluster_size);
        if (p->units & qcow2_unit_bits(st, at - p->guest, 1)) {
            bytes += stop - at;
        }
        at = stop;
    }
    return bytes;
}

int qcow2_promise_done(struct fmt_image *im, uint64_t guest, uint64_t length, bool broken)
{
    uint64_t end = guest + length, unit = qcow2_state(im)->cluster_size;
    int status = FMT_OK;

    while (!status && guest < end) {
        struct qcow2_promise *p = qcow2_promise_find(im, guest, end - guest);
        if (!p) {
            break;
        }
        uint64_t from = max_u64(guest, p->guest), to = min_u64(end, end_of(p));
        uint64_t first = align_down(from, unit), last = align_up(to, unit);
        if (first > p->guest) {
            status = cut(im, p, first);
        } else if (last < end_of(p)) {
            status = cut(im, p, last);
        } else {
            p->missing -= min_u64(p->missing, bytes_of(qcow2_state(im), p, from, to));
            p->broken |= broken;
            guest = to;
        }
    }
    return status;
}

/* Put the clusters of p into the L2 tables. */
static int publish(struct fmt_image *im, const struct qcow2_promise *p)
{
    const struct qcow2_state *st = im->state;
    uint64_t l2 = 0, span = qcow2_l2_span(st), left;
    int status = FMT_OK;

    for (uint64_t at = 0; !status && at < p->length; at += st->cluster_size) {
        uint64_t guest = p->guest + at, place = p->host + at, bitmap = 0, raw;
        struct qcow2_entry e;

        if (!l2 || is_aligned(guest, span)) {
            status = qcow2_l2_own(im, guest, &l2);
        }
        if (!status) {
            status = qcow2_entry_get(im, l2, guest, &e, &left);
        }
        if (status) {
            return status;
        }
        if (p->stored) {
            uint64_t sectors = (p->host + p->stored - 1) / QCOW2_SECTOR - p->host / QCOW2_SECTOR;
            raw = QCOW2_COMPRESSED | sectors << st->compressed_shift | p->host;
        } else {
            bool same = e.owned && e.place == place;
            raw = place | QCOW2_COPIED;
            bitmap = (uint64_t)(e.zeros & ~p->units) << 32 | p->units | (same ? e.allocated : 0);
            e.class = same ? QCOW2_C_UNALLOCATED : e.class; /* nothing is dropped */
        }
        status = qcow2_entry_set(im, l2, guest, raw, bitmap);
        if (!status) {
            status = qcow2_entry_drop(im, &e, false);
        }
    }
    return status;
}

/* The clusters of p are free again. */
static int give_back(struct fmt_image *im, const struct qcow2_promise *p)
{
    const struct qcow2_state *st = im->state;
    uint32_t bits = st->header.cluster_bits;
    uint64_t last = p->host + (p->stored ? p->stored : p->length) - 1;

    if (p->keeps || st->has_data_file) {
        return FMT_OK;
    }
    return qcow2_lower(im, p->host >> bits, (last >> bits) - (p->host >> bits) + 1, false);
}

/* Go through all: act on those that wanted() chooses and take them out. */
static int sweep(struct fmt_image *im,
                 bool (*wanted)(const struct qcow2_promise *p, const struct qcow2_writer *w,
                                uint32_t question),
                 uint32_t question, bool may_publish)
{
    struct qcow2_writer *w = qcow2_writer(im);
    uint32_t kept = 0;
    int status = FMT_OK;

    for (uint32_t i = 0; i < w->n_promises; i++) {
        struct qcow2_promise p = w->promises[i];
        if (status || !wanted(&p, w, question)) {
            w->promises[kept++] = p;
        } else {
            status = may_publish && !p.broken ? publish(im, &p) : give_back(im, &p);
            w->published |= may_publish;
        }
    }
    w->n_promises = kept;
    return status;
}

static bool is_complete(const struct qcow2_promise *p, const struct qcow2_writer *w,
                        uint32_t question)
{
    return !p->missing;
}

static bool is_of_question(const struct qcow2_promise *p, const struct qcow2_writer *w,
                           uint32_t question)
{
    return p->job == w->job && p->question >= question;
}

static bool is_any(const struct qcow2_promise *p, const struct qcow2_writer *w, uint32_t question)
{
    return true;
}

int qcow2_promises_keep(struct fmt_image *im)
{
    return sweep(im, is_complete, 0, true);
}

int qcow2_promises_undo(struct fmt_image *im, uint32_t question)
{
    return sweep(im, is_of_question, question, false);
}

int qcow2_promises_drop(struct fmt_image *im)
{
    return sweep(im, is_any, 0, false);
}
