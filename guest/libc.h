/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions of a C library that payload code may call: libc.c in a cell, the system's hosted. */
#ifndef INSTAR_GUEST_LIBC_H
#define INSTAR_GUEST_LIBC_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int c, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
char *strchr(const char *s, int c);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void free(void *p);

#endif
