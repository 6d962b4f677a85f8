/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/qcow2-guest.h"

/* Larger disks are made but not written. */
#define MOST_SHOWN (64u << 20)

static struct abi_extent in[ABI_MAX_EXTENTS], out[ABI_MAX_EXTENTS];
static guint8 table[ABI_TABLE_SIZE];

static const char *const numbers[] = { "cluster_size", "refcount_bits", NULL };
static const char *const bools[] = { "extended_l2", "lazy_refcounts", "data_file_raw", "encryption",
                                     NULL };

void guest_options(struct props_writer *w, const char *options)
{
    g_auto(GStrv) words = g_strsplit(options, ",", -1);

    for (char **word = words; *word != NULL; word++) {
        g_auto(GStrv) pair = g_strsplit(*word, "=", 2);

        if (pair[0] == NULL || *pair[0] == '\0') {
            continue;
        }
        if (g_strv_contains(numbers, pair[0])) {
            props_u64(w, pair[0], g_ascii_strtoull(pair[1], NULL, 10));
        } else if (g_strv_contains(bools, pair[0])) {
            props_bool(w, pair[0], g_str_equal(pair[1], "on"));
        } else {
            props_string(w, pair[0], pair[1]);
        }
    }
}

static gboolean failed(Guest *guest, int status)
{
    guest->status = status;
    return status == FMT_OK;
}

gboolean guest_create(Guest *guest, const char *options, guint64 size)
{
    struct abi_create req = {
        { sizeof req, ABI_JOB_CREATE, ABI_VERSION }, ABI_FORMAT_QCOW2, 0, size
    };
    struct abi_facts facts = { .flags = 0 };
    guint8 stream[4096];
    struct props_writer w = { .base = stream, .size = sizeof stream };
    struct props_writer names = { .base = table, .size = sizeof table };
    guint64 shown = size <= MOST_SHOWN ? (size + 511) & ~G_GUINT64_CONSTANT(511) : 0;

    *guest = (Guest){ .mem = mem_env_new(0), .disk = g_byte_array_new() };
    mem_env_add(guest->mem, "", 0);
    if (strstr(options, "data_file=") != NULL) {
        guest->data_handle = mem_env_add(guest->mem, "", 0);
    }
    guest->backing = strstr(options, "backing_file=") != NULL;
    g_byte_array_set_size(guest->disk, (guint)shown);
    if (shown > 0) {
        memset(guest->disk->data, guest->backing ? GUEST_BACKING : 0, shown);
    }
    guest_options(&w, options);
    guest->im = (struct fmt_image){ .env = mem_env_env(guest->mem),
                                    .driver = &qcow2_driver,
                                    .flags = ABI_OPEN_WRITE,
                                    .data_handle = guest->data_handle };
    guest->open =
        failed(guest, qcow2_create(&guest->im, &req, (struct props_reader){ stream, w.used, 0, 0 },
                                   &facts, &names));
    return guest->open;
}

gboolean guest_open(Guest *guest, guint32 flags)
{
    struct abi_facts facts = { .flags = 0 };
    struct props_writer names = { .base = table, .size = sizeof table };

    guest->im = (struct fmt_image){ .env = mem_env_env(guest->mem),
                                    .driver = &qcow2_driver,
                                    .flags = flags };
    guest->open = failed(guest, qcow2_open(&guest->im, &facts, &names));
    if (guest->open && guest->data_handle != 0) {
        return failed(guest, qcow2_attach(&guest->im, ABI_ROLE_DATA_FILE, 0, guest->data_handle));
    }
    return guest->open;
}

gboolean guest_close(Guest *guest)
{
    int status = qcow2_flush(&guest->im);

    if (status == FMT_OK) {
        status = qcow2_close(&guest->im);
    }
    qcow2_free(&guest->im);
    guest->open = FALSE;
    return failed(guest, status);
}

void guest_end_faults(Guest *guest)
{
    mem_env_stop_at_failure(guest->mem, FALSE);
    mem_env_fail_io(guest->mem, 0, 0);
    mem_env_fail_alloc(guest->mem, 0);
    if (guest->open) {
        qcow2_free(&guest->im);
        guest->open = FALSE;
    }
}

void guest_clear(Guest *guest)
{
    if (guest->open) {
        qcow2_free(&guest->im);
    }
    g_byte_array_unref(guest->disk);
    mem_env_free(guest->mem);
}

/* ---- reading -------------------------------------------------------------------------- */

static void read_coded(Guest *guest, const struct abi_extent *e, guint8 *bytes)
{
    gsize size = qcow2_state(&guest->im)->cluster_size, got = 0;
    g_autofree guint8 *coded = g_malloc0(e->stored_length);
    g_autofree guint8 *plain = g_malloc0(size);
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();

    g_assert_cmpint(
        pread(mem_env_fd(guest->mem, 0), coded, e->stored_length, (off_t)e->file_offset), >, 0);
    g_assert_cmpint(libdeflate_deflate_decompress(d, coded, e->stored_length, plain, size, &got),
                    ==, LIBDEFLATE_SUCCESS);
    libdeflate_free_decompressor(d);
    memcpy(bytes, plain + e->guest_offset % size, e->length);
}

gboolean guest_read(Guest *guest, guint64 offset, guint8 *bytes, guint64 length)
{
    struct abi_extent e[32];
    guint64 end = offset + length, next = offset;
    guint32 count = 0;

    for (guint64 at = offset; at < end; at = next) {
        int status = qcow2_extents(&guest->im, at, end - at, 0, e, G_N_ELEMENTS(e), &count, &next);

        if (status != FMT_OK) {
            return failed(guest, status);
        }
        for (guint i = 0; i < count; i++) {
            guint8 *to = bytes + (e[i].guest_offset - offset);

            memset(to, e[i].kind == ABI_EXT_HOLE && guest->backing ? GUEST_BACKING : 0,
                   e[i].length);
            if (e[i].kind == ABI_EXT_DATA) {
                g_assert_cmpint(pread(mem_env_fd(guest->mem, e[i].handle), to, e[i].length,
                                      (off_t)e[i].file_offset),
                                >=, 0);
            } else if (e[i].kind == ABI_EXT_COOKED) {
                read_coded(guest, &e[i], to);
            }
        }
    }
    return TRUE;
}

void guest_verify(Guest *guest)
{
    g_autofree guint8 *bytes = g_malloc(guest->disk->len + 1);

    g_assert_true(guest_read(guest, 0, bytes, guest->disk->len));
    for (guint i = 0; i < guest->disk->len; i++) {
        if (bytes[i] != guest->disk->data[i]) {
            g_test_message("guest byte %u shows 0x%02x", i, bytes[i]);
            g_assert_cmphex(bytes[i], ==, guest->disk->data[i]);
        }
    }
}

/* ---- writing -------------------------------------------------------------------------- */

static void put_bytes(Guest *guest, const struct abi_extent *e, const guint8 *bytes, gsize length)
{
    g_assert_cmpint(pwrite(mem_env_fd(guest->mem, e->handle), bytes, length, (off_t)e->file_offset),
                    ==, (gssize)length);
}

void guest_do_steps(Guest *guest, const struct abi_extent *steps, guint n, guint8 byte,
                    const guint8 *coded)
{
    for (guint i = 0; i < n; i++) {
        const struct abi_extent *e = &steps[i];
        g_autofree guint8 *bytes = g_malloc0(e->length);

        switch (e->kind) {
        case ABI_EXT_DATA:
            memset(bytes, byte, e->length);
            break;
        case ABI_EXT_FILL_OLD:
            g_assert_true(guest_read(guest, e->guest_offset, bytes, e->length));
            break;
        case ABI_EXT_FILL_ZERO:
            break;
        case ABI_EXT_COOKED:
            put_bytes(guest, e, coded, e->stored_length);
            continue;
        default:
            g_assert_not_reached();
        }
        put_bytes(guest, e, bytes, e->length);
    }
}

/* Ask until the question is taken, as a host with one worker would. */
static gboolean ask(Guest *guest, struct abi_extent question, guint8 byte, const guint8 *coded)
{
    guint32 n = 0, taken = 0, unused;

    in[0] = question;
    guest->jobs++;
    if (!failed(guest, qcow2_write(&guest->im, in, 1, out, ABI_MAX_EXTENTS, &n, &taken))) {
        return FALSE;
    }
    g_assert_cmpuint(taken, ==, 1);
    guest_do_steps(guest, out, n, byte, coded);
    for (guint i = 0; i < n; i++) {
        out[i].kind = ABI_EXT_LINK;
    }
    memcpy(in, out, n * sizeof *in);
    guest->jobs++;
    return failed(guest, qcow2_write(&guest->im, in, n, out, ABI_MAX_EXTENTS, &unused, &taken));
}

static struct abi_extent question_of(const Guest *guest, guint16 kind, guint64 offset,
                                     guint64 length)
{
    return (struct abi_extent){ .guest_offset = offset,
                                .kind = kind,
                                .length = MIN(length, guest->disk->len - offset) };
}

gboolean guest_write(Guest *guest, guint64 offset, guint64 length, guint8 byte)
{
    struct abi_extent q = question_of(guest, ABI_EXT_DATA, offset, length);

    if (!ask(guest, q, byte, NULL)) {
        return FALSE;
    }
    memset(guest->disk->data + offset, byte, q.length);
    return TRUE;
}

gboolean guest_zero(Guest *guest, guint64 offset, guint64 length, gboolean unmap)
{
    struct abi_extent q = question_of(guest, ABI_EXT_ZERO, offset, length);

    q.flags = unmap ? ABI_EXTF_UNMAP : 0;
    if (!ask(guest, q, 0, NULL)) {
        return FALSE;
    }
    memset(guest->disk->data + offset, 0, q.length);
    return TRUE;
}

gboolean guest_discard(Guest *guest, guint64 offset, guint64 length)
{
    struct abi_extent q = question_of(guest, ABI_EXT_DISCARD, offset, length);
    const struct qcow2_state *st = qcow2_state(&guest->im);
    guint64 size = st->cluster_size, first = (offset + size - 1) / size * size;
    guint64 end = offset + q.length;

    if (!ask(guest, q, 0, NULL)) {
        return FALSE;
    }
    end = end == guest->disk->len ? end : end / size * size;
    if (first < end && !(guest->backing && st->header.version < 3)) {
        memset(guest->disk->data + first, 0, end - first);
    }
    return TRUE;
}

gboolean guest_write_coded(Guest *guest, guint64 offset, guint64 length)
{
    struct abi_extent q =
        question_of(guest, ABI_EXT_COOKED, offset, qcow2_state(&guest->im)->cluster_size);
    gsize size = qcow2_state(&guest->im)->cluster_size;
    g_autofree guint8 *plain = g_malloc0(size);
    g_autofree guint8 *coded = g_malloc0(2 * size);
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(1);

    for (guint64 i = 0; i < length; i++) {
        plain[i] = (guint8)g_test_rand_int();
    }
    q.stored_length = libdeflate_deflate_compress(c, plain, size, coded, 2 * size);
    libdeflate_free_compressor(c);
    g_assert_cmpuint(q.stored_length, <, size);
    if (!ask(guest, q, 0, coded)) {
        return FALSE;
    }
    memcpy(guest->disk->data + offset, plain, q.length);
    return TRUE;
}

/* ---- the whole image -------------------------------------------------------------------- */

void guest_check(Guest *guest, guint64 *ret_leaks)
{
    struct abi_check check = { .flags = 0 };
    struct props_writer messages = { .base = table, .size = sizeof table };
    struct fmt_image kept = guest->im;
    gboolean open = guest->open;

    g_assert_true(guest_open(guest, ABI_OPEN_CHECK));
    g_assert_cmpint(qcow2_check(&guest->im, 0, &check, &messages), ==, FMT_OK);
    qcow2_free(&guest->im);
    guest->im = kept;
    guest->open = open;
    g_assert_cmpuint(check.corruptions, ==, 0);
    g_assert_cmpuint(check.check_errors, ==, 0);
    if (ret_leaks != NULL) {
        *ret_leaks = check.leaks;
    } else {
        g_assert_cmpuint(check.leaks, ==, 0);
    }
}

void guest_save(Guest *guest, const char *path)
{
    g_autofree char *data = g_strconcat(path, ".data", NULL);

    for (guint32 handle = 0; handle <= guest->data_handle; handle++) {
        g_autoptr(GBytes) bytes = mem_env_bytes(guest->mem, handle);
        g_autoptr(GError) error = NULL;
        gsize length;
        const char *content = g_bytes_get_data(bytes, &length);

        g_file_set_contents(handle ? data : path, content, (gssize)length, &error);
        g_assert_no_error(error);
    }
}
