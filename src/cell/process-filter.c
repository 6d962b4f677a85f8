/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a child may ask the kernel for. Everything else ends the process; there
 * is nothing to be told by an error code that a hostile cell could try again.
 */
#include "config.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "cell/process.h"

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
/* The halves of an argument; little endian. */
#define LOAD_LOW(n) LOAD(args[n])
#define LOAD_HIGH(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]) + 4)
/* If the loaded word is value go on, else pass over the next skip lines. */
#define ONLY_IF(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))

/* A call whose first argument must be a certain number; 7 lines. */
#define ALLOW_WITH(number, first)                                                                  \
    ONLY_IF(number, 6), LOAD_HIGH(0), ONLY_IF(0, 3), LOAD_LOW(0), ONLY_IF(first, 1),               \
        RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_KILL_PROCESS)

static struct sock_filter lines[] = {
    LOAD(arch),
    ONLY_IF(AUDIT_ARCH_X86_64, 1),
    LOAD(nr), /* calls of the x32 kind have a bit more, and none of these numbers */
    /* wait for the host's answer */
    ALLOW_WITH(SYS_read, PROCESS_CHANNEL),
    /* ring the doorbell */
    ALLOW_WITH(SYS_write, PROCESS_CHANNEL),
    /* the first thing of all: take the host's memory out of sight (only that range begins there) */
    ALLOW_WITH(SYS_munmap, ABI_LAYOUT_END),
    /* end */
    ONLY_IF(SYS_exit_group, 1),
    RETURN(SECCOMP_RET_ALLOW),
    RETURN(SECCOMP_RET_KILL_PROCESS),
};

const struct sock_fprog process_filter = { G_N_ELEMENTS(lines), lines };
