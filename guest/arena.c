/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/checked.h"
#include "guest/arena.h"

#define HEADER 16u
#define FREE 1u
#define SMALL 256u /* below: one list for each multiple of ARENA_ALIGN */

/* The links exist while the block is free. */
struct arena_block {
    uint32_t size; /* with header; FREE is or-ed in */
    uint32_t reserved;
    struct arena_block *before; /* the block that ends where this begins */
    struct arena_block *next, *previous;
};
_Static_assert(offsetof(struct arena_block, next) == HEADER, "header");

static uint32_t size_of(const struct arena_block *b)
{
    return b->size & ~FREE;
}

static struct arena_block *block_of(const void *p)
{
    return (struct arena_block *)(void *)((uint8_t *)(uintptr_t)p - HEADER);
}

static struct arena_block *after(const struct arena_block *b)
{
    return (struct arena_block *)(void *)((uint8_t *)(uintptr_t)b + size_of(b));
}

/* The list whose blocks have this size or a little more. */
static void list_of(uint32_t size, uint32_t *class, uint32_t *step)
{
    if (size < SMALL) {
        *class = 0;
        *step = size / ARENA_ALIGN;
    } else {
        uint32_t bit = 31 - (uint32_t)__builtin_clz(size);
        *class = bit - 7;
        *step = (size >> (bit - 4)) & (ARENA_STEPS - 1);
    }
}

static void put(struct arena *a, struct arena_block *b)
{
    uint32_t c, s;

    list_of(size_of(b), &c, &s);
    b->size |= FREE;
    b->previous = NULL;
    b->next = a->lists[c][s];
    if (b->next) {
        b->next->previous = b;
    }
    a->lists[c][s] = b;
    a->steps[c] |= (uint16_t)(1u << s);
    a->classes |= 1u << c;
}

static void take(struct arena *a, struct arena_block *b)
{
    uint32_t c, s;

    list_of(size_of(b), &c, &s);
    if (b->next) {
        b->next->previous = b->previous;
    }
    if (b->previous) {
        b->previous->next = b->next;
    } else {
        a->lists[c][s] = b->next;
        if (!b->next) {
            a->steps[c] &= (uint16_t) ~(1u << s);
            if (!a->steps[c]) {
                a->classes &= ~(1u << c);
            }
        }
    }
    b->size &= ~FREE;
}

/* A free block of at least size bytes out of the first list where every block is. */
static struct arena_block *find(const struct arena *a, uint32_t size)
{
    uint32_t c, s;

    if (size >= SMALL) {
        size += (1u << (31 - (uint32_t)__builtin_clz(size) - 4)) - 1;
    }
    list_of(size, &c, &s);
    uint32_t steps = a->steps[c] & (~0u << s);
    if (!steps) {
        uint32_t classes = c + 1 < 32 ? a->classes & (~0u << (c + 1)) : 0;
        if (!classes) {
            return NULL;
        }
        c = (uint32_t)__builtin_ctz(classes);
        steps = a->steps[c];
    }
    return a->lists[c][__builtin_ctz(steps)];
}

/* Give back what b has beyond size. */
static void split(struct arena *a, struct arena_block *b, uint32_t size)
{
    uint32_t rest = size_of(b) - size;

    if (rest < sizeof(struct arena_block)) {
        return;
    }
    b->size = size;
    struct arena_block *r = after(b);
    *r = (struct arena_block){ .size = rest, .before = b };
    if ((uint8_t *)after(r) == a->top) {
        a->last = r;
    } else {
        after(r)->before = r;
    }
    put(a, r);
}

static struct arena_block *extend(struct arena *a, uint32_t size)
{
    if (size > (uint64_t)(a->end - a->top)) {
        return NULL;
    }
    struct arena_block *b = (struct arena_block *)(void *)a->top;
    *b = (struct arena_block){ .size = size, .before = a->last };
    a->last = b;
    a->top += size;
    return b;
}

void arena_init(struct arena *a, void *base, uint64_t size)
{
    __builtin_memset(a, 0, sizeof *a);
    a->base = a->top = a->touched = base;
    a->end = a->base + align_down(size, ARENA_ALIGN);
}

void *arena_alloc(struct arena *a, uint64_t size)
{
    if (size > (uint64_t)(a->end - a->base)) {
        return NULL;
    }
    uint32_t need =
        (uint32_t)max_u64(align_up(size, ARENA_ALIGN) + HEADER, sizeof(struct arena_block));
    struct arena_block *b = find(a, need);

    if (b) {
        take(a, b);
        split(a, b, need);
    } else {
        b = extend(a, need);
    }
    if (!b) {
        return NULL;
    }
    uint8_t *p = (uint8_t *)b + HEADER, *block_end = (uint8_t *)after(b);
    a->used += size_of(b);
    a->peak = max_u64(a->peak, a->used);
    if (p < a->touched) {
        __builtin_memset(p, 0, (size_t)((block_end < a->touched ? block_end : a->touched) - p));
    }
    if (a->touched < block_end) {
        a->touched = block_end;
    }
    return p;
}

void arena_free(struct arena *a, void *p)
{
    if (!p) {
        return;
    }
    struct arena_block *b = block_of(p);
    if (b->size & FREE) {
        __builtin_trap();
    }
    a->used -= b->size;
    struct arena_block *n = after(b);
    if ((uint8_t *)n != a->top && (n->size & FREE)) {
        take(a, n);
        b->size += n->size;
    }
    if (b->before && (b->before->size & FREE)) {
        struct arena_block *f = b->before;
        take(a, f);
        f->size += b->size;
        b = f;
    }
    if ((uint8_t *)after(b) >= a->top) {
        a->top = (uint8_t *)b;
        a->last = b->before;
    } else {
        after(b)->before = b;
        put(a, b);
    }
}

uint64_t arena_size(const void *p)
{
    return size_of(block_of(p)) - HEADER;
}

void arena_reset(struct arena *a)
{
    uint64_t peak = a->peak;
    uint8_t *touched = a->touched;

    arena_init(a, a->base, (uint64_t)(a->end - a->base));
    a->peak = peak;
    a->touched = touched;
}
