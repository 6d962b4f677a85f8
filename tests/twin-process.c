/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-process.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/twin-tree.h"

struct twin_output *twin_output_new(int rc, const char *out, const char *err)
{
    struct twin_output *output = g_new0(struct twin_output, 1);

    output->rc = rc;
    output->out = g_string_new(out);
    output->err = g_string_new(err);
    return output;
}

struct twin_output *twin_output_copy(const struct twin_output *output)
{
    struct twin_output *copy = twin_output_new(output->rc, "", "");

    g_string_append_len(copy->out, output->out->str, (gssize)output->out->len);
    g_string_append_len(copy->err, output->err->str, (gssize)output->err->len);
    return copy;
}

void twin_output_free(struct twin_output *output)
{
    g_string_free(output->out, TRUE);
    g_string_free(output->err, TRUE);
    g_free(output);
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

/*
 * Start the program, its outputs into @out and @err, in a process group of its own. Not by a fork
 * of GLib's: posix_spawn() copies no page tables, which is a third of a short command's time.
 */
static int spawn(const struct twin_process *process, int out, int err, GPid *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(&actions, process->dir);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);

    mode_t mask = umask(process->umask); /* inherited: there is no other thread to see it */
    int code = posix_spawn(ret_pid, process->path, &actions, &attr, process->argv, process->envp);
    umask(mask);

    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

gboolean twin_process_run(const struct twin_process *process, struct twin_output **ret,
                          GError **error)
{
    int out[2];
    int err[2];
    GPid pid;
    int status;

    if (!g_unix_open_pipe(out, FD_CLOEXEC, error))
        return FALSE;
    if (!g_unix_open_pipe(err, FD_CLOEXEC, error)) {
        close(out[0]);
        close(out[1]);
        return FALSE;
    }
    int code = spawn(process, out[1], err[1], &pid);
    close(out[1]);
    close(err[1]);
    if (code != 0) {
        close(out[0]);
        close(err[0]);
        errno = code;
        return twin_system_error(error, process->path);
    }

    struct twin_output *output = twin_output_new(0, "", "");
    gboolean in_time = collect(pid, out[0], err[0], process->seconds, output);
    if (!in_time)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    output->rc = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    if (!in_time)
        g_string_append_printf(output->err, "[killed after %u seconds]\n", process->seconds);
    *ret = output;
    return TRUE;
}
