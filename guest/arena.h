/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of a cpu. Two-level segregated fit: every call takes a bounded number
 * of steps, neighbours that are free are always one block. Works hosted too.
 */
#ifndef INSTAR_GUEST_ARENA_H
#define INSTAR_GUEST_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_ALIGN 16u
#define ARENA_CLASSES 26u /* powers of two, from 256 bytes to beyond 4 GiB */
#define ARENA_STEPS 16u   /* parts of a power of two */

struct arena_block;

struct arena {
    uint8_t *base, *end;
    uint8_t *top;             /* blocks lie below, nothing above */
    uint8_t *touched;         /* never used above: still zeros */
    struct arena_block *last; /* the block that ends at top; NULL: none */
    uint64_t used, peak;      /* bytes handed out, with their headers */
    uint32_t classes;         /* bit: one of the lists of the class has blocks */
    uint16_t steps[ARENA_CLASSES];
    struct arena_block *lists[ARENA_CLASSES][ARENA_STEPS];
};

/* Take [base, base + size), zeros, aligned to ARENA_ALIGN, size below 4 GiB. */
void arena_init(struct arena *a, void *base, uint64_t size);

/* size bytes (0 counts as 1), aligned to ARENA_ALIGN and zeroed; NULL when there is no room. */
void *arena_alloc(struct arena *a, uint64_t size);

/* p: from arena_alloc, or NULL. A block freed twice is a trap. */
void arena_free(struct arena *a, void *p);

/* Bytes asked for p, rounded up. */
uint64_t arena_size(const void *p);

/* Free everything; peak stays. */
void arena_reset(struct arena *a);

#endif
