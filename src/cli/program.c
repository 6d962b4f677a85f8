/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cell/cell.h"
#include "cli/cli.h"
#include "profile/profile.h"

/* A caller may have closed our standard descriptors: the next open() would get their numbers, and
 * a message would land in an image. */
static void occupy_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", O_RDWR) != fd) {
            _exit(1);
        }
    }
}

static void set_program_name(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');

    g_set_prgname(slash != NULL ? slash + 1 : argv0);
}

/* What was printed must have arrived. A reader who went away early is no failure. */
static int finish_output(int status)
{
    if (fflush(stdout) != 0 && errno != EPIPE && status == 0) {
        cli_error("Could not write to standard output: %s", g_strerror(errno));
        return 1;
    }
    return status;
}

static int run(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    const CliCommand *command;
    int status, at;

    if (!profile_init(&error)) {
        return cli_fail(NULL, g_steal_pointer(&error));
    }
    if (argc < 2) {
        return cli_usage_error(NULL, "Not enough arguments");
    }
    if (!cli_read_global(argc, argv, &at, &status)) {
        return status;
    }
    if (at == argc) {
        return 0;
    }
    command = cli_command_by_name(argv[at]);
    if (command == NULL) {
        return cli_usage_error(NULL, "Command not found: %s", argv[at]);
    }
    return cli_run(command, argc - at, argv + at);
}

int cli_main(int argc, char **argv)
{
    int status;

    occupy_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like others */
    set_program_name(argc > 0 ? argv[0] : "qemu-img");
    status = finish_output(run(argc, argv));
    cell_print_stats();
    return status;
}
