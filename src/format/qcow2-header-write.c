/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Header" and "Header extensions": writing them. */
#include "format/qcow2-write.h"

/* limit: qemu-img leaves the feature names out where a cluster is not larger than this */
#define SMALL_CLUSTER 4096u

/* The header cluster being put together. */
struct page {
    uint8_t *bytes;
    uint64_t size, used;
    bool full;
};

static const struct {
    uint8_t type, bit; /* spec "Feature name table" */
    const char *name;
} features[] = {
    { 0, 0, "dirty bit" },        { 0, 1, "corrupt bit" },         { 0, 2, "external data file" },
    { 0, 3, "compression type" }, { 0, 4, "extended L2 entries" }, { 1, 0, "lazy refcounts" },
    { 2, 0, "bitmaps" },          { 2, 1, "raw external data" },
};
#define N_FEATURES (sizeof features / sizeof *features)

/* The fixed part; room for QCOW2_HEADER_V3_USED bytes. Returns how many are used. */
static uint32_t encode_fixed(const struct qcow2_header *h, uint8_t *b)
{
    be32_store(b + QCOW2_H_MAGIC, QCOW2_MAGIC);
    be32_store(b + QCOW2_H_VERSION, h->version);
    be64_store(b + QCOW2_H_BACKING_OFFSET, h->backing_offset);
    be32_store(b + QCOW2_H_BACKING_LENGTH, h->backing_length);
    be32_store(b + QCOW2_H_CLUSTER_BITS, h->cluster_bits);
    be64_store(b + QCOW2_H_SIZE, h->size);
    be32_store(b + QCOW2_H_CRYPT, h->crypt_method);
    be32_store(b + QCOW2_H_L1_SIZE, h->l1_size);
    be64_store(b + QCOW2_H_L1_OFFSET, h->l1_offset);
    be64_store(b + QCOW2_H_REFTABLE_OFFSET, h->reftable_offset);
    be32_store(b + QCOW2_H_REFTABLE_CLUSTERS, h->reftable_clusters);
    be32_store(b + QCOW2_H_N_SNAPSHOTS, h->n_snapshots);
    be64_store(b + QCOW2_H_SNAPSHOTS_OFFSET, h->snapshots_offset);
    if (h->version < 3) {
        return QCOW2_HEADER_V2;
    }
    be64_store(b + QCOW2_H_INCOMPATIBLE, h->incompatible);
    be64_store(b + QCOW2_H_COMPATIBLE, h->compatible);
    be64_store(b + QCOW2_H_AUTOCLEAR, h->autoclear);
    be32_store(b + QCOW2_H_REFCOUNT_ORDER, h->refcount_order);
    be32_store(b + QCOW2_H_HEADER_LENGTH, h->header_length);
    b[QCOW2_H_COMPRESSION] = (uint8_t)h->compression;
    return QCOW2_HEADER_V3_USED;
}

static void put(struct page *p, const void *data, uint64_t length)
{
    if (p->full || length > p->size - p->used) {
        p->full = true;
    } else if (length) {
        __builtin_memcpy(p->bytes + p->used, data, length);
        p->used += length;
    }
}

static void put_extension(struct page *p, uint32_t type, const void *data, uint32_t length)
{
    uint8_t head[QCOW2_EXT_HEAD], padding[8] = { 0 };

    be32_store(head, type);
    be32_store(head + 4, length);
    put(p, head, sizeof head);
    put(p, data, length);
    put(p, padding, align_up(length, 8) - length);
}

static void put_features(struct page *p)
{
    uint8_t table[N_FEATURES * QCOW2_FEATURE_SIZE] = { 0 };

    for (uint32_t i = 0; i < N_FEATURES; i++) {
        uint8_t *row = table + i * QCOW2_FEATURE_SIZE;
        row[0] = features[i].type;
        row[1] = features[i].bit;
        __builtin_memcpy(row + 2, features[i].name, props_strlen(features[i].name));
    }
    put_extension(p, QCOW2_EXT_FEATURE_NAMES, table, sizeof table);
}

/* Does this file write extensions of that type itself? */
static bool is_own(uint32_t type)
{
    return type == QCOW2_EXT_BACKING_FORMAT || type == QCOW2_EXT_DATA_FILE ||
           type == QCOW2_EXT_CRYPTO || type == QCOW2_EXT_FEATURE_NAMES || type == QCOW2_EXT_BITMAPS;
}

/* Those of other makers, the last one first: so they end up as qemu-img leaves them. */
static void put_foreign(struct page *p, const struct qcow2_state *st)
{
    const struct qcow2_extension *done = 0;

    for (;;) {
        const struct qcow2_extension *last = 0;
        for (const struct qcow2_extension *e = st->extensions; e != done; e = e->next) {
            last = is_own(e->type) ? last : e;
        }
        if (!last) {
            return;
        }
        put_extension(p, last->type, last->data, last->length);
        done = last;
    }
}

static void put_extensions(struct page *p, const struct qcow2_state *st)
{
    uint8_t bytes[24] = { 0 };

    if (st->backing_format.length) {
        put_extension(p, QCOW2_EXT_BACKING_FORMAT, st->backing_format.data,
                      st->backing_format.length);
    }
    if (st->has_data_file_name && st->data_file.length) {
        put_extension(p, QCOW2_EXT_DATA_FILE, st->data_file.data, st->data_file.length);
    }
    if (st->has_crypto) {
        be64_store(bytes, st->crypto_offset);
        be64_store(bytes + 8, st->crypto_length);
        put_extension(p, QCOW2_EXT_CRYPTO, bytes, 16);
    }
    if (st->header.version >= 3 && st->cluster_size > SMALL_CLUSTER) {
        put_features(p);
    }
    if (st->bitmaps.n) {
        be32_store(bytes, st->bitmaps.n);
        be32_store(bytes + 4, 0);
        be64_store(bytes + 8, st->bitmaps.directory_size);
        be64_store(bytes + 16, st->bitmaps.directory_offset);
        put_extension(p, QCOW2_EXT_BITMAPS, bytes, sizeof bytes);
    }
    put_foreign(p, st);
    put_extension(p, QCOW2_EXT_END, 0, 0);
}

int qcow2_header_encode(struct fmt_image *im, uint8_t *bytes)
{
    struct qcow2_state *st = im->state;
    struct qcow2_header *h = &st->header;
    struct page p = { .bytes = bytes, .size = st->cluster_size };

    if (h->version >= 3) {
        h->header_length = QCOW2_HEADER_V3_USED + st->header_rest.length;
    }
    p.used = encode_fixed(h, p.bytes);
    put(&p, st->header_rest.data, st->header_rest.length);
    put_extensions(&p, st);
    h->backing_offset = st->backing_name.length ? p.used : 0;
    h->backing_length = st->backing_name.length;
    put(&p, st->backing_name.data, st->backing_name.length);
    encode_fixed(h, p.bytes);
    return p.full ? fmt_fail(im->env, FMT_E_NO_SPACE) : FMT_OK;
}

int qcow2_header_write(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct qcow2_header before = st->header;
    uint8_t *bytes = im->env->alloc(im->env, st->cluster_size);
    int status = bytes ? qcow2_header_encode(im, bytes) : fmt_fail(im->env, FMT_E_NO_MEMORY);

    if (!status) {
        status = fmt_write(im->env, 0, 0, bytes, st->cluster_size);
    }
    if (status) {
        st->header = before;
    }
    im->env->free(im->env, bytes);
    return status;
}

int qcow2_header_fields(struct fmt_image *im)
{
    const struct qcow2_header *h = &qcow2_state(im)->header;
    uint8_t bytes[QCOW2_HEADER_V3_USED] = { 0 };
    uint32_t used = encode_fixed(h, bytes);
    struct abi_io ops[] = {
        { .op = ABI_IO_FLUSH },
        { .op = ABI_IO_WRITE,
          .length = min_u64(used, h->header_length),
          .address = (uint64_t)(uintptr_t)bytes },
        { .op = ABI_IO_FLUSH },
    };
    return im->env->io(im->env, ops, 3);
}
