/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening: the header is examined in the order in which qemu-img examines it,
 * so that of several faults the same one is told. Each rule stands in one table
 * or one function; nothing is published before all of them hold.
 */
#include "format/qcow2.h"

/* limit: 2^63 - 1 bytes is more than qemu-img can count */
#define MAX_SIZE INT64_MAX
/* qemu-img looks at pieces of L2 tables of at most this many bytes */
#define L2_PIECE (64u << 10)

uint32_t qcow2_probe(const uint8_t *head, uint32_t length)
{
    return length >= 8 && be32_load(head) == QCOW2_MAGIC && be32_load(head + 4) >= 2 ? 100 : 0;
}

static int fail_errno(struct fmt_env *env, int status, uint32_t error)
{
    env->result->io_errno = error;
    return fmt_fail(env, status);
}

/* The fixed fields up to the backing file's place. */
static int examine_shape(struct fmt_env *env, const struct qcow2_header *h)
{
    if (h->version < 2 || h->version > 3) {
        return fmt_fail1(env, QCOW2_E_VERSION, h->version);
    }
    if (h->cluster_bits < QCOW2_MIN_CLUSTER_BITS || h->cluster_bits > QCOW2_MAX_CLUSTER_BITS) {
        return fmt_fail1(env, QCOW2_E_CLUSTER_BITS, h->cluster_bits);
    }
    if (h->version >= 3 && h->header_length < QCOW2_HEADER_V3) {
        return fmt_fail(env, QCOW2_E_HEADER_SHORT);
    }
    if (h->header_length > 1ull << h->cluster_bits) {
        return fmt_fail(env, QCOW2_E_HEADER_LONG);
    }
    if (h->backing_offset > 1ull << h->cluster_bits) {
        return fmt_fail(env, QCOW2_E_BACKING_OFFSET);
    }
    return FMT_OK;
}

static int examine_compression(struct fmt_env *env, const struct qcow2_header *h)
{
    bool bit = h->incompatible & QCOW2_INCOMPAT_COMPRESSION;

    switch (h->compression) {
    case QCOW2_COMPRESSION_ZLIB:
        return bit ? fmt_fail(env, QCOW2_E_COMPRESSION_BIT_SET) : FMT_OK;
    case QCOW2_COMPRESSION_ZSTD:
        return bit ? FMT_OK : fmt_fail(env, QCOW2_E_COMPRESSION_BIT_CLEAR);
    default:
        return fmt_fail1(env, QCOW2_E_COMPRESSION_TYPE, h->compression);
    }
}

static int examine_features(struct fmt_image *im, const struct qcow2_header *h)
{
    struct fmt_env *env = im->env;

    if ((h->incompatible & QCOW2_INCOMPAT_CORRUPT) && (im->flags & ABI_OPEN_WRITE) &&
        !(im->flags & ABI_OPEN_CHECK)) {
        return fmt_fail(env, QCOW2_E_CORRUPT_WRITE);
    }
    if ((h->incompatible & QCOW2_INCOMPAT_EXTENDED_L2) &&
        h->cluster_bits < QCOW2_MIN_EXTENDED_BITS) {
        return fmt_fail1(env, QCOW2_E_SUBCLUSTER_SIZE,
                         (1ull << h->cluster_bits) / QCOW2_SUBCLUSTERS);
    }
    if (h->refcount_order > QCOW2_MAX_REFCOUNT_ORDER) {
        return fmt_fail(env, QCOW2_E_REFCOUNT_ORDER);
    }
    return FMT_OK;
}

/* Where a table may begin: at a cluster, with its end within 63 bits. */
static bool table_offset_valid(const struct qcow2_state *st, uint64_t offset, uint64_t bytes)
{
    return is_aligned(offset, st->cluster_size) && range_fits(offset, bytes, INT64_MAX);
}

static int examine_tables(struct fmt_image *im, const struct qcow2_state *st)
{
    const struct qcow2_header *h = &st->header;
    struct fmt_env *env = im->env;
    bool check = im->flags & ABI_OPEN_CHECK;
    uint64_t reftable_bytes = h->reftable_clusters * st->cluster_size;

    if (reftable_bytes > QCOW2_MAX_REFTABLE_BYTES) {
        return fmt_fail(env, QCOW2_E_REFTABLE_LARGE);
    }
    if (!h->reftable_clusters && !check) {
        return fmt_fail(env, QCOW2_E_REFTABLE_NONE);
    }
    if (!table_offset_valid(st, h->reftable_offset, reftable_bytes)) {
        return fmt_fail(env, QCOW2_E_REFTABLE_OFFSET);
    }
    if (!check && h->n_snapshots > QCOW2_MAX_SNAPSHOTS) {
        return fmt_fail(env, QCOW2_E_SNAPSHOTS_LARGE);
    }
    if (!check && !table_offset_valid(st, h->snapshots_offset,
                                      h->n_snapshots * (uint64_t)QCOW2_SNAPSHOT_HEAD)) {
        return fmt_fail(env, QCOW2_E_SNAPSHOTS_OFFSET);
    }
    if (h->l1_size > QCOW2_MAX_L1_BYTES / 8) {
        return fmt_fail(env, QCOW2_E_L1_LARGE);
    }
    if (!table_offset_valid(st, h->l1_offset, h->l1_size * 8ull)) {
        return fmt_fail(env, QCOW2_E_L1_OFFSET);
    }
    return FMT_OK;
}

/* Entries of the L1 table that the virtual size asks for, as qemu-img computes
 * them: a size close to 2^64 wraps around to none. */
static int examine_size(struct fmt_image *im, const struct qcow2_state *st)
{
    const struct qcow2_header *h = &st->header;
    uint32_t shift = h->cluster_bits + st->l2_bits;
    uint64_t entries = (h->size + (1ull << shift) - 1) >> shift;

    if (entries > INT32_MAX) {
        return fmt_fail(im->env, QCOW2_E_SIZE_LARGE);
    }
    if (h->l1_size < entries) {
        return fmt_fail(im->env, QCOW2_E_L1_SMALL);
    }
    if (!range_fits(h->l1_offset, h->l1_size * 8ull, QCOW2_MAX_FILE) && h->l1_size) {
        return fail_errno(im->env, QCOW2_E_L1_READ, QCOW2_EIO);
    }
    if (h->crypt_method > QCOW2_CRYPT_LUKS) {
        return fmt_fail1(im->env, QCOW2_E_CRYPT_METHOD, (uint64_t)(int32_t)h->crypt_method);
    }
    if (h->reftable_clusters &&
        !range_fits(h->reftable_offset, h->reftable_clusters * st->cluster_size, QCOW2_MAX_FILE)) {
        return fail_errno(im->env, QCOW2_E_REFTABLE_READ, QCOW2_EIO);
    }
    return FMT_OK;
}

/* Where the header extensions end: at the backing file's name, or with the cluster. */
static uint64_t extensions_end(const struct qcow2_header *h)
{
    return h->backing_offset ? h->backing_offset : 1ull << h->cluster_bits;
}

static int read_backing_name(struct fmt_image *im, struct qcow2_reader *r)
{
    struct qcow2_state *st = im->state;
    const struct qcow2_header *h = &st->header;
    uint32_t length = h->backing_length;
    const uint8_t *p;

    if (!h->backing_offset) {
        return FMT_OK;
    }
    if (length > st->cluster_size - h->backing_offset || length > QCOW2_MAX_BACKING_NAME) {
        return fmt_fail(im->env, QCOW2_E_BACKING_LENGTH);
    }
    int status = qcow2_reader_get(r, h->backing_offset, length, &p);
    if (status) {
        return status == FMT_E_IO ? fmt_fail(im->env, QCOW2_E_BACKING_READ) : status;
    }
    uint8_t *copy = im->env->alloc(im->env, length + 1);
    if (!copy) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    for (uint32_t i = 0; i < length && p[i]; i++) {
        copy[i] = p[i];
        st->backing_name.length = i + 1;
    }
    st->backing_name.data = copy;
    return FMT_OK;
}

/* Bytes of the header that no field of struct qcow2_header holds. */
static int keep_header_rest(struct fmt_image *im, struct qcow2_reader *r)
{
    struct qcow2_state *st = im->state;
    uint32_t known = QCOW2_HEADER_V3_USED;
    const uint8_t *p;

    if (st->header.header_length <= known) {
        return FMT_OK;
    }
    uint32_t length = st->header.header_length - known;
    uint8_t *copy = im->env->alloc(im->env, length);
    int status = copy ? qcow2_reader_get(r, known, length, &p) : fmt_fail(im->env, FMT_E_NO_MEMORY);
    if (status) {
        im->env->free(im->env, copy);
        return status;
    }
    __builtin_memcpy(copy, p, length);
    st->header_rest = (struct qcow2_text){ copy, length };
    return FMT_OK;
}

/* Everything that is judged, in qemu-img's order. */
static int examine(struct fmt_image *im, struct qcow2_reader *r)
{
    struct qcow2_state *st = im->state;
    struct qcow2_header *h = &st->header;
    struct fmt_env *env = im->env;
    const uint8_t *p;

    int status = qcow2_reader_get(r, 0, QCOW2_HEADER_V3_USED, &p);
    if (status) {
        return status == FMT_E_IO ? fmt_fail(env, QCOW2_E_HEADER_READ) : status;
    }
    if (be32_load(p) != QCOW2_MAGIC) {
        return fmt_fail(env, QCOW2_E_MAGIC);
    }
    qcow2_header_decode(p, h);
    status = examine_shape(env, h);
    if (!status) {
        qcow2_set_geometry(st);
        status = examine_compression(env, h);
    }
    if (!status && (h->incompatible & ~QCOW2_INCOMPAT_KNOWN)) {
        /* what it is called may stand in an extension; faults there do not matter now */
        qcow2_extensions_read(im, r, extensions_end(h), true);
        return qcow2_fail_features(im, h->incompatible & ~QCOW2_INCOMPAT_KNOWN);
    }
    if (!status) {
        status = examine_features(im, h);
    }
    if (!status) {
        qcow2_set_geometry(st);
        status = examine_tables(im, st);
    }
    if (!status) {
        status = examine_size(im, st);
    }
    if (!status) {
        status = keep_header_rest(im, r);
    }
    if (!status) {
        status = qcow2_extensions_read(im, r, extensions_end(h), false);
    }
    if (!status && h->crypt_method == QCOW2_CRYPT_LUKS && !st->has_crypto) {
        status = fmt_fail1(env, QCOW2_E_EXT_CRYPTO_MISSING, h->crypt_method);
    }
    if (!status && st->data_file_raw && !st->has_data_file && !(im->flags & ABI_OPEN_NO_IO)) {
        status = fmt_fail(env, QCOW2_E_RAW_WITHOUT_DATA_FILE);
    }
    return status ? status : read_backing_name(im, r);
}

/* What qemu-img reads at once although it may never be used. */
static int examine_lists(struct fmt_image *im)
{
    const struct qcow2_state *st = im->state;
    int status = FMT_OK;

    if (st->header.n_snapshots && !(im->flags & ABI_OPEN_CHECK)) {
        status = qcow2_snapshots_validate(im);
    }
    if (!status && st->bitmaps.n) {
        status = qcow2_bitmaps_validate(im);
    }
    if (!status && st->header.size > MAX_SIZE) {
        status = fmt_fail(im->env, QCOW2_E_SIZE_SECTORS);
    }
    return status;
}

static int warn(struct fmt_image *im, struct props_writer *props)
{
    const struct qcow2_state *st = im->state;
    struct abi_message m = {
        .code = st->header.version < 3 ? QCOW2_W_BITMAPS_V2 : QCOW2_W_BITMAPS_STALE,
        .stream = ABI_STREAM_REPORT,
    };
    int status = FMT_OK;

    for (uint32_t i = 0; i < st->stale_bitmaps && !status; i++) {
        status = fmt_message(im->env, props, &m, 0, 0);
    }
    return status;
}

static void put_text(struct props_writer *props, const char *key, struct qcow2_text t)
{
    props_bytes(props, key, t.data ? (const void *)t.data : "", t.length);
}

void qcow2_fill_facts(const struct qcow2_state *st, struct abi_facts *facts)
{
    const struct qcow2_header *h = &st->header;
    const struct {
        bool is;
        uint32_t flag;
    } flags[] = {
        { h->crypt_method != QCOW2_CRYPT_NONE, ABI_FACT_ENCRYPTED },
        { h->incompatible & QCOW2_INCOMPAT_DIRTY, ABI_FACT_DIRTY },
        { h->incompatible & QCOW2_INCOMPAT_CORRUPT, ABI_FACT_CORRUPT },
        { st->backing_name.length, ABI_FACT_BACKING },
        { st->backing_name.length && st->backing_format.length, ABI_FACT_BACKING_FORMAT },
        { st->has_data_file, ABI_FACT_DATA_FILE },
        { st->has_data_file && st->data_file_raw, ABI_FACT_DATA_FILE_RAW },
        { !st->has_data_file, ABI_FACT_CAN_COMPRESS },
        { h->version >= 3, ABI_FACT_CAN_ZERO },
        { !st->backing_name.length, ABI_FACT_UNALLOCATED_ZERO },
        { h->n_snapshots && !st->has_data_file, ABI_FACT_HAS_SNAPSHOTS },
        { true, ABI_FACT_HAS_CLUSTER_SIZE },
        { h->version < 3, ABI_FACT_V2 },
        { true, ABI_FACT_BITMAP_CALL },
        { h->version >= 3, ABI_FACT_BITMAPS },
        { true, ABI_FACT_COUNTED },
    };

    facts->format = ABI_FORMAT_QCOW2;
    facts->flags = 0;
    for (uint32_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        facts->flags |= flags[i].is ? flags[i].flag : 0;
    }
    facts->virtual_size = st->active.size;
    facts->cluster_size = (uint32_t)st->cluster_size;
    facts->subcluster_size = st->subcluster_size;
    facts->codec = h->compression == QCOW2_COMPRESSION_ZSTD ? ABI_CODEC_ZSTD : ABI_CODEC_DEFLATE;
    facts->snapshots = st->has_data_file ? 0 : h->n_snapshots;
    facts->vm_state_offset = align_up(st->active.size, qcow2_l2_span(st));
    facts->look_span =
        min_u64(st->cluster_size, L2_PIECE) / (st->extended_l2 ? 16 : 8) * st->cluster_size;
}

void qcow2_put_names(const struct qcow2_state *st, struct props_writer *props)
{
    if (st->backing_name.length) {
        put_text(props, "backing-file", st->backing_name);
    }
    if (st->backing_name.length && st->backing_format.length) {
        put_text(props, "backing-format", st->backing_format);
    }
    if (st->has_data_file_name) {
        put_text(props, "data-file", st->data_file);
    }
}

int qcow2_open(struct fmt_image *im, struct abi_facts *facts, struct props_writer *props)
{
    struct qcow2_state *st = im->env->alloc(im->env, sizeof *st);
    struct qcow2_reader r;

    if (!st) {
        return fmt_fail(im->env, FMT_E_NO_MEMORY);
    }
    im->state = st;
    qcow2_reader_init(&r, im, 0);
    int status = examine(im, &r);
    qcow2_reader_free(&r);
    if (!status && (im->flags & (ABI_OPEN_WRITE | ABI_OPEN_CHECK))) {
        status = fmt_file_size(im->env, 0, &st->file_size);
    }
    if (!status) {
        status = examine_lists(im);
    }
    if (!status) {
        status = qcow2_cache_open(im);
    }
    if (!status) {
        status = warn(im, props);
    }
    if (!status) {
        status = qcow2_make_ready(im, props);
    }
    if (status) {
        /* a failed repair has told what it found */
        struct abi_result kept = *im->env->result;
        im->env->emit(im->env, props);
        *im->env->result = kept;
        qcow2_free(im);
        return status;
    }
    qcow2_fill_facts(st, facts);
    qcow2_put_names(st, props);
    if (st->header.crypt_method != QCOW2_CRYPT_NONE) {
        props_string(props, "encrypt-format",
                     st->header.crypt_method == QCOW2_CRYPT_AES ? "aes" : "luks");
    }
    return FMT_OK;
}

void qcow2_free(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;
    struct fmt_env *env = im->env;

    if (!st) {
        return;
    }
    qcow2_writer_free(im);
    qcow2_cache_close(im);
    qcow2_extensions_free(im);
    env->free(env, (void *)(uintptr_t)st->backing_name.data);
    env->free(env, (void *)(uintptr_t)st->header_rest.data);
    env->free(env, st);
    im->state = 0;
}

int qcow2_attach(struct fmt_image *im, uint32_t role, uint32_t index, uint32_t handle)
{
    (void)index;
    if (role != ABI_ROLE_DATA_FILE || !qcow2_state(im)->has_data_file) {
        return fmt_fail(im->env, FMT_E_BAD_JOB);
    }
    im->data_handle = handle;
    return FMT_OK;
}
