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

/* Equal steps: of 13 something is lost, of 11 nothing is. */
static void test_sum(void)
{
    float sum = 0;

    for (guint i = 0; i < 13; i++) {
        sum = percent_sum(sum, 65536, 13 * 65536);
    }
    g_assert_cmpfloat(sum, <, 100.0f);
    sum = 0;
    for (guint i = 0; i < 11; i++) {
        sum = percent_sum(sum, 65536, 11 * 65536);
    }
    g_assert_cmpfloat(sum, ==, 100.0f);
    g_assert_cmpfloat(percent_sum(99.0f, 2, 10), ==, 100.0f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/percent/of", test_of);
    g_test_add_func("/percent/tells", test_tells);
    g_test_add_func("/percent/thousand", test_thousand);
    g_test_add_func("/percent/sum", test_sum);
    return g_test_run();
}
