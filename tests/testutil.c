/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/testutil.h"

#include <limits.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

int test_spawn(const char *const *argv, char **ret_out, char **ret_err)
{
    GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_LEAVE_DESCRIPTORS_OPEN;
    g_auto(GStrv) envp = g_get_environ();
    g_autoptr(GError) error = NULL;
    int status = -1;

    if (strchr(argv[0], '/') == NULL)
        envp = g_environ_unsetenv(envp, "MALLOC_PERTURB_");
    if (ret_out == NULL)
        flags |= G_SPAWN_STDOUT_TO_DEV_NULL;
    if (ret_err == NULL)
        flags |= G_SPAWN_STDERR_TO_DEV_NULL;
    g_spawn_sync(NULL, (char **)argv, envp, flags, NULL, NULL, ret_out, ret_err, &status, &error);
    g_assert_no_error(error);
    return status;
}

static void run_well(const char *const *argv)
{
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_spawn_check_wait_status(test_spawn(argv, &out, &err), &error))
        g_error("%s: %s: %s%s", argv[0], error->message, out, err);
}

void test_run(const char *format, ...)
{
    g_autofree char *line = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) argv = NULL;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    g_shell_parse_argv(line, NULL, &argv, &error);
    g_assert_no_error(error);
    run_well((const char *const *)argv);
}

void test_shell(const char *script)
{
    const char *argv[] = { "sh", "-c", script, NULL };

    run_well(argv);
}

gboolean test_skip_without_qemu(void)
{
    g_autofree char *img = g_find_program_in_path("qemu-img");
    g_autofree char *io = g_find_program_in_path("qemu-io");
    gboolean lacking = img == NULL || io == NULL;

    if (lacking)
        g_test_skip("no qemu-img and qemu-io here");
    return lacking;
}

void test_heap_of_huge_pages(void)
{
    const gsize heap = 256 << 20, huge = 2 << 20;

    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_TOP_PAD, heap);
    g_free(g_malloc(huge)); /* the heap is extended */
    guintptr end = (guintptr)sbrk(0) / huge * huge;
    madvise((gpointer)(end - heap), heap, MADV_HUGEPAGE); /* best effort */
}
