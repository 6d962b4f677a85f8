/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Property streams: the writer and the reader, for both sides of the boundary.
 * Neither allocates; the reader checks every length against what is left, so
 * a hostile stream ends in "malformed", never outside the buffer.
 */
#ifndef INSTAR_PROPS_H
#define INSTAR_PROPS_H

#include <stdbool.h>
#include "abi.h"

/* Among creation options, from the host itself: the file's name without folders; of the backing file
 * that is named the format it was found to have (STRING), and its content id (U64). */
#define PROPS_CREATE_NAME "instar-name"
#define PROPS_CREATE_BACKING_FOUND "instar-backing-found"
#define PROPS_CREATE_BACKING_ID "instar-backing-id"

/* Writer over a caller's buffer. full is set, and stays, once a record did not fit. */
struct props_writer {
    uint8_t *base;
    uint32_t size; /* bytes of room */
    uint32_t used; /* bytes written */
    bool full;
};

/* One record read: key and value point into the stream and are not terminated. */
struct props_item {
    uint16_t type;
    const char *key;
    uint32_t key_length;
    const uint8_t *value;
    uint32_t value_length;
    uint64_t number; /* value of U64, I64 (two's complement) and BOOL */
};

struct props_reader {
    const uint8_t *base;
    uint32_t size;
    uint32_t at;
    uint32_t depth;
};

static inline uint32_t props_round8(uint32_t n)
{
    return (n + 7u) & ~7u;
}

static inline uint32_t props_strlen(const char *s)
{
    uint32_t n = 0;
    while (s[n]) {
        n++;
    }
    return n;
}

/* Are these bytes just that word? */
static inline bool props_word(const void *bytes, uint32_t length, const char *word)
{
    return length == props_strlen(word) && !__builtin_memcmp(bytes, word, length);
}

/* Is it the record of that name? */
static inline bool props_is(const struct props_item *it, const char *name)
{
    return props_word(it->key, it->key_length, name);
}

/* The same of a name in two parts. */
static inline bool props_is_joined(const struct props_item *it, const char *prefix,
                                   const char *name)
{
    uint32_t before = props_strlen(prefix);

    return it->key_length >= before && !__builtin_memcmp(it->key, prefix, before) &&
           props_word(it->key + before, it->key_length - before, name);
}

/* Append one record; key NULL for list members and END. */
static inline void props_put(struct props_writer *w, uint16_t type, const char *key,
                             const void *value, uint32_t value_length)
{
    uint32_t key_length = key ? props_strlen(key) : 0;
    uint64_t need = sizeof(struct abi_prop) + (uint64_t)props_round8(key_length) +
                    (((uint64_t)value_length + 7) & ~7ull);
    if (w->full || key_length > 255 || need > w->size - w->used) {
        w->full = true;
        return;
    }
    uint8_t *p = w->base + w->used;
    struct abi_prop h = { type, (uint16_t)key_length, value_length };
    __builtin_memcpy(p, &h, sizeof h);
    p += sizeof h;
    for (uint32_t i = 0; i < props_round8(key_length); i++) {
        p[i] = i < key_length ? (uint8_t)key[i] : 0;
    }
    p += props_round8(key_length);
    for (uint32_t i = 0; i < props_round8(value_length); i++) {
        p[i] = i < value_length ? ((const uint8_t *)value)[i] : 0;
    }
    w->used += (uint32_t)need;
}

static inline void props_u64(struct props_writer *w, const char *key, uint64_t v)
{
    props_put(w, ABI_PROP_U64, key, &v, 8);
}

static inline void props_i64(struct props_writer *w, const char *key, int64_t v)
{
    props_put(w, ABI_PROP_I64, key, &v, 8);
}

static inline void props_bool(struct props_writer *w, const char *key, bool b)
{
    uint64_t v = b;
    props_put(w, ABI_PROP_BOOL, key, &v, 8);
}

/* Bytes of any value; length at most ABI_TABLE_SIZE. */
static inline void props_bytes(struct props_writer *w, const char *key, const void *s, uint32_t n)
{
    props_put(w, ABI_PROP_STRING, key, s, n);
}

static inline void props_string(struct props_writer *w, const char *key, const char *s)
{
    props_put(w, ABI_PROP_STRING, key, s, props_strlen(s));
}

static inline void props_object(struct props_writer *w, const char *key)
{
    props_put(w, ABI_PROP_OBJECT, key, "", 0);
}

static inline void props_list(struct props_writer *w, const char *key)
{
    props_put(w, ABI_PROP_LIST, key, "", 0);
}

static inline void props_end(struct props_writer *w)
{
    props_put(w, ABI_PROP_END, 0, "", 0);
}

/* Next record into *it. Returns 1, 0 at the end of a well-formed stream, -1 if
 * the stream is malformed (the reader must then be given up). */
static inline int props_next(struct props_reader *r, struct props_item *it)
{
    if (r->at == r->size) {
        return r->depth ? -1 : 0;
    }
    struct abi_prop h;
    if (r->size - r->at < sizeof h) {
        return -1;
    }
    __builtin_memcpy(&h, r->base + r->at, sizeof h);
    uint64_t need =
        sizeof h + (uint64_t)props_round8(h.key_length) + (((uint64_t)h.value_length + 7) & ~7ull);
    if (need > r->size - r->at) {
        return -1;
    }
    it->type = h.type;
    it->key = (const char *)r->base + r->at + sizeof h;
    it->key_length = h.key_length;
    it->value = (const uint8_t *)it->key + props_round8(h.key_length);
    it->value_length = h.value_length;
    it->number = 0;
    switch (h.type) {
    case ABI_PROP_U64:
    case ABI_PROP_I64:
    case ABI_PROP_BOOL:
        if (h.value_length != 8) {
            return -1;
        }
        __builtin_memcpy(&it->number, it->value, 8);
        break;
    case ABI_PROP_STRING:
        break;
    case ABI_PROP_MESSAGE:
        if (h.value_length < sizeof(struct abi_message)) {
            return -1;
        }
        break;
    case ABI_PROP_OBJECT:
    case ABI_PROP_LIST:
        if (h.value_length != 0 || r->depth == ABI_PROP_DEPTH) {
            return -1;
        }
        r->depth++;
        break;
    case ABI_PROP_END:
        if (h.value_length != 0 || r->depth == 0) {
            return -1;
        }
        r->depth--;
        break;
    default:
        return -1;
    }
    r->at += (uint32_t)need;
    return 1;
}

#endif
