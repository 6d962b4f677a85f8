/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a fork of the host to a cpu of a cell: no descriptors but the channel,
 * memory only where the layout has it, limits, the filter, then the payload.
 * Only system calls are made here: other threads of the host may have been
 * anywhere when it forked.
 */
#include "config.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include "base/checked.h"
#include "base/syscall.h"
#include "cell/process.h"

/* Below this address the kernel maps nothing by itself (vm.mmap_min_addr at most). */
#define LOWEST 0x10000u

enum {
    STEP_DESCRIPTORS,
    STEP_TEXT,
    STEP_CONSTANTS,
    STEP_MEMORY,
    STEP_SIGNALS,
    STEP_LIMITS,
    STEP_PRIVILEGES,
    STEP_FILTER,
    N_STEPS,
};

const char *process_step(int status)
{
    static const char *const names[N_STEPS] = {
        [STEP_DESCRIPTORS] = "close its files",
        [STEP_TEXT] = "map the payload's text",
        [STEP_CONSTANTS] = "map the payload's constants",
        [STEP_MEMORY] = "map its memory",
        [STEP_SIGNALS] = "set up its signals",
        [STEP_LIMITS] = "limit its resources",
        [STEP_PRIVILEGES] = "give up privileges",
        [STEP_FILTER] = "set its system call filter",
    };

    return status >= PROCESS_EXIT_STEP && status < PROCESS_EXIT_STEP + N_STEPS
               ? names[status - PROCESS_EXIT_STEP]
               : NULL;
}

static void need(gboolean good, int step)
{
    if (!good) {
        _exit(PROCESS_EXIT_STEP + step);
    }
}

static void keep_only(int channel)
{
    need(channel == PROCESS_CHANNEL || dup2(channel, PROCESS_CHANNEL) == PROCESS_CHANNEL,
         STEP_DESCRIPTORS);
    if (syscall(SYS_close_range, PROCESS_CHANNEL + 1, ~0u, 0) == 0) {
        return;
    }
    /* Kernels before 5.9. */
    struct rlimit limit = { 1024, 1024 };
    getrlimit(RLIMIT_NOFILE, &limit);
    for (int fd = PROCESS_CHANNEL + 1; fd < (int)MIN(limit.rlim_cur, 1u << 20); fd++) {
        close(fd);
    }
}

/* Move pages of the host's memory to where the payload has them. */
static void move(const guint8 *from, gsize size, guint64 to, int rights, int step)
{
    size = align_up(size, ABI_PAGE);
    need(mremap((gpointer)(guintptr)from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
                (gpointer)(guintptr)to) != MAP_FAILED,
         step);
    need(!rights || mprotect((gpointer)(guintptr)to, size, rights) == 0, step);
}

static void move_memory(const ProcessChild *c)
{
    const CellPayload *p = c->payload;

    /* The kernel put nothing here, nor did we: the program is position-independent. */
    munmap((gpointer)(guintptr)LOWEST, ABI_LAYOUT_END - LOWEST);
    /* Text keeps the rights it has had as a part of the program's file. */
    move(p->text.bytes, p->text.size, p->text.address, 0, STEP_TEXT);
    if (p->rodata.size) {
        move(p->rodata.bytes, p->rodata.size, p->rodata.address, PROT_READ, STEP_CONSTANTS);
    }
    if (p->data.size) {
        move(c->core->data, p->data.size, p->data.address, 0, STEP_MEMORY);
    }
    for (guint i = 0; i < cell_n_block_pieces; i++) {
        const CellBlockPiece *piece = &cell_block_pieces[i];
        move(c->part->block + piece->offset, piece->size,
             cell_block_address(c->cpu) + piece->offset, piece->writable ? 0 : PROT_READ,
             STEP_MEMORY);
    }
    move(c->part->arena, c->part->arena_size, cell_arena_address(c->cpu), 0, STEP_MEMORY);
    if (c->part->window) {
        move(c->part->window, c->part->window_size, cell_window_address(c->cpu), 0, STEP_MEMORY);
    }
}

/* Faults leave word of where they were; all other signals wait for ever (all are blocked since
 * before the fork) but the one that ends a cpu which has used up its time. */
static void set_signals(const ProcessChild *c)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
    stack_t stack = {
        .ss_sp = (gpointer)(guintptr)(cell_block_address(c->cpu) + ABI_BLOCK_FAULT),
        .ss_size = ABI_FAULT_SIZE,
    };
    struct sigaction fault = { .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND };
    struct sigaction end = { .sa_handler = SIG_DFL };
    sigset_t set;

    fault.sa_sigaction = (void (*)(int, siginfo_t *, void *))(guintptr)c->fault_handler;
    sigemptyset(&set);
    sigaddset(&set, SIGXCPU);
    need(sigaction(SIGXCPU, &end, NULL) == 0 && sigaltstack(&stack, NULL) == 0, STEP_SIGNALS);
    for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
        sigaddset(&set, faults[i]);
        need(sigaction(faults[i], c->fault_handler ? &fault : &end, NULL) == 0, STEP_SIGNALS);
    }
    need(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0, STEP_SIGNALS);
}

static void limit(int resource, rlim_t most, gboolean hard)
{
    struct rlimit r;

    need(getrlimit((__rlimit_resource_t)resource, &r) == 0, STEP_LIMITS);
    r.rlim_cur = MIN(r.rlim_cur, most);
    r.rlim_max = hard ? MIN(r.rlim_max, most) : r.rlim_max;
    need(setrlimit((__rlimit_resource_t)resource, &r) == 0, STEP_LIMITS);
}

static void set_limits(const ProcessChild *c)
{
    limit(RLIMIT_CORE, 0, TRUE); /* a core would hold the image's data */
    limit(RLIMIT_FSIZE, 0, TRUE);
    limit(RLIMIT_NPROC, 0, TRUE);
    limit(RLIMIT_MEMLOCK, 0, TRUE);
    limit(RLIMIT_CPU, c->cpu_seconds, FALSE); /* the host raises it while all is well */
    limit(RLIMIT_AS, ABI_LAYOUT_END, TRUE);
}

/* The kernel would go on writing to the host's thread area, which goes away. */
static void leave_rseq(void)
{
#if defined(RSEQ_SIG) && defined(SYS_rseq)
    if (__rseq_size) {
        guint8 *area = (guint8 *)__builtin_thread_pointer() + __rseq_offset;
        /* It was registered with 32 bytes, whatever of them is in use. */
        syscall(SYS_rseq, area, MAX(__rseq_size, 32u), 1 /* RSEQ_FLAG_UNREGISTER */, RSEQ_SIG);
    }
#endif
}

/* An image of the x87 and vector registers as after a reset (Intel SDM 1, 13.4: FCW, MXCSR, and no
 * component in use), for XRSTOR or, on processors without it, FXRSTOR. */
static const struct {
    guint16 fcw, others[11];
    guint32 mxcsr, rest[137];
} clear_vectors __attribute__((aligned(64))) = { .fcw = 0x37f, .mxcsr = 0x1f80 };
G_STATIC_ASSERT(sizeof clear_vectors == 576);

/* FS base becomes the payload's: from there on nothing here may look at the host's thread area,
 * so no stack protector and no libc. */
__attribute__((noreturn, no_stack_protector, no_sanitize("address", "undefined"))) static void
enter_payload(guint64 block, guint64 entry, gboolean use_xrstor)
{
    if (syscall3(SYS_arch_prctl, ARCH_SET_FS, (long)(block + ABI_BLOCK_CPU), 0) != 0 ||
        syscall3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&process_filter) != 0) {
        syscall3(SYS_exit_group, PROCESS_EXIT_STEP + STEP_FILTER, 0, 0);
    }
    /* What the registers hold is the host's: all of them become zero, but for the stack pointer,
     * the argument, and the entry point. */
    if (use_xrstor) {
        __asm__ volatile("xrstor64 %0" : : "m"(clear_vectors), "a"(-1), "d"(-1));
    } else {
        __asm__ volatile("fxrstor64 %0" : : "m"(clear_vectors));
    }
    __asm__ volatile("movq %0, %%rsp\n\t"
                     "pushq $0\n\t"
                     "movq %1, %%r11\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "xorl %%ebx, %%ebx\n\t"
                     "xorl %%ecx, %%ecx\n\t"
                     "xorl %%edx, %%edx\n\t"
                     "xorl %%esi, %%esi\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "xorl %%r8d, %%r8d\n\t"
                     "xorl %%r9d, %%r9d\n\t"
                     "xorl %%r10d, %%r10d\n\t"
                     "xorl %%r12d, %%r12d\n\t"
                     "xorl %%r13d, %%r13d\n\t"
                     "xorl %%r14d, %%r14d\n\t"
                     "xorl %%r15d, %%r15d\n\t"
                     "jmpq *%%r11"
                     :
                     : "a"(block + ABI_BLOCK_STACK + ABI_STACK_SIZE), "S"(entry),
                       "D"(block + ABI_BLOCK_BOOT)
                     : "memory");
    __builtin_unreachable();
}

void process_become_cpu(const ProcessChild *c)
{
    keep_only(c->channel);
    leave_rseq();
    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0,
         STEP_PRIVILEGES);
    guint64 block = cell_block_address(c->cpu), entry = c->payload->entry;
    move_memory(c);
    set_signals(c);
    set_limits(c);
    enter_payload(block, entry, c->use_xrstor);
}
