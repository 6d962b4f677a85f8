/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "tests/io-journal.h"
#include "tests/kill-runner.h"

#define LONGEST_COMMAND 4096
#define LONGEST_FOLDER 1024

/* What is asked for; the answer is the status as of wait(). */
typedef struct {
    char folder[LONGEST_FOLDER], log[LONGEST_FOLDER + sizeof ".log"];
    char line[LONGEST_COMMAND];
} Command;

static int channel = -1;
static pid_t runner;

static void run_here(const Command *command)
{
    int out = open(command->log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    g_auto(GStrv) argv = NULL;

    if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 ||
        chdir(command->folder) != 0 || !g_shell_parse_argv(command->line, NULL, &argv, NULL)) {
        _exit(99);
    }
    int status = cli_main((int)g_strv_length(argv), argv);
    fflush(NULL);
    _exit(status);
}

/* Until the test has ended. */
static void serve(int fd)
{
    static Command command;

    while (recv(fd, &command, sizeof command, 0) == (ssize_t)sizeof command) {
        int status = -1;
        pid_t child = fork();

        if (child == 0) {
            close(fd);
            run_here(&command);
        }
        if (child < 0 || waitpid(child, &status, 0) != child ||
            send(fd, &status, sizeof status, MSG_NOSIGNAL) != (ssize_t)sizeof status) {
            _exit(1);
        }
    }
    _exit(0);
}

void kill_runner_start(void)
{
    int fds[2];

    /* it is shared with children only if it is there before they are */
    journal_begin("");
    journal_end();
    fflush(NULL);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), ==, 0);
    runner = fork();
    g_assert_cmpint(runner, >=, 0);
    if (runner == 0) {
        close(fds[0]);
        serve(fds[1]);
    }
    close(fds[1]);
    channel = fds[0];
}

void kill_runner_end(void)
{
    close(channel);
    channel = -1;
    g_assert_cmpint(waitpid(runner, NULL, 0), ==, runner);
}

int kill_run(const char *folder, const char *line, char **ret_text)
{
    static Command command;
    int status;

    memset(&command, 0, sizeof command);
    g_assert_cmpint(g_strlcpy(command.folder, folder, sizeof command.folder), <, LONGEST_FOLDER);
    g_snprintf(command.log, sizeof command.log, "%s.log", folder);
    g_assert_cmpint(g_snprintf(command.line, sizeof command.line, "qemu-img %s", line), <,
                    LONGEST_COMMAND);
    g_assert_cmpint(send(channel, &command, sizeof command, MSG_NOSIGNAL), ==, sizeof command);
    g_assert_cmpint(recv(channel, &status, sizeof status, 0), ==, sizeof status);
    if (ret_text != NULL && !g_file_get_contents(command.log, ret_text, NULL, NULL)) {
        *ret_text = g_strdup("");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
