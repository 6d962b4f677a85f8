/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte stores: files, character devices, pipes; sizes, zeros, holes, direct I/O. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"
#include "tests/io-file.h"
#include "tests/testutil.h"

/* ---- opening ---------------------------------------------------------------- */

typedef struct {
    const char *name, *path;
    IoFlags flags;
    const char *message; /* NULL: opens */
} OpenRow;

static const OpenRow open_rows[] = {
    { "missing", "missing", 0, "Could not open 'missing': No such file or directory" },
    { "directory", "dir", 0, "'file' driver requires 'dir' to be a regular file" },
    { "directory-create", "dir", IO_WRITE | IO_CREATE, "Could not create 'dir': Is a directory" },
    { "fifo", "fifo", 0, "'file' driver requires 'fifo' to be a regular file" },
    { "below-a-file", "regular/x", 0, "Could not open 'regular/x': Not a directory" },
    { "no-folder", "nodir/x", IO_WRITE | IO_CREATE,
      "Could not create 'nodir/x': No such file or directory" },
    { "no-direct", "/proc/version", IO_NO_CACHE,
      "Could not open '/proc/version': filesystem does not support O_DIRECT" },
    { "regular", "regular", 0, NULL },
    { "null-device", "/dev/null", 0, NULL },
    { "device-as-file", "/dev/null", IO_ONLY_FILE,
      "'file' driver requires '/dev/null' to be a regular file" },
    { "file-as-device", "regular", IO_ONLY_DEVICE,
      "'host_device' driver requires 'regular' to be either a character or block device" },
    { "never-under-dev", "/dev/instar-test-no-such-device", IO_WRITE | IO_CREATE,
      "Could not create '/dev/instar-test-no-such-device': No such file or directory" },
};

static void test_open(gconstpointer data)
{
    const OpenRow *row = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(IoFile) file = io_open(row->path, row->flags, &error);

    if (row->message == NULL) {
        g_assert_no_error(error);
        g_assert_nonnull(file);
        g_assert_cmpint(io_kind(file), ==,
                        io_is_device(row->path) ? IO_KIND_HOST_DEVICE : IO_KIND_FILE);
        return;
    }
    g_assert_null(file);
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, row->message);
    g_assert_cmpint(access("/dev/instar-test-no-such-device", F_OK), !=, 0);
}

static void test_character_device(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(IoFile) file = io_open("/dev/zero", 0, &error);
    guint64 size = 1;
    guint8 buf[16];
    gsize present = 1;

    g_assert_no_error(error);
    g_assert_true(io_size(file, &size, &error));
    g_assert_cmpuint(size, ==, 0);
    g_assert_true(io_pread(file, 0, buf, sizeof buf, &present, &error));
    g_assert_cmpuint(present, ==, 0);
}

/* ---- creating and sizes ------------------------------------------------------- */

static void test_mode(void)
{
    static const IoCreate how = IO_CREATE_DEFAULTS;
    g_autoptr(GError) error = NULL;
    struct stat st;
    mode_t old = umask(0);

    g_assert_true(io_create("mode-0", 0, &how, 0, NULL, &error));
    umask(077);
    g_assert_true(io_create("mode-77", 0, &how, 0, NULL, &error));
    umask(old);
    g_assert_no_error(error);
    g_assert_cmpint(stat("mode-0", &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0644);
    g_assert_cmpint(stat("mode-77", &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
}

static void test_preallocation(void)
{
    static const struct {
        IoPrealloc prealloc;
        gboolean full;
        const char *message;
    } rows[] = {
        { IO_PREALLOC_OFF, FALSE, NULL },
        { IO_PREALLOC_FALLOC, TRUE, NULL },
        { IO_PREALLOC_FULL, TRUE, NULL },
        { IO_PREALLOC_METADATA, FALSE, "Unsupported preallocation mode: metadata" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        IoCreate how = IO_CREATE_DEFAULTS;
        g_autoptr(GError) error = NULL;
        g_autoptr(IoFile) file = NULL;
        guint64 size, allocated;

        how.prealloc = rows[i].prealloc;
        g_assert_cmpint(io_create("prealloc", 1024 * 1024, &how, 0, NULL, &error), ==,
                        rows[i].message == NULL);
        if (rows[i].message != NULL) {
            g_assert_cmpstr(error->message, ==, rows[i].message);
            continue;
        }
        file = io_open("prealloc", 0, &error);
        g_assert_true(io_size(file, &size, &error));
        g_assert_true(io_allocated(file, &allocated, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(size, ==, 1024 * 1024);
        if (rows[i].full) {
            g_assert_cmpuint(allocated, >=, size);
        } else {
            g_assert_cmpuint(allocated, <=, 64 * 1024);
        }
    }
}

static void test_truncate_errors(void)
{
    g_autoptr(IoFile) file = test_make_file("truncate", 65536, 0);
    g_autoptr(IoFile) device = io_open("/dev/null", IO_WRITE, NULL);
    g_autoptr(GError) error = NULL;
    guint64 size;

    g_assert_false(io_truncate(file, G_MAXUINT64, IO_PREALLOC_OFF, &error));
    g_assert_error(error, IO_ERROR, EFBIG);
    g_clear_error(&error);
    g_assert_false(io_truncate(file, 512, IO_PREALLOC_FULL, &error));
    g_assert_cmpstr(error->message, ==, "Preallocation can't be used for shrinking files");
    g_clear_error(&error);
    g_assert_true(io_size(file, &size, NULL));
    g_assert_cmpuint(size, ==, 65536);
    g_assert_false(io_truncate(device, 512, IO_PREALLOC_OFF, &error));
    g_assert_cmpstr(error->message, ==, "Cannot grow device files");
    g_clear_error(&error);
    g_assert_false(io_truncate(device, 0, IO_PREALLOC_FALLOC, &error));
    g_assert_cmpstr(error->message, ==,
                    "Preallocation mode 'falloc' unsupported for this non-regular file");
}

/* ---- reading and writing -------------------------------------------------------- */

static void test_end_of_file(void)
{
    g_autoptr(IoFile) file = test_make_file("end", 1000, 0);
    g_autoptr(GError) error = NULL;
    guint8 buf[64];
    gsize present;

    test_write_bytes(file, 990, 0xaa, 10);
    memset(buf, 0x55, sizeof buf);
    g_assert_true(io_pread(file, 990, buf, sizeof buf, &present, &error));
    g_assert_cmpuint(present, ==, 10);
    g_assert_cmpuint(buf[9], ==, 0xaa);
    for (guint i = 10; i < sizeof buf; i++) {
        g_assert_cmpuint(buf[i], ==, 0);
    }
    g_assert_true(io_pread(file, G_MAXINT64 - 64, buf, 64, &present, &error));
    g_assert_cmpuint(present, ==, 0);
    g_assert_false(io_pread(file, G_MAXUINT64 - 8, buf, 64, &present, &error));
    g_assert_error(error, IO_ERROR, EFBIG);
    g_clear_error(&error);
    g_assert_false(io_pwrite(file, G_MAXINT64, buf, 64, &error));
    g_assert_error(error, IO_ERROR, EFBIG);
}

static void test_errors(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(IoFile) full = io_open("/dev/full", IO_WRITE, &error);
    g_autoptr(IoFile) reader = NULL;

    g_assert_no_error(error);
    g_assert_false(io_pwrite(full, 0, "x", 1, &error));
    g_assert_error(error, IO_ERROR, ENOSPC);
    g_assert_cmpstr(error->message, ==, "No space left on device");
    g_clear_error(&error);

    io_unref(test_make_file("errors", 512, 0));
    reader = io_open("errors", 0, &error);
    g_assert_false(io_pwrite(reader, 0, "x", 1, &error));
    g_assert_error(error, IO_ERROR, EBADF);
    g_clear_error(&error);
    g_assert_true(io_close(reader, &error));
    g_assert_false(io_pread(reader, 0, (char[1]){ 0 }, 1, NULL, &error));
    g_assert_error(error, IO_ERROR, EBADF);
}

/* Odd offsets, lengths and buffers under O_DIRECT, beside the same through the page cache. */
static void test_direct(void)
{
    g_autoptr(IoFile) plain = test_make_file("plain", 0, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(IoFile) direct = NULL;
    g_autoptr(GRand) rnd = g_rand_new_with_seed(2);
    enum { AREA = 300 * 1024 };
    g_autofree guint8 *a = g_malloc(AREA + 64), *b = g_malloc(AREA + 64);
    static const IoCreate how = IO_CREATE_DEFAULTS;

    g_assert_true(io_create("direct", 0, &how, 0, NULL, &error));
    direct = io_open("direct", IO_WRITE | IO_NO_CACHE, &error);
    if (direct == NULL) {
        g_test_skip(error->message);
        return;
    }
    for (guint i = 0; i < 200; i++) {
        gsize length = (gsize)g_rand_int_range(rnd, 1, i % 10 == 0 ? AREA : 9000);
        gsize offset = (gsize)g_rand_int_range(rnd, 0, AREA - (gint)length + 1);
        gsize skew = (gsize)g_rand_int_range(rnd, 0, 64);

        if (i % 5 == 0) {
            offset &= ~(gsize)4095;
        }
        memset(a + skew, (int)i, length);
        g_assert_true(io_pwrite(plain, offset, a + skew, length, &error));
        g_assert_true(io_pwrite(direct, offset, a + skew, length, &error));
        g_assert_no_error(error);
        offset = (gsize)g_rand_int_range(rnd, 0, AREA);
        length = (gsize)g_rand_int_range(rnd, 1, AREA);
        g_assert_true(io_pread(plain, offset, a, length, NULL, &error));
        g_assert_true(io_pread(direct, offset, b + skew, length, NULL, &error));
        g_assert_no_error(error);
        g_assert_cmpmem(a, length, b + skew, length);
    }
    guint64 size_a, size_b;
    g_assert_true(io_flush(direct, &error));
    g_assert_true(io_size(plain, &size_a, &error));
    g_assert_true(io_size(direct, &size_b, &error));
    g_assert_cmpuint(size_a, ==, size_b);
}

/* ---- zeros and holes --------------------------------------------------------------- */

static void test_zero(gconstpointer data)
{
    gboolean may_unmap = GPOINTER_TO_INT(data);
    g_autoptr(IoFile) file = test_make_file("zero", 0, 0);
    g_autoptr(GError) error = NULL;
    guint64 size, length, allocated;
    gboolean is_data;

    test_write_bytes(file, 0, 0x11, 1 << 20);
    g_assert_true(io_zero(file, 4096, 256 * 1024, may_unmap, &error));
    test_assert_bytes(file, 0, 0x11, 4096);
    test_assert_bytes(file, 4096, 0, 256 * 1024);
    test_assert_bytes(file, 4096 + 256 * 1024, 0x11, 4096);
    /* odd ends */
    g_assert_true(io_zero(file, 600001, 77777, may_unmap, &error));
    test_assert_bytes(file, 600000, 0x11, 1);
    test_assert_bytes(file, 600001, 0, 77777);
    test_assert_bytes(file, 677778, 0x11, 1);
    /* behind the end: the file grows */
    g_assert_true(io_zero(file, 900000, 1 << 20, may_unmap, &error));
    g_assert_no_error(error);
    g_assert_true(io_size(file, &size, &error));
    g_assert_cmpuint(size, ==, 900000 + (1 << 20));
    test_assert_bytes(file, 899999, 0x11, 1);
    test_assert_bytes(file, 900000, 0, 1 << 20);
    g_assert_true(io_allocated(file, &allocated, &error));
    if (may_unmap) {
        g_assert_cmpuint(allocated, <, 900000);
        g_assert_true(io_block_status(file, 8192, 65536, &is_data, &length, &error));
        g_assert_false(is_data);
        g_assert_cmpuint(length, ==, 65536);
    }
    g_assert_false(io_zero(file, G_MAXUINT64 - 1, 4096, may_unmap, &error));
    g_assert_error(error, IO_ERROR, EFBIG);
}

static void test_zero_full(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(IoFile) full = io_open("/dev/full", IO_WRITE, &error);

    g_assert_false(io_zero(full, 0, 512, TRUE, &error));
    g_assert_error(error, IO_ERROR, ENOSPC);
}

static void test_status(void)
{
    g_autoptr(IoFile) file = test_make_file("status", 0, 0);
    g_autoptr(GError) error = NULL;
    static const struct {
        guint64 offset, length;
        gboolean data;
        guint64 ret_length;
    } rows[] = {
        { 0, 1 << 20, FALSE, 1 << 20 },       { 0, 4 << 20, FALSE, 1 << 20 },
        { 65536, 4096, FALSE, 4096 },         { 1 << 20, 4 << 20, TRUE, 1 << 20 },
        { (1 << 20) + 4096, 100, TRUE, 100 }, { 2 << 20, 1 << 20, FALSE, 1 << 20 },
        { 3 << 20, 8 << 20, FALSE, 8 << 20 }, /* up to the end and behind it */
        { 8 << 20, 512, FALSE, 512 },
    };

    g_assert_true(io_truncate(file, 4 << 20, IO_PREALLOC_OFF, &error));
    g_assert_true(io_discard(file, 0, 1 << 20, &error));
    test_write_bytes(file, 1 << 20, 0x22, 1 << 20);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        gboolean is_data = !rows[i].data;
        guint64 length = 0;

        g_assert_true(
            io_block_status(file, rows[i].offset, rows[i].length, &is_data, &length, &error));
        g_assert_no_error(error);
        g_assert_cmpint(is_data, ==, rows[i].data);
        g_assert_cmpuint(length, ==, rows[i].ret_length);
    }
    /* a write must not leave an old answer */
    test_write_bytes(file, 3 << 20, 0x33, 4096);
    gboolean is_data;
    guint64 length;
    g_assert_true(io_block_status(file, 3 << 20, 1 << 20, &is_data, &length, &error));
    g_assert_true(is_data);
    g_assert_cmpuint(length, ==, 4096);
}

static void test_copy_range(void)
{
    g_autoptr(IoFile) from = test_make_file("copy-from", 0, 0),
                      to = test_make_file("copy-to", 0, 0);
    g_autoptr(IoFile) device = io_open("/dev/null", IO_WRITE, NULL);
    g_autoptr(GError) error = NULL;
    guint64 copied = 0;

    test_write_bytes(from, 0, 0x44, 1 << 20);
    if (!io_copy_range(from, 0, to, 4096, 1 << 20, &copied, &error)) {
        g_assert_error(error, IO_ERROR, ENOTSUP);
        g_test_skip("the file system has no copy_file_range");
        return;
    }
    test_assert_bytes(to, 0, 0, 4096);
    test_assert_bytes(to, 4096, 0x44, (gsize)copied);
    g_assert_false(io_copy_range(from, 0, device, 0, 512, &copied, &error));
    g_assert_error(error, IO_ERROR, ENOTSUP);
}

static void test_slice(void)
{
    g_autoptr(IoFile) whole = test_make_file("whole", 0, 0);
    g_autoptr(IoFile) fixed = io_slice(whole, 4096, 8192),
                      open_end = io_slice(fixed, 512, G_MAXUINT64);
    g_autoptr(GError) error = NULL;
    guint64 size, length;
    gboolean is_data;
    guint8 buf[64];
    gsize present;

    test_write_bytes(whole, 0, 0x77, 65536);
    g_assert_cmpuint(io_slice_start(whole), ==, 0);
    g_assert_cmpuint(io_slice_start(open_end), ==, 4608);
    g_assert_true(io_size(fixed, &size, &error));
    g_assert_cmpuint(size, ==, 8192);
    g_assert_true(io_size(open_end, &size, &error));
    g_assert_cmpuint(size, ==, 8192 - 512);
    test_write_bytes(fixed, 0, 0x78, 512);
    test_write_bytes(open_end, 0, 0x79, 512);
    test_assert_bytes(whole, 4095, 0x77, 1);
    test_assert_bytes(whole, 4096, 0x78, 512);
    test_assert_bytes(whole, 4608, 0x79, 512);
    /* nothing is read or written outside */
    g_assert_true(io_pread(fixed, 8160, buf, sizeof buf, &present, &error));
    g_assert_cmpuint(present, ==, 32);
    g_assert_cmpuint(buf[31], ==, 0x77);
    g_assert_cmpuint(buf[32], ==, 0);
    g_assert_false(io_pwrite(fixed, 8160, buf, sizeof buf, &error));
    g_assert_error(error, IO_ERROR, ENOSPC);
    g_clear_error(&error);
    g_assert_false(io_zero(open_end, G_MAXINT64 - 64, 64, TRUE, &error));
    g_clear_error(&error);
    g_assert_true(io_block_status(fixed, 8192, 512, &is_data, &length, &error));
    g_assert_false(is_data);
    g_assert_false(io_truncate(fixed, 512, IO_PREALLOC_OFF, &error));
    g_assert_cmpstr(error->message, ==, "Cannot resize fixed-size raw disks");
    test_assert_bytes(whole, 4096 + 8192, 0x77, 512);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(mkdir("dir", 0755), ==, 0);
    g_assert_cmpint(mkfifo("fifo", 0644), ==, 0);
    g_assert_true(g_file_set_contents("regular", "x", 1, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(open_rows); i++) {
        g_autofree char *path = g_strconcat("/io/open/", open_rows[i].name, NULL);
        g_test_add_data_func(path, &open_rows[i], test_open);
    }
    g_test_add_func("/io/character-device", test_character_device);
    g_test_add_func("/io/mode", test_mode);
    g_test_add_func("/io/preallocation", test_preallocation);
    g_test_add_func("/io/truncate-errors", test_truncate_errors);
    g_test_add_func("/io/end-of-file", test_end_of_file);
    g_test_add_func("/io/errors", test_errors);
    g_test_add_func("/io/direct", test_direct);
    g_test_add_data_func("/io/zero/unmap", GINT_TO_POINTER(TRUE), test_zero);
    g_test_add_data_func("/io/zero/keep", GINT_TO_POINTER(FALSE), test_zero);
    g_test_add_func("/io/zero/no-space", test_zero_full);
    g_test_add_func("/io/status", test_status);
    g_test_add_func("/io/copy-range", test_copy_range);
    g_test_add_func("/io/slice", test_slice);
    return g_test_run();
}
