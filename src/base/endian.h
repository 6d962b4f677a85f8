/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers as they lie in a file, at any alignment. Freestanding; p points at
 * 2, 4 or 8 readable (or writable) bytes.
 */
#ifndef INSTAR_BASE_ENDIAN_H
#define INSTAR_BASE_ENDIAN_H

#include <stdint.h>

static inline uint16_t be16_load(const void *p)
{
    uint16_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static inline uint32_t be32_load(const void *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t be64_load(const void *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

static inline void be16_store(void *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    __builtin_memcpy(p, &v, sizeof v);
}

static inline void be32_store(void *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    __builtin_memcpy(p, &v, sizeof v);
}

static inline void be64_store(void *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    __builtin_memcpy(p, &v, sizeof v);
}

static inline uint16_t le16_load(const void *p)
{
    uint16_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t le32_load(const void *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t le64_load(const void *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline void le16_store(void *p, uint16_t v)
{
    __builtin_memcpy(p, &v, sizeof v);
}

static inline void le32_store(void *p, uint32_t v)
{
    __builtin_memcpy(p, &v, sizeof v);
}

static inline void le64_store(void *p, uint64_t v)
{
    __builtin_memcpy(p, &v, sizeof v);
}

#endif
