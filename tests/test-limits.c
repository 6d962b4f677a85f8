/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What callers allow us: 1 GiB of address space and 2 seconds of processor,
 * no rights, no /dev/kvm; and what we promise of memory and of doorbells. Each
 * row runs as its caller would start it, and must be silent on stderr.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/testutil.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

#define CAGE_ADDRESS_SPACE (1024 * MIB)
#define CAGE_SECONDS 2

/* Of the disk, and how much of it holds data. */
#define DISK_SIZE (6 * 1024 * MIB)
#define DATA_SIZE (192 * MIB)

/* Per GiB of plain data. What a start and an end take counts as well, so a little of it would not
 * do. */
#define MAX_DOORBELLS 128
#define PLAIN_SIZE (512 * MIB)

#define MAX_RSS_CONVERT (64 * MIB)
#define MAX_RSS_INFO (16 * MIB)

#define NOBODY 65534

typedef struct {
    const char *name;
    const char *arguments; /* apart by blanks */
    guint64 max_rss;       /* bytes */
} Row;

static const Row rows[] = {
    { "info", "info disk.qcow2", MAX_RSS_INFO },
    { "info-json", "info --output=json disk.qcow2", MAX_RSS_INFO },
    { "create", "create -q -f qcow2 out 1T", MAX_RSS_INFO },
    { "raw-to-qcow2", "convert -f raw -O qcow2 disk.raw out", MAX_RSS_CONVERT },
    { "qcow2-to-raw", "convert -f qcow2 -O raw disk.qcow2 out", MAX_RSS_CONVERT },
    { "qcow2-to-qcow2", "convert -f qcow2 -O qcow2 disk.qcow2 out", MAX_RSS_CONVERT },
    { "check", "check -q disk.qcow2", MAX_RSS_CONVERT },
    { "map", "map --output=json disk.qcow2", MAX_RSS_CONVERT },
    { "compare", "compare -q disk.raw disk.qcow2", MAX_RSS_CONVERT },
    { "compressed", "convert -f raw -O qcow2 -c small.raw out", MAX_RSS_CONVERT },
};

static const Row plain_rows[] = {
    { "raw-to-qcow2", "convert -f raw -O qcow2 plain.raw out", 0 },
    { "qcow2-to-raw", "convert -f qcow2 -O raw plain.qcow2 out", 0 },
    { "qcow2-to-qcow2", "convert -f qcow2 -O qcow2 plain.qcow2 out", 0 },
    { "compare", "compare -q plain.raw plain.qcow2", 0 },
};

typedef struct {
    int status;
    guint64 rss;  /* bytes, at most */
    char *output; /* of stderr */
} Outcome;

static void outcome_clear(Outcome *outcome)
{
    g_free(outcome->output);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Outcome, outcome_clear)

/* In the child, before exec: no malloc, no GLib. */
typedef struct {
    gboolean caged;  /* address space and processor time */
    gboolean nobody; /* without rights, so without /dev/kvm where it is root's */
} Cage;

static void enter(const Cage *cage)
{
    const struct rlimit space = { CAGE_ADDRESS_SPACE, CAGE_ADDRESS_SPACE };
    const struct rlimit seconds = { CAGE_SECONDS, CAGE_SECONDS };
    int out = open("stdout", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int err = open("stderr", O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (out < 0 || err < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(120);
    if (cage->nobody && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
        _exit(121);
    if (cage->caged && (setrlimit(RLIMIT_AS, &space) < 0 || setrlimit(RLIMIT_CPU, &seconds) < 0))
        _exit(122);
}

static Outcome run(const char *arguments, const Cage *cage)
{
    g_auto(GStrv) argv = g_strsplit(arguments, " ", -1);
    g_autoptr(GPtrArray) command = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    struct rusage usage;
    Outcome outcome = { 0 };
    int wait_status;
    pid_t pid;

    g_ptr_array_add(command, (gpointer) "./instar-img");
    for (char **word = argv; *word != NULL; word++)
        g_ptr_array_add(command, *word);
    g_ptr_array_add(command, NULL);
    pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        enter(cage);
        execv("./instar-img", (char **)command->pdata);
        _exit(123);
    }
    g_assert_cmpint(wait4(pid, &wait_status, 0, &usage), ==, pid);
    outcome.status =
        WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    outcome.rss = (guint64)usage.ru_maxrss * 1024;
    g_file_get_contents("stderr", &outcome.output, NULL, &error);
    g_assert_no_error(error);
    return outcome;
}

/* Bytes that do not compress and are zero nowhere. */
static void write_noise(const char *name, guint64 size)
{
    g_autofree guint64 *block = g_malloc(MIB);
    guint64 state = 88172645463325252u;
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    g_assert_cmpint(fd, >=, 0);
    for (guint64 done = 0; done < size; done += MIB) {
        for (gsize i = 0; i < MIB / sizeof *block; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block[i] = state | 1;
        }
        g_assert_cmpint(write(fd, block, MIB), ==, MIB);
    }
    close(fd);
}

static void run_well(const char *arguments)
{
    const Cage open_cage = { FALSE, FALSE };
    g_auto(Outcome) outcome = run(arguments, &open_cage);

    g_assert_cmpstr(outcome.output, ==, "");
    g_assert_cmpint(outcome.status, ==, 0);
}

/* The program is copied, for where it was built may be closed to nobody. */
static void set_up(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = NULL;
    gsize length;

    g_file_get_contents(test_instar_img(), &program, &length, &error);
    g_assert_no_error(error);
    g_file_set_contents_full("instar-img", program, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0755,
                             &error);
    g_assert_no_error(error);
    write_noise("disk.raw", DATA_SIZE);
    g_assert_cmpint(truncate("disk.raw", DISK_SIZE), ==, 0);
    write_noise("small.raw", 4 * MIB);
    write_noise("plain.raw", PLAIN_SIZE);
    run_well("convert -f raw -O qcow2 disk.raw disk.qcow2");
    run_well("convert -f raw -O qcow2 plain.raw plain.qcow2");
    /* Whoever runs the rows may write here and to the two logs. */
    g_assert_cmpint(chmod(".", 0777), ==, 0);
}

static void check_quiet(const Row *row, const Cage *cage)
{
    g_auto(Outcome) outcome = run(row->arguments, cage);

    if (outcome.status != 0 || *outcome.output != '\0')
        g_test_fail_printf("%s: status %d, stderr: %s", row->arguments, outcome.status,
                           outcome.output);
    g_unlink("out");
}

static void test_caged(gconstpointer data)
{
    const Cage cage = { .caged = TRUE };

    check_quiet(data, &cage);
}

static void test_nobody(gconstpointer data)
{
    const Cage cage = { .caged = TRUE, .nobody = TRUE };

    if (geteuid() != 0) {
        g_test_skip("only root can become nobody");
        return;
    }
    check_quiet(data, &cage);
}

static void test_memory(gconstpointer data)
{
    const Cage cage = { FALSE, FALSE };
    const Row *row = data;
    g_auto(Outcome) outcome = run(row->arguments, &cage);

    g_assert_cmpint(outcome.status, ==, 0);
    g_assert_cmpuint(outcome.rss, <, row->max_rss);
    g_test_message("%s: %.1f MiB", row->name, (double)outcome.rss / (double)MIB);
    g_unlink("out");
}

static void test_doorbells(gconstpointer data)
{
    static const char word[] = "doorbells: ";
    const Cage cage = { FALSE, FALSE };
    const Row *row = data;
    g_auto(Outcome) outcome = { 0 };
    const char *found;

    g_setenv("INSTAR_IMG_STATS", "1", TRUE);
    outcome = run(row->arguments, &cage);
    g_unsetenv("INSTAR_IMG_STATS");
    g_assert_cmpint(outcome.status, ==, 0);
    found = strstr(outcome.output, word);
    g_assert_nonnull(found);
    g_assert_cmpuint(g_ascii_strtoull(found + strlen(word), NULL, 10) * 1024 * MIB, <=,
                     MAX_DOORBELLS * PLAIN_SIZE);
    g_unlink("out");
}

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED TRUE
#else
#define SANITIZED FALSE
#endif

static void add(const char *what, const Row *row, GTestDataFunc function)
{
    g_autofree char *path = g_strdup_printf("/limits/%s/%s", what, row->name);

    g_test_add_data_func(path, row, function);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    /* A sanitizer's shadow memory alone is beyond all these bounds. */
    if (SANITIZED) {
        g_test_skip("built with sanitizers");
        return g_test_run();
    }
    set_up();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        add("caged", &rows[i], test_caged);
        add("nobody", &rows[i], test_nobody);
        add("memory", &rows[i], test_memory);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(plain_rows); i++)
        add("doorbells", &plain_rows[i], test_doorbells);
    return g_test_run();
}
