/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec "Snapshots": the table, checked and mended. */
#include "format/qcow2-check.h"

static bool is_mending(const struct qcow2_check *c)
{
    return c->fix & ABI_FIX_ERRORS;
}

/* Snapshots from index first on are given up. code: the words for it. */
static int discard(struct qcow2_check *c, uint32_t first, int code)
{
    struct qcow2_header *h = &c->st->header;
    uint32_t n = h->n_snapshots - first;

    h->n_snapshots = first;
    c->mended_snapshots += n;
    return qcow2_tell(c, code, n, 0, 0);
}

static int cut_extra(struct qcow2_check *c, const struct qcow2_snapshot *s, uint32_t index)
{
    if (s->extra_stored <= s->extra_length) {
        return FMT_OK;
    }
    c->mended_snapshots++;
    return qcow2_tell(c, QCOW2_C_SNAPSHOT_EXTRA, index, s->extra_stored, s->extra_length);
}

static int judge_extra(struct qcow2_check *c, const struct qcow2_snapshot *s, uint32_t index)
{
    if (c->st->header.version < 3 || s->extra_length >= QCOW2_SNAPSHOT_EXTRA_V3) {
        return FMT_OK;
    }
    if (!is_mending(c)) {
        return qcow2_tell_corrupt(c, QCOW2_C_SNAPSHOT_INCOMPLETE, index, 0, 0);
    }
    c->mended_snapshots++;
    return qcow2_tell(c, QCOW2_C_SNAPSHOT_MENDED, index, 0, 0);
}

typedef int judge_fn(struct qcow2_check *c, const struct qcow2_snapshot *s, uint32_t index);

/* One way through the table. */
static int judge_all(struct qcow2_check *c, judge_fn *judge)
{
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true;
    int status = FMT_OK;

    qcow2_snapshots_begin(c->im, &it);
    while (!status && more) {
        status = qcow2_snapshots_next(&it, &s, &more);
        if (status == QCOW2_E_SNAPSHOT_TABLE_LARGE && is_mending(c)) {
            /* the one that made the table too long was read like the others */
            status = judge(c, &s, it.index);
            status = status ? status : discard(c, it.index, QCOW2_C_SNAPSHOTS_OVERHANG);
            more = false;
        } else if (!status && more) {
            status = judge(c, &s, it.index - 1);
        }
    }
    c->table_first = c->st->header.snapshots_offset >> c->st->header.cluster_bits;
    c->table_end = min_u64(div_up(it.offset, c->st->cluster_size), c->n_clusters);
    qcow2_snapshots_end(&it);
    return status;
}

bool qcow2_check_keeps(const struct qcow2_check *c, uint64_t cluster)
{
    return c->mended_snapshots && cluster >= c->table_first && cluster < c->table_end;
}

static int check_entries(struct qcow2_check *c)
{
    int status = judge_all(c, cut_extra);

    return status ? status : judge_all(c, judge_extra);
}

int qcow2_check_snapshot_table(struct qcow2_check *c)
{
    const struct qcow2_header *h = &c->st->header;
    struct fmt_env *env = c->im->env;
    int status = FMT_OK;

    if (h->n_snapshots > QCOW2_MAX_SNAPSHOTS) {
        if (!is_mending(c)) {
            qcow2_report(c, QCOW2_C_SNAPSHOTS_LARGE, h->n_snapshots - QCOW2_MAX_SNAPSHOTS);
            return fmt_fail(env, QCOW2_E_SNAPSHOTS_LARGE);
        }
        status = discard(c, QCOW2_MAX_SNAPSHOTS, QCOW2_C_SNAPSHOTS_DISCARDED);
    }
    if (!status && (!is_aligned(h->snapshots_offset, c->st->cluster_size) ||
                    !range_fits(h->snapshots_offset, h->n_snapshots * (uint64_t)QCOW2_SNAPSHOT_HEAD,
                                INT64_MAX))) {
        qcow2_report(c, QCOW2_C_SNAPSHOTS_OFFSET, 0);
        return fmt_fail(env, QCOW2_E_SNAPSHOTS_OFFSET);
    }
    if (!status && !is_mending(c)) {
        status = qcow2_snapshots_validate(c->im);
    }
    c->st->mend_snapshots = is_mending(c);
    if (!status) {
        status = check_entries(c);
    }
    if (status <= QCOW2_E_SNAPSHOT_READ && status >= QCOW2_E_SNAPSHOT_TABLE_LARGE) {
        qcow2_report(c, status - QCOW2_C_TABLE_READ,
                     status == QCOW2_E_SNAPSHOT_READ ? env->result->io_errno
                                                     : env->result->err_arg[0]);
    }
    c->ret->corruptions_fixed += c->mended_snapshots;
    return status;
}

/* Bytes of the table as it is. */
static int measure(struct qcow2_check *c, uint64_t *ret_length)
{
    struct qcow2_snapshots it;
    struct qcow2_snapshot s;
    bool more = true;
    int status = FMT_OK;

    qcow2_snapshots_begin(c->im, &it);
    while (!status && more) {
        status = qcow2_snapshots_next(&it, &s, &more);
    }
    *ret_length = it.offset - c->st->header.snapshots_offset;
    qcow2_snapshots_end(&it);
    return status;
}

/* The table anew, in place of length bytes. It goes where nothing of the old one lies, be that
 * counted or not: what is still to be read is not written over, and a repair that is cut short can
 * be begun again. */
static int write_anew(struct qcow2_check *c, uint64_t length, uint64_t *ret_table)
{
    struct qcow2_writer *w = c->st->writer;

    if (!range_fits(c->st->header.snapshots_offset, length, c->file_size)) {
        /* what lies in between is not the table's: counts may change there */
        w->snapshots_length = QCOW2_SNAPSHOT_HEAD;
    }
    w->kept = c->table_first;
    w->kept_end = max_u64(c->table_first, c->table_end);
    int status = qcow2_snapshot_table_write(c->im, UINT32_MAX, 0, ret_table);
    w->kept = w->kept_end = 0;
    /* counted, and in place, before the header leads to it */
    return status ? status : qcow2_cache_write_back(c->im, QCOW2_KIND_L1);
}

static int tell_not_mended(struct qcow2_check *c, int status)
{
    struct abi_result why = *c->im->env->result;

    if (status == FMT_E_IO || status == FMT_E_CORRUPT_CLUSTER) {
        qcow2_tell(c, QCOW2_C_SNAPSHOTS_NOT_MENDED, why.io_errno, 0, 0);
        *c->im->env->result = why;
    }
    return status;
}

int qcow2_mend_snapshot_table(struct qcow2_check *c)
{
    struct qcow2_header *h = &c->st->header;
    uint64_t old = h->snapshots_offset, length, table;
    int status;

    if (!c->mended_snapshots) {
        return FMT_OK;
    }
    status = measure(c, &length);
    if (!status) {
        status = write_anew(c, length, &table);
    }
    if (status) {
        return tell_not_mended(c, status);
    }
    h->snapshots_offset = table;
    status = qcow2_header_fields(c->im);
    if (!status) {
        uint64_t first = old >> h->cluster_bits;
        uint64_t n = div_up(length, c->st->cluster_size);
        /* one that reaches behind the end was not counted at all */
        status = range_fits(first, n, c->n_clusters) ? qcow2_lower(c->im, first, n, true) : FMT_OK;
    }
    return status ? status : qcow2_settle(c->im);
}
