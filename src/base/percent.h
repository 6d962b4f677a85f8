/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far work has come, in percent, and whether it is worth a word. qemu-img reckons in single
 * precision and shows what it finds there, so both sides of the cell do the same.
 */
#ifndef INSTAR_PERCENT_H
#define INSTAR_PERCENT_H

#include <stdbool.h>
#include <stdint.h>

/* done of total in percent, at most 100. Of nothing, all is done. */
static inline float percent_of(uint64_t done, uint64_t total)
{
    return done < total ? (float)(100.0 * (double)done / (double)total) : 100.0f;
}

/* The same as a sum of steps: what rounding leaves of each stays, and the end may be missed. */
static inline float percent_sum(float sum, uint64_t more, uint64_t total)
{
    sum += (float)more / (float)total * 100.0f;
    return sum < 100.0f ? sum : 100.0f;
}

/* Is now worth a word, where the last one was of last? It is if they are more than least apart, or
 * if it is the end. */
static inline bool percent_tells(float now, float last, float least)
{
    float above = last + least, below = last - least;

    return now > above || now < below || now >= 100.0f;
}

#endif
