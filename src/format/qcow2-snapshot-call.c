/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ABI_CALL_SNAPSHOT: making, applying and deleting snapshots. */
#include "format/qcow2-shift.h"

/* limit: bytes of a name that qemu-img gives */
#define MAX_NAME 255u

struct args {
    struct qcow2_text action, name;
    uint64_t date_sec, date_nsec;
};

static int take_args(struct fmt_image *im, struct props_reader *in, struct args *args)
{
    const struct qcow2_arg members[] = {
        { "action", ABI_PROP_STRING, &args->action },
        { "name", ABI_PROP_STRING, &args->name },
        { "date-sec", ABI_PROP_U64, &args->date_sec },
        { "date-nsec", ABI_PROP_U64, &args->date_nsec },
    };
    int status = qcow2_take_args(im, in, members, sizeof members / sizeof *members);
    return status || args->action.data ? status : fmt_fail(im->env, FMT_E_BAD_JOB);
}

/* The tables as they are, the header to come as it is. */
static struct qcow2_shift prepare(struct fmt_image *im)
{
    struct qcow2_state *st = im->state;

    return (struct qcow2_shift){ .im = im, .source = st->active, .after = st->header };
}

/* The snapshot table that goes loses its clusters. */
static void free_table(struct qcow2_shift *s, uint32_t at)
{
    const struct qcow2_state *st = s->im->state;

    s->freed[at].offset = st->header.snapshots_offset;
    s->freed[at].length = st->writer->snapshots_length;
}

/* Other tables lie where they did not. */
static int read_places(struct fmt_image *im)
{
    struct qcow2_writer *w = qcow2_writer(im);

    im->env->free(im->env, w->inactive);
    w->inactive = 0;
    w->n_inactive = 0;
    w->snapshots_length = 0;
    return qcow2_places_read(im);
}

/* What was taken for a snapshot that did not come about. The first failure is the one told. */
static void give_back(struct fmt_image *im, uint64_t offset, uint64_t length)
{
    const struct qcow2_state *st = im->state;
    struct abi_result first = *im->env->result;

    if (offset && !st->writer->dead && !st->dead) {
        if (!qcow2_lower(im, offset >> st->header.cluster_bits, div_up(length, st->cluster_size),
                         true)) {
            qcow2_flush(im);
        }
    }
    *im->env->result = first;
}

/* ---- create ---- */

static int copy_l1(struct fmt_image *im, uint64_t *ret_offset)
{
    const struct qcow2_state *st = im->state;
    uint64_t bytes = st->active.l1_size * 8ull;
    int status = qcow2_cache_write_back(im, QCOW2_KIND_L1);

    if (!status) {
        status = qcow2_alloc(im, div_up(bytes, st->cluster_size), QCOW2_PLACE_NEW_L1, ret_offset);
    }
    return status || !bytes ? status
                            : qcow2_copy_bytes(im, st->active.l1_offset, *ret_offset, bytes);
}

static int create(struct fmt_image *im, const struct args *args)
{
    struct qcow2_state *st = im->state;
    struct qcow2_new_snapshot new = {
        .name = args->name,
        .l1_size = st->active.l1_size,
        .date_sec = (uint32_t)args->date_sec,
        .date_nsec = (uint32_t)args->date_nsec,
    };
    struct qcow2_shift s;
    uint64_t table = 0;

    new.name.length = (uint32_t)min_u64(new.name.length, MAX_NAME);
    if (st->header.n_snapshots >= QCOW2_MAX_SNAPSHOTS) {
        return qcow2_fail_errno(im, QCOW2_EFBIG);
    }
    int status = copy_l1(im, &new.l1_offset);
    if (!status) {
        status = qcow2_snapshot_table_write(im, UINT32_MAX, &new, &table);
    }
    s = prepare(im);
    s.add = st->active;
    s.after.n_snapshots++;
    s.after.snapshots_offset = table;
    free_table(&s, 0);
    if (!status) {
        status = qcow2_shift(&s);
    }
    if (status && !s.turned) {
        give_back(im, new.l1_offset, new.l1_size * 8ull);
        give_back(im, table, 1);
    }
    return status;
}

/* ---- delete ---- */

/* Which part of it failed. */
static int tell(struct fmt_image *im, int status, int code)
{
    if (status == FMT_E_CORRUPT_CLUSTER) {
        im->env->result->io_errno = QCOW2_EIO;
    } else if (status != FMT_E_IO) {
        return status;
    }
    return fmt_fail(im->env, code);
}

static int delete (struct fmt_image *im, const struct args *args)
{
    struct qcow2_snapshot found;
    struct qcow2_shift s;
    uint64_t table;
    uint32_t index;
    int status = qcow2_snapshot_find(im, ABI_SELECT_NAME, args->name, &found, &index);

    if (!status) {
        status = qcow2_snapshot_l1_check(im, &found);
    }
    if (!status) {
        status =
            tell(im, qcow2_snapshot_table_write(im, index, 0, &table), QCOW2_E_SNAPSHOT_REMOVE);
    }
    if (status) {
        return status;
    }
    s = prepare(im);
    s.drop = (struct qcow2_view){ .l1_offset = found.l1_offset, .l1_size = found.l1_size };
    s.after.n_snapshots--;
    s.after.snapshots_offset = table;
    free_table(&s, 0);
    s.freed[1].offset = found.l1_offset;
    s.freed[1].length = found.l1_size * 8ull;
    status = qcow2_shift(&s);
    if (status && !s.turned) {
        give_back(im, table, 1);
    }
    return tell(im, status, s.counted ? QCOW2_E_SNAPSHOT_UPDATE : QCOW2_E_SNAPSHOT_FREE);
}

/* ---- apply ---- */

static int apply(struct fmt_image *im, const struct args *args)
{
    struct qcow2_state *st = im->state;
    struct qcow2_snapshot found;
    struct qcow2_shift s;
    uint32_t index;
    int status = st->bitmaps.n
                     ? fmt_fail(im->env, QCOW2_E_SNAPSHOT_BITMAPS)
                     : qcow2_snapshot_find(im, ABI_SELECT_ID_OR_NAME, args->name, &found, &index);

    if (!status) {
        status = qcow2_snapshot_l1_check(im, &found);
    }
    if (!status && !is_aligned(found.disk_size, QCOW2_SECTOR)) {
        status = fmt_fail(im->env, QCOW2_E_SIZE_UNALIGNED);
    }
    if (!status) {
        status = qcow2_tell_resize(im, qcow2_l1_grow(im, qcow2_l1_entries(st, found.disk_size)),
                                   QCOW2_E_RESIZE_L1);
    }
    if (!status) {
        status = qcow2_l1_grow(im, found.l1_size);
    }
    if (status) {
        return status;
    }
    s = prepare(im);
    s.add = (struct qcow2_view){ .l1_offset = found.l1_offset, .l1_size = found.l1_size };
    s.source = s.add;
    s.drop = st->active;
    s.after.size = found.disk_size;
    return qcow2_shift(&s);
}

int qcow2_snapshot_call(struct fmt_image *im, struct props_reader in, struct props_writer *out)
{
    static const struct {
        const char *word;
        int (*run)(struct fmt_image *im, const struct args *args);
    } actions[] = { { "create", create }, { "apply", apply }, { "delete", delete } };
    struct qcow2_state *st = im->state;
    struct args args = { 0 };
    int status = take_args(im, &in, &args);

    (void)out;
    if (!status) {
        status = qcow2_writer_start(im);
    }
    if (!status && (st->has_data_file || st->writer->n_promises)) {
        /* guest data outside of the file cannot be shared: there are none, whatever the table says */
        if (props_word(args.action.data, args.action.length, "delete")) {
            status = fmt_fail(im->env, FMT_E_NO_SNAPSHOT);
        } else if (props_word(args.action.data, args.action.length, "apply") && st->bitmaps.n) {
            status = fmt_fail(im->env, QCOW2_E_SNAPSHOT_BITMAPS);
        } else {
            status = qcow2_fail_errno(im, QCOW2_ENOTSUP);
        }
    }
    for (uint32_t i = 0; !status && i < sizeof actions / sizeof *actions; i++) {
        if (props_word(args.action.data, args.action.length, actions[i].word)) {
            status = actions[i].run(im, &args);
            if (!status) {
                status = read_places(im);
            }
            im->env->result->ret[0] = st->active.size;
            return status;
        }
    }
    return status ? status : fmt_fail(im->env, FMT_E_BAD_JOB);
}
