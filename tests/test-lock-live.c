/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A real qemu-io holds an image: the program beside the installed qemu-img, in twin states. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/testutil.h"

/* What is held, and how. */
static const struct {
    const char *name, *argv[6];
    const char *file; /* in which the locks are */
} holders[] = {
    { "nobody", { NULL }, NULL },
    { "qcow2-write", { "qemu-io", "a.qcow2" }, "a.qcow2" },
    { "qcow2-read", { "qemu-io", "-r", "a.qcow2" }, "a.qcow2" },
    { "qcow2-as-raw-write", { "qemu-io", "-f", "raw", "a.qcow2" }, "a.qcow2" },
    { "raw-write", { "qemu-io", "-f", "raw", "w.raw" }, "w.raw" },
    { "raw-read", { "qemu-io", "-r", "-f", "raw", "w.raw" }, "w.raw" },
    { "data-file-write", { "qemu-io", "-f", "raw", "d.raw" }, "d.raw" },
    { "image-of-data-file-write", { "qemu-io", "d.qcow2" }, "d.qcow2" },
    { "overlay-write", { "qemu-io", "ov.qcow2" }, "ov.qcow2" },
};

static const struct {
    const char *name, *words;
} commands[] = {
    { "info", "info a.qcow2" },
    { "info-share", "info -U a.qcow2" },
    { "info-raw", "info -f raw a.qcow2" },
    { "info-chain", "info --backing-chain ov.qcow2" },
    { "check", "check a.qcow2" },
    { "check-share", "check -U a.qcow2" },
    { "map", "map ov.qcow2" },
    { "map-share", "map -U ov.qcow2" },
    { "map-raw", "map -f raw w.raw" },
    { "map-data-file", "map d.qcow2" },
    { "compare", "compare a.qcow2 r.raw" },
    { "compare-second", "compare r.raw a.qcow2" },
    { "compare-raw", "compare -f raw -F raw w.raw r.raw" },
    { "convert-from", "convert -O raw a.qcow2 new.raw" },
    { "convert-from-share", "convert -U -O raw a.qcow2 new.raw" },
    { "convert-from-overlay", "convert -O raw ov.qcow2 new.raw" },
    { "convert-from-raw", "convert -f raw -O qcow2 w.raw new.qcow2" },
    { "convert-from-raw-below", "convert -O qcow2 ovr.qcow2 new.qcow2" },
    { "convert-from-data-file", "convert -O raw d.qcow2 new.raw" },
    { "convert-to", "convert -O qcow2 r.raw a.qcow2" },
    { "convert-to-raw", "convert -f raw -O raw r.raw w.raw" },
    { "convert-into", "convert -n -O qcow2 r.raw a.qcow2" },
    { "convert-into-raw", "convert -n -f raw -O raw r.raw w.raw" },
    { "convert-into-data-file", "convert -n -O qcow2 r.raw d.qcow2" },
    { "create", "create -q -f qcow2 a.qcow2 1M" },
    { "create-raw", "create -q -f raw w.raw 1M" },
    { "create-qcow2-over-raw", "create -q -f qcow2 w.raw 1M" },
    { "create-over-data-file", "create -q -f raw d.raw 1M" },
    { "create-overlay", "create -q -f qcow2 -b a.qcow2 -F qcow2 new.qcow2" },
    { "repair", "check -r all a.qcow2" },
    { "commit", "commit ov.qcow2" },
    { "commit-keep", "commit -d ovr.qcow2" },
    { "rebase", "rebase -b w.raw -F raw ov.qcow2" },
    { "rebase-unsafe", "rebase -u -b w.raw -F raw ov.qcow2" },
    { "rebase-share", "rebase -U -b w.raw -F raw ov.qcow2" },
    { "amend", "amend -o lazy_refcounts=on a.qcow2" },
    { "resize", "resize a.qcow2 2M" },
    { "resize-raw", "resize -f raw w.raw 2M" },
    { "resize-data-file", "resize d.qcow2 2M" },
    { "snapshot", "snapshot -c one a.qcow2" },
    { "snapshot-list", "snapshot -l a.qcow2" },
    { "snapshot-list-share", "snapshot -U -l a.qcow2" },
    { "bitmap", "bitmap --add a.qcow2 one" },
    { "dd-from", "dd -O raw if=a.qcow2 of=new.raw bs=64k" },
    { "dd-from-share", "dd -U -O raw if=a.qcow2 of=new.raw bs=64k" },
    { "dd-to", "dd -f raw -O raw if=r.raw of=w.raw bs=64k" },
    { "measure", "measure -O qcow2 a.qcow2" },
    { "measure-share", "measure -U -O qcow2 a.qcow2" },
    { "compare-share", "compare -U a.qcow2 r.raw" },
};

typedef struct {
    guint holder, command;
} Case;

static gboolean have_qemu;

/* What is there now, from one case to the next as long as no command has changed a file. */
static struct {
    gboolean laid;
    guint holder;
    GPid pid; /* 0: nobody */
    int child_stdin;
    char *stamp;
} now = { .child_stdin = -1 };

static gboolean held(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 104 };
    gboolean found = fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;

    close(fd);
    return found;
}

/* The holder, whose standard input keeps it. */
static void take(guint holder)
{
    g_autoptr(GError) error = NULL;

    now.holder = holder;
    if (holders[holder].file == NULL) {
        return;
    }
    g_spawn_async_with_pipes(NULL, (char **)holders[holder].argv, NULL,
                             G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
                                 G_SPAWN_STDOUT_TO_DEV_NULL,
                             NULL, NULL, &now.pid, &now.child_stdin, NULL, NULL, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < 1000 && !held(holders[holder].file); i++) {
        g_usleep(10000);
    }
    g_assert_true(held(holders[holder].file));
    g_usleep(30000); /* all bytes, one after the other */
}

static void release(void)
{
    if (now.pid != 0) {
        kill(now.pid, SIGKILL);
        close(now.child_stdin);
        waitpid(now.pid, NULL, 0);
    }
    now.pid = 0;
    now.laid = FALSE;
    g_clear_pointer(&now.stamp, g_free);
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What changes with a file's name, content or place. */
static char *stamp(void)
{
    g_autoptr(GDir) dir = g_dir_open(".", 0, NULL);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        struct stat st;

        g_assert_cmpint(lstat(name, &st), ==, 0);
        g_ptr_array_add(lines, g_strdup_printf("%s %ju %jd %jd.%09ld", name, (uintmax_t)st.st_ino,
                                               (intmax_t)st.st_size, (intmax_t)st.st_ctim.tv_sec,
                                               st.st_ctim.tv_nsec));
    }
    g_ptr_array_sort(lines, compare_lines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

/* The same files each time, whatever the last command did to them. */
#define RESTORE "rm -f new.* a.qcow2 ov.qcow2 ovr.qcow2 d.qcow2 [wdr].raw && cp keep/* ."

static void lay(guint holder)
{
    if (now.laid && now.holder == holder) {
        g_autofree char *found = stamp();

        if (g_str_equal(found, now.stamp)) {
            return;
        }
    }
    release();
    test_shell(RESTORE);
    take(holder);
    now.stamp = stamp();
    now.laid = TRUE;
}

static void test_case(gconstpointer data)
{
    const Case *row = data;
    char *out[2], *err[2];
    int status[2];

    if (!have_qemu) {
        g_test_skip("no qemu-img and qemu-io here");
        return;
    }
    for (guint i = 0; i < 2; i++) {
        g_autofree char *line = g_strconcat(i == 0 ? "qemu-img " : "./bin/qemu-img ",
                                            commands[row->command].words, NULL);
        g_auto(GStrv) argv = NULL;
        g_autoptr(GError) error = NULL;

        lay(row->holder);
        g_assert_true(g_shell_parse_argv(line, NULL, &argv, &error));
        g_assert_no_error(error);
        status[i] = test_spawn((const char *const *)argv, &out[i], &err[i]);
    }
    g_assert_cmpstr(err[1], ==, err[0]);
    g_assert_cmpstr(out[1], ==, out[0]);
    g_assert_cmpint(status[1], ==, status[0]);
    for (guint i = 0; i < 2; i++) {
        g_free(out[i]);
        g_free(err[i]);
    }
}

int main(int argc, char **argv)
{
    static Case cases[G_N_ELEMENTS(holders) * G_N_ELEMENTS(commands)];
    g_autofree char *img = g_find_program_in_path("qemu-img");
    g_autofree char *io = g_find_program_in_path("qemu-io");

    g_test_init(&argc, &argv, NULL);
    have_qemu = img != NULL && io != NULL;
    if (have_qemu) {
        test_shell(
            "qemu-img create -q -f qcow2 a.qcow2 1M && qemu-img create -q -f raw r.raw 1M && "
            "qemu-img create -q -f raw w.raw 1M && "
            "qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 ov.qcow2 && "
            "qemu-img create -q -f qcow2 -b w.raw -F raw ovr.qcow2 && "
            "qemu-img create -q -f qcow2 -o data_file=d.raw d.qcow2 1M && "
            "mkdir keep bin && cp *.raw *.qcow2 keep && ln -s \"$INSTAR_IMG\" bin/qemu-img");
    }
    for (guint h = 0; h < G_N_ELEMENTS(holders); h++) {
        for (guint c = 0; c < G_N_ELEMENTS(commands); c++) {
            Case *row = &cases[h * G_N_ELEMENTS(commands) + c];
            g_autofree char *path =
                g_strconcat("/lock-live/", holders[h].name, "/", commands[c].name, NULL);

            *row = (Case){ h, c };
            g_test_add_data_func(path, row, test_case);
        }
    }
    int failed = g_test_run();
    release();
    return failed;
}
