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
STUB(__assert_fail)
STUB(__fprintf_chk)
STUB(__stack_chk_fail)
STUB(__memcpy_chk)
STUB(__memset_chk)
STUB(__memmove_chk)

/* There is no environment; nettle asks whether it shall not use what the processor has. */
char *getenv(const char *name);
char *secure_getenv(const char *name);

char *getenv(const char *name)
{
    (void)name;
    return 0;
}

char *secure_getenv(const char *name)
{
    (void)name;
    return 0;
}

void *stderr;
