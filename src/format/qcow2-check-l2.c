/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of guest clusters: every entry judged, every reference counted. */
#include "format/qcow2-check.h"

#define AHEAD 64u /* L2 tables asked for together, at most */

void qcow2_l2_walk_begin(struct qcow2_check *c, uint64_t l2_offset, struct qcow2_l2_walk *w)
{
    *w = (struct qcow2_l2_walk){
        .c = c,
        .l2_offset = l2_offset,
        .entries = 1u << c->st->l2_bits,
    };
    qcow2_reader_init(&w->reader, c->im, qcow2_block_size(c->st));
}

void qcow2_l2_walk_end(struct qcow2_l2_walk *w)
{
    if (w->block) {
        qcow2_block_put(w->block);
        w->block = 0;
    }
    qcow2_reader_free(&w->reader);
}

int qcow2_l2_walk_next(struct qcow2_l2_walk *w, const uint8_t **ret)
{
    const struct qcow2_state *st = w->c->st;

    *ret = 0;
    if (w->index == w->entries) {
        return FMT_OK;
    }
    if (!is_aligned(w->l2_offset, st->cluster_size)) {
        uint64_t at = w->l2_offset + (uint64_t)w->index * st->l2_entry_size;
        w->index++;
        return qcow2_reader_get(&w->reader, at, st->l2_entry_size, ret);
    }
    if (!w->left) {
        if (w->block) {
            qcow2_block_put(w->block);
            w->block = 0;
        }
        int status = qcow2_l2_block(w->c->im, w->l2_offset, w->index, &w->block, &w->at, &w->left);
        if (status) {
            return status;
        }
    }
    *ret = w->block->data + w->at;
    w->at += st->l2_entry_size;
    w->left--;
    w->index++;
    return FMT_OK;
}

/* May the table be changed where it lies? One that does not begin at a cluster needs both that it
 * lies in. */
static int examine_place(struct qcow2_l2_walk *w)
{
    const struct qcow2_state *st = w->c->st;
    uint64_t clusters = is_aligned(w->l2_offset, st->cluster_size) ? 1 : 2;
    int status = qcow2_check_place(w->c->im, w->l2_offset >> st->header.cluster_bits, clusters,
                                   QCOW2_PLACE_L2);

    if (status && status != FMT_E_CORRUPT_CLUSTER) {
        return status;
    }
    w->examined = true;
    w->writable = !status;
    return FMT_OK;
}

/* The entry just read of a table that no piece of the cache holds; pieces that lie there too are
 * written before and read anew after that. */
static int set_unaligned(struct qcow2_l2_walk *w, const uint8_t *bytes)
{
    const struct qcow2_state *st = w->c->st;
    struct fmt_image *im = w->c->im;
    uint64_t at = w->l2_offset + (uint64_t)(w->index - 1) * st->l2_entry_size;
    int status = qcow2_cache_write_back(im, QCOW2_KIND_L1);

    if (!status) {
        status = fmt_write(im->env, 0, at, bytes, st->l2_entry_size);
    }
    if (!status) {
        qcow2_cache_drop(im, at, st->l2_entry_size);
    }
    return status;
}

int qcow2_l2_walk_set(struct qcow2_l2_walk *w, uint64_t entry, uint64_t bitmap)
{
    const struct qcow2_state *st = w->c->st;
    uint8_t bytes[16];
    int status = w->examined ? FMT_OK : examine_place(w);

    if (status || !w->writable) {
        return status;
    }
    be64_store(bytes, entry);
    be64_store(bytes + 8, bitmap);
    if (!w->block) {
        return set_unaligned(w, bytes);
    }
    __builtin_memcpy(w->block->data + w->at - st->l2_entry_size, bytes, st->l2_entry_size);
    qcow2_block_dirty(w->block);
    return FMT_OK;
}

/* What one L2 table tells about the figures of allocation. */
struct figures {
    bool wanted;
    uint64_t next; /* where a cluster must lie to continue the one before; 0: any */
};

static void figure(struct qcow2_check *c, struct figures *f, uint64_t offset)
{
    c->ret->allocated_clusters++;
    if (f->next && offset != f->next) {
        c->ret->fragmented_clusters++;
    }
    f->next = offset + c->st->cluster_size;
}

static int check_compressed(struct qcow2_check *c, struct figures *f, uint64_t entry,
                            uint64_t bitmap, uint32_t index)
{
    struct qcow2_state *st = c->st;
    uint64_t offset, length;
    int status = FMT_OK;

    if (entry & QCOW2_COPIED) {
        qcow2_compressed_range(st, entry, &offset, &length);
        status = qcow2_tell_corrupt(c, QCOW2_C_COMPRESSED_COPIED, offset, 0, 0);
        entry &= ~QCOW2_COPIED;
    }
    if (!status && st->has_data_file) {
        return qcow2_tell_corrupt(c, QCOW2_C_COMPRESSED_DATA_FILE, index, entry, 0);
    }
    if (!status && bitmap) {
        return qcow2_tell_corrupt(c, QCOW2_C_COMPRESSED_BITMAP, index, entry, 0);
    }
    if (status) {
        return status;
    }
    qcow2_compressed_range(st, entry, &offset, &length);
    if (f->wanted) {
        c->ret->allocated_clusters++;
        c->ret->compressed_clusters++;
        /* qemu-img takes each for a fragment */
        c->ret->fragmented_clusters++;
    }
    return qcow2_count(c, offset, length);
}

/* A preallocated cluster at an impossible place holds nothing: the entry loses the place and
 * keeps what it reads as. */
static int mend_prealloc(struct qcow2_check *c, struct qcow2_l2_walk *w, uint64_t offset,
                         uint64_t bitmap)
{
    int status = qcow2_tell(c, QCOW2_C_PREALLOC_MENDED, offset, 0, 0);

    if (!status) {
        status = qcow2_l2_walk_set(w, c->st->extended_l2 ? 0 : QCOW2_ZERO, bitmap);
    }
    if (!status && !w->writable) {
        status = qcow2_tell(c, QCOW2_C_OVERLAP, 0, 0, 0);
        c->im->env->result->io_errno = QCOW2_EIO;
        return status ? status : fmt_fail(c->im->env, FMT_E_CORRUPT_CLUSTER);
    }
    c->ret->corruptions_fixed++;
    return status;
}

/* A cluster that does not begin where one can. *ret_gone: it is out of the table now. */
static int tell_unaligned(struct qcow2_check *c, struct qcow2_l2_walk *w, uint64_t offset,
                          uint64_t bitmap, bool data, bool *ret_gone)
{
    *ret_gone = !data && (c->fixing & ABI_FIX_ERRORS);
    if (*ret_gone) {
        return mend_prealloc(c, w, offset, bitmap);
    }
    return qcow2_tell_corrupt(c, data ? QCOW2_C_DATA_UNALIGNED : QCOW2_C_PREALLOC_UNALIGNED, offset,
                              0, 0);
}

static int check_standard(struct qcow2_check *c, struct figures *f, struct qcow2_l2_walk *w,
                          uint64_t entry, uint64_t bitmap)
{
    struct qcow2_state *st = c->st;
    uint64_t offset = entry & QCOW2_L2_OFFSET;
    uint32_t allocated = (uint32_t)bitmap;
    bool zero = !st->extended_l2 && (entry & QCOW2_ZERO);
    bool gone = false;
    int status = FMT_OK;

    if (!offset && !(st->has_data_file && (entry & QCOW2_COPIED) && !zero)) {
        return allocated ? qcow2_tell_corrupt(c, QCOW2_C_BITMAP_UNALLOCATED, 0, 0, 0) : FMT_OK;
    }
    if (allocated & (uint32_t)(bitmap >> 32)) {
        status = qcow2_tell_corrupt(c, QCOW2_C_BITMAP_CORRUPT, offset, 0, 0);
    }
    if (!status && !is_aligned(offset, st->cluster_size)) {
        status =
            tell_unaligned(c, w, offset, bitmap, st->extended_l2 ? allocated != 0 : !zero, &gone);
    }
    if (status || gone) {
        return status;
    }
    if (f->wanted) {
        figure(c, f, offset);
    }
    return st->has_data_file ? FMT_OK : qcow2_count(c, offset, st->cluster_size);
}

static int check_entry(struct qcow2_check *c, struct figures *f, struct qcow2_l2_walk *w,
                       const uint8_t *p)
{
    uint64_t entry = be64_load(p);
    uint64_t bitmap = c->st->extended_l2 ? be64_load(p + 8) : 0;
    bool compressed = entry & QCOW2_COMPRESSED;

    if (!compressed && (entry & QCOW2_L2_STD_RESERVED)) {
        int status = qcow2_tell_corrupt(c, QCOW2_C_L2_RESERVED, entry, 0, 0);
        if (status) {
            return status;
        }
    }
    return compressed ? check_compressed(c, f, entry, bitmap, w->index - 1)
                      : check_standard(c, f, w, entry, bitmap);
}

static int check_l2(struct qcow2_check *c, uint64_t l2_offset, bool active)
{
    struct figures f = { .wanted = active && c->first_turn };
    struct qcow2_l2_walk w;
    const uint8_t *p;
    int status;

    qcow2_l2_walk_begin(c, l2_offset, &w);
    while (!(status = qcow2_l2_walk_next(&w, &p)) && p) {
        status = check_entry(c, &f, &w, p);
        if (status) {
            break;
        }
    }
    qcow2_l2_walk_end(&w);
    if (status == FMT_E_IO) {
        c->ret->check_errors++;
        qcow2_tell(c, QCOW2_C_IO_L2, 0, 0, 0);
    }
    return status;
}

/* Ask for the tables that the n entries at p point to in one request. */
static int read_ahead(struct qcow2_check *c, const uint8_t *p, uint64_t n)
{
    uint32_t piece = qcow2_block_size(c->st);
    uint32_t pieces = (uint32_t)(c->st->cluster_size / piece);
    uint64_t offsets[AHEAD];
    uint32_t count = 0;

    for (uint64_t i = 0; i < n && count < AHEAD; i++) {
        uint64_t l2 = be64_load(p + i * 8) & QCOW2_L1_OFFSET;
        for (uint32_t k = 0; l2 && is_aligned(l2, c->st->cluster_size) && k < pieces; k++) {
            if (count < AHEAD) {
                offsets[count++] = l2 + (uint64_t)k * piece;
            }
        }
    }
    return qcow2_cache_prefetch(c->im, QCOW2_KIND_L2, offsets, count);
}

static int check_l1_entry(struct qcow2_check *c, uint64_t entry, bool active)
{
    uint64_t l2 = entry & QCOW2_L1_OFFSET;
    int status = FMT_OK;

    /* an entry of which only reserved bits or the flag are set leads to a table at 0 */
    if (!entry) {
        return FMT_OK;
    }
    if (entry & QCOW2_L1_RESERVED) {
        status = qcow2_tell_corrupt(c, QCOW2_C_L1_RESERVED, entry, 0, 0);
    }
    if (!status) {
        status = qcow2_count(c, l2, c->st->cluster_size);
    }
    if (!status && !is_aligned(l2, c->st->cluster_size)) {
        status = qcow2_tell_corrupt(c, QCOW2_C_L1_UNALIGNED, l2, 0, 0);
    }
    return status ? status : check_l2(c, l2, active);
}

static int fail_l1(struct qcow2_check *c, int status)
{
    if (status == FMT_E_IO) {
        c->ret->check_errors++;
        qcow2_tell(c, QCOW2_C_IO_L1, 0, 0, 0);
    }
    return status;
}

int qcow2_check_l1(struct qcow2_check *c, uint64_t offset, uint32_t n, bool active)
{
    uint64_t bytes = n * 8ull;
    struct qcow2_reader r;

    if (!n) {
        return FMT_OK;
    }
    int status = qcow2_count(c, offset, bytes);
    if (status) {
        return status;
    }
    if (!range_fits(offset, bytes, QCOW2_MAX_FILE)) {
        c->im->env->result->io_errno = QCOW2_EIO;
        return fail_l1(c, fmt_fail(c->im->env, FMT_E_IO));
    }
    qcow2_reader_init(&r, c->im, min_u64(bytes, QCOW2_CACHE_MAX_BLOCK));
    for (uint64_t at = 0; at < bytes && !status;) {
        const uint8_t *p;
        uint64_t some = min_u64(bytes - at, r.step);
        status = qcow2_reader_get(&r, offset + at, some, &p);
        if (status) {
            fail_l1(c, status);
        }
        for (uint64_t i = 0; i < some && !status; i += 8) {
            uint64_t l2 = be64_load(p + i) & QCOW2_L1_OFFSET;
            if (l2 && !qcow2_cache_has(c->im, QCOW2_KIND_L2, l2)) {
                /* a hint: what fails here fails again when it is needed */
                read_ahead(c, p + i, (some - i) / 8);
            }
            status = check_l1_entry(c, be64_load(p + i), active);
        }
        at += some;
    }
    qcow2_reader_free(&r);
    return status;
}
