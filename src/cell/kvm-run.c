/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running a vCPU to its next doorbell. Whatever else it does is the end of the cell. */
#include "config.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "cell/kvm.h"
#include "cell/watchdog.h"

/* Exits that have a name of their own in the error. */
static const char *exit_name(guint reason)
{
    static const struct {
        guint reason;
        const char *name;
    } names[] = {
        { KVM_EXIT_SHUTDOWN, "a fault" },
        { KVM_EXIT_IO, "port I/O" },
        { KVM_EXIT_HLT, "a halt" },
        { KVM_EXIT_MMIO, "an access to an address without memory" },
        { KVM_EXIT_INTERNAL_ERROR, "an instruction that KVM cannot run" },
        { KVM_EXIT_FAIL_ENTRY, "a state that the processor refuses" },
        { KVM_EXIT_EXCEPTION, "an exception" },
        { KVM_EXIT_HYPERCALL, "a hypercall" },
        { KVM_EXIT_DEBUG, "a debug exception" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].reason == reason) {
            return names[i].name;
        }
    }
    return "an unexpected exit";
}

/* Where the cpu is, if that is in the text: on some processors its state is undefined after a
 * shutdown. */
static char *place(const KvmMachine *m, const KvmCpu *c)
{
    struct kvm_regs r;

    if (ioctl(c->fd, KVM_GET_REGS, &r) == 0) {
        g_autofree char *function = cell_payload_function(m->payload, r.rip);
        if (function) {
            return g_strdup_printf(" in %s", function);
        }
    }
    return g_strdup("");
}

static gboolean is_doorbell(const struct kvm_run *run, guint n)
{
    return run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write && run->mmio.len == 4 &&
           run->mmio.phys_addr == ABI_DOORBELL + (guint64)n * ABI_PAGE;
}

gboolean kvm_enter(Cell *cell, guint n, GError **error)
{
    const KvmMachine *m = cell->machine;
    KvmCpu *c = cell->cpus[n]->part->machine;
    guint limit = cell_time_limit();
    int r;

    if (!watchdog_arm(limit, &c->run->immediate_exit)) {
        g_set_error(error, CELL_ERROR, CELL_ERROR_START, "Could not make a timer: %s",
                    g_strerror(errno));
        return FALSE;
    }
    do {
        r = ioctl(c->fd, KVM_RUN, 0);
    } while (r < 0 && (errno == EINTR || errno == EAGAIN) && !c->run->immediate_exit);
    int code = errno;
    watchdog_disarm();
    gboolean timeout = r < 0 && c->run->immediate_exit;
    c->run->immediate_exit = 0;

    if (r == 0 && is_doorbell(c->run, n)) {
        return TRUE;
    }
    g_autofree char *where = place(m, c);
    if (timeout) {
        g_set_error(error, CELL_ERROR, CELL_ERROR_TIMEOUT, "no sign of life for %g seconds%s",
                    limit / 1e3, where);
    } else if (r < 0) {
        g_set_error(error, CELL_ERROR, CELL_ERROR_VIOLATION, "KVM_RUN: %s%s", g_strerror(code),
                    where);
    } else {
        g_set_error(error, CELL_ERROR, CELL_ERROR_VIOLATION, "%s%s", exit_name(c->run->exit_reason),
                    where);
    }
    return FALSE;
}
