/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process back end, for where there is no /dev/kvm: each cpu of a cell is a
 * forked child that has the same payload at the same addresses, shares the
 * cell's memory with the host, and may do nothing but ring (process-filter.c).
 */
#include "config.h"

#include <cpuid.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell/process.h"

/* End of user addresses with four levels of page tables; more are had only by asking. */
#define USER_END 0x7ffffffff000ull
/* CPU time a child may use beyond the time it has been known to be well, in seconds. */
#define CPU_SLACK 60u

typedef struct {
    const CellPayload *payload;
    guint64 fault_handler;
    gboolean use_xrstor;
} ProcessMachine;

static gboolean fail(GError **error, const char *what)
{
    g_set_error(error, CELL_ERROR, CELL_ERROR_START, "%s: %s", what, g_strerror(errno));
    return FALSE;
}

static guint cpu_slack(void)
{
    return CPU_SLACK + cell_time_limit() / 1000;
}

/* A child that runs wild when its host is gone has a limit; one that works well must not meet it. */
static void raise_cpu_limit(ProcessCpu *c)
{
    gint64 now = g_get_monotonic_time();
    struct rlimit r;

    if (now - c->limited < CPU_SLACK / 4 * G_USEC_PER_SEC ||
        prlimit(c->pid, RLIMIT_CPU, NULL, &r) < 0) {
        return;
    }
    rlim_t wanted = (rlim_t)((now - c->started) / G_USEC_PER_SEC) + cpu_slack();
    r.rlim_cur = r.rlim_max == RLIM_INFINITY ? wanted : MIN(wanted, r.rlim_max);
    prlimit(c->pid, RLIMIT_CPU, &r, NULL);
    c->limited = now;
}

/* How the child ended. It is waited for. */
static char *last_words(const ProcessMachine *m, CellCpu *cpu)
{
    ProcessCpu *c = cpu->part->machine;
    struct abi_fault fault;
    int status = 0;
    pid_t pid;

    do {
        pid = waitpid(c->pid, &status, 0);
    } while (pid < 0 && errno == EINTR);
    c->pid = 0;
    if (pid < 0) {
        return g_strdup("its process is gone");
    }
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGSYS
                   ? g_strdup("a system call that is not allowed")
                   : g_strdup_printf("its process was ended by a signal (%s)",
                                     g_strsignal(WTERMSIG(status)));
    }
    if (process_step(WEXITSTATUS(status))) {
        return g_strdup_printf("its process could not %s", process_step(WEXITSTATUS(status)));
    }
    cell_copy_out(&fault, &cpu->box->fault, sizeof fault);
    if (WEXITSTATUS(status) == ABI_EXIT_FAULT && fault.signal < NSIG) {
        g_autofree char *function = cell_payload_function(m->payload, fault.address);
        return g_strdup_printf("a fault (%s)%s%s", g_strsignal((int)fault.signal),
                               function ? " in " : "", function ? function : "");
    }
    return g_strdup("its process ended by itself");
}

/* Wait for a byte of the child. */
static gboolean wait_for_ring(Cell *cell, CellCpu *cpu, GError **error)
{
    ProcessCpu *c = cpu->part->machine;
    gint64 end = g_get_monotonic_time() + (gint64)cell_time_limit() * 1000;
    struct pollfd fd = { .fd = c->channel, .events = POLLIN };
    guint8 byte;

    for (;;) {
        gint64 left = end - g_get_monotonic_time();
        int r = left > 0 ? poll(&fd, 1, (int)(left / 1000) + 1) : 0;
        if (r == 0) {
            g_set_error(error, CELL_ERROR, CELL_ERROR_TIMEOUT, "no sign of life for %g seconds",
                        cell_time_limit() / 1e3);
            return FALSE;
        }
        ssize_t n = r > 0 ? recv(c->channel, &byte, 1, MSG_DONTWAIT) : -1;
        if (n == 1) {
            return TRUE;
        }
        if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            g_autofree char *words = last_words(cell->machine, cpu);
            g_set_error_literal(error, CELL_ERROR, CELL_ERROR_VIOLATION, words);
            return FALSE;
        }
    }
}

static gboolean process_enter(Cell *cell, guint n, GError **error)
{
    CellCpu *cpu = cell->cpus[n];
    ProcessCpu *c = cpu->part->machine;
    guint8 byte = 0;

    raise_cpu_limit(c);
    /* A failure shows as the end of the child's stream. */
    while (send(c->channel, &byte, 1, MSG_NOSIGNAL) < 0 && errno == EINTR) {}
    return wait_for_ring(cell, cpu, error);
}

static gboolean spawn(Cell *cell, guint n, GError **error)
{
    const ProcessMachine *m = cell->machine;
    CellCpu *cpu = cell->cpus[n];
    ProcessCpu *c = cpu->part->machine = g_new0(ProcessCpu, 1);
    struct abi_boot *boot = cell_boot(cpu);
    sigset_t all, before;
    int ends[2];

    c->channel = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return fail(error, "socketpair");
    }
    c->channel = ends[0];
    boot->flags = ABI_BOOT_PROCESS;
    boot->channel = PROCESS_CHANNEL;
    boot->unmap_length = USER_END - ABI_LAYOUT_END;

    ProcessChild child = {
        .payload = m->payload,
        .core = cell->cpus[0]->part,
        .part = cpu->part,
        .cpu = n,
        .channel = ends[1],
        .fault_handler = m->fault_handler,
        .cpu_seconds = cpu_slack(),
        .use_xrstor = m->use_xrstor,
    };
    c->started = c->limited = g_get_monotonic_time();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    c->pid = fork();
    if (c->pid == 0) {
        process_become_cpu(&child);
    }
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (c->pid < 0) {
        c->pid = 0;
        errno = code;
        return fail(error, "fork");
    }
    if (!wait_for_ring(cell, cpu, error) || !cell_serve_ready(cell, n, error)) {
        return FALSE;
    }
    cpu->started = TRUE;
    cell_count_cpu();
    return TRUE;
}

static gboolean process_start(Cell *cell, GError **error)
{
    ProcessMachine *m = cell->machine = g_new0(ProcessMachine, 1);

    m->payload = cell_payload();
    m->fault_handler = cell_payload_symbol(m->payload, "cpu_fault");
    guint a, b, c, d;
    m->use_xrstor = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE);
    return cell_make_cpu(cell, 0, m->payload, TRUE, error) && spawn(cell, 0, error);
}

static gboolean process_start_cpu(Cell *cell, guint n, GError **error)
{
    const ProcessMachine *m = cell->machine;

    return cell_make_cpu(cell, n, m->payload, TRUE, error) && spawn(cell, n, error);
}

static void process_stop(Cell *cell)
{
    for (guint i = 0; i < ABI_MAX_CPUS; i++) {
        ProcessCpu *c = cell->cpus[i] ? cell->cpus[i]->part->machine : NULL;
        if (c && c->channel >= 0) {
            close(c->channel);
        }
        if (c && c->pid > 0) {
            kill(c->pid, SIGKILL);
            while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {}
        }
        g_free(c);
        cell_unmake_cpu(cell->cpus[i]);
    }
    g_free(cell->machine);
}

const CellBackend cell_process = {
    .kind = CELL_PROCESS,
    .name = "process",
    .start = process_start,
    .start_cpu = process_start_cpu,
    .enter = process_enter,
    .stop = process_stop,
};
