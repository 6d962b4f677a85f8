/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/qcow2-check.h"

static int tell(struct qcow2_check *c, uint32_t stream, int code, uint64_t a0, uint64_t a1,
                uint64_t a2, const void *text, uint32_t length)
{
    struct abi_message m = { .code = code, .stream = stream, .arg = { a0, a1, a2 } };
    return fmt_message(c->im->env, c->messages, &m, text, length);
}

int qcow2_tell(struct qcow2_check *c, int code, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return tell(c, ABI_STREAM_ERR, code, a0, a1, a2, 0, 0);
}

int qcow2_report(struct qcow2_check *c, int code, uint64_t value)
{
    return tell(c, ABI_STREAM_REPORT, code, value, 0, 0, 0, 0);
}

int qcow2_tell_corrupt(struct qcow2_check *c, int code, uint64_t a0, uint64_t a1, uint64_t a2)
{
    if (!c->first_turn) {
        return FMT_OK;
    }
    c->ret->corruptions++;
    return qcow2_tell(c, code, a0, a1, a2);
}

int qcow2_tell_refblock(struct qcow2_check *c, uint64_t offset, uint64_t index)
{
    bool writable = c->im->flags & ABI_OPEN_WRITE;

    if (c->st->told_corrupt) {
        return FMT_OK;
    }
    c->st->told_corrupt = true;
    int status = writable ? qcow2_mark_corrupt(c->im) : FMT_OK;
    return status ? status
                  : qcow2_tell(c, QCOW2_X_REFBLOCK_UNALIGNED - (writable ? QCOW2_X_MARKING : 0),
                               offset, index, 0);
}

/* id and name, with a zero byte between. */
static uint32_t snapshot_text(const struct qcow2_snapshot *s, uint8_t *text, uint32_t room)
{
    const struct qcow2_text parts[2] = { s->id, s->name };
    uint32_t n = 0;

    for (uint32_t k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < parts[k].length && parts[k].data[i] && n + 1 < room / 2 * (k + 1);
             i++) {
            text[n++] = parts[k].data[i];
        }
        if (k == 0) {
            text[n++] = 0;
        }
    }
    return n;
}

int qcow2_check_snapshot(struct qcow2_check *c, const struct qcow2_snapshot *s)
{
    uint8_t text[ABI_ERROR_TEXT];
    bool unaligned = !is_aligned(s->l1_offset, c->st->cluster_size);

    if (!unaligned && s->l1_size <= QCOW2_MAX_L1_BYTES / 8) {
        return qcow2_check_l1(c, s->l1_offset, s->l1_size, false);
    }
    if (!c->first_turn) {
        return FMT_OK;
    }
    c->ret->corruptions++;
    return tell(c, ABI_STREAM_ERR, unaligned ? QCOW2_C_SNAPSHOT_UNALIGNED : QCOW2_C_SNAPSHOT_LARGE,
                unaligned ? s->l1_offset : s->l1_size, 0, 0, text,
                snapshot_text(s, text, sizeof text));
}

static int fail_check(struct qcow2_check *c)
{
    c->im->env->result->io_errno = QCOW2_EIO;
    return fmt_fail(c->im->env, FMT_E_IO);
}

/* One turn without changes to counts: everything walked, then told. *ret_walked: the
 * figures before the counts were compared. */
static int look(struct qcow2_check *c, uint64_t base, struct abi_check *ret_walked)
{
    c->first_turn = base == 0;
    qcow2_count_window(c, base);
    c->fixing = c->first_turn ? c->fix : 0;
    int status = qcow2_check_walk(c);
    c->fixing = 0;
    *ret_walked = *c->ret;
    if (!status && c->fix) {
        /* references are gone from the disk before their counts */
        status = qcow2_cache_write_back(c->im, QCOW2_KIND_L1);
    }
    return status ? status : qcow2_check_compare(c);
}

static uint64_t n_turns(const struct qcow2_check *c)
{
    return div_up(c->n_clusters + 1, c->size);
}

/* Single counts of a window, as far as asked for. Mended ones do not count as found. */
static int mend_counts(struct qcow2_check *c, uint64_t base)
{
    struct abi_check found = *c->ret;
    int status = FMT_OK;

    /* one window is counted already */
    if (n_turns(c) > 1) {
        c->first_turn = false;
        qcow2_count_window(c, base);
        status = qcow2_check_walk(c);
        *c->ret = found;
    }
    if (!status) {
        c->fixing = c->fix;
        status = qcow2_check_compare(c);
        c->fixing = 0;
    }
    return status ? status : qcow2_give_back(c);
}

/* One turn after a rebuild: everything is looked at again, and what is left of the old refcount
 * blocks is given up. */
static int drop_old_blocks(struct qcow2_check *c, uint64_t base)
{
    struct abi_check walked;

    c->first_turn = base == 0;
    qcow2_count_window(c, base);
    int status = qcow2_check_walk(c);
    walked = *c->ret;
    if (!status) {
        c->fixing = c->fix & ABI_FIX_LEAKS;
        status = qcow2_check_compare(c);
        c->fixing = 0;
    }
    if (!status) {
        status = qcow2_give_back(c);
    }
    /* that comparison is only about the old blocks: its figures do not count */
    *c->ret = walked;
    return status;
}

/* New refcount blocks, then everything is looked at again. The old ones are leaks, which are
 * mended without being told as such. */
static int rebuild(struct qcow2_check *c)
{
    struct abi_check *ret = c->ret;
    uint64_t leaks = ret->leaks, corruptions = ret->corruptions;

    int status = qcow2_tell(c, QCOW2_C_REBUILDING, 0, 0, 0);
    if (!status) {
        status = qcow2_rebuild(c);
    }
    if (status) {
        return status;
    }
    ret->leaks = ret->corruptions = ret->check_errors = 0;
    ret->allocated_clusters = ret->fragmented_clusters = ret->compressed_clusters = 0;
    c->rebuild = false;
    c->highest = 0;
    for (uint64_t turn = 0; turn < n_turns(c) && !status; turn++) {
        status = drop_old_blocks(c, turn * c->size);
    }
    if (!status && c->rebuild) {
        status = qcow2_tell(c, QCOW2_C_STILL_BROKEN, 0, 0, 0);
    }
    ret->leaks_fixed += leaks > ret->leaks ? leaks - ret->leaks : 0;
    ret->corruptions_fixed += corruptions > ret->corruptions ? corruptions - ret->corruptions : 0;
    return status;
}

/* Only leaks were to be mended. */
static int need_rebuild(struct qcow2_check *c)
{
    int status = qcow2_tell(c, QCOW2_C_NEED_REBUILD, 0, 0, 0);

    return status ? status : fail_check(c);
}

/* All windows, one after the other. */
static int check_refcounts(struct qcow2_check *c)
{
    int status = qcow2_count_begin(c, c->fix);
    uint64_t turns = n_turns(c), leaks = 0, corruptions = 0, errors = 0;

    if (!status && turns > QCOW2_CHECK_MAX_TURNS) {
        status = fmt_fail(c->im->env, FMT_E_NO_MEMORY);
    }
    for (uint64_t turn = 0; turn < turns && !status; turn++) {
        struct abi_check walked;
        status = look(c, turn * c->size, &walked);
        leaks += c->ret->leaks - walked.leaks;
        corruptions += c->ret->corruptions - walked.corruptions;
        errors += c->ret->check_errors - walked.check_errors;
    }
    if (!status && c->fix && !c->rebuild && (c->ret->leaks || c->ret->corruptions)) {
        /* found by comparing, and to be compared again */
        c->ret->leaks -= leaks;
        c->ret->corruptions -= corruptions;
        c->ret->check_errors -= errors;
        for (uint64_t turn = 0; turn < turns && !status; turn++) {
            status = mend_counts(c, turn * c->size);
        }
    }
    if (!status && c->fix && c->rebuild) {
        status = (c->fix & ABI_FIX_ERRORS) ? rebuild(c) : need_rebuild(c);
    }
    qcow2_count_end(c);
    return status;
}

/* Flags may be mended with the leaks if nothing else was wrong: they need no decision. */
static int check_flags(struct qcow2_check *c)
{
    const struct abi_check *ret = c->ret;
    bool harmless = !ret->check_errors && !ret->corruptions && !ret->leaks;

    c->fixing = (c->fix & ABI_FIX_ERRORS) || (c->fix && harmless) ? c->fix : 0;
    int status = qcow2_check_copied(c);
    c->fixing = 0;
    return status;
}

/* All out; then the image says that it was closed, and that it is sound, if it is. */
static int finish(struct qcow2_check *c)
{
    struct qcow2_header *h = &c->st->header;
    bool sound = !c->ret->check_errors && !c->ret->corruptions;
    uint64_t bits = h->incompatible & (QCOW2_INCOMPAT_DIRTY | (sound ? QCOW2_INCOMPAT_CORRUPT : 0));
    uint8_t bytes[8];

    int status = qcow2_cache_write_back(c->im, QCOW2_KIND_L1);
    if (!status) {
        status = fmt_flush(c->im->env, 0);
    }
    if (status || !bits) {
        return status;
    }
    be64_store(bytes, h->incompatible & ~bits);
    status = fmt_write(c->im->env, 0, QCOW2_H_INCOMPATIBLE, bytes, sizeof bytes);
    if (!status) {
        h->incompatible &= ~bits;
        status = fmt_flush(c->im->env, 0);
    }
    return status;
}

static int check_all(struct qcow2_check *c)
{
    int status = qcow2_check_snapshot_table(c);

    if (!status && c->fix) {
        /* what may be written where is known to the writing side */
        status = qcow2_writer_start(c->im);
    }
    if (!status) {
        status = check_refcounts(c);
    }
    if (!status) {
        status = check_flags(c);
    }
    if (!status) {
        status = qcow2_mend_snapshot_table(c);
    }
    return !status && c->fix ? finish(c) : status;
}

int qcow2_check_windows(struct fmt_image *im, uint32_t fix, uint64_t window, struct abi_check *ret,
                        struct props_writer *messages)
{
    struct qcow2_state *st = im->state;
    struct qcow2_check c = {
        .im = im,
        .st = st,
        .ret = ret,
        .messages = messages,
        .fix = fix,
        .most = window,
        .first_turn = true,
    };

    if (fix && !(im->flags & ABI_OPEN_WRITE)) {
        return fmt_fail(im->env, FMT_E_READ_ONLY);
    }
    int status = fmt_file_size(im->env, 0, &c.file_size);
    if (status) {
        return status;
    }
    c.n_clusters = div_up(c.file_size, st->cluster_size);
    c.max_refcount = st->header.refcount_order == 6
                         ? UINT64_MAX
                         : (1ull << (1u << st->header.refcount_order)) - 1;
    ret->total_clusters = div_up(st->active.size, st->cluster_size);
    st->pending = messages;
    status = check_all(&c);
    st->pending = 0;
    if (fix) {
        /* the file may be longer than when the writing side was made */
        qcow2_writer_free(im);
    }
    st->mend_snapshots = false;
    /* Closing mends those of an image that is sound apart from them; where other counts are wrong,
     * a place that looks free may not be. */
    st->mend_bitmaps = !status && (im->flags & ABI_OPEN_WRITE) && c.bitmap_errors &&
                       ret->corruptions == c.bitmap_errors && !ret->check_errors;
    if (status) {
        /* what was found so far is told even so */
        struct abi_result kept = *im->env->result;
        im->env->emit(im->env, messages);
        *im->env->result = kept;
        return status;
    }
    ret->image_end_offset = (c.highest + 1) << st->header.cluster_bits;
    return FMT_OK;
}

int qcow2_check(struct fmt_image *im, uint32_t fix, struct abi_check *ret,
                struct props_writer *messages)
{
    return qcow2_check_windows(im, fix, QCOW2_CHECK_WINDOW, ret, messages);
}
