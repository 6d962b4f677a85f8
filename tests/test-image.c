/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images: what is read through them, as the real qemu-img and qemu-io made and see it. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/props.h"
#include "image/image.h"
#include "profile/profile.h"
#include "tests/image-open.h"
#include "tests/testutil.h"

#define MIB ((guint64)1 << 20)

/* What the image holds must be what "qemu-img convert -O raw" makes of it; read in steps. */
static void assert_reads_like_qemu(const char *name, gsize step)
{
    g_autofree guint8 *ours = g_malloc(step), *whole = NULL;
    g_autoptr(Image) img = test_open(name, NULL, 0);
    g_autoptr(GError) error = NULL;
    gsize size;

    test_run("qemu-img convert -O raw %s expected.raw", name);
    g_assert_true(g_file_get_contents("expected.raw", (char **)&whole, &size, &error));
    g_assert_cmpuint(image_size(img), ==, size);
    for (gsize at = 0; at < size; at += step) {
        gsize n = MIN(step, size - at);

        g_assert_true(image_read(img, at, ours, n, &error));
        g_assert_no_error(error);
        if (memcmp(ours, whole + at, n) != 0) {
            g_test_fail_printf("%s differs within %zu bytes at %zu", name, n, at);
            return;
        }
    }
    /* behind the end: zeros */
    memset(ours, 1, MIN(step, 512));
    g_assert_true(image_read(img, size + 4096, ours, MIN(step, 512), &error));
    g_assert_cmpuint(ours[0], ==, 0);
}

/* ---- reading --------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *make[6]; /* command lines */
} ReadRow;

#define WRITE "qemu-io -c 'write -P 1 0 64k' -c 'write -P 2 100k 300k' -c 'write -z 1M 64k' "
#define OVER "qemu-io -c 'write -P 3 32k 64k' -c 'write -z 200k 40k' -c 'write -P 4 2M 64k' "

static const ReadRow read_rows[] = {
    { "raw", { "qemu-img create -q -f raw x.img 3M", WRITE "-f raw x.img" } },
    { "odd-raw",
      { "qemu-img create -q -f raw x.img 3M", "truncate -s 1000001 x.img",
        "qemu-io -c 'write -P 5 999000 1000' -f raw x.img" } },
    { "qcow2", { "qemu-img create -q -f qcow2 x.img 3M", WRITE "x.img" } },
    { "small-clusters",
      { "qemu-img create -q -f qcow2 -o cluster_size=512 x.img 3M", WRITE "x.img" } },
    { "big-clusters",
      { "qemu-img create -q -f qcow2 -o cluster_size=2M x.img 3M", WRITE "x.img" } },
    { "subclusters", { "qemu-img create -q -f qcow2 -o extended_l2=on x.img 3M", WRITE "x.img" } },
    { "compressed",
      { "qemu-img create -q -f raw y.img 3M", WRITE "-f raw y.img",
        "qemu-img convert -c -O qcow2 y.img x.img" } },
    { "compressed-zstd",
      { "qemu-img create -q -f raw y.img 3M", WRITE "-f raw y.img",
        "qemu-img convert -c -O qcow2 -o compression_type=zstd y.img x.img" } },
    { "compressed-big",
      { "qemu-img create -q -f raw y.img 5M", WRITE "-f raw y.img",
        "qemu-img convert -c -O qcow2 -o cluster_size=2M y.img x.img" } },
    { "compressed-small",
      { "qemu-img create -q -f raw y.img 3M", WRITE "-f raw y.img",
        "qemu-img convert -c -O qcow2 -o cluster_size=512 y.img x.img" } },
    { "data-file", { "qemu-img create -q -f qcow2 -o data_file=d.raw x.img 3M", WRITE "x.img" } },
    { "overlay",
      { "qemu-img create -q -f qcow2 b.img 3M", WRITE "b.img",
        "qemu-img create -q -f qcow2 -b b.img -F qcow2 x.img", OVER "x.img" } },
    { "long-overlay",
      { "qemu-img create -q -f raw b.img 300k", "qemu-io -c 'write -P 6 0 300k' -f raw b.img",
        "qemu-img create -q -f qcow2 -b b.img -F raw x.img 4M", OVER "x.img" } },
    { "short-overlay",
      { "qemu-img create -q -f qcow2 b.img 3M", WRITE "b.img",
        "qemu-img create -q -f qcow2 -b b.img -F qcow2 x.img 150k" } },
    { "chain",
      { "qemu-img create -q -f qcow2 b.img 3M", WRITE "b.img",
        "qemu-img create -q -f qcow2 -o cluster_size=4k -b b.img -F qcow2 c.img", OVER "c.img",
        "qemu-img create -q -f qcow2 -b c.img -F qcow2 x.img 4M",
        "qemu-io -c 'write -P 7 1M 1000k' x.img" } },
};

static void test_read(gconstpointer data)
{
    const ReadRow *row = data;
    static const gsize steps[] = { 4 * MIB, 65536, 5000 };

    if (test_skip_without_qemu()) {
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(row->make) && row->make[i] != NULL; i++) {
        test_run("%s", row->make[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        assert_reads_like_qemu("x.img", steps[i]);
    }
}

/* Several threads at once, on an image of compressed clusters: one codec cpu each, or a wait. */
typedef struct {
    Image *img;
    const guint8 *expected;
    guint64 start, length;
    gboolean ok;
} Reader;

static gpointer read_thread(gpointer data)
{
    Reader *r = data;
    g_autofree guint8 *buf = g_malloc(70000);

    r->ok = TRUE;
    for (guint64 at = r->start; r->ok && at < r->start + r->length; at += 70000) {
        gsize n = (gsize)MIN(70000, r->start + r->length - at);

        r->ok = image_read(r->img, at, buf, n, NULL) && memcmp(buf, r->expected + at, n) == 0;
    }
    return NULL;
}

static void test_read_threads(void)
{
    enum { N = 4 };
    Reader readers[N];
    GThread *threads[N];
    g_autofree guint8 *whole = NULL;
    g_autoptr(GString) writes = g_string_new(NULL);
    g_autoptr(Image) img = NULL;
    gsize size;

    if (test_skip_without_qemu()) {
        return;
    }
    test_run("qemu-img create -q -f raw y.img 8M");
    for (guint i = 0; i < 60; i++) {
        g_string_append_printf(writes, " -c 'write -P %u %uk 100k'", i + 1, i * 130);
    }
    test_run("qemu-io%s -f raw y.img", writes->str);
    test_run("qemu-img convert -c -O qcow2 y.img x.img");
    g_assert_true(g_file_get_contents("y.img", (char **)&whole, &size, NULL));
    img = test_open("x.img", NULL, 0);
    for (guint i = 0; i < N; i++) {
        readers[i] = (Reader){ img, whole, i * 2 * MIB, 2 * MIB, FALSE };
        threads[i] = g_thread_new("reader", read_thread, &readers[i]);
    }
    for (guint i = 0; i < N; i++) {
        g_thread_join(threads[i]);
        g_assert_true(readers[i].ok);
    }
}

static void test_broken_cluster(void)
{
    g_autoptr(Image) img = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *buf = g_malloc(65536);
    struct abi_extent e[4];
    guint n;
    guint64 next;

    if (test_skip_without_qemu()) {
        return;
    }
    test_run("qemu-img create -q -f raw y.img 1M");
    test_run("qemu-io -c 'write -P 9 0 256k' -f raw y.img");
    test_run("qemu-img convert -c -O qcow2 y.img x.img");
    {
        g_autoptr(Image) good = test_open("x.img", NULL, 0);
        g_assert_true(image_extents(good, 0, 65536, e, 4, &n, &next, &error));
        g_assert_cmpuint(n, ==, 1);
        g_assert_cmpuint(e[0].kind, ==, ABI_EXT_COOKED);
    }
    test_run("qemu-io -f raw -c 'write -P 255 %" G_GUINT64_FORMAT " 20' x.img", e[0].file_offset);
    img = test_open("x.img", NULL, 0);
    g_assert_false(image_read(img, 0, buf, 65536, &error));
    g_assert_cmpstr(error->message, ==, "Input/output error");
    g_clear_error(&error);
    /* its neighbours are as good as before */
    g_assert_true(image_read(img, 65536, buf, 65536, &error));
    g_assert_cmpuint(buf[0], ==, 9);
}

static void test_read_extents(void)
{
    g_autoptr(Image) img = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *a = g_malloc(3 * MIB), *b = g_malloc(3 * MIB);
    struct abi_extent e[128];
    guint n;
    guint64 next;

    if (test_skip_without_qemu()) {
        return;
    }
    test_run("qemu-img create -q -f raw y.img 3M");
    test_run(WRITE "-f raw y.img");
    test_run("qemu-img convert -c -O qcow2 -o cluster_size=16k y.img x.img");
    img = test_open("x.img", NULL, 0);
    g_assert_true(image_extents(img, 0, 400 * 1024, e, 128, &n, &next, &error));
    g_assert_cmpuint(next, ==, 400 * 1024);
    for (guint i = 0; i < n; i++) { /* what is not stored is for the caller to know */
        if (e[i].kind == ABI_EXT_HOLE) {
            e[i].kind = ABI_EXT_ZERO;
        }
    }
    g_assert_true(image_read_extents(img, e, n, a, 2, &error));
    g_assert_no_error(error);
    g_assert_true(image_read(img, 0, b, 400 * 1024, &error));
    g_assert_cmpmem(a, 400 * 1024, b, 400 * 1024);
    /* an extent that lies is refused */
    e[0].handle = 99;
    e[0].kind = ABI_EXT_DATA;
    g_assert_false(image_read_extents(img, e, 1, a, 0, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT);
}

static void test_raw_extents(void)
{
    static const struct {
        guint64 start, length;
        guint16 kind;
    } expected[] = {
        { 0, 64 << 10, ABI_EXT_DATA },
        { 64 << 10, 960 << 10, ABI_EXT_ZERO },
        { 1 << 20, 64 << 10, ABI_EXT_DATA },
        { (1 << 20) + (64 << 10), (1 << 20) - (64 << 10) + 512, ABI_EXT_ZERO },
    };
    g_autoptr(Image) img = NULL;
    g_autoptr(GError) error = NULL;
    struct abi_extent e[8];
    guint n;
    guint64 next;

    if (test_skip_without_qemu()) {
        return;
    }
    test_run("qemu-img create -q -f raw x.img 1M");
    test_run("truncate -s 2097153 x.img");
    test_run("qemu-io -c 'write -P 1 0 64k' -c 'write -P 2 1M 64k' -f raw x.img");
    img = test_open("x.img", NULL, 0);
    g_assert_true(image_extents(img, 0, G_MAXINT64, e, 8, &n, &next, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(n, ==, G_N_ELEMENTS(expected));
    g_assert_cmpuint(next, ==, 2 * MIB + 512);
    for (guint i = 0; i < n; i++) {
        g_assert_cmpuint(e[i].guest_offset, ==, expected[i].start);
        g_assert_cmpuint(e[i].length, ==, expected[i].length);
        g_assert_cmpuint(e[i].kind, ==, expected[i].kind);
        g_assert_cmpuint(e[i].file_offset, ==, expected[i].start);
    }
}

static void test_snapshot(void)
{
    static const char *const words[] = { "1", "first", "snapshot.id=1", "snapshot.name=first",
                                         "snapshot.id=1,snapshot.name=first" };
    static const char *const unknown[] = { "2", "snapshot.id=first", "snapshot.name=1",
                                           "snapshot.id=1,snapshot.name=x", "" };
    guint8 byte;

    if (test_skip_without_qemu()) {
        return;
    }
    test_run("qemu-img create -q -f qcow2 x.img 1M");
    test_run("qemu-io -c 'write -P 1 0 64k' x.img");
    test_run("qemu-img snapshot -c first x.img");
    test_run("qemu-io -c 'write -P 2 0 64k' x.img");
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autoptr(Image) img = test_open("x.img", NULL, 0);
        g_autoptr(GError) error = NULL;

        g_assert_true(image_read(img, 0, &byte, 1, &error));
        g_assert_cmpuint(byte, ==, 2);
        g_assert_true(image_select_snapshot(img, words[i], &error));
        g_assert_no_error(error);
        g_assert_true(image_read(img, 0, &byte, 1, &error));
        g_assert_cmpuint(byte, ==, 1);
    }
    for (guint i = 0; i < G_N_ELEMENTS(unknown); i++) {
        g_autoptr(Image) img = test_open("x.img", NULL, 0);
        g_autoptr(GError) error = NULL;

        g_assert_false(image_select_snapshot(img, unknown[i], &error));
        g_assert_nonnull(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(read_rows); i++) {
        g_autofree char *path = g_strconcat("/image/read/", read_rows[i].name, NULL);
        g_test_add_data_func(path, &read_rows[i], test_read);
    }
    g_test_add_func("/image/read-threads", test_read_threads);
    g_test_add_func("/image/broken-cluster", test_broken_cluster);
    g_test_add_func("/image/read-extents", test_read_extents);
    g_test_add_func("/image/raw-extents", test_raw_extents);
    g_test_add_func("/image/snapshot", test_snapshot);
    return g_test_run();
}
