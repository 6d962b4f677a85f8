/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First code of a cpu, and its loop. The host enters _start with the address of
 * the boot page, a stack, FS base at the cpu page, and all of it zeros but the
 * boot page.
 */
#include "guest/cpu.h"

/* The one call before the loop where the payload runs as a process: what the
 * child has of the host's memory goes away. */
enum { SYS_MUNMAP = 11 };

static void unmap_host(uint64_t length)
{
    long r;

    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(SYS_MUNMAP), "D"(ABI_LAYOUT_END), "S"(length)
                     : "rcx", "r11", "memory");
    if (r) {
        __builtin_trap();
    }
}

static void run_jobs(struct cpu *cpu)
{
    struct abi_job job;

    for (;;) {
        __builtin_memcpy(&job, &cpu->box->job, sizeof job);
        if (cpu->boot->cpu == 0) {
            dispatch_job(&cpu->dispatcher, &job, &cpu->box->result);
        } else {
            dispatch_codec_job(&cpu->dispatcher, &job, &cpu->box->result);
        }
        cpu->box->result.arena_peak = cpu->arena.peak;
        cpu_ring(cpu, ABI_REQ_DONE);
    }
}

void _start(const struct abi_boot *boot) __attribute__((noreturn, section(".text._start")));

void _start(const struct abi_boot *boot)
{
    struct cpu *cpu = (struct cpu *)(boot->block + ABI_BLOCK_CPU);

    if (boot->flags & ABI_BOOT_PROCESS) {
        unmap_host(boot->unmap_length);
    }
    cpu->self = cpu;
    cpu->canary = boot->canary;
    cpu->boot = boot;
    cpu->box = (struct abi_mailbox *)(boot->block + ABI_BLOCK_MAILBOX);
    cpu->io = (struct abi_io *)(boot->block + ABI_BLOCK_IO);
    arena_init(&cpu->arena, (void *)boot->arena, boot->arena_size);
    cpu_make_env(cpu);
    cpu_ring(cpu, ABI_REQ_READY);
    run_jobs(cpu);
    __builtin_unreachable();
}
