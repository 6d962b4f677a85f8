/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Image locks: against ourselves, and against a qemu-io and a qemu-nbd that hold the image. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/io.h"
#include "tests/testutil.h"

#define CR IO_PERM_CONSISTENT_READ
#define WR IO_PERM_WRITE
#define RS IO_PERM_RESIZE
#define ALL IO_PERM_ALL
#define STEADY (ALL & ~(WR | RS))

static IoFile *open_image(const char *path, IoFlags flags)
{
    g_autoptr(GError) error = NULL;
    IoFile *file = io_open(path, flags, &error);

    g_assert_no_error(error);
    return file;
}

static void make_image(const char *path)
{
    static const IoCreate how = IO_CREATE_DEFAULTS;
    g_autoptr(GError) error = NULL;

    io_create(path, 65536, &how, 0, NULL, &error);
    g_assert_no_error(error);
}

#define HINT "\nIs another process using the image [lock.img]?"

typedef struct {
    const char *name;
    IoLock first, second;
    const char *message; /* of the second; NULL: it gets its locks */
} PairRow;

static const PairRow pair_rows[] = {
    { "readers", { CR, STEADY }, { CR, STEADY }, NULL },
    { "writer-then-reader",
      { CR | WR | RS, STEADY },
      { CR, STEADY },
      "Failed to get shared \"write\" lock" HINT },
    { "reader-then-writer",
      { CR, STEADY },
      { CR | WR | RS, STEADY },
      "Failed to get \"write\" lock" HINT },
    { "writers",
      { CR | WR | RS, STEADY },
      { CR | WR | RS, STEADY },
      "Failed to get \"write\" lock" HINT },
    { "raw-writers", { CR | WR, ALL }, { CR | WR, ALL }, NULL },
    { "raw-writer-then-steady",
      { CR | WR, ALL },
      { CR, STEADY },
      "Failed to get shared \"write\" lock" HINT },
    { "creator-then-resizer",
      { WR | RS, ALL & ~RS },
      { CR | RS, ALL },
      "Failed to get \"resize\" lock" HINT },
    { "resizer-then-data-file",
      { CR | RS, ALL },
      { CR, ALL & ~RS },
      "Failed to get shared \"resize\" lock" HINT },
    { "forced", { CR | WR | RS, STEADY }, { CR, ALL }, NULL },
    { "unshared-read",
      { 0, ALL & ~CR },
      { CR, ALL },
      "Failed to get \"consistent read\" lock" HINT },
    { "nothing", { CR | WR | RS, STEADY }, { 0, ALL }, NULL },
};

static void test_pair(gconstpointer data)
{
    const PairRow *row = data;
    g_autoptr(GError) error = NULL;

    make_image("lock.img");
    g_autoptr(IoFile) first = open_image("lock.img", IO_WRITE);
    g_autoptr(IoFile) second = open_image("lock.img", IO_WRITE);
    g_assert_true(io_lock(first, row->first, &error));
    g_assert_no_error(error);
    g_assert_cmpint(io_lock(second, row->second, &error), ==, row->message == NULL);
    if (row->message == NULL) {
        g_assert_no_error(error);
        return;
    }
    g_assert_cmpstr(error->message, ==, row->message);
    g_clear_error(&error);

    /* A refusal leaves nothing behind: the first could still take everything alone. */
    g_assert_true(io_lock(first, (IoLock){ ALL, 0 }, &error));
    g_assert_no_error(error);
    g_assert_true(io_lock(first, (IoLock){ 0, ALL }, &error));
    g_assert_true(io_lock(second, (IoLock){ ALL, 0 }, &error));
    g_assert_no_error(error);
    /* ... and one that is closed holds nothing. */
    g_assert_true(io_close(second, &error));
    g_assert_true(io_lock(first, (IoLock){ ALL, 0 }, &error));
    g_assert_no_error(error);
}

static void test_locking_off(void)
{
    g_autoptr(GError) error = NULL;

    make_image("lock.img");
    g_autoptr(IoFile) first = open_image("lock.img", IO_WRITE);
    g_autoptr(IoFile) second = open_image("lock.img", IO_WRITE | IO_NO_LOCK);
    g_assert_true(io_lock(first, (IoLock){ ALL, 0 }, &error));
    g_assert_true(io_lock(second, (IoLock){ ALL, 0 }, &error));
    g_assert_no_error(error);
}

static void test_foreign_lock(void)
{
    g_autoptr(GError) error = NULL;
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1 };

    make_image("lock.img");
    g_autoptr(IoFile) file = open_image("lock.img", IO_WRITE);
    int fd = open("lock.img", O_RDWR | O_CLOEXEC);
    g_assert_cmpint(fcntl(fd, F_OFD_SETLK, &fl), ==, 0);
    g_assert_false(io_lock(file, (IoLock){ CR, ALL }, &error));
    g_assert_cmpstr(error->message, ==, "Failed to lock byte 100");
    close(fd);
}

/* ---- with the real tools ---------------------------------------------------------- */

static gboolean have_tool(const char *name)
{
    g_autofree char *path = g_find_program_in_path(name);

    if (path == NULL) {
        g_test_skip("no qemu-io, qemu-nbd and qemu-img here");
        return FALSE;
    }
    return TRUE;
}

/* Start argv, whose standard input stays open until stop(). */
static GPid start(const char *const *argv, int *ret_stdin)
{
    g_autoptr(GError) error = NULL;
    GPid pid;
    int out;

    g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
                             G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid,
                             ret_stdin, &out, NULL, &error);
    g_assert_no_error(error);
    close(out);
    return pid;
}

static void stop(GPid pid, int child_stdin)
{
    kill(pid, SIGTERM);
    close(child_stdin);
    waitpid(pid, NULL, 0);
}

/* Does somebody hold a byte of 100..103 or 200..203? Wait for it, at most 10 seconds. */
static gboolean wait_for_holder(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    gboolean held = FALSE;

    for (guint i = 0; i < 1000 && !held; i++) {
        struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 104 };

        held = fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
        g_usleep(10000);
    }
    close(fd);
    return held;
}

static char *run_error(const char *const *argv, gboolean *ret_ok)
{
    g_autoptr(GError) error = NULL;
    char *err = NULL;
    int status;

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                 NULL, NULL, &err, &status, &error);
    g_assert_no_error(error);
    *ret_ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return err;
}

typedef struct {
    const char *name;
    const char *argv[12];
} Holder;

/* What a holder keeps us from; NULL: nothing. */
typedef struct {
    Holder holder;
    const char *steady_reader, *writer, *plain_reader;
} HolderRow;

static const HolderRow holder_rows[] = {
    { { "qemu-io-write", { "qemu-io", "lock.img" } },
      "Failed to get shared \"write\" lock" HINT,
      "Failed to get \"write\" lock" HINT,
      NULL },
    { { "qemu-io-read", { "qemu-io", "-r", "lock.img" } },
      NULL,
      "Failed to get \"write\" lock" HINT,
      NULL },
    { { "qemu-io-raw-write", { "qemu-io", "-f", "raw", "lock.img" } },
      "Failed to get shared \"write\" lock" HINT,
      "Failed to get shared \"write\" lock" HINT,
      NULL },
    { { "qemu-nbd-write",
        { "qemu-nbd", "--persistent", "--socket=nbd.sock", "-f", "qcow2", "lock.img" } },
      "Failed to get shared \"write\" lock" HINT,
      "Failed to get \"write\" lock" HINT,
      NULL },
    { { "qemu-nbd-read",
        { "qemu-nbd", "--persistent", "-r", "--socket=nbd.sock", "-f", "qcow2", "lock.img" } },
      NULL,
      "Failed to get \"write\" lock" HINT,
      NULL },
};

static void expect(IoFile *file, IoLock lock, const char *message)
{
    g_autoptr(GError) error = NULL;

    io_lock(file, lock, &error);
    g_assert_cmpstr(error ? error->message : NULL, ==, message);
    g_assert_true(io_lock(file, (IoLock){ 0, ALL }, NULL));
}

static void test_holder(gconstpointer data)
{
    const HolderRow *row = data;
    const char *create[] = { "qemu-img", "create", "-q", "-f", "qcow2", "lock.img", "1M", NULL };
    g_autofree char *socket = g_build_filename(g_get_tmp_dir(), "nbd.sock", NULL);
    g_autofree char *socket_option = g_strconcat("--socket=", socket, NULL);
    const char *argv[G_N_ELEMENTS(row->holder.argv)];
    gboolean ok;
    int child_stdin;

    if (!have_tool("qemu-img") || !have_tool(row->holder.argv[0])) {
        return;
    }
    g_free(run_error(create, &ok));
    g_assert_true(ok);
    for (guint i = 0; i < G_N_ELEMENTS(argv); i++) {
        argv[i] = row->holder.argv[i];
        if (argv[i] != NULL && g_str_has_prefix(argv[i], "--socket=")) {
            argv[i] = socket_option;
        }
    }
    GPid pid = start(argv, &child_stdin);
    g_assert_true(wait_for_holder("lock.img"));
    g_usleep(50000); /* it takes several bytes, one after the other */
    {
        g_autoptr(IoFile) file = open_image("lock.img", IO_WRITE);

        expect(file, (IoLock){ CR, STEADY }, row->steady_reader);
        expect(file, (IoLock){ CR | WR | RS, STEADY }, row->writer);
        expect(file, (IoLock){ CR, ALL }, row->plain_reader);
    }
    stop(pid, child_stdin);
}

/* We hold; the real tool is refused, or not. */
typedef struct {
    const char *name;
    IoLock ours;
    const char *argv[10];
    const char *message;
} HeldRow;

#define OPEN_WRITE "qemu-img: Could not open 'lock.img': Failed to get \"write\" lock" HINT "\n"
#define OPEN_SHARED                                                                                \
    "qemu-img: Could not open 'lock.img': Failed to get shared \"write\" lock" HINT "\n"

static const HeldRow held_rows[] = {
    { "write/check", { CR | WR | RS, STEADY }, { "qemu-img", "check", "lock.img" }, OPEN_SHARED },
    { "write/info", { CR | WR | RS, STEADY }, { "qemu-img", "info", "lock.img" }, OPEN_SHARED },
    { "write/info-share", { CR | WR | RS, STEADY }, { "qemu-img", "info", "-U", "lock.img" }, "" },
    { "write/resize",
      { CR | WR | RS, STEADY },
      { "qemu-img", "resize", "lock.img", "2M" },
      OPEN_WRITE },
    { "read/check", { CR, STEADY }, { "qemu-img", "check", "lock.img" }, "" },
    { "read/resize", { CR, STEADY }, { "qemu-img", "resize", "lock.img", "2M" }, OPEN_WRITE },
    { "read/create",
      { CR, STEADY },
      { "qemu-img", "create", "-q", "-f", "qcow2", "lock.img", "1M" },
      "qemu-img: lock.img: Failed to get \"write\" lock" HINT "\n" },
};

static void test_held(gconstpointer data)
{
    const HeldRow *row = data;
    const char *create[] = { "qemu-img", "create", "-q", "-f", "qcow2", "lock.img", "1M", NULL };
    g_autoptr(GError) error = NULL;
    gboolean ok;

    if (!have_tool("qemu-img")) {
        return;
    }
    g_free(run_error(create, &ok));
    g_assert_true(ok);
    g_autoptr(IoFile) file = open_image("lock.img", IO_WRITE);
    g_assert_true(io_lock(file, row->ours, &error));
    g_assert_no_error(error);
    g_autofree char *message = run_error(row->argv, &ok);
    g_assert_cmpstr(message, ==, row->message);
    g_assert_cmpint(ok, ==, *row->message == '\0');
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(pair_rows); i++) {
        g_autofree char *path = g_strconcat("/lock/pair/", pair_rows[i].name, NULL);
        g_test_add_data_func(path, &pair_rows[i], test_pair);
    }
    g_test_add_func("/lock/off", test_locking_off);
    g_test_add_func("/lock/foreign", test_foreign_lock);
    for (guint i = 0; i < G_N_ELEMENTS(holder_rows); i++) {
        g_autofree char *path = g_strconcat("/lock/holder/", holder_rows[i].holder.name, NULL);
        g_test_add_data_func(path, &holder_rows[i], test_holder);
    }
    for (guint i = 0; i < G_N_ELEMENTS(held_rows); i++) {
        g_autofree char *path = g_strconcat("/lock/held/", held_rows[i].name, NULL);
        g_test_add_data_func(path, &held_rows[i], test_held);
    }
    return g_test_run();
}
