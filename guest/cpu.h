/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a cpu of the cell has of its own. FS base points here, as static
 * libraries expect it: the struct's address at 0, the canary at 0x28.
 */
#ifndef INSTAR_GUEST_CPU_H
#define INSTAR_GUEST_CPU_H

#include "abi/layout.h"
#include "guest/arena.h"
#include "guest/dispatch.h"

struct cpu {
    struct cpu *self;
    const struct abi_boot *boot;
    struct abi_mailbox *box;
    struct abi_io *io;
    uint64_t reserved;
    uint64_t canary;
    struct arena arena;
    struct fmt_env env;
    struct dispatcher dispatcher;
};
_Static_assert(offsetof(struct cpu, canary) == 0x28, "canary");
_Static_assert(sizeof(struct cpu) <= ABI_CPU_SIZE, "cpu page");

static inline struct cpu *cpu_self(void)
{
    struct cpu *cpu;

    __asm__("movq %%fs:0, %0" : "=r"(cpu));
    return cpu;
}

/* Say what is in the mailbox's request and wait until the host has answered. */
void cpu_ring(struct cpu *cpu, enum abi_request_kind kind);

/* The same for a request that is there already. */
void cpu_ring_bell(struct cpu *cpu);

/* Fill in cpu->env: requests of this cpu, memory of its arena. */
void cpu_make_env(struct cpu *cpu);

#endif
