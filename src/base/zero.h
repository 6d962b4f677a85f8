/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Are these bytes all zeros? Freestanding; 64 bytes a turn in vector registers. */
#ifndef INSTAR_BASE_ZERO_H
#define INSTAR_BASE_ZERO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t zero_vector __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint64_t zero_word __attribute__((aligned(1), may_alias));

/* n bytes at p, any alignment; n == 0 is zero. Data is found out early: most blocks that are not
 * zero differ in their first bytes. */
static inline bool bytes_are_zero(const void *p, size_t n)
{
    const uint8_t *b = p;

    while (n >= 64) {
        zero_vector v = *(const zero_vector *)b | *(const zero_vector *)(b + 32);
        if ((v[0] | v[1]) | (v[2] | v[3])) {
            return false;
        }
        b += 64;
        n -= 64;
    }
    while (n >= 8) {
        if (*(const zero_word *)b) {
            return false;
        }
        b += 8;
        n -= 8;
    }
    while (n) {
        if (*b++) {
            return false;
        }
        n--;
    }
    return true;
}

#endif
