/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What static libraries name but a cell never does. A stub that is reached ends
 * the cell, and the error names it.
 */
#define STUB(name)                                                                                 \
    void name(void) __attribute__((noreturn));                                                     \
    void name(void)                                                                                \
    {                                                                                              \
        __builtin_trap();                                                                          \
    }

STUB(abort)
STUB(fwrite)
STUB(getenv)
STUB(secure_getenv)
STUB(__assert_fail)
STUB(__fprintf_chk)
STUB(__stack_chk_fail)
STUB(__memcpy_chk)
STUB(__memset_chk)
STUB(__memmove_chk)

void *stderr;
