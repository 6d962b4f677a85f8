/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault handler of the process back end: leave a word where it happened, and
 * end. The host finds it by its name in the symbol table. (In a machine there
 * is no interrupt table, and a fault is the end at once.)
 */
#include "guest/cpu.h"

void cpu_fault(int signal, void *info, void *context) __attribute__((noreturn, used));

/* Linux x86-64: where a struct ucontext holds the instruction pointer. */
#define CONTEXT_RIP 168
#define SYS_EXIT_GROUP 231

void cpu_fault(int signal, void *info, void *context)
{
    uint64_t address;
    long r;

    __builtin_memcpy(&address, (uint8_t *)context + CONTEXT_RIP, sizeof address);
    cpu_self()->box->fault = (struct abi_fault){ address, (uint32_t)signal, 0 };
    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(SYS_EXIT_GROUP), "D"(ABI_EXIT_FAULT)
                     : "rcx", "r11", "memory");
    __builtin_trap();
}
