/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls, which a machine has none of, and a process only its channel's. */
#include "base/syscall.h"
#include "tests/hostile/hostile.h"

static long call(long number, uint64_t a, uint64_t b, uint64_t c)
{
    return syscall3(number, (long)a, (long)b, (long)c);
}

static uint64_t text(const char *s)
{
    return (uint64_t)(uintptr_t)s;
}

void act_call_open(struct cpu *cpu)
{
    call(2, text("/etc/passwd"), 0, 0);
}

void act_call_socket(struct cpu *cpu)
{
    call(41, 2, 1, 0);
}

void act_call_execve(struct cpu *cpu)
{
    call(59, text("/bin/sh"), 0, 0);
}

void act_call_fork(struct cpu *cpu)
{
    call(57, 0, 0, 0);
}

void act_call_mmap(struct cpu *cpu)
{
    call(9, 0, 4096, 7);
}

void act_call_mprotect(struct cpu *cpu)
{
    call(10, cpu->boot->arena, 4096, 7);
}

void act_call_munmap_own(struct cpu *cpu)
{
    call(11, cpu->boot->arena, 4096, 0);
}

void act_call_kill(struct cpu *cpu)
{
    call(62, (uint64_t)-1, 9, 0);
}

void act_call_ptrace(struct cpu *cpu)
{
    call(101, 0, 0, 0);
}

void act_call_read_other(struct cpu *cpu)
{
    call(0, 3, cpu->boot->arena, 16);
}

void act_call_write_other(struct cpu *cpu)
{
    call(1, 2, text("hello\n"), 6);
}

void act_call_x32(struct cpu *cpu)
{
    call(0x40000000 | 39 /* getpid */, 0, 0, 0);
}

void act_call_exit(struct cpu *cpu)
{
    call(231, 0, 0, 0);
}
