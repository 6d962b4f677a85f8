/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A payload that starts as a good one does, and then does what a job says. An
 * act that returns answers with an empty result.
 */
#include "tests/hostile/hostile.h"

static void (*const acts[])(struct cpu *cpu) = {
#define X(name) act_##name,
    HOSTILE_ACTS(X)
#undef X
};

void _start(const struct abi_boot *boot) __attribute__((noreturn, section(".text._start")));

void _start(const struct abi_boot *boot)
{
    struct cpu *cpu = (struct cpu *)(boot->block + ABI_BLOCK_CPU);

    if (boot->flags & ABI_BOOT_PROCESS) {
        long r;
        __asm__ volatile("syscall"
                         : "=a"(r)
                         : "a"(11 /* munmap */), "D"(ABI_LAYOUT_END), "S"(boot->unmap_length)
                         : "rcx", "r11", "memory");
    }
    cpu->self = cpu;
    cpu->canary = boot->canary;
    cpu->boot = boot;
    cpu->box = (struct abi_mailbox *)(boot->block + ABI_BLOCK_MAILBOX);
    cpu->io = (struct abi_io *)(boot->block + ABI_BLOCK_IO);
    cpu_ring(cpu, ABI_REQ_READY);
    for (;;) {
        uint64_t act = cpu->box->job.arg[0];

        cpu->box->result = (struct abi_result){
            .head = { sizeof(struct abi_result), cpu->box->job.head.kind, ABI_VERSION },
        };
        if (act < N_ACTS) {
            acts[act](cpu);
        }
        cpu_ring(cpu, ABI_REQ_DONE);
    }
}
