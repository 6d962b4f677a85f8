/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Snapshots": the table, entry by entry. */
#include "format/qcow2.h"

/* Longer tables than one step are read in pieces of this size. */
#define STEP_LARGE (64u << 10)

void qcow2_snapshots_begin(struct fmt_image *im, struct qcow2_snapshots *it)
{
    const struct qcow2_state *st = im->state;

    *it = (struct qcow2_snapshots){ .im = im, .offset = st->header.snapshots_offset };
    qcow2_reader_init(&it->reader, im, 0);
}

void qcow2_snapshots_end(struct qcow2_snapshots *it)
{
    qcow2_reader_free(&it->reader);
}

/* limit: what lies beyond cannot be read by qemu-img. */
static int read_part(struct qcow2_snapshots *it, uint64_t offset, uint64_t length,
                     const uint8_t **ret)
{
    if (!range_fits(offset, length, QCOW2_MAX_FILE)) {
        it->im->env->result->io_errno = QCOW2_EIO;
        return fmt_fail(it->im->env, QCOW2_E_SNAPSHOT_READ);
    }
    int status = qcow2_reader_get(&it->reader, offset, length, ret);
    return status == FMT_E_IO ? fmt_fail(it->im->env, QCOW2_E_SNAPSHOT_READ) : status;
}

static uint64_t field(const uint8_t *extra, uint32_t length, uint32_t at, uint64_t otherwise)
{
    return length >= at + 8 ? be64_load(extra + at) : otherwise;
}

int qcow2_snapshots_next(struct qcow2_snapshots *it, struct qcow2_snapshot *ret, bool *ret_more)
{
    const struct qcow2_state *st = it->im->state;
    struct fmt_env *env = it->im->env;
    const uint8_t *p;

    *ret_more = it->index < st->header.n_snapshots;
    if (!*ret_more) {
        return FMT_OK;
    }
    it->offset = align_up(it->offset, 8);
    int status = read_part(it, it->offset, QCOW2_SNAPSHOT_HEAD, &p);
    if (status) {
        return status;
    }
    uint32_t id_length = be16_load(p + 12);
    uint32_t name_length = be16_load(p + 14);
    struct qcow2_snapshot s = {
        .offset = it->offset,
        .l1_offset = be64_load(p),
        .l1_size = be32_load(p + 8),
        .date_sec = be32_load(p + 16),
        .date_nsec = be32_load(p + 20),
        .vm_clock_nsec = be64_load(p + 24),
        .vm_state_size = be32_load(p + 32),
        .extra_length = be32_load(p + 36),
    };
    if (s.extra_length > QCOW2_MAX_SNAPSHOT_EXTRA && !st->mend_snapshots) {
        return fmt_fail1(env, QCOW2_E_SNAPSHOT_EXTRA, it->index);
    }
    s.extra_stored = s.extra_length;
    s.extra_length = (uint32_t)min_u64(s.extra_length, QCOW2_MAX_SNAPSHOT_EXTRA);
    uint64_t length = QCOW2_SNAPSHOT_HEAD + (uint64_t)s.extra_stored + id_length + name_length;
    uint64_t texts = it->offset + QCOW2_SNAPSHOT_HEAD + s.extra_stored;
    status = s.extra_stored == s.extra_length
                 ? read_part(it, it->offset, length, &p)
                 : read_part(it, it->offset, QCOW2_SNAPSHOT_HEAD + s.extra_length, &p);
    if (status) {
        return status;
    }
    const uint8_t *extra = p + QCOW2_SNAPSHOT_HEAD;
    s.vm_state_size = field(extra, s.extra_length, 0, s.vm_state_size);
    s.disk_size = field(extra, s.extra_length, 8, st->active.size);
    s.icount = field(extra, s.extra_length, 16, UINT64_MAX);
    p = extra + s.extra_length;
    if (s.extra_stored != s.extra_length) {
        status = read_part(it, texts, id_length + name_length, &p);
        if (status) {
            return status;
        }
    }
    s.id = (struct qcow2_text){ p, id_length };
    s.name = (struct qcow2_text){ s.id.data + id_length, name_length };
    s.length = align_up(length, 8);
    *ret = s;
    /* limit: without the extra data that is cut off; with it, what qemu-img counts in an int */
    uint64_t end = it->offset + length - st->header.snapshots_offset;
    it->excess += s.extra_stored - s.extra_length;
    if (end > INT32_MAX || end - it->excess > QCOW2_MAX_SNAPSHOT_TABLE) {
        return fmt_fail1(env, QCOW2_E_SNAPSHOT_TABLE_LARGE, st->header.n_snapshots - it->index);
    }
    it->offset += length;
    it->index++;
    it->reader.step = STEP_LARGE;
    return FMT_OK;
}

int qcow2_snapshots_validate(struct fmt_image *im)
{
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true;
    int status = FMT_OK;

    qcow2_snapshots_begin(im, &it);
    while (more && !status) {
        status = qcow2_snapshots_next(&it, &s, &more);
    }
    qcow2_snapshots_end(&it);
    return status;
}

static bool text_is(struct qcow2_text t, const uint8_t *name, uint32_t length)
{
    uint32_t n = 0;
    while (n < t.length && t.data[n]) {
        n++;
    }
    return n == length && !__builtin_memcmp(t.data, name, length);
}

/* What is looked for; absent parts have no data. */
struct wanted {
    const uint8_t *id, *name;
    uint32_t id_length, name_length;
};

static bool matches(const struct qcow2_snapshot *s, const struct wanted *w)
{
    return (!w->id || text_is(s->id, w->id, w->id_length)) &&
           (!w->name || text_is(s->name, w->name, w->name_length));
}

/* The first snapshot that fits; FMT_E_NO_SNAPSHOT is returned but not recorded. */
static int find(struct fmt_image *im, const struct wanted *w, struct qcow2_snapshot *ret,
                uint32_t *ret_index)
{
    struct qcow2_snapshots it;
    bool more = true, found = false;
    int status = FMT_OK;

    qcow2_snapshots_begin(im, &it);
    while (more && !found && !status) {
        status = qcow2_snapshots_next(&it, ret, &more);
        found = !status && more && matches(ret, w);
    }
    qcow2_snapshots_end(&it);
    *ret_index = it.index - 1;
    return status ? status : found ? FMT_OK : FMT_E_NO_SNAPSHOT;
}

static int find_how(struct fmt_image *im, uint32_t how, const uint8_t *text, uint32_t length,
                    struct qcow2_snapshot *ret, uint32_t *ret_index)
{
    const struct wanted by_id = { .id = text, .id_length = length };
    const struct wanted by_name = { .name = text, .name_length = length };
    struct wanted both = by_id;
    int status;

    switch (how) {
    case ABI_SELECT_ID:
        return find(im, &by_id, ret, ret_index);
    case ABI_SELECT_NAME:
        return find(im, &by_name, ret, ret_index);
    case ABI_SELECT_ID_OR_NAME:
        status = find(im, &by_id, ret, ret_index);
        return status == FMT_E_NO_SNAPSHOT ? find(im, &by_name, ret, ret_index) : status;
    case ABI_SELECT_ID_AND_NAME:
        both.id_length = 0;
        while (both.id_length < length && text[both.id_length]) {
            both.id_length++;
        }
        if (both.id_length == length) {
            return FMT_E_BAD_JOB;
        }
        both.name = text + both.id_length + 1;
        both.name_length = length - both.id_length - 1;
        return find(im, &both, ret, ret_index);
    default:
        return FMT_E_BAD_JOB;
    }
}

int qcow2_snapshot_find(struct fmt_image *im, uint32_t how, struct qcow2_text name,
                        struct qcow2_snapshot *ret, uint32_t *ret_index)
{
    int status = find_how(im, how, name.data, name.length, ret, ret_index);

    ret->id = ret->name = (struct qcow2_text){ 0 };
    return status ? fmt_fail(im->env, status) : FMT_OK;
}

int qcow2_snapshot_l1_check(struct fmt_image *im, const struct qcow2_snapshot *s)
{
    struct fmt_env *env = im->env;

    if (s->l1_size > QCOW2_MAX_L1_BYTES / 8) {
        return fmt_fail(env, QCOW2_E_SNAPSHOT_L1_LARGE);
    }
    if (!is_aligned(s->l1_offset, qcow2_state(im)->cluster_size) ||
        !range_fits(s->l1_offset, s->l1_size * 8ull, INT64_MAX)) {
        return fmt_fail(env, QCOW2_E_SNAPSHOT_L1_OFFSET);
    }
    if (!range_fits(s->l1_offset, s->l1_size * 8ull, QCOW2_MAX_FILE)) {
        return fmt_fail(env, QCOW2_E_SNAPSHOT_L1_READ);
    }
    return FMT_OK;
}

int qcow2_select(struct fmt_image *im, uint32_t how, const uint8_t *name, uint32_t length)
{
    struct qcow2_state *st = im->state;
    struct qcow2_snapshot s;
    uint32_t index;

    if (how == ABI_SELECT_ACTIVE) {
        st->view = st->active;
        return FMT_OK;
    }
    int status = qcow2_snapshot_find(im, how, (struct qcow2_text){ name, length }, &s, &index);
    if (!status) {
        status = qcow2_snapshot_l1_check(im, &s);
    }
    if (status) {
        return status;
    }
    /* The size stays that of the disk: qemu-img shows a snapshot at the present size. */
    st->view.l1_offset = s.l1_offset;
    st->view.l1_size = s.l1_size;
    return FMT_OK;
}
