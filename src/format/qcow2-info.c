/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What info tells: members as qemu-img names them. */
#include "format/qcow2.h"

/* limit: what qemu-img keeps of an id and of a name */
#define MAX_ID 127u
#define MAX_NAME 255u

/* Room that the records of one list item surely find. */
#define ITEM_ROOM 2048u

static void put_bitmap(struct props_writer *props, const struct qcow2_bitmap *b)
{
    props_object(props, 0);
    props_bytes(props, "name", b->name.data, b->name.length);
    props_u64(props, "granularity", 1ull << b->granularity_bits);
    props_list(props, "flags");
    if (b->flags & QCOW2_BITMAP_IN_USE) {
        props_string(props, 0, "in-use");
    }
    if (b->flags & QCOW2_BITMAP_AUTO) {
        props_string(props, 0, "auto");
    }
    props_end(props);
    props_end(props);
}

static int put_bitmaps(struct fmt_image *im, struct props_writer *props)
{
    struct qcow2_bitmap_walk it;
    struct qcow2_bitmap b;
    bool more;
    int status;

    props_list(props, "bitmaps");
    qcow2_bitmaps_begin(im, &it);
    do {
        status = qcow2_bitmaps_next(&it, &b, &more);
        if (!status && more) {
            status = fmt_room(im->env, props, ITEM_ROOM);
            if (!status) {
                put_bitmap(props, &b);
            }
        }
    } while (!status && more);
    qcow2_bitmaps_end(&it);
    props_end(props);
    return status;
}

/* In the order of the structure in qemu's interface description, which decides between
 * members whose keys fall into one bucket when they are printed. */
static int put_specific(struct fmt_image *im, struct props_writer *props)
{
    const struct qcow2_state *st = im->state;
    const struct qcow2_header *h = &st->header;
    bool v3 = h->version >= 3;
    int status = FMT_OK;

    props_string(props, "compat", v3 ? "1.1" : "0.10");
    if (v3) {
        if (st->has_data_file_name) {
            props_bytes(props, "data-file", st->data_file.data, st->data_file.length);
        }
        if (st->has_data_file) {
            props_bool(props, "data-file-raw", st->data_file_raw);
        }
        props_bool(props, "extended-l2", st->extended_l2);
        props_bool(props, "lazy-refcounts", h->compatible & QCOW2_COMPAT_LAZY_REFCOUNTS);
        props_bool(props, "corrupt", h->incompatible & QCOW2_INCOMPAT_CORRUPT);
    }
    props_u64(props, "refcount-bits", 1ull << h->refcount_order);
    status = qcow2_crypto_info(im, props);
    if (!status && v3 && st->bitmaps.n) {
        status = put_bitmaps(im, props);
    }
    if (!status) {
        props_string(props, "compression-type",
                     h->compression == QCOW2_COMPRESSION_ZSTD ? "zstd" : "zlib");
    }
    return status;
}

static uint32_t clipped(struct qcow2_text t, uint32_t most)
{
    uint32_t n = 0;
    while (n < t.length && n < most && t.data[n]) {
        n++;
    }
    return n;
}

static void put_snapshot(struct props_writer *props, const struct qcow2_snapshot *s)
{
    props_object(props, 0);
    props_bytes(props, "id", s->id.data, clipped(s->id, MAX_ID));
    props_bytes(props, "name", s->name.data, clipped(s->name, MAX_NAME));
    props_i64(props, "vm-state-size", (int64_t)s->vm_state_size);
    props_u64(props, "date-sec", s->date_sec);
    props_u64(props, "date-nsec", s->date_nsec);
    props_u64(props, "vm-clock-sec", s->vm_clock_nsec / 1000000000u);
    props_u64(props, "vm-clock-nsec", s->vm_clock_nsec % 1000000000u);
    if (s->icount != UINT64_MAX) {
        props_i64(props, "icount", (int64_t)s->icount);
    }
    props_end(props);
}

static int put_snapshots(struct fmt_image *im, struct props_writer *props)
{
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    const struct qcow2_state *st = im->state;
    bool more = true;
    int status = FMT_OK;

    props_list(props, "snapshots");
    qcow2_snapshots_begin(im, &it);
    /* an image with an external data file has none, whatever the header says */
    while (!status && more && !st->has_data_file) {
        status = qcow2_snapshots_next(&it, &s, &more);
        if (!status && more) {
            status = fmt_room(im->env, props, ITEM_ROOM);
            if (!status) {
                put_snapshot(props, &s);
            }
        }
    }
    qcow2_snapshots_end(&it);
    props_end(props);
    return status;
}

/* limit: clusters looked at to count those in use; what lies behind counts as free */
#define MAX_COUNTED (8u << 20)

/* Whoever looks for holes inside clusters wants to know how many clusters should take space. */
static int put_used(struct fmt_image *im, struct props_writer *props)
{
    const struct qcow2_state *st = im->state;
    uint64_t per_block = 1ull << st->refblock_bits;
    uint64_t used = 0, looked = 0, file_size;

    int failed = fmt_file_size(im->env, 0, &file_size);
    if (failed) {
        return failed;
    }
    uint64_t total = min_u64(div_up(file_size, st->cluster_size),
                             st->header.reftable_clusters * (st->cluster_size / 8) * per_block);
    for (uint64_t first = 0; first < total && looked < MAX_COUNTED; first += per_block) {
        uint64_t n = min_u64(total - first, per_block);
        uint64_t some;
        int status = qcow2_refcounts_used(im, first, n, &some);
        if (status) {
            return status;
        }
        used += some;
        looked += some ? n : 0;
    }
    props_u64(props, "used-clusters", used);
    return FMT_OK;
}

int qcow2_info(struct fmt_image *im, uint32_t part, struct props_writer *props)
{
    switch (part) {
    case ABI_INFO_SPECIFIC:
        return put_specific(im, props);
    case ABI_INFO_SNAPSHOTS:
        return put_snapshots(im, props);
    case ABI_INFO_NAMES:
        qcow2_put_names(im->state, props);
        return FMT_OK;
    case ABI_INFO_USED:
        return put_used(im, props);
    default:
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
}
