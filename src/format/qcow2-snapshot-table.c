/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Snapshots": writing the table. It is never changed where it lies. */
#include "format/qcow2-write.h"

/* Extra data we know: long vm state size, disk size, instruction count. */
#define KNOWN_EXTRA 24u
/* An entry of the longest kind, and as much again. */
#define BUFFER (2u * (QCOW2_SNAPSHOT_HEAD + KNOWN_EXTRA + QCOW2_MAX_SNAPSHOT_EXTRA + 2u * 65536u))

struct writer {
    struct fmt_image *im;
    bool dry; /* only counts */
    uint64_t start;
    uint64_t used;    /* bytes of the table so far */
    uint64_t highest; /* number that an id begins with */
    uint64_t old_end; /* of the table that is there */
    uint8_t *buffer;
    uint32_t filled;
};

static int send(struct writer *w)
{
    int status = FMT_OK;

    if (w->filled && !w->dry) {
        status = fmt_write(w->im->env, 0, w->start + w->used - w->filled, w->buffer, w->filled);
    }
    w->filled = 0;
    return status;
}

static void put(struct writer *w, const void *data, uint64_t length)
{
    if (data && length) {
        __builtin_memcpy(w->buffer + w->filled, data, length);
    } else {
        __builtin_memset(w->buffer + w->filled, 0, length);
    }
    w->filled += (uint32_t)length;
    w->used += length;
}

/* What qemu-img reads behind the number it takes from an id does not matter. */
static uint64_t leading_number(struct qcow2_text id)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < id.length && id.data[i] >= '0' && id.data[i] <= '9'; i++) {
        if (n > (UINT64_MAX - 9) / 10) {
            return UINT64_MAX;
        }
        n = n * 10 + (id.data[i] - '0');
    }
    return n;
}

/* Names are read up to a zero byte, and written as they are read. */
static struct qcow2_text as_read(struct qcow2_text text)
{
    uint32_t n = 0;

    while (n < text.length && text.data[n]) {
        n++;
    }
    return (struct qcow2_text){ text.data, n };
}

/* One entry; extra: its extra data as it was, of which what we do not know is kept. */
static int put_entry(struct writer *w, const struct qcow2_snapshot *s, const uint8_t *extra)
{
    uint32_t unknown = s->extra_length > KNOWN_EXTRA ? s->extra_length - KNOWN_EXTRA : 0;
    uint8_t head[QCOW2_SNAPSHOT_HEAD], known[KNOWN_EXTRA];
    struct qcow2_text id = as_read(s->id), name = as_read(s->name);

    be64_store(head, s->l1_offset);
    be32_store(head + 8, s->l1_size);
    be16_store(head + 12, (uint16_t)id.length);
    be16_store(head + 14, (uint16_t)name.length);
    be32_store(head + 16, s->date_sec);
    be32_store(head + 20, s->date_nsec);
    be64_store(head + 24, s->vm_clock_nsec);
    be32_store(head + 32, s->vm_state_size > UINT32_MAX ? 0 : (uint32_t)s->vm_state_size);
    be32_store(head + 36, KNOWN_EXTRA + unknown);
    be64_store(known, s->vm_state_size);
    be64_store(known + 8, s->disk_size);
    be64_store(known + 16, s->icount);
    put(w, 0, align_up(w->used, 8) - w->used);
    put(w, head, sizeof head);
    put(w, known, sizeof known);
    if (unknown) {
        put(w, extra + KNOWN_EXTRA, unknown);
    }
    put(w, id.data, id.length);
    put(w, name.data, name.length);
    w->highest = max_u64(w->highest, leading_number(id));
    if (w->used > QCOW2_MAX_SNAPSHOT_TABLE) {
        return qcow2_fail_errno(w->im, QCOW2_EFBIG);
    }
    return w->dry || w->filled > BUFFER / 2 ? send(w) : FMT_OK;
}

/* The new one's id is one more than the highest so far. */
static int put_new(struct writer *w, const struct qcow2_new_snapshot *new)
{
    uint8_t digits[24];
    uint32_t at = sizeof digits;
    struct qcow2_snapshot s = {
        .l1_offset = new->l1_offset,
        .l1_size = new->l1_size,
        .date_sec = new->date_sec,
        .date_nsec = new->date_nsec,
        .disk_size = qcow2_state(w->im)->active.size,
        .name = new->name,
    };

    for (uint64_t n = w->highest + 1; n || at == sizeof digits; n /= 10) {
        digits[--at] = (uint8_t)('0' + n % 10);
    }
    s.id = (struct qcow2_text){ digits + at, (uint32_t)sizeof digits - at };
    return put_entry(w, &s, 0);
}

static int put_all(struct writer *w, uint32_t drop, const struct qcow2_new_snapshot *add)
{
    uint8_t extra[QCOW2_MAX_SNAPSHOT_EXTRA];
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true;
    int status = FMT_OK;

    w->used = w->highest = 0;
    qcow2_snapshots_begin(w->im, &it);
    while (!status && more) {
        status = qcow2_snapshots_next(&it, &s, &more);
        if (!status && more && it.index - 1 != drop) {
            if (s.extra_length > KNOWN_EXTRA) {
                status = fmt_read(w->im->env, 0, s.offset + QCOW2_SNAPSHOT_HEAD, extra,
                                  s.extra_length, 0);
            }
            if (!status) {
                status = put_entry(w, &s, extra);
            }
        }
    }
    w->old_end = it.offset;
    qcow2_snapshots_end(&it);
    if (!status && add) {
        status = put_new(w, add);
    }
    return status ? status : send(w);
}

int qcow2_snapshot_table_write(struct fmt_image *im, uint32_t drop,
                               const struct qcow2_new_snapshot *add, uint64_t *ret_offset)
{
    struct writer w = { .im = im, .dry = true, .buffer = im->env->alloc(im->env, BUFFER) };
    uint64_t clusters;
    int status = w.buffer ? put_all(&w, drop, add) : fmt_fail(im->env, FMT_E_NO_MEMORY);

    *ret_offset = 0;
    clusters = div_up(w.used, qcow2_state(im)->cluster_size);
    if (!status && clusters) {
        status = qcow2_alloc(im, clusters, QCOW2_PLACE_NEW_DATA, &w.start);
        if (!status && w.used > BUFFER / 2 && w.start < w.old_end &&
            w.start + w.used > qcow2_state(im)->header.snapshots_offset) {
            /* an old table that nothing counts: it is written over before all of it is read */
            status = qcow2_fail_errno(im, QCOW2_EFBIG);
        }
        if (!status) {
            *ret_offset = w.start;
            w.dry = false;
            status = put_all(&w, drop, add);
        }
    }
    im->env->free(im->env, w.buffer);
    return status;
}
