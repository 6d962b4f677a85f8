/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums, products, ranges and rounding that cannot overflow unseen. Freestanding. */
#ifndef INSTAR_BASE_CHECKED_H
#define INSTAR_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

/* TRUE and *ret set when the result fits in 64 bits; else FALSE, *ret undefined. */
static inline bool checked_add(uint64_t a, uint64_t b, uint64_t *ret)
{
    return !__builtin_add_overflow(a, b, ret);
}

static inline bool checked_mul(uint64_t a, uint64_t b, uint64_t *ret)
{
    return !__builtin_mul_overflow(a, b, ret);
}

/* Is [start, start + length) inside [0, end)? Never overflows. */
static inline bool range_fits(uint64_t start, uint64_t length, uint64_t end)
{
    return start <= end && length <= end - start;
}

/* Do two ranges share a byte? Ends beyond 2^64 count as 2^64. Empty ranges share none. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    return a_length && b_length && (a <= b ? b - a < a_length : a - b < b_length);
}

/* unit is a power of two. align_up of a value above 2^64 - unit wraps to 0: check before. */
static inline bool is_aligned(uint64_t v, uint64_t unit)
{
    return (v & (unit - 1)) == 0;
}

static inline uint64_t align_down(uint64_t v, uint64_t unit)
{
    return v & ~(unit - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t unit)
{
    return (v + unit - 1) & ~(unit - 1);
}

/* v / unit rounded up, for any v and unit > 0. */
static inline uint64_t div_up(uint64_t v, uint64_t unit)
{
    return v / unit + (v % unit != 0);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline bool is_power_of_two(uint64_t v)
{
    return v && !(v & (v - 1));
}

#endif
