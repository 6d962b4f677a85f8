/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls of Linux on x86-64, for code that has no libc, or must not enter it any more. */
#ifndef INSTAR_SYSCALL_H
#define INSTAR_SYSCALL_H

/* Answers what the kernel does: -errno on failure. Never a call of a function, so that it also
 * serves where the stack or the thread area of the caller is gone. */
static inline __attribute__((always_inline)) long syscall3(long number, long a, long b, long c)
{
    long r;

    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return r;
}

#endif
