/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the sources of the hostile payload share. */
#ifndef INSTAR_HOSTILE_H
#define INSTAR_HOSTILE_H

#include "guest/cpu.h"
#include "tests/hostile/acts.h"

/* The files that the test attached. */
enum { SOURCE = 0 /* read only */, TARGET = 1 /* may not grow */, GROWING = 2, WRITE_ONLY = 3 };
/* Sizes of the files, and what GROWING may grow to, bytes. */
#define FILE_SIZE 65536u
#define GROWN_SIZE (1u << 20)

#define X(name) void act_##name(struct cpu *cpu);
HOSTILE_ACTS(X)
#undef X

#endif
