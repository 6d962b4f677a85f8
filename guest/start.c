/* SPDX-License-Identifier: GPL-2.0-or-later */
/* First code of the payload. */

void _start(void) __attribute__((noreturn, section(".text._start")));

void _start(void)
{
    for (;;)
        __asm__ volatile("hlt");
}
