/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image becomes as it was when it was new: header, refcount table, one
 * refcount block, an L1 table of zeros, and no more. qemu-img writes over the
 * old tables where they lie, and is not to be interrupted; here the header
 * points to whole tables at every moment.
 *
 * First the L1 table, where it lies, becomes zeros: everything but it and the
 * tables of counts is leaked then. Then the new tables are written where no old
 * one lies, and the header turns to them in one write. If an old one is in the
 * way, a set behind the end of the file stands in between. Mostly the tables
 * lie in their places already, and lose what they say of the rest.
 */
#include "format/qcow2-write.h"

/* Tables that lie behind each other from first on. */
struct set {
    uint64_t first, end; /* clusters */
    uint64_t table;      /* clusters of the refcount table; it comes first */
    uint64_t low, high;  /* indices of the refcount blocks, but for 0, which is always there */
    uint64_t l1;         /* cluster of the L1 table, which comes last */
};

/* Clusters of the L1 table. */
static uint64_t l1_clusters(const struct qcow2_state *st)
{
    return div_up(st->header.l1_size * 8ull, st->cluster_size);
}

bool qcow2_can_reset(struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;

    return st->header.version >= 3 && !st->header.n_snapshots && !st->bitmaps.n &&
           st->header.crypt_method != QCOW2_CRYPT_LUKS && !st->has_data_file &&
           l1_clusters(st) + 3 <= 1ull << st->refblock_bits;
}

/* Where everything goes when first is the first cluster. */
static struct set set_at(const struct qcow2_state *st, uint64_t first)
{
    struct set s = { .first = first, .table = 1, .low = first >> st->refblock_bits };

    /* neither part ever shrinks, so this ends */
    for (uint64_t before = 0; s.end != before || !before;) {
        before = s.end;
        s.high = (max_u64(s.end, first + 1) - 1) >> st->refblock_bits;
        s.table = div_up(s.high + 1, st->cluster_size / 8);
        s.l1 = first + s.table + (s.high - s.low + 1) + (s.low ? 1 : 0);
        s.end = s.l1 + l1_clusters(st);
    }
    return s;
}

/* The cluster of refcount block index; 0: the set has none. */
static uint64_t block_of(const struct set *s, uint64_t index)
{
    uint64_t blocks = s->first + s->table;

    if (!index) {
        return blocks;
    }
    if (index < s->low || index > s->high) {
        return 0;
    }
    return blocks + index - s->low + (s->low ? 1 : 0);
}

static int write_cluster(struct fmt_image *im, uint64_t cluster, const uint8_t *bytes)
{
    const struct qcow2_state *st = im->state;

    return fmt_write(im->env, 0, cluster << st->header.cluster_bits, bytes, st->cluster_size);
}

/* The refcount block counts the header and the set, nothing else. */
static int write_block(struct fmt_image *im, const struct set *s, uint64_t index, uint8_t *bytes)
{
    const struct qcow2_state *st = im->state;
    uint64_t n = 1ull << st->refblock_bits, base = index << st->refblock_bits;
    uint64_t end = s->end > base ? min_u64(s->end - base, n) : 0;

    __builtin_memset(bytes, 0, st->cluster_size);
    if (!base) {
        qcow2_refcount_store(bytes, st->header.refcount_order, 0, 1);
    }
    for (uint64_t i = s->first > base ? s->first - base : 0; i < end; i++) {
        qcow2_refcount_store(bytes, st->header.refcount_order, i, 1);
    }
    return write_cluster(im, block_of(s, index), bytes);
}

static int write_table(struct fmt_image *im, const struct set *s, uint8_t *bytes)
{
    const struct qcow2_state *st = im->state;
    uint64_t per_cluster = st->cluster_size / 8;
    int status = FMT_OK;

    for (uint64_t i = 0; !status && i < s->table; i++) {
        for (uint64_t k = 0; k < per_cluster; k++) {
            be64_store(bytes + k * 8, block_of(s, i * per_cluster + k) << st->header.cluster_bits);
        }
        status = write_cluster(im, s->first + i, bytes);
    }
    return status;
}

/* Write a set where nothing lies that is still in use, and have the header point to it. */
static int move_to(struct fmt_image *im, const struct set *s, uint8_t *bytes)
{
    struct qcow2_state *st = im->state;
    uint32_t bits = st->header.cluster_bits;
    int status = qcow2_write_zeros(im, 0, s->l1 << bits, (s->end - s->l1) << bits);

    if (!status) {
        status = write_block(im, s, 0, bytes);
    }
    for (uint64_t i = max_u64(s->low, 1); !status && i <= s->high; i++) {
        status = write_block(im, s, i, bytes);
    }
    if (!status) {
        status = write_table(im, s, bytes);
    }
    if (status) {
        return status;
    }
    st->header.l1_offset = s->l1 << bits;
    st->header.reftable_offset = s->first << bits;
    st->header.reftable_clusters = (uint32_t)s->table;
    return qcow2_header_fields(im);
}

/* The tables lie where they shall be: they only lose what they say of the rest. References go
 * before the counts they belong to. others: the refcount table names more than the set's blocks. */
static int trim(struct fmt_image *im, const struct set *s, bool others, uint8_t *bytes)
{
    int status = others ? write_table(im, s, bytes) : FMT_OK;

    if (!status && others) {
        status = fmt_flush(im->env, 0);
    }
    return status ? status : write_block(im, s, 0, bytes);
}

/* What of the tables that are in use lies in the set's place? */
struct found {
    bool overlaps; /* something does */
    bool in_place; /* all do, just as in the set */
    bool others;   /* the refcount table names other blocks than the set's */
};

static int look(struct fmt_image *im, const struct set *s, struct found *ret)
{
    const struct qcow2_state *st = im->state;
    const struct qcow2_header *h = &st->header;
    uint64_t start = s->first << h->cluster_bits, size = (s->end - s->first) << h->cluster_bits;
    uint64_t block = 0;
    int status = FMT_OK;

    ret->others = false;
    ret->overlaps =
        ranges_overlap(start, size, h->l1_offset, h->l1_size * 8ull) ||
        ranges_overlap(start, size, h->reftable_offset, h->reftable_clusters * st->cluster_size);
    for (uint64_t i = qcow2_reftable_entries(st); !status && i-- > 0;) {
        status = qcow2_refblock_offset(im, i, &block);
        ret->overlaps |= block && ranges_overlap(start, size, block, st->cluster_size);
        ret->others |= block != block_of(s, i) << h->cluster_bits;
    }
    ret->in_place = h->reftable_offset == start && h->reftable_clusters == s->table &&
                    block == block_of(s, 0) << h->cluster_bits &&
                    h->l1_offset == s->l1 << h->cluster_bits;
    return status;
}

static int clear_l1(struct fmt_image *im)
{
    const struct qcow2_header *h = &qcow2_state(im)->header;
    uint64_t bytes = l1_clusters(im->state) << h->cluster_bits;
    int status = FMT_OK;

    if (bytes) {
        status = qcow2_check_place(im, h->l1_offset >> h->cluster_bits, bytes >> h->cluster_bits,
                                   QCOW2_PLACE_L1);
    }
    if (!status) {
        /* memory is ahead of the disk, or behind it, from here on */
        qcow2_writer(im)->dead = true;
        status = qcow2_write_zeros(im, 0, h->l1_offset, bytes);
    }
    return status ? status : fmt_flush(im->env, 0);
}

static int rewrite(struct fmt_image *im, const struct set *final, uint8_t *bytes)
{
    const struct qcow2_state *st = im->state;
    struct found found;
    int status = look(im, final, &found);
    struct set between =
        set_at(st, max_u64(final->end, div_up(qcow2_writer(im)->end, st->cluster_size)));

    if (!status && !found.in_place && found.overlaps &&
        between.table << st->header.cluster_bits > QCOW2_MAX_REFTABLE_BYTES) {
        status = qcow2_fail_errno(im, QCOW2_EFBIG);
    }
    if (!status) {
        status = clear_l1(im);
    }
    if (status) {
        return status;
    }
    if (found.in_place) {
        return trim(im, final, found.others, bytes);
    }
    if (found.overlaps) {
        status = move_to(im, &between, bytes);
    }
    return status ? status : move_to(im, final, bytes);
}

/* Everything in memory follows. */
static void begin_anew(struct fmt_image *im, const struct set *s)
{
    struct qcow2_state *st = im->state;
    struct qcow2_writer *w = st->writer;

    qcow2_cache_drop(im, 0, INT64_MAX);
    st->file_size = s->end << st->header.cluster_bits;
    st->active.l1_offset = st->header.l1_offset;
    st->view = st->active;
    w->end = st->file_size;
    w->next_free = w->pack_at = w->sound_block = 0;
    w->published = w->coded = false;
    w->dead = false;
}

int qcow2_reset(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct set final = set_at(st, 1);
    uint8_t *bytes = im->env->alloc(im->env, st->cluster_size);
    int status = bytes ? rewrite(im, &final, bytes) : fmt_fail(im->env, FMT_E_NO_MEMORY);

    im->env->free(im->env, bytes);
    /* The header is written as a whole, as qemu-img does; one that has no room stays. Where the
     * tables are it said before: neither it nor the end of the file need wait for the counts. */
    if (!status) {
        status = qcow2_header_write(im);
        status = status == FMT_E_NO_SPACE ? FMT_OK : status;
    }
    if (!status) {
        status = fmt_truncate(im->env, 0, final.end << st->header.cluster_bits, ABI_PREALLOC_OFF);
    }
    if (status) {
        return status;
    }
    begin_anew(im, &final);
    return fmt_flush(im->env, 0);
}
