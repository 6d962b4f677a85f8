/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The allocator of the payload. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "guest/arena.h"

#define SIZE (1u << 20)

typedef struct {
    struct arena arena;
    guint8 *memory;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->memory = g_malloc0(SIZE);
    arena_init(&f->arena, f->memory, SIZE);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    g_free(f->memory);
}

static void assert_zero(const guint8 *p, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        g_assert_cmpuint(p[i], ==, 0);
    }
}

static void test_basics(Fixture *f, gconstpointer data)
{
    guint8 *a = arena_alloc(&f->arena, 100), *b = arena_alloc(&f->arena, 0);

    g_assert_nonnull(a);
    g_assert_nonnull(b);
    g_assert_cmpuint((guintptr)a % ARENA_ALIGN, ==, 0);
    g_assert_cmpuint((guintptr)b % ARENA_ALIGN, ==, 0);
    g_assert_cmpuint(arena_size(a), >=, 100);
    memset(a, 0xff, 100);
    arena_free(&f->arena, a);
    a = arena_alloc(&f->arena, 100);
    assert_zero(a, 100);
    arena_free(&f->arena, NULL);
    arena_free(&f->arena, a);
    arena_free(&f->arena, b);
    g_assert_cmpuint(f->arena.used, ==, 0);
    g_assert_cmpuint(f->arena.peak, >=, 100);
}

static void test_full(Fixture *f, gconstpointer data)
{
    static const guint64 too_big[] = { SIZE, SIZE + 1, G_MAXUINT32, G_MAXUINT64 - 8, G_MAXUINT64 };
    guint8 *most = arena_alloc(&f->arena, SIZE - 16);

    g_assert_nonnull(most);
    g_assert_null(arena_alloc(&f->arena, 1));
    arena_free(&f->arena, most);
    for (guint i = 0; i < G_N_ELEMENTS(too_big); i++) {
        g_assert_null(arena_alloc(&f->arena, too_big[i]));
    }
    g_assert_nonnull(arena_alloc(&f->arena, SIZE - 16));
    arena_reset(&f->arena);
    g_assert_nonnull(arena_alloc(&f->arena, SIZE - 16));
}

/* Blocks of all sizes come and go at random; none overlaps another, each keeps its bytes, and in
 * the end all is one block again. */
static void test_random(Fixture *f, gconstpointer data)
{
    enum { SLOTS = 64 };
    struct {
        guint8 *p;
        gsize n;
        guint8 mark;
    } slots[SLOTS] = { 0 };
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);

    for (guint i = 0; i < 200000; i++) {
        guint s = g_rand_int_range(rand, 0, SLOTS);
        if (slots[s].p) {
            g_assert_cmpuint(slots[s].p[0], ==, slots[s].mark);
            g_assert_cmpuint(slots[s].p[slots[s].n - 1], ==, slots[s].mark);
            arena_free(&f->arena, slots[s].p);
            slots[s].p = NULL;
            continue;
        }
        slots[s].n = 1 + (gsize)g_rand_int_range(rand, 0, 1 << g_rand_int_range(rand, 1, 18));
        slots[s].p = arena_alloc(&f->arena, slots[s].n);
        slots[s].mark = (guint8)(i | 1);
        if (slots[s].p) {
            if (i % 16 == 0) {
                assert_zero(slots[s].p, slots[s].n);
            }
            memset(slots[s].p, slots[s].mark, slots[s].n);
        }
    }
    for (guint s = 0; s < SLOTS; s++) {
        arena_free(&f->arena, slots[s].p);
    }
    g_assert_cmpuint(f->arena.used, ==, 0);
    g_assert_true(f->arena.top == f->arena.base);
    g_assert_cmpuint(f->arena.classes, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/arena/basics", Fixture, NULL, set_up, test_basics, tear_down);
    g_test_add("/arena/full", Fixture, NULL, set_up, test_full, tear_down);
    g_test_add("/arena/random", Fixture, NULL, set_up, test_random, tear_down);
    return g_test_run();
}
