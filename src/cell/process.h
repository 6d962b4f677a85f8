/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of the process back end. */
#ifndef INSTAR_CELL_PROCESS_H
#define INSTAR_CELL_PROCESS_H

#include <sys/types.h>
#include "cell/memory.h"

/* The child's descriptor of its channel; it has no other. */
#define PROCESS_CHANNEL 0
/* Exit status of a child that could not be set up: this plus the step (process-child.c). */
#define PROCESS_EXIT_STEP 100

/* Of a cpu; CellPart.machine. */
typedef struct {
    pid_t pid;      /* 0: none, or waited for */
    int channel;    /* our end */
    gint64 started; /* monotonic microseconds */
    gint64 limited; /* when its CPU time limit was last raised */
} ProcessCpu;

/* All that a child needs, made before the fork. */
typedef struct {
    const CellPayload *payload;
    const CellPart *core; /* of cpu 0 */
    const CellPart *part; /* its own */
    guint cpu;
    int channel;           /* its end of the channel */
    guint64 fault_handler; /* in the cell, 0: none */
    guint cpu_seconds;     /* first limit of CPU time */
    gboolean use_xrstor;   /* the processor has XSAVE, and the kernel uses it */
} ProcessChild;

/* In the child: become the cpu. Never returns. */
void process_become_cpu(const ProcessChild *child) __attribute__((noreturn));
/* What step of that an exit status tells of, NULL: none. */
const char *process_step(int status);

/* The filter of a child: allow its channel, and exit. FALSE and errno. After it no code may run
 * but the payload's, so it is the last thing process_become_cpu() does by itself. */
struct sock_fprog;
extern const struct sock_fprog process_filter;

#endif
