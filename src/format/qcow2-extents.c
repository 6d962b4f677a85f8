/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where guest bytes are: spec "Cluster mapping" and "Extended L2 Entries". */
#include "format/qcow2.h"

/* Bytes of L2 tables read ahead in one request. */
#define READ_AHEAD (512u << 10)
#define READ_AHEAD_PIECES 256u

/* The answer being put together. */
struct answer {
    struct fmt_image *im;
    struct abi_extent *out;
    uint32_t max, count;
    uint64_t at; /* guest offset that is next */
    uint64_t end;
    uint64_t piece; /* guest offset where the piece of the L2 table began to be used */
};

/* What an L2 entry says. */
struct entry {
    uint64_t raw;
    uint64_t bitmap; /* of subclusters; 0 without extended L2 */
    uint64_t offset; /* of a standard cluster */
    bool has_offset;
};

/* Does e go on where last ends? */
static bool continues(const struct abi_extent *last, const struct abi_extent *e)
{
    return last->kind == e->kind && last->flags == e->flags && last->handle == e->handle &&
           e->kind != ABI_EXT_COOKED &&
           (!(e->flags & ABI_EXTF_OFFSET) || last->file_offset + last->length == e->file_offset);
}

/* Append what e says of [a->at, a->at + length), cut at the end. False: no room. */
static bool put(struct answer *a, struct abi_extent e, uint64_t length)
{
    e.guest_offset = a->at;
    e.length = min_u64(length, a->end - a->at);
    if (a->count && continues(&a->out[a->count - 1], &e)) {
        a->out[a->count - 1].length += e.length;
    } else if (a->count < a->max) {
        a->out[a->count++] = e;
    } else {
        return false;
    }
    a->at += e.length;
    return true;
}

static bool put_hole(struct answer *a, uint64_t length)
{
    return put(a, (struct abi_extent){ .kind = ABI_EXT_HOLE }, length);
}

/* A fault at a->at: told now if nothing else can be, else the next time. */
static int broken(struct answer *a, int code, uint64_t a0, uint64_t a1, uint64_t a2)
{
    if (a->count) {
        return FMT_OK;
    }
    return qcow2_corrupt(a->im, code, a0, a1, a2);
}

/* qemu-img looks at the cluster behind a run to see how far the run goes; of an
 * invalid one it then says nothing at all about the run. */
static int broken_behind_run(struct answer *a, int code, uint64_t a0, uint64_t a1)
{
    if (a->count && a->at > a->piece && a->out[a->count - 1].kind != ABI_EXT_COOKED) {
        struct abi_extent *last = &a->out[a->count - 1];
        a->at = max_u64(last->guest_offset, a->piece);
        last->length = a->at - last->guest_offset;
        a->count -= !last->length;
    }
    return broken(a, code, a0, a1, 0);
}

/* Decode and judge the entry at index of the table at l2. *ret_ok false: stop. */
static int decode(struct answer *a, const uint8_t *p, uint64_t l2, uint32_t index,
                  struct entry *ret, bool *ret_ok)
{
    const struct qcow2_state *st = a->im->state;
    struct entry e = { .raw = be64_load(p) };
    uint64_t guest = align_down(a->at, st->cluster_size);

    *ret_ok = false;
    if (e.raw & QCOW2_COMPRESSED) {
        if (st->has_data_file) {
            return broken(a, QCOW2_X_DATA_FILE_COMPRESSED, l2, index, 0);
        }
        *ret = e;
        *ret_ok = true;
        return FMT_OK;
    }
    e.offset = e.raw & QCOW2_L2_OFFSET;
    /* offset 0 is a place in an external data file, and only there */
    e.has_offset = e.offset || (st->has_data_file && (e.raw & QCOW2_COPIED));
    bool zero = !st->extended_l2 && (e.raw & QCOW2_ZERO);
    if (zero && st->header.version < 3) {
        return broken(a, QCOW2_X_ZERO_V2, l2, index, 0);
    }
    if (st->extended_l2) {
        e.bitmap = be64_load(p + 8);
        uint32_t allocated = (uint32_t)e.bitmap;
        if ((allocated & (uint32_t)(e.bitmap >> 32)) || (allocated && !e.has_offset)) {
            return broken_behind_run(a, QCOW2_X_INVALID_ENTRY, l2, index);
        }
    }
    if (zero) {
        e.has_offset = e.offset;
    }
    if (e.has_offset && !is_aligned(e.offset, st->cluster_size)) {
        return broken(a, QCOW2_X_CLUSTER_UNALIGNED, e.offset, l2, index);
    }
    if (e.has_offset && st->has_data_file && e.offset != guest) {
        return broken(a, QCOW2_X_DATA_FILE_OFFSET, e.offset, guest, index);
    }
    *ret = e;
    *ret_ok = true;
    return FMT_OK;
}

static struct abi_extent extent_of(struct fmt_image *im, const struct entry *e, uint16_t kind,
                                   uint64_t within)
{
    uint32_t flags = kind == ABI_EXT_HOLE ? 0 : ABI_EXTF_ALLOCATED;
    struct abi_extent x = { .kind = kind, .flags = (uint16_t)flags };

    if (e->has_offset) {
        x.flags |= ABI_EXTF_OFFSET;
        x.file_offset = e->offset + within;
        x.handle = qcow2_data_handle(im);
        x.codec = qcow2_cipher(im);
    }
    return x;
}

static uint16_t subcluster_kind(uint64_t bitmap, uint32_t i)
{
    return bitmap >> i & 1 ? ABI_EXT_DATA : bitmap >> (i + 32) & 1 ? ABI_EXT_ZERO : ABI_EXT_HOLE;
}

/* The subclusters from a->at to the end of the cluster, in runs of one kind. */
static bool put_subclusters(struct answer *a, const struct entry *e)
{
    const struct qcow2_state *st = a->im->state;
    uint64_t within = a->at & (st->cluster_size - 1);
    uint32_t i = (uint32_t)(within / st->subcluster_size);

    while (i < QCOW2_SUBCLUSTERS && a->at < a->end) {
        uint16_t kind = subcluster_kind(e->bitmap, i);
        uint32_t next = i + 1;
        while (next < QCOW2_SUBCLUSTERS && subcluster_kind(e->bitmap, next) == kind) {
            next++;
        }
        uint64_t stop = (uint64_t)next * st->subcluster_size;
        if (!put(a, extent_of(a->im, e, kind, within), stop - within)) {
            return false;
        }
        within = stop;
        i = next;
    }
    return true;
}

/* What the entry says of the rest of the cluster at a->at. */
static bool put_cluster(struct answer *a, const struct entry *e)
{
    const struct qcow2_state *st = a->im->state;
    uint64_t within = a->at & (st->cluster_size - 1);
    uint64_t length = st->cluster_size - within;

    if (e->raw & QCOW2_COMPRESSED) {
        struct abi_extent x = {
            .kind = ABI_EXT_COOKED,
            .flags = ABI_EXTF_ALLOCATED,
            .codec = st->header.compression == QCOW2_COMPRESSION_ZSTD ? ABI_CODEC_ZSTD
                                                                      : ABI_CODEC_DEFLATE,
        };
        qcow2_compressed_range(st, e->raw, &x.file_offset, &x.stored_length);
        return put(a, x, length);
    }
    if (st->extended_l2) {
        return put_subclusters(a, e);
    }
    uint16_t kind = e->raw & QCOW2_ZERO ? ABI_EXT_ZERO
                    : e->has_offset     ? ABI_EXT_DATA
                                        : ABI_EXT_HOLE;
    return put(a, extent_of(a->im, e, kind, within), length);
}

/* Read the pieces of L2 tables that come next, from that for guest offset at. */
static int read_ahead(struct answer *a, const struct qcow2_view *view, uint64_t at)
{
    const struct qcow2_state *st = a->im->state;
    uint32_t piece = qcow2_block_size(st);
    uint32_t most = READ_AHEAD / piece < READ_AHEAD_PIECES ? READ_AHEAD / piece : READ_AHEAD_PIECES;
    uint64_t piece_span = (uint64_t)piece / st->l2_entry_size * st->cluster_size;
    uint64_t offsets[READ_AHEAD_PIECES];
    uint32_t n = 0;
    uint64_t looked = 0;

    /* holes in the L1 table are stepped over, but not without end */
    for (at = align_down(at, piece_span); at < a->end && n < most && looked < 1024; looked++) {
        uint64_t entry;
        int status = qcow2_l1_entry(a->im, view, qcow2_l1_index(st, at), &entry);
        if (status) {
            return status;
        }
        entry &= QCOW2_L1_OFFSET;
        if (!entry || !is_aligned(entry, st->cluster_size)) {
            at = align_down(at, qcow2_l2_span(st)) + qcow2_l2_span(st);
            continue;
        }
        uint64_t within = (uint64_t)qcow2_l2_index(st, at) * st->l2_entry_size;
        offsets[n++] = entry + align_down(within, piece);
        at += piece_span;
    }
    return qcow2_cache_prefetch(a->im, QCOW2_KIND_L2, offsets, n);
}

/* How many of the n entries at p go on as raw begins, cluster by cluster: most entries are
 * part of such a run, and need not be looked at one by one. */
static uint32_t same_run(const struct answer *a, uint64_t raw, const uint8_t *p, uint32_t n)
{
    const struct qcow2_state *st = a->im->state;
    uint64_t offset = raw & QCOW2_L2_OFFSET;
    uint64_t step = offset ? st->cluster_size : 0;
    uint32_t same = 0;

    if (st->extended_l2 || (raw & QCOW2_COMPRESSED) || a->at >= a->end ||
        (st->has_data_file && !offset)) {
        return 0;
    }
    n = (uint32_t)min_u64(n, (a->end - a->at) >> st->header.cluster_bits);
    while (same < n && offset <= QCOW2_L2_OFFSET - step) {
        raw += step;
        offset += step;
        if (be64_load(p + same * 8ull) != raw) {
            break;
        }
        same++;
    }
    return same;
}

/* Answer from one piece of the L2 table at l2. *ret_stop: no room, or a fault. */
static int walk_l2(struct answer *a, uint64_t l2, bool *ret_stop)
{
    const struct qcow2_state *st = a->im->state;
    uint32_t index = qcow2_l2_index(st, a->at);
    struct qcow2_block *block;
    uint32_t at, left;
    int status = qcow2_l2_block(a->im, l2, index, &block, &at, &left);

    if (status) {
        return status;
    }
    a->piece = a->at;
    for (; left && a->at < a->end; left--, index++, at += st->l2_entry_size) {
        struct entry e;
        bool ok;
        status = decode(a, block->data + at, l2, index, &e, &ok);
        if (status || !ok || !put_cluster(a, &e)) {
            *ret_stop = true;
            break;
        }
        uint32_t same = same_run(a, e.raw, block->data + at + st->l2_entry_size, left - 1);
        a->out[a->count - 1].length += same * st->cluster_size;
        a->at += same * st->cluster_size;
        left -= same;
        index += same;
        at += same * st->l2_entry_size;
    }
    qcow2_block_put(block);
    return status;
}

/* Step over L1 entries without a table from index on; *ret_l2 is the first offset
 * there is, 0 if the range ends before. */
static int walk_l1(struct answer *a, const struct qcow2_view *view, uint64_t *ret_entry,
                   bool *ret_stop)
{
    const struct qcow2_state *st = a->im->state;
    uint64_t span = qcow2_l2_span(st);

    *ret_entry = 0;
    while (a->at < a->end && !*ret_entry && !*ret_stop) {
        uint64_t index = qcow2_l1_index(st, a->at);
        struct qcow2_block *block;
        uint32_t at;
        if (index >= view->l1_size) {
            *ret_stop = !put_hole(a, a->end - a->at);
            return FMT_OK;
        }
        int status = qcow2_l1_block(a->im, view, index, &block, &at);
        if (status) {
            return status;
        }
        uint64_t from = a->at;
        uint64_t to = from;
        for (; at < block->length && to < a->end; at += 8) {
            *ret_entry = be64_load(block->data + at) & QCOW2_L1_OFFSET;
            if (*ret_entry) {
                break;
            }
            to = align_down(to, span) + span;
        }
        qcow2_block_put(block);
        if (to > from) {
            *ret_stop = !put_hole(a, to - from);
        }
    }
    return FMT_OK;
}

static int walk(struct answer *a, const struct qcow2_view *view)
{
    const struct qcow2_state *st = a->im->state;
    bool stop = false;

    while (a->at < a->end && !stop) {
        uint64_t l2;
        int status = walk_l1(a, view, &l2, &stop);
        if (status || stop || a->at >= a->end) {
            return status;
        }
        if (!is_aligned(l2, st->cluster_size)) {
            return broken(a, QCOW2_X_L2_UNALIGNED, l2, qcow2_l1_index(st, a->at), 0);
        }
        uint64_t within = (uint64_t)qcow2_l2_index(st, a->at) * st->l2_entry_size;
        if (!qcow2_cache_has(a->im, QCOW2_KIND_L2, l2 + within)) {
            status = read_ahead(a, view, a->at);
        }
        if (!status) {
            status = walk_l2(a, l2, &stop);
        }
        if (status) {
            return status;
        }
    }
    return FMT_OK;
}

int qcow2_extents(struct fmt_image *im, uint64_t start, uint64_t length, uint32_t flags,
                  struct abi_extent *out, uint32_t max, uint32_t *ret_count, uint64_t *ret_next)
{
    const struct qcow2_state *st = im->state;
    struct answer a = { .im = im, .out = out, .max = max, .at = start };

    (void)flags;
    *ret_count = 0;
    *ret_next = start;
    if (st->dead) {
        im->env->result->io_errno = QCOW2_ENOMEDIUM;
        return fmt_fail(im->env, FMT_E_IO);
    }
    if ((st->has_data_file && !im->data_handle) || qcow2_is_locked(im)) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    if (start >= st->view.size) {
        return FMT_OK;
    }
    a.end = start + min_u64(length, st->view.size - start);
    int status = walk(&a, &st->view);
    if (status && a.count && status != FMT_E_NO_MEMORY) {
        /* what came before is right; the failure comes again at its own place */
        status = FMT_OK;
    }
    if (!status) {
        *ret_count = a.count;
        *ret_next = a.at;
    }
    return status;
}
