/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Bitmaps": the directory, and what must hold for its tables. */
#include "format/qcow2.h"

#define STEP_TABLE (64u << 10)

void qcow2_bitmaps_begin(struct fmt_image *im, struct qcow2_bitmap_walk *it)
{
    const struct qcow2_state *st = im->state;

    *it = (struct qcow2_bitmap_walk){
        .im = im,
        .offset = st->bitmaps.directory_offset,
        .end = st->bitmaps.directory_offset + st->bitmaps.directory_size,
    };
    qcow2_reader_init(&it->reader, im, 0);
}

void qcow2_bitmaps_end(struct qcow2_bitmap_walk *it)
{
    qcow2_reader_free(&it->reader);
}

static uint32_t text_length(const uint8_t *data, uint32_t length)
{
    uint32_t n = 0;
    while (n < length && data[n]) {
        n++;
    }
    return n;
}

/* Entries a table needs for every byte of the disk to have its bit. */
static uint64_t needed_entries(const struct qcow2_state *st, const struct qcow2_bitmap *b)
{
    uint64_t bits = div_up(st->active.size, 1ull << b->granularity_bits);
    return div_up(div_up(bits, 8), st->cluster_size);
}

static bool satisfies(const struct qcow2_state *st, const struct qcow2_bitmap *b)
{
    return b->table_size && b->table_offset && is_aligned(b->table_offset, st->cluster_size) &&
           (uint64_t)b->table_size * st->cluster_size <= QCOW2_MAX_BITMAP_TABLE_DATA &&
           b->granularity_bits >= QCOW2_BITMAP_MIN_GRANULARITY &&
           b->granularity_bits <= QCOW2_BITMAP_MAX_GRANULARITY &&
           !(b->flags & (QCOW2_BITMAP_FLAGS_RESERVED | QCOW2_BITMAP_EXTRA_COMPATIBLE)) &&
           b->name.length <= QCOW2_MAX_BITMAP_NAME && b->type == QCOW2_BITMAP_DIRTY_TRACKING &&
           ((b->flags & QCOW2_BITMAP_IN_USE) || needed_entries(st, b) <= b->table_size);
}

static int fail_directory(struct qcow2_bitmap_walk *it)
{
    it->im->env->result->io_errno = QCOW2_EIO;
    return fmt_fail(it->im->env, QCOW2_E_BITMAP_DIR_READ);
}

static int read_part(struct qcow2_bitmap_walk *it, uint64_t length, const uint8_t **ret)
{
    int status = qcow2_reader_get(&it->reader, it->offset, length, ret);
    return status == FMT_E_IO ? fmt_fail(it->im->env, QCOW2_E_BITMAP_DIR_READ) : status;
}

int qcow2_bitmaps_next(struct qcow2_bitmap_walk *it, struct qcow2_bitmap *ret, bool *ret_more)
{
    const struct qcow2_state *st = it->im->state;
    struct fmt_env *env = it->im->env;
    uint64_t left = it->end - it->offset;
    const uint8_t *p;

    *ret_more = false;
    if (it->index == 0 && st->bitmaps.n) {
        if (!left) {
            return fmt_fail(env, QCOW2_E_BITMAP_DIR_EMPTY);
        }
        if (!range_fits(st->bitmaps.directory_offset, left, QCOW2_MAX_FILE)) {
            return fail_directory(it);
        }
    }
    if (!left) {
        return it->index == st->bitmaps.n ? FMT_OK : fmt_fail(env, QCOW2_E_BITMAP_FEW);
    }
    if (left < QCOW2_BITMAP_HEAD) {
        return fmt_fail(env, QCOW2_E_BITMAP_DIR_BROKEN);
    }
    if (it->index == st->bitmaps.n) {
        return fmt_fail(env, QCOW2_E_BITMAP_MANY);
    }
    int status = read_part(it, QCOW2_BITMAP_HEAD, &p);
    if (status) {
        return status;
    }
    struct qcow2_bitmap b = {
        .offset = it->offset,
        .table_offset = be64_load(p),
        .table_size = be32_load(p + 8),
        .flags = be32_load(p + 12),
        .type = p[16],
        .granularity_bits = p[17],
        .name.length = be16_load(p + 18),
        .extra_length = be32_load(p + 20),
    };
    /* In 32 bits, as qemu-img: an absurd length of extra data is told as extra data. */
    uint32_t length = (QCOW2_BITMAP_HEAD + b.name.length + b.extra_length + 7) & ~7u;
    if (length > left && length <= INT32_MAX) {
        return fmt_fail(env, QCOW2_E_BITMAP_DIR_BROKEN);
    }
    if (b.extra_length) {
        return fmt_fail(env, QCOW2_E_BITMAP_EXTRA);
    }
    status = read_part(it, length, &p);
    if (status) {
        return status;
    }
    b.length = length;
    b.name.data = p + QCOW2_BITMAP_HEAD;
    if (!satisfies(st, &b)) {
        return fmt_fail_text(env, QCOW2_E_BITMAP_CONSTRAINTS, b.name.data,
                             text_length(b.name.data, b.name.length));
    }
    uint32_t shown = text_length(b.name.data, b.name.length);
    /* a directory can be written over as long as it keeps its size */
    b.cut = align_up(QCOW2_BITMAP_HEAD + shown, 8) != length;
    b.name.length = shown;
    it->offset += length;
    it->index++;
    *ret = b;
    *ret_more = true;
    return FMT_OK;
}

static int fail_bitmap(struct fmt_image *im, int status, uint32_t error,
                       const struct qcow2_bitmap *b)
{
    if (error) {
        im->env->result->io_errno = error;
    }
    return fmt_fail_text(im->env, status, b->name.data, b->name.length);
}

bool qcow2_bitmap_entry_valid(const struct qcow2_state *st, uint64_t entry)
{
    uint64_t offset = entry & QCOW2_BITMAP_TABLE_OFFSET;

    if (entry & QCOW2_BITMAP_TABLE_RESERVED) {
        return false;
    }
    return offset ? is_aligned(offset, st->cluster_size) && !(entry & 1) : true;
}

/* The table of a bitmap that qemu-img would load: its entries, then its length. */
static int validate_table(struct fmt_image *im, const struct qcow2_bitmap *b)
{
    const struct qcow2_state *st = im->state;
    struct qcow2_reader r;
    uint64_t bytes = b->table_size * 8ull;
    int status = FMT_OK;

    if (!range_fits(b->table_offset, bytes, QCOW2_MAX_FILE)) {
        return fail_bitmap(im, QCOW2_E_BITMAP_TABLE, QCOW2_EIO, b);
    }
    qcow2_reader_init(&r, im, min_u64(bytes, STEP_TABLE));
    for (uint64_t at = 0; at < bytes && !status; at += 8) {
        const uint8_t *p;
        status = qcow2_reader_get(&r, b->table_offset + at, 8, &p);
        if (status == FMT_E_IO) {
            status = fail_bitmap(im, QCOW2_E_BITMAP_TABLE, 0, b);
        } else if (!status && !qcow2_bitmap_entry_valid(st, be64_load(p))) {
            status = fail_bitmap(im, QCOW2_E_BITMAP_TABLE, QCOW2_EINVAL, b);
        }
    }
    qcow2_reader_free(&r);
    if (!status && b->table_size != needed_entries(st, b)) {
        status = fail_bitmap(im, QCOW2_E_BITMAP_DATA, QCOW2_EINVAL, b);
    }
    return status;
}

/* The names seen so far, by hash: a hash table of where they stand. */
struct names {
    struct fmt_image *im;
    struct {
        uint64_t hash, offset;
    } * slots;
    uint64_t mask;
    struct qcow2_reader reader;
};

static int names_begin(struct names *n, struct fmt_image *im, uint32_t count)
{
    uint64_t slots = 16;

    while (slots < 2ull * count) {
        slots *= 2;
    }
    *n = (struct names){ .im = im, .mask = slots - 1 };
    qcow2_reader_init(&n->reader, im, 0);
    n->slots = im->env->alloc(im->env, slots * sizeof *n->slots);
    return n->slots ? FMT_OK : fmt_fail(im->env, FMT_E_NO_MEMORY);
}

static void names_end(struct names *n)
{
    qcow2_reader_free(&n->reader);
    n->im->env->free(n->im->env, n->slots);
}

static uint64_t hash_name(const struct qcow2_text *t)
{
    uint64_t h = t->length + 0x9e3779b97f4a7c15ull;

    for (uint32_t i = 0; i < t->length; i++) {
        h = (h ^ t->data[i]) * 0xff51afd7ed558ccdull;
        h ^= h >> 29;
    }
    return h | 1; /* 0 marks an empty slot */
}

/* Add b's name; *ret_taken if it was there. */
static int names_add(struct names *n, const struct qcow2_bitmap *b, bool *ret_taken)
{
    uint64_t hash = hash_name(&b->name);
    uint64_t at = hash & n->mask;

    *ret_taken = false;
    for (; n->slots[at].hash; at = (at + 1) & n->mask) {
        const uint8_t *p;
        if (n->slots[at].hash != hash) {
            continue;
        }
        /* one byte more: it must end there, too */
        int status = qcow2_reader_get(&n->reader, n->slots[at].offset,
                                      QCOW2_BITMAP_HEAD + b->name.length + 1u, &p);
        if (status) {
            return status;
        }
        uint32_t length = text_length(p + QCOW2_BITMAP_HEAD,
                                      (uint32_t)min_u64(be16_load(p + 18), b->name.length + 1u));
        if (length == b->name.length &&
            !__builtin_memcmp(p + QCOW2_BITMAP_HEAD, b->name.data, length)) {
            *ret_taken = true;
            return FMT_OK;
        }
    }
    n->slots[at].hash = hash;
    n->slots[at].offset = b->offset;
    return FMT_OK;
}

static int validate_one(struct fmt_image *im, struct names *names, const struct qcow2_bitmap *b)
{
    bool taken;
    int status = names_add(names, b, &taken);

    if (status) {
        return status;
    }
    if (taken) {
        return fail_bitmap(im, QCOW2_E_BITMAP_EXISTS, 0, b);
    }
    return b->flags & QCOW2_BITMAP_IN_USE ? FMT_OK : validate_table(im, b);
}

/* Walk the directory once; names NULL: only to see that it can be. *ret_cut: a name cannot be
 * written as it stands, and without it the directory would be shorter. */
static int walk(struct fmt_image *im, struct names *names, bool *ret_cut)
{
    struct qcow2_bitmap_walk it;
    struct qcow2_bitmap b;
    bool more;
    int status;

    qcow2_bitmaps_begin(im, &it);
    do {
        status = qcow2_bitmaps_next(&it, &b, &more);
        if (!status && more) {
            *ret_cut |= b.cut;
        }
        if (!status && more && names) {
            status = validate_one(im, names, &b);
        }
    } while (!status && more);
    qcow2_bitmaps_end(&it);
    return status;
}

int qcow2_bitmaps_validate(struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;
    struct names names;
    /* all of the directory first, then the bitmaps one by one */
    bool cut = false;
    int status = walk(im, 0, &cut);

    if (status) {
        return status;
    }
    status = names_begin(&names, im, st->bitmaps.n);
    if (!status) {
        status = walk(im, &names, &cut);
    }
    names_end(&names);
    if (!status && cut && (im->flags & ABI_OPEN_WRITE) && !(im->flags & ABI_OPEN_INACTIVE)) {
        status = fmt_fail(im->env, QCOW2_E_BITMAP_DIR_UPDATE);
    }
    return status;
}
