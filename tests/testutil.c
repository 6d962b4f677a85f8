/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/testutil.h"

void test_skip_without_kvm(const char *reason)
{
    if (g_strcmp0(g_getenv("INSTAR_TEST_KVM"), "required") == 0)
        g_test_fail_printf("KVM is required here, but: %s", reason);
    else
        g_test_skip(reason);
}

const char *test_instar_img(void)
{
    const char *path = g_getenv("INSTAR_IMG");

    if (path == NULL)
        g_error("INSTAR_IMG is not set: run this through make check or tests/tap-run");
    return path;
}
