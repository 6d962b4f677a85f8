/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What callers rely on and no twin can show: what is opened and what is not, the limits they run
 * us under, /dev, signals, and images that qemu-img itself does not survive.
 */
#include "config.h"

#include "tests/testutil.h"
#include "tests/twin-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char fixture_table[] =
    "[{\"target\":\"clients\",\"name\":\"fixture\",\"setup\":["
    "[\"qemu-img\",\"create\",\"-q\",\"-f\",\"qcow2\",\"b\",\"4M\"],"
    "[\"qemu-io\",\"-f\",\"qcow2\",\"-c\",\"write -P 7 0 1M\",\"b\"],"
    "[\"qemu-img\",\"create\",\"-q\",\"-f\",\"qcow2\",\"-o\",\"data_file=d\",\"-b\",\"b\",\"-F\","
    "\"qcow2\",\"o\"],"
    "[\"qemu-img\",\"convert\",\"-c\",\"-O\",\"qcow2\",\"b\",\"c\"],"
    "[\"qemu-img\",\"create\",\"-q\",\"-f\",\"qcow2\",\"s\",\"4M\"],"
    "[\"qemu-img\",\"rebase\",\"-u\",\"-b\",\"./s\",\"-F\",\"qcow2\",\"s\"],"
    "[\"qemu-img\",\"create\",\"-q\",\"-f\",\"qcow2\",\"l\",\"4M\"],"
    "[\"poke\",\"l\",\"32\",\"00000002\"],"
    "[\"make-random\",\"big\",\"16777216\",\"1\"]"
    "],\"run\":[\"qemu-img\"],\"observe\":{}}]";

static struct twin_fixture *fixture;

static void lay(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(twin_fixture_lay(fixture, &error));
    g_assert_no_error(error);
}

static struct twin_output *ours(const char *line)
{
    g_auto(GStrv) argv = NULL;
    g_autoptr(GError) error = NULL;

    g_shell_parse_argv(line, NULL, &argv, &error);
    g_assert_no_error(error);
    return twin_fixture_run(fixture, argv, TWIN_OURS, twin_installed_version(), 022);
}

/* ---- what is opened ---------------------------------------------------------------------- */

static const struct {
    const char *path;
    const char *command;
    const char *file; /* in the work directory */
    gboolean opened;
} opens[] = {
    { "/info-not-the-backing-file", "qemu-img info o", "b", FALSE },
    { "/info-json-not-the-backing-file", "qemu-img info --output=json o", "b", FALSE },
    { "/info-not-the-data-file", "qemu-img info o", "d", FALSE },
    { "/info-chain-the-backing-file", "qemu-img info --backing-chain o", "b", TRUE },
    { "/map-the-backing-file", "qemu-img map o", "b", TRUE },
    { "/create-unsafe-not-the-base", "qemu-img create -u -f qcow2 -b b -F qcow2 n 1M", "b", FALSE },
    { "/create-the-base", "qemu-img create -f qcow2 -b b -F qcow2 n", "b", TRUE },
    { "/backing-null-not-the-base",
      "qemu-img map 'json:{\"driver\":\"qcow2\",\"backing\":null,\"file.filename\":\"o\"}'", "b",
      FALSE },
};

static void test_opens(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    char events[4096];

    lay();
    g_autofree char *path = g_build_filename(fixture->work, opens[i].file, NULL);
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    g_assert_cmpint(watch, >=, 0);
    g_assert_cmpint(inotify_add_watch(watch, path, IN_OPEN), >=, 0);
    struct twin_output *output = ours(opens[i].command);
    gboolean opened = read(watch, events, sizeof events) > 0;
    close(watch);
    g_assert_cmpstr(output->err->str, ==, "");
    g_assert_cmpint(output->rc, ==, 0);
    g_assert_cmpint(opened, ==, opens[i].opened);
    twin_output_free(output);
}

/* ---- limits ------------------------------------------------------------------------------ */

static const struct {
    const char *path;
    const char *command; /* behind prlimit --as=1073741824 --cpu=2 */
} limited[] = {
    { "/info", "info --output=json o" },
    { "/create", "create -f qcow2 n 1T" },
    { "/check", "check b" },
    { "/map", "map --output=json o" },
    { "/compare", "compare b c" },
    { "/convert", "convert -O qcow2 -f raw big n" },
    { "/convert-compress", "convert -c -O qcow2 b n" },
    { "/convert-decompress", "convert -O raw c n" },
};

/* Run line by the program at path: it ends with 0, and says nothing on stderr. */
static void runs_well(const char *path, const char *line)
{
    g_auto(GStrv) argv = NULL;
    g_auto(GStrv) envp = g_get_environ();
    g_autoptr(GError) error = NULL;
    struct twin_output *output = NULL;

    g_assert_true(g_shell_parse_argv(line, NULL, &argv, &error));
    struct twin_process process = {
        .path = path,
        .argv = argv,
        .dir = fixture->work,
        .envp = envp,
        .umask = 022,
        .seconds = 60,
    };
    g_assert_true(twin_process_run(&process, &output, &error));
    g_assert_cmpstr(output->err->str, ==, "");
    g_assert_cmpint(output->rc, ==, 0);
    twin_output_free(output);
}

static void test_limited(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autofree char *prlimit = g_find_program_in_path("prlimit");
    g_autofree char *line = g_strdup_printf("prlimit --as=1073741824 --cpu=2 -- '%s' %s",
                                            test_instar_img(), limited[i].command);

    if (!prlimit) {
        g_test_skip("prlimit is not installed");
        return;
    }
    lay();
    runs_well(prlimit, line);
}

/* ---- devices ----------------------------------------------------------------------------- */

static const char *const dev_commands[] = {
    "create -f raw %s 1M",
    "create -f qcow2 %s 1M",
    "create -f qcow2 -o data_file=%s t 1M",
    "convert -f raw -O raw big %s",
    "convert -f raw -O qcow2 big %s",
    "convert -f raw -O raw big file:%s",
};

/* A device that is missing must not come into being as a regular file that fills /dev. */
static void test_dev(gconstpointer data)
{
    g_autofree char *name = g_strdup_printf("/dev/instar-test-%d", (int)getpid());
    g_autofree char *tail = g_strdup_printf(dev_commands[GPOINTER_TO_UINT(data)], name);
    g_autofree char *line = g_strconcat("qemu-img ", tail, NULL);

    lay();
    struct twin_output *output = ours(line);
    g_assert_cmpint(output->rc, ==, 1);
    g_assert_nonnull(strstr(output->err->str, name));
    g_assert_cmpint(g_remove(name), ==, -1);
    twin_output_free(output);
}

/* /dev/stdout that is a file is written as one. */
static void test_stdout(void)
{
    g_autofree char *line =
        g_strdup_printf("sh -c '\"%s\" convert -f raw -O raw big /dev/stdout > out && cmp big out'",
                        test_instar_img());

    lay();
    runs_well("/bin/sh", line);
}

/* ---- images that qemu-img does not survive ----------------------------------------------- */

static const struct {
    const char *path;
    const char *command;
} deadly[] = {
    { "/luks-without-header", "qemu-img info l" },
    { "/luks-without-header-check", "qemu-img check l" },
    { "/its-own-base-map", "qemu-img map s" },
    { "/its-own-base-convert", "qemu-img convert -O raw s t" },
    { "/its-own-base-compare", "qemu-img compare s b" },
    { "/its-own-base-create", "qemu-img create -f qcow2 -b ./t -F qcow2 t" },
};

static void test_deadly(gconstpointer data)
{
    gint64 start = g_get_monotonic_time();

    lay();
    struct twin_output *output = ours(deadly[GPOINTER_TO_UINT(data)].command);
    g_assert_cmpint(output->rc, >=, 1);
    g_assert_cmpint(output->rc, <=, 2);
    g_assert_true(g_str_has_prefix(output->err->str, "qemu-img: "));
    g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
    twin_output_free(output);
}

/* ---- signals ----------------------------------------------------------------------------- */

/* SIGUSR1 makes a long command without -p tell its progress once, on standard error; with -p it
 * says nothing more. data: -p, or nothing. */
static void test_progress_signal(gconstpointer data)
{
    gboolean shown = g_str_equal(data, "-p");
    char *argv[] = { (char *)test_instar_img(),
                     (char *)"convert",
                     (char *)(shown ? "-p" : "-U"),
                     (char *)"-r",
                     (char *)"4M",
                     (char *)"-f",
                     (char *)"raw",
                     (char *)"-O",
                     (char *)"raw",
                     (char *)"big",
                     (char *)"n",
                     NULL };
    g_autofree char *target = NULL;
    g_autoptr(GError) error = NULL;
    char text[256] = "";
    struct stat st;
    GPid pid;
    int err;
    int status;

    lay();
    target = g_build_filename(fixture->work, "n", NULL);
    g_spawn_async_with_pipes(fixture->work, argv, NULL,
                             G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                             &pid, NULL, NULL, &err, &error);
    g_assert_no_error(error);
    for (int i = 0; i < 1000 && (g_stat(target, &st) != 0 || st.st_blocks == 0); i++)
        g_usleep(10000);
    kill(pid, SIGUSR1);
    if (shown) {
        g_usleep(2 * G_USEC_PER_SEC); /* some steps */
        kill(pid, SIGKILL);
    }
    ssize_t n = read(err, text, sizeof text - 1);
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    close(err);
    g_spawn_close_pid(pid);
    if (shown) {
        g_assert_cmpint(n, ==, 0);
        return;
    }
    g_assert_cmpint(n, >, 0);
    g_assert_true(g_regex_match_simple("^    \\(\\d+\\.\\d\\d/100%\\)\\n$", text, 0, 0));
}

#define ADD_ROWS(rows, prefix, name, test)                                                         \
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {                                               \
        g_autofree char *path = g_strconcat("/clients/" prefix, name, NULL);                       \
                                                                                                   \
        g_test_add_data_func(path, GUINT_TO_POINTER(i), test);                                     \
    }

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_autoptr(GPtrArray) cases = twin_cases_parse(fixture_table, "clients", &error);
    g_assert_no_error(error);
    g_autofree char *scratch = g_dir_make_tmp("instar-clients-XXXXXX", &error);
    g_assert_no_error(error);
    fixture = twin_fixture_new(g_ptr_array_index(cases, 0), scratch, 1, NULL);

    ADD_ROWS(opens, "opens", opens[i].path, test_opens);
    ADD_ROWS(limited, "limited", limited[i].path, test_limited);
    ADD_ROWS(deadly, "deadly", deadly[i].path, test_deadly);
    for (guint i = 0; i < G_N_ELEMENTS(dev_commands); i++) {
        g_autofree char *path = g_strdup_printf("/clients/dev/%u", i);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_dev);
    }
    g_test_add_func("/clients/dev/stdout", test_stdout);
    g_test_add_data_func("/clients/signal/progress", "", test_progress_signal);
    g_test_add_data_func("/clients/signal/progress-shown", "-p", test_progress_signal);
    int status = g_test_run();
    twin_fixture_free(fixture);
    g_rmdir(scratch);
    return status;
}
