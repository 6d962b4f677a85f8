/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/syscall.h"
#include "guest/cpu.h"

/* Linux x86-64, only where the host runs the payload as a process. */
enum { SYS_READ = 0, SYS_WRITE = 1, SYS_EXIT_GROUP = 231 };

/* One byte either way; the host closing its end is the end of this cpu. */
static void ring_channel(int channel)
{
    char byte = 0;

    if (syscall3(SYS_WRITE, channel, (long)&byte, 1) != 1 ||
        syscall3(SYS_READ, channel, (long)&byte, 1) != 1) {
        syscall3(SYS_EXIT_GROUP, 0, 0, 0);
    }
}

void cpu_ring_bell(struct cpu *cpu)
{
    __asm__ volatile("" ::: "memory");
    if (cpu->boot->flags & ABI_BOOT_PROCESS) {
        ring_channel(cpu->boot->channel);
    } else {
        *(volatile uint32_t *)cpu->boot->doorbell = 1;
    }
    __asm__ volatile("" ::: "memory");
}

void cpu_ring(struct cpu *cpu, enum abi_request_kind kind)
{
    cpu->box->request.head =
        (struct abi_head){ sizeof cpu->box->request, (uint16_t)kind, ABI_VERSION };
    cpu_ring_bell(cpu);
}
