/* SPDX-License-Identifier: GPL-2.0-or-later */
/* src/base/percent.h: what qemu-img 7.2 was seen to show. */
#include "config.h"

#include <glib.h>

#include "base/percent.h"

static void test_of(void)
{
    g_assert_cmpfloat(percent_of(0, 7), ==, 0.0f);
    g_assert_cmpfloat(percent_of(1, 4), ==, 25.0f);
    g_assert_cmpfloat(percent_of(7, 7), ==, 100.0f);
    g_assert_cmpfloat(percent_of(8, 7), ==, 100.0f);
    g_assert_cmpfloat(percent_of(0, 0), ==, 100.0f);
    g_assert_cmpfloat(percent_of(G_MAXUINT64 / 2, G_MAXUINT64), ==, 50.0f);
}

static void test_tells(void)
{
    g_assert_false(percent_tells(1.0f, 0.0f, 1.0f));
    g_assert_true(percent_tells(1.01f, 0.0f, 1.0f));
    g_assert_true(percent_tells(43.08f, 50.0f, 1.0f));
    g_assert_false(percent_tells(49.0f, 50.0f, 1.0f));
    g_assert_true(percent_tells(100.0f, 100.0f, 1.0f));
}

/* A thousand steps: how many are shown depends on single precision. */
static void test_thousand(void)
{
    float last = 0;
    guint n = 0;

    for (guint i = 1; i <= 1000; i++) {
        float now = percent_of(i, 1000);
        if (percent_tells(now, last, 1.0f)) {
            last = now;
            n++;
        }
    }
    g_assert_cmpuint(n, ==, 91);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/percent/of", test_of);
    g_test_add_func("/percent/tells", test_tells);
    g_test_add_func("/percent/thousand", test_thousand);
    return g_test_run();
}
