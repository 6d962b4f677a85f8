/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image locks between programs. A real qemu-io or qemu-nbd holds an image: what the real qemu-img
 * then refuses, ours refuses with the same words, and leaves the image as it is. And a convert of
 * ours that is under way keeps the real ones out as a real convert does.
 */
#include "config.h"

#include "tests/testutil.h"
#include "tests/twin-fixture.h"
#include "tests/twin-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* qemu's lock bytes: permissions used from 100 on, permissions not shared from 200 on. */
#define LOCK_START 100
#define LOCK_LENGTH 200

#define HOLD_SECONDS 20

static const char fixture_table[] =
    "[{\"target\":\"locks\",\"name\":\"fixture\",\"setup\":["
    "[\"qemu-img\",\"create\",\"-q\",\"-f\",\"qcow2\",\"x\",\"4M\"],"
    "[\"qemu-io\",\"-f\",\"qcow2\",\"-c\",\"write -P 7 0 1M\",\"x\"],"
    "[\"copy\",\"x\",\"y\"],"
    "[\"make-random\",\"r\",\"65536\",\"1\"],"
    "[\"make-random\",\"big\",\"20971520\",\"1\"],"
    "[\"qemu-img\",\"create\",\"-q\",\"-f\",\"qcow2\",\"-b\",\"x\",\"-F\",\"qcow2\",\"o\"],"
    "[\"qemu-img\",\"create\",\"-q\",\"-f\",\"qcow2\",\"-o\",\"data_file=e\",\"z\",\"4M\"]"
    "],\"run\":[\"qemu-img\"],\"observe\":{}}]";

static struct twin_fixture *fixture;

/* A program that holds an image until it is ended. */
struct holder {
    GPid pid;
    int input; /* its standard input, kept open */
};

static gboolean is_locked(const char *name)
{
    g_autofree char *path = g_build_filename(fixture->work, name, NULL);
    struct flock lock = {
        .l_type = F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = LOCK_START,
        .l_len = LOCK_LENGTH,
    };
    int fd = g_open(path, O_RDWR | O_CLOEXEC, 0);
    gboolean locked = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

    if (fd >= 0)
        close(fd);
    return locked;
}

static void hold(struct holder *holder, char **argv, const char *locked)
{
    g_autoptr(GError) error = NULL;

    g_spawn_async_with_pipes(fixture->work, argv, NULL,
                             G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH |
                                 G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                             NULL, NULL, &holder->pid, &holder->input, NULL, NULL, &error);
    g_assert_no_error(error);
    for (int i = 0; i < HOLD_SECONDS * 100 && !is_locked(locked); i++)
        g_usleep(10000);
    g_assert_true(is_locked(locked));
    g_assert_cmpint(waitpid(holder->pid, NULL, WNOHANG), ==, 0);
}

static void let_go(struct holder *holder)
{
    close(holder->input);
    kill(holder->pid, SIGKILL);
    while (waitpid(holder->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    g_spawn_close_pid(holder->pid);
}

static struct twin_output *ask(enum twin_who who, const char *line)
{
    g_auto(GStrv) argv = NULL;
    g_autoptr(GError) error = NULL;

    g_shell_parse_argv(line, NULL, &argv, &error);
    g_assert_no_error(error);
    return twin_fixture_run(fixture, argv, who, twin_installed_version(), 022);
}

static void fail_with(const char *line, const GString *report)
{
    g_auto(GStrv) lines = g_strsplit(report->str, "\n", -1);

    if (!report->len)
        return;
    g_test_message("%s", line);
    for (char **p = lines; *p; p++)
        g_test_message("%s", *p);
    g_test_fail();
}

static const struct {
    const char *path;
    const char *holder; /* command line that holds … */
    const char *file;   /* … this file */
    const char *command;
    int rc; /* of the real one, so that the row tests what it says */
} held[] = {
#define WRITER "qemu-io -f qcow2 x", "x"
    { "/writer/info", WRITER, "qemu-img info x", 1 },
    { "/writer/info-json", WRITER, "qemu-img info --output=json -f qcow2 x", 1 },
    { "/writer/info-shared", WRITER, "qemu-img info -U x", 0 },
    { "/writer/info-of-overlay", WRITER, "qemu-img info o", 0 },
    { "/writer/info-of-chain", WRITER, "qemu-img info --backing-chain o", 1 },
    { "/writer/info-of-chain-shared", WRITER, "qemu-img info -U --backing-chain o", 0 },
    { "/writer/check", WRITER, "qemu-img check x", 1 },
    { "/writer/check-shared", WRITER, "qemu-img check -U x", 0 },
    { "/writer/map", WRITER, "qemu-img map x", 1 },
    { "/writer/map-shared", WRITER, "qemu-img map -U --output=json x", 0 },
    { "/writer/map-of-overlay", WRITER, "qemu-img map o", 1 },
    { "/writer/compare-first", WRITER, "qemu-img compare x y", 2 },
    { "/writer/compare-second", WRITER, "qemu-img compare y x", 2 },
    { "/writer/compare-shared", WRITER, "qemu-img compare -U x y", 0 },
    { "/writer/convert-from", WRITER, "qemu-img convert -O raw x t", 1 },
    { "/writer/convert-from-shared", WRITER, "qemu-img convert -U -O raw x t", 0 },
    { "/writer/convert-over", WRITER, "qemu-img convert -O raw r x", 1 },
    { "/writer/convert-over-qcow2", WRITER, "qemu-img convert -O qcow2 r x", 1 },
    { "/writer/convert-into", WRITER, "qemu-img convert -n -O qcow2 r x", 1 },
    { "/writer/convert-over-base", WRITER, "qemu-img convert -O qcow2 -B x -F qcow2 y t", 1 },
    { "/writer/create-over", WRITER, "qemu-img create -f qcow2 x 1M", 1 },
    { "/writer/create-over-raw", WRITER, "qemu-img create -f raw x 1M", 1 },
    { "/writer/create-overlay", WRITER, "qemu-img create -f qcow2 -b x -F qcow2 t", 0 },
    { "/writer/create-overlay-size", WRITER, "qemu-img create -f qcow2 -b x -F qcow2 t 4M", 0 },
    { "/writer/create-overlay-unsafe", WRITER, "qemu-img create -u -f qcow2 -b x -F qcow2 t 4M",
      0 },
    { "/writer/image-opts", WRITER, "qemu-img info --image-opts driver=qcow2,file.filename=x", 1 },
    { "/writer/image-opts-shared", WRITER,
      "qemu-img info --image-opts driver=qcow2,file.filename=x,force-share=on", 0 },
    { "/writer/locking-off", WRITER,
      "qemu-img info --image-opts driver=qcow2,file.filename=x,file.locking=off", 0 },
#define READER "qemu-io -r -f qcow2 x", "x"
    { "/reader/info", READER, "qemu-img info x", 0 },
    { "/reader/check", READER, "qemu-img check x", 0 },
    { "/reader/convert-from", READER, "qemu-img convert -O raw x t", 0 },
    { "/reader/convert-into", READER, "qemu-img convert -n -O qcow2 r x", 1 },
    { "/reader/create-over", READER, "qemu-img create -f qcow2 x 1M", 1 },
    { "/reader/create-overlay", READER, "qemu-img create -f qcow2 -b x -F qcow2 t", 0 },
#define OVERLAY "qemu-io -f qcow2 o", "x"
    { "/overlay-writer/info-of-base", OVERLAY, "qemu-img info x", 0 },
    { "/overlay-writer/map-of-base", OVERLAY, "qemu-img map x", 0 },
    { "/overlay-writer/create-over-base", OVERLAY, "qemu-img create -f qcow2 x 1M", 1 },
    { "/overlay-writer/info", OVERLAY, "qemu-img info o", 1 },
#define RAW_WRITER "qemu-io -f raw r", "r"
    { "/raw-writer/info", RAW_WRITER, "qemu-img info r", 0 },
    { "/raw-writer/map", RAW_WRITER, "qemu-img map -f raw r", 0 },
    { "/raw-writer/convert-from", RAW_WRITER, "qemu-img convert -f raw -O qcow2 r t", 1 },
    { "/raw-writer/convert-second", RAW_WRITER, "qemu-img convert -O raw y r t", 1 },
#define DATA_FILE "qemu-io -f qcow2 z", "e"
    { "/data-file-writer/info", DATA_FILE, "qemu-img info z", 1 },
    { "/data-file-writer/info-of-data", DATA_FILE, "qemu-img info -f raw e", 0 },
    { "/data-file-writer/create-over-data", DATA_FILE, "qemu-img create -f raw e 1M", 1 },
#define SERVER "qemu-nbd -k @DIR@/socket -t -f qcow2 x", "x"
    { "/server/info", SERVER, "qemu-img info x", 1 },
    { "/server/info-shared", SERVER, "qemu-img info -U x", 0 },
    { "/server/create-over", SERVER, "qemu-img create -f qcow2 x 1M", 1 },
#define SHARING_SERVER "qemu-nbd -r -k @DIR@/socket -t -f qcow2 x", "x"
    { "/reading-server/info", SHARING_SERVER, "qemu-img info x", 0 },
    { "/reading-server/convert-into", SHARING_SERVER, "qemu-img convert -n -O qcow2 r x", 1 },
};

static char **holder_argv(const char *line)
{
    g_autoptr(GString) text = g_string_new(line);
    g_autoptr(GError) error = NULL;
    char **argv = NULL;

    g_string_replace(text, "@DIR@", fixture->work, 0);
    g_shell_parse_argv(text->str, NULL, &argv, &error);
    g_assert_no_error(error);
    return argv;
}

/* Both programs against the same holder; what the command makes is the file t. */
static void test_held(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) report = g_string_new(NULL);
    g_auto(GStrv) argv = NULL;
    struct holder holder;

    g_assert_true(twin_fixture_lay(fixture, &error));
    argv = holder_argv(held[i].holder);
    hold(&holder, argv, held[i].file);

    g_autofree char *product = g_build_filename(fixture->work, "t", NULL);
    g_autoptr(GPtrArray) before = twin_tree_list(fixture->work, &error);
    struct twin_output *real = ask(TWIN_REAL, held[i].command);
    gboolean real_made = g_remove(product) == 0;
    struct twin_output *ours = ask(TWIN_OURS, held[i].command);
    gboolean ours_made = g_remove(product) == 0;
    g_autoptr(GPtrArray) after = twin_tree_list(fixture->work, &error);
    let_go(&holder);

    g_assert_no_error(error);
    g_assert_cmpint(real->rc, ==, held[i].rc);
    twin_output_compare(report, "run", real, ours, fixture->work, TWIN_TEXT_PLAIN);
    if (real_made != ours_made)
        g_string_append_printf(report, "  a file: want it %s, have it %s\n",
                               real_made ? "made" : "not made", ours_made ? "made" : "not made");
    for (guint j = 0; j < before->len && j < after->len; j++) {
        const struct twin_file *was = g_ptr_array_index(before, j);
        const struct twin_file *is = g_ptr_array_index(after, j);

        if (strcmp(was->name, is->name) != 0 || was->changed != is->changed ||
            was->size != is->size)
            g_string_append_printf(report, "  %s was touched\n", was->name);
    }
    fail_with(held[i].command, report);
    twin_output_free(real);
    twin_output_free(ours);
}

/* A rate-limited convert of @program is under way: big (raw) into t (qcow2). */
static void hold_by_convert(struct holder *holder, const char *program)
{
    char *argv[] = { (char *)program, (char *)"convert", (char *)"-r", (char *)"1M",
                     (char *)"-f",    (char *)"raw",     (char *)"-O", (char *)"qcow2",
                     (char *)"big",   (char *)"t",       NULL };

    hold(holder, argv, "t");
    /* The target is created and closed before it is opened for the copy. */
    for (int i = 0; i < HOLD_SECONDS * 100; i++) {
        g_autofree char *path = g_build_filename(fixture->work, "t", NULL);
        struct stat st;

        if (g_stat(path, &st) == 0 && st.st_size > 1 << 20 && is_locked("t"))
            return;
        g_usleep(10000);
    }
    g_test_fail_printf("the convert of %s never got going", program);
}

static const struct {
    const char *path;
    const char *command;
} holding[] = {
    { "/convert/write-target", "qemu-io -f qcow2 -c 'write 0 512' t" },
    { "/convert/read-target", "qemu-io -r -f qcow2 -c 'read 0 512' t" },
    { "/convert/info-target", "qemu-img info t" },
    { "/convert/create-over-target", "qemu-img create -f raw t 1M" },
    { "/convert/write-source", "qemu-io -f raw -c 'write 0 512' big" },
    { "/convert/map-source", "qemu-img map --output=json -f raw big" },
    { "/convert/create-over-source", "qemu-img create -f raw big 1M" },
};

/* What the real tools say to each command while @program converts. */
static GPtrArray *answers_during_convert(const char *program)
{
    GPtrArray *answers = g_ptr_array_new_with_free_func((GDestroyNotify)twin_output_free);
    g_autoptr(GError) error = NULL;
    struct holder holder;

    g_assert_true(twin_fixture_lay(fixture, &error));
    hold_by_convert(&holder, program);
    for (guint i = 0; i < G_N_ELEMENTS(holding); i++)
        g_ptr_array_add(answers, ask(TWIN_REAL, holding[i].command));
    g_assert_cmpint(waitpid(holder.pid, NULL, WNOHANG), ==, 0);
    let_go(&holder);
    return answers;
}

static void test_holding(void)
{
    g_autoptr(GPtrArray) real = answers_during_convert("qemu-img");
    g_autoptr(GPtrArray) ours = answers_during_convert(test_instar_img());

    for (guint i = 0; i < G_N_ELEMENTS(holding); i++) {
        g_autoptr(GString) report = g_string_new(NULL);

        twin_output_compare(report, holding[i].path, g_ptr_array_index(real, i),
                            g_ptr_array_index(ours, i), fixture->work, TWIN_TEXT_PLAIN);
        fail_with(holding[i].command, report);
    }
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_autoptr(GPtrArray) cases = twin_cases_parse(fixture_table, "locks", &error);
    g_assert_no_error(error);
    g_autofree char *scratch = g_dir_make_tmp("instar-locks-XXXXXX", &error);
    g_assert_no_error(error);
    fixture = twin_fixture_new(g_ptr_array_index(cases, 0), scratch, 1, NULL);

    for (guint i = 0; i < G_N_ELEMENTS(held); i++) {
        g_autofree char *path = g_strconcat("/twin-locks/held", held[i].path, NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_held);
    }
    g_test_add_func("/twin-locks/holding/convert", test_holding);
    int status = g_test_run();
    twin_fixture_free(fixture);
    g_rmdir(scratch);
    return status;
}
