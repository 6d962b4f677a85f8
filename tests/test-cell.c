/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cells of each back end: jobs, codecs, several cpus at once. */
#include "config.h"

#include <string.h>
#include <errno.h>
#include <zlib.h>
#include <zstd.h>

#include "abi/status.h"
#include "cell/cell.h"
#include "tests/cell-inline.h"
#include "tests/testutil.h"

#define CLUSTER 65536u

/* FALSE: this back end cannot be tried here, and the case is marked so. */
static gboolean use_backend(const char *name)
{
    CellReport report = { 0 };

    test_use_inline_cells(g_str_equal(name, "inline"));
    if (g_str_equal(name, "inline")) {
        return TRUE;
    }
    g_assert_true(cell_choose(name, NULL));
    cell_examine(g_str_equal(name, "kvm") ? CELL_KVM : CELL_PROCESS, &report);
    if (!report.works) {
        g_assert_cmpstr(name, ==, "kvm");
        test_skip_without_kvm(report.why_not);
    }
    g_free(report.why_not);
    return report.works;
}

static Cell *start(guint codecs)
{
    g_autoptr(GError) error = NULL;
    Cell *cell = cell_start(&(CellConfig){ .codecs = codecs }, &error);

    g_assert_no_error(error);
    g_assert_nonnull(cell);
    return cell;
}

static IoFile *make_file(const char *name, const void *bytes, gsize length)
{
    g_autoptr(GError) error = NULL;

    g_file_set_contents(name, bytes, (gssize)length, &error);
    g_assert_no_error(error);
    IoFile *file = io_open(name, IO_WRITE | IO_NO_LOCK, &error);
    g_assert_no_error(error);
    return file;
}

static void call(Cell *cell, CellCall *c)
{
    g_autoptr(GError) error = NULL;

    cell_call(cell, c, &error);
    g_assert_no_error(error);
}

static void test_probe(gconstpointer backend)
{
    static const struct {
        const char *bytes;
        gsize length;
        guint format;
    } rows[] = {
        { "", 0, ABI_FORMAT_RAW },
        { "hello", 5, ABI_FORMAT_RAW },
        { "vhdxfile", 8, ABI_FORMAT_VHDX },
    };

    if (!use_backend(backend)) {
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(IoFile) file = make_file("probe", rows[i].bytes, rows[i].length);
        g_autoptr(Cell) cell = start(0);
        struct abi_probe probe = { 0 };
        CellCall c = { .op = ABI_JOB_PROBE, .out = &probe, .out_size = sizeof probe };

        g_assert_cmpint(cell_attach(cell, file, CELL_READ, 0, NULL), ==, 0);
        call(cell, &c);
        g_assert_cmpint(c.result.status, ==, FMT_OK);
        g_assert_cmpuint(c.out_length, ==, sizeof probe);
        g_assert_cmpuint(probe.format, ==, rows[i].format);
    }
}

/* What the host should never ask is answered, not fatal. */
static void test_bad_jobs(gconstpointer backend)
{
    static const struct {
        enum abi_job_op op;
        gsize in_length;
        gint status;
    } rows[] = {
        { 0, 0, FMT_E_BAD_JOB },
        { 999, 0, FMT_E_BAD_JOB },
        { ABI_JOB_EXTENTS, 0, FMT_E_BAD_JOB }, /* nothing is open */
        { ABI_JOB_OPEN, 4, FMT_E_BAD_JOB },
        { ABI_JOB_OPEN, 16, FMT_E_BAD_JOB }, /* no head */
        { ABI_JOB_CODEC, 3, FMT_E_BAD_JOB },
    };

    if (!use_backend(backend)) {
        return;
    }
    g_autoptr(Cell) cell = start(0);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        guint8 in[16] = { 0 };
        CellCall c = { .op = rows[i].op, .in = in, .in_length = rows[i].in_length };

        call(cell, &c);
        g_assert_cmpint(c.result.status, ==, rows[i].status);
    }
}

/* A reading failure comes back as the errno it was. */
static void test_io_error(gconstpointer backend)
{
    if (!use_backend(backend)) {
        return;
    }
    g_autoptr(IoFile) file = make_file("closed", "x", 1);
    g_autoptr(Cell) cell = start(0);
    CellCall c = { .op = ABI_JOB_PROBE };

    g_assert_cmpint(cell_attach(cell, file, CELL_READ, 0, NULL), ==, 0);
    g_assert_true(io_close(file, NULL));
    call(cell, &c);
    g_assert_cmpint(c.result.status, ==, FMT_E_IO);
    g_assert_cmpuint(c.result.io_errno, ==, EBADF);
}

static void fill(guint8 *p, gsize n, guint seed)
{
    for (gsize i = 0; i < n; i++) {
        p[i] = (guint8)((i * i >> 7) & ((i >> 9) & 1 ? 0x3f : 0x07)) ^ (guint8)seed;
    }
}

/* One piece of work on a codec cpu, its bytes taken from and left in the window. */
static gint64 code(Cell *cell, guint cpu, guint codec, guint direction, gsize in_length,
                   gsize out_length)
{
    g_autoptr(GError) error = NULL;
    guint64 address = 0;
    gsize size = 0;
    struct abi_codec work = { codec, direction, 0, in_length, 0, out_length, 0 };

    g_assert_nonnull(cell_window(cell, cpu, &address, &size, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(size, >=, 4u << 20);
    work.in_address = address;
    work.out_address = address + size / 2;
    CellCall c = { .cpu = cpu,
                   .op = ABI_JOB_CODEC,
                   .arg = { 1 },
                   .in = &work,
                   .in_length = sizeof work,
                   .out = &work,
                   .out_size = sizeof work };
    call(cell, &c);
    g_assert_cmpint(c.result.status, ==, FMT_OK);
    g_assert_cmpuint(c.out_length, ==, sizeof work);
    return work.result;
}

static const struct {
    const char *name;
    guint codec;
} codecs[] = {
    { "deflate", ABI_CODEC_DEFLATE },
    { "zlib", ABI_CODEC_ZLIB },
    { "zstd", ABI_CODEC_ZSTD },
};

static void round_trips(Cell *cell, guint cpu)
{
    g_autofree guint8 *plain = g_malloc(2u << 20);
    guint64 address;
    gsize size;
    guint8 *window = cell_window(cell, cpu, &address, &size, NULL);

    for (guint i = 0; i < G_N_ELEMENTS(codecs); i++) {
        for (gsize n = 512; n <= 2u << 20; n *= 4) {
            fill(plain, n, i + cpu);
            memcpy(window, plain, n);
            gint64 coded = code(cell, cpu, codecs[i].codec, ABI_ENCODE, n, n - 1);
            g_assert_cmpint(coded, >, 0);
            g_assert_cmpint(coded, <, n);
            memcpy(window, window + size / 2, (gsize)coded);
            /* what follows the stream in its sector does not matter */
            memset(window + coded, 0x5a, 511);
            memset(window + size / 2, 0, n);
            g_assert_cmpint(code(cell, cpu, codecs[i].codec, ABI_DECODE, (gsize)coded + 511, n), ==,
                            n);
            g_assert_cmpmem(window + size / 2, n, plain, n);
        }
    }
}

static void test_codecs(gconstpointer backend)
{
    if (!use_backend(backend)) {
        return;
    }
    g_autoptr(Cell) cell = start(1);
    round_trips(cell, 1);
}

/* Damage is told for the cluster it is in; what does not fit is 0. */
static void test_codec_errors(gconstpointer backend)
{
    if (!use_backend(backend)) {
        return;
    }
    g_autoptr(Cell) cell = start(1);
    guint64 address;
    gsize size;
    guint8 *window = cell_window(cell, 1, &address, &size, NULL);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    for (guint i = 0; i < G_N_ELEMENTS(codecs); i++) {
        for (guint k = 0; k < CLUSTER; k++) {
            window[k] = (guint8)g_rand_int(rand);
        }
        g_assert_cmpint(code(cell, 1, codecs[i].codec, ABI_ENCODE, CLUSTER, CLUSTER - 1), ==, 0);
        memset(window, 0xff, CLUSTER);
        g_assert_cmpint(code(cell, 1, codecs[i].codec, ABI_DECODE, CLUSTER, CLUSTER), ==,
                        FMT_E_CODEC);
        fill(window, CLUSTER, 0);
        gint64 coded = code(cell, 1, codecs[i].codec, ABI_ENCODE, CLUSTER, CLUSTER - 1);
        memcpy(window, window + size / 2, (gsize)coded);
        g_assert_cmpint(code(cell, 1, codecs[i].codec, ABI_DECODE, (gsize)coded, 2 * CLUSTER), ==,
                        FMT_E_CODEC);
        g_assert_cmpint(code(cell, 1, codecs[i].codec, ABI_DECODE, (gsize)coded - 5, CLUSTER), ==,
                        FMT_E_CODEC);
    }
    g_assert_cmpint(code(cell, 1, 77, ABI_DECODE, CLUSTER, CLUSTER), ==, FMT_E_UNSUPPORTED);
}

/* A stream that holds more than a cluster gives the cluster, as with qemu-img; the cell's zlib is
 * not the system's, which made this one. */
static void test_longer_stream(gconstpointer backend)
{
    if (!use_backend(backend)) {
        return;
    }
    g_autoptr(Cell) cell = start(1);
    guint64 address;
    gsize size;
    guint8 *window = cell_window(cell, 1, &address, &size, NULL);
    g_autofree guint8 *plain = g_malloc(CLUSTER + 999);
    z_stream z = { 0 };

    fill(plain, CLUSTER + 999, 3);
    g_assert_cmpint(deflateInit2(&z, 6, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY), ==, Z_OK);
    z.next_in = plain;
    z.avail_in = CLUSTER + 999;
    z.next_out = window;
    z.avail_out = CLUSTER;
    g_assert_cmpint(deflate(&z, Z_FINISH), ==, Z_STREAM_END);
    g_assert_cmpint(code(cell, 1, ABI_CODEC_DEFLATE, ABI_DECODE, z.total_out, CLUSTER), ==,
                    CLUSTER);
    g_assert_cmpmem(window + size / 2, CLUSTER, plain, CLUSTER);
    deflateEnd(&z);
}

/* A cluster of zstd in several frames, as qemu-img takes it; one frame with too much, as it does
 * not. */
static void test_zstd_frames(gconstpointer backend)
{
    static const guint8 skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'a', 'b', 'c', 'd' };
    guint64 address;
    gsize size;

    if (!use_backend(backend)) {
        return;
    }
    g_autoptr(Cell) cell = start(1);
    guint8 *window = cell_window(cell, 1, &address, &size, NULL);
    g_autofree guint8 *plain = g_malloc(CLUSTER + 999), *frames = g_malloc(CLUSTER);
    gsize n = sizeof skippable;

    fill(plain, CLUSTER + 999, 5);
    memcpy(frames, skippable, n);
    n += ZSTD_compress(frames + n, CLUSTER - n, plain, 1000, 3);
    n += ZSTD_compress(frames + n, CLUSTER - n, plain, 0, 3);
    n += ZSTD_compress(frames + n, CLUSTER - n, plain + 1000, CLUSTER - 1000, 3);
    memcpy(window, frames, n);
    memset(window + n, 0x77, 100);
    g_assert_cmpint(code(cell, 1, ABI_CODEC_ZSTD, ABI_DECODE, n + 100, CLUSTER), ==, CLUSTER);
    g_assert_cmpmem(window + size / 2, CLUSTER, plain, CLUSTER);
    n = ZSTD_compress(window, size / 2, plain, CLUSTER + 999, 3);
    g_assert_cmpint(code(cell, 1, ABI_CODEC_ZSTD, ABI_DECODE, n, CLUSTER), ==, FMT_E_CODEC);
}

typedef struct {
    Cell *cell;
    guint cpu;
} Worker;

static gpointer work(gpointer data)
{
    Worker *w = data;

    round_trips(w->cell, w->cpu);
    return NULL;
}

static void test_many_cpus(gconstpointer backend)
{
    enum { CPUS = 4 };
    Worker workers[CPUS];
    GThread *threads[CPUS];

    if (!use_backend(backend)) {
        return;
    }
    g_autoptr(Cell) cell = start(CPUS);
    for (guint i = 0; i < CPUS; i++) {
        workers[i] = (Worker){ cell, i + 1 };
        threads[i] = g_thread_new("codec", work, &workers[i]);
    }
    for (guint i = 0; i < CPUS; i++) {
        g_thread_join(threads[i]);
    }
}

int main(int argc, char **argv)
{
    static const char *const backends[] = { "inline", "kvm", "process" };
    static const struct {
        const char *name;
        GTestDataFunc run;
    } cases[] = {
        { "probe", test_probe },
        { "bad-jobs", test_bad_jobs },
        { "io-error", test_io_error },
        { "codecs", test_codecs },
        { "codec-errors", test_codec_errors },
        { "longer-stream", test_longer_stream },
        { "zstd-frames", test_zstd_frames },
        { "many-cpus", test_many_cpus },
    };

    g_test_init(&argc, &argv, NULL);
    for (guint b = 0; b < G_N_ELEMENTS(backends); b++) {
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            g_autofree char *path = g_strdup_printf("/cell/%s/%s", cases[i].name, backends[b]);
            g_test_add_data_func(path, backends[b], cases[i].run);
        }
    }
    return g_test_run();
}
