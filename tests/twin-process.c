/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct twin_output *twin_output_new(int rc, const char *out, const char *err)
{
    struct twin_output *output = g_new0(struct twin_output, 1);

    output->rc = rc;
    output->out = g_string_new(out);
    output->err = g_string_new(err);
    return output;
}

void twin_output_free(struct twin_output *output)
{
    g_string_free(output->out, TRUE);
    g_string_free(output->err, TRUE);
    g_free(output);
}

/* Runs in the child between fork and exec. */
static void set_up_child(gpointer data)
{
    const struct twin_process *process = data;

    setpgid(0, 0);
    umask(process->umask);
}

/* Append what @fd has; -1 in @fd once it has ended. */
static void drain(struct pollfd *fd, GString *text)
{
    char buffer[65536];
    ssize_t n = read(fd->fd, buffer, sizeof buffer);

    if (n > 0) {
        g_string_append_len(text, buffer, n);
    } else if (n == 0 || errno != EINTR) {
        close(fd->fd);
        fd->fd = -1;
    }
}

/* Read both pipes and wait for the end; FALSE if the time limit came first. */
static gboolean collect(GPid pid, int out, int err, guint seconds, struct twin_output *output)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
    struct pollfd fds[] = {
        { .fd = out, .events = POLLIN },
        { .fd = err, .events = POLLIN },
        { .fd = pidfd_open(pid, 0), .events = POLLIN },
    };
    gboolean in_time = fds[2].fd >= 0;

    while (in_time && (fds[0].fd >= 0 || fds[1].fd >= 0 || fds[2].fd >= 0)) {
        gint64 left = deadline - g_get_monotonic_time();

        if (left <= 0 || poll(fds, G_N_ELEMENTS(fds), (int)(left / 1000) + 1) == 0) {
            in_time = FALSE;
            break;
        }
        if (fds[0].fd >= 0 && fds[0].revents)
            drain(&fds[0], output->out);
        if (fds[1].fd >= 0 && fds[1].revents)
            drain(&fds[1], output->err);
        if (fds[2].fd >= 0 && fds[2].revents) {
            close(fds[2].fd);
            fds[2].fd = -1;
        }
    }
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
        if (fds[i].fd >= 0)
            close(fds[i].fd);
    return in_time;
}

gboolean twin_process_run(const struct twin_process *process, struct twin_output **ret,
                          GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    GPid pid;
    int out;
    int err;
    int status;

    g_ptr_array_add(argv, (gpointer)process->path);
    for (char **p = process->argv; *p; p++)
        g_ptr_array_add(argv, *p);
    g_ptr_array_add(argv, NULL);
    if (!g_spawn_async_with_pipes(process->dir, (char **)argv->pdata, process->envp,
                                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_FILE_AND_ARGV_ZERO,
                                  set_up_child, (gpointer)process, &pid, NULL, &out, &err, error))
        return FALSE;

    struct twin_output *output = twin_output_new(0, "", "");
    gboolean in_time = collect(pid, out, err, process->seconds, output);
    if (!in_time)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    output->rc = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    if (!in_time)
        g_string_append_printf(output->err, "[killed after %u seconds]\n", process->seconds);
    g_spawn_close_pid(pid);
    *ret = output;
    return TRUE;
}
