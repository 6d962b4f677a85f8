/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of a C library that the drivers and the static libraries really use
 * (nm -u tells): memory and strings. Everything is per cpu or without state.
 */
#include "base/checked.h"
#include "guest/cpu.h"
#include "guest/libc.h"

/* A loop that fills or measures memory must not become a call of itself. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

/* Up to so many bytes a loop is faster than the string instructions, which take a while to start;
 * the hashes copy and clear few bytes millions of times. */
#define SHORT 256u

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    void *r = to;

    if (n < 8) {
        for (size_t i = 0; i < n; i++) {
            ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
        }
        return r;
    }
    if (n <= SHORT) {
        uint8_t *d = to;
        const uint8_t *s = from;
        uint64_t v, last;
        __builtin_memcpy(&last, s + n - 8, 8);
        for (size_t i = 0; i < n - 8; i += 8) {
            __builtin_memcpy(&v, s + i, 8);
            __builtin_memcpy(d + i, &v, 8);
        }
        __builtin_memcpy(d + n - 8, &last, 8);
        return r;
    }

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
    return r;
}

void *memset(void *to, int c, size_t n)
{
    void *r = to;

    if (n >= 8 && n <= SHORT) {
        uint8_t *d = to;
        uint64_t v = (uint8_t)c * 0x0101010101010101ull;
        for (size_t i = 0; i < n - 8; i += 8) {
            __builtin_memcpy(d + i, &v, 8);
        }
        __builtin_memcpy(d + n - 8, &v, 8);
        return r;
    }

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
    return r;
}

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *d = to;
    const uint8_t *s = from;

    if ((uintptr_t)to - (uintptr_t)from >= n) {
        return memcpy(to, from, n);
    }
    while (n >= 8) {
        uint64_t v;
        n -= 8;
        __builtin_memcpy(&v, s + n, 8);
        __builtin_memcpy(d + n, &v, 8);
    }
    while (n--) {
        d[n] = s[n];
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (; n >= 8; n -= 8, x += 8, y += 8) {
        uint64_t v, w;
        __builtin_memcpy(&v, x, 8);
        __builtin_memcpy(&w, y, 8);
        if (v != w) {
            break;
        }
    }
    for (; n; n--, x++, y++) {
        if (*x != *y) {
            return *x - *y;
        }
    }
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n]) {
        n++;
    }
    return n;
}

char *strchr(const char *s, int c)
{
    for (; *s != (char)c; s++) {
        if (!*s) {
            return NULL;
        }
    }
    return (char *)(uintptr_t)s;
}

void *malloc(size_t n)
{
    return arena_alloc(&cpu_self()->arena, n);
}

void *calloc(size_t n, size_t size)
{
    uint64_t bytes;

    return checked_mul(n, size, &bytes) ? malloc(bytes) : NULL;
}

void *realloc(void *p, size_t n)
{
    void *r = malloc(n);

    if (r && p) {
        memcpy(r, p, min_u64(n, arena_size(p)));
        free(p);
    }
    return r;
}

void free(void *p)
{
    arena_free(&cpu_self()->arena, p);
}
