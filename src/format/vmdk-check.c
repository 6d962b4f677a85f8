/* SPDX-License-Identifier: GPL-2.0-or-later */
/* As qemu-img's: each grain begins in front of the end of the file; the first that does not ends
 * the check. */
#include "format/vmdk.h"

#define EINVAL_ 22u
#define EIO_ 5u

/* Tables between two signs of progress. */
#define STEP 4096u
/* Tables after which it is asked again where the file has data. */
#define SPARE 64u

/* Say it at once, as nothing of a check that fails is kept. */
static int tell(struct fmt_image *im, struct props_writer *messages, int code, uint64_t guest)
{
    const struct abi_message m = {
        .code = code,
        .stream = ABI_STREAM_ERR,
        .arg = { guest / VMDK_SECTOR },
    };
    int status = fmt_message(im->env, messages, &m, 0, 0);

    return status ? status : im->env->emit(im->env, messages);
}

static int fail(struct fmt_image *im, uint32_t error)
{
    im->env->result->io_errno = error;
    return fmt_fail(im->env, FMT_E_IO);
}

/* The grains of one table, from guest to stop. */
static int check_table(struct fmt_image *im, const struct vmdk_table *table, uint64_t guest,
                       uint64_t stop, uint64_t file_end, struct props_writer *messages)
{
    const struct vmdk_state *st = im->state;

    for (uint32_t i = 0; guest < stop; i++, guest += st->grain) {
        uint32_t entry = vmdk_entry(table, i);

        if (!vmdk_is_zero(st, entry) && (uint64_t)entry * VMDK_SECTOR >= file_end && entry) {
            int status = tell(im, messages, VMDK_M_BEHIND_EOF, guest);
            return status ? status : fail(im, EINVAL_);
        }
    }
    return FMT_OK;
}

/* A part of the file without data: a table in there is one without grains. */
struct hole {
    uint64_t start, end;
    uint64_t next; /* number of the first table after which it is asked again */
};

static bool is_empty(const struct fmt_image *im, const struct vmdk_table *table)
{
    const struct vmdk_state *st = im->state;
    uint32_t any = 0;

    for (uint32_t i = 0; i < st->header.n_gtes; i++) {
        any |= vmdk_entry(table, i);
    }
    return !any;
}

/* Behind a table without grains others may follow: ask where data begins again. Not after each one,
 * where nothing is gained by it. */
static int find_hole(struct fmt_image *im, uint64_t place, uint64_t n, struct hole *hole)
{
    const struct vmdk_state *st = im->state;
    struct abi_io op = { .op = ABI_IO_NEXT_DATA, .offset = place + st->header.n_gtes * 4 };

    if (n < hole->next) {
        return FMT_OK;
    }
    hole->next = n + SPARE;
    int status = im->env->io(im->env, &op, 1);
    if (!status && op.result > 0) {
        hole->start = op.offset;
        hole->end = (uint64_t)op.result;
    }
    return status;
}

/* Table n and its grains, which begin at guest. */
static int check_nth(struct fmt_image *im, uint64_t n, uint64_t guest, uint64_t file_end,
                     struct hole *hole, struct props_writer *messages)
{
    const struct vmdk_state *st = im->state;
    struct vmdk_table *table;
    uint64_t place;
    uint32_t index;
    int status = vmdk_table_place(im, false, n, &place);

    if (!status && place >= hole->start && place < hole->end &&
        hole->end - place >= st->header.n_gtes * 4) {
        return FMT_OK;
    }
    status = status ? status : vmdk_table_get(im, guest, &table, &index);
    if (status == FMT_E_IO) {
        int told = tell(im, messages, VMDK_M_NO_TABLE, guest);
        return told ? told : fail(im, EIO_);
    }
    if (!status) {
        status =
            check_table(im, table, guest, min_u64(st->size, guest + st->span), file_end, messages);
    }
    return status || !place || !is_empty(im, table) ? status : find_hole(im, place, n, hole);
}

int vmdk_check(struct fmt_image *im, uint32_t fix, struct abi_check *ret,
               struct props_writer *messages)
{
    const struct vmdk_state *st = im->state;
    struct hole hole = { 0, 0, 0 };
    uint64_t file_size;
    int status = fix ? fmt_fail(im->env, FMT_E_UNSUPPORTED) : fmt_file_size(im->env, 0, &file_size);

    if (status) {
        return status;
    }
    file_size = div_up(file_size, VMDK_SECTOR) * VMDK_SECTOR;
    for (uint64_t n = 0, guest = 0; guest < st->size && !status; n++, guest += st->span) {
        status = check_nth(im, n, guest, file_size, &hole, messages);
        if (!status && n % STEP == STEP - 1) {
            status = im->env->progress(im->env, guest, st->size);
        }
    }
    return status;
}
