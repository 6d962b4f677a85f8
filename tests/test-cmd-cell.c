/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subcommand cell, the choice of a back end, and the silent way from one to the other. */
#include "config.h"

#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

#include "tests/testutil.h"

#define NOBODY "65534"

typedef struct {
    char *out, *err;
    int status;
} Run;

/* Run the program with a cell choice (NULL: none) and words in front of its name (NULL: none). */
static void run(Run *r, const char *choice, const char *const *before, const char *const *args)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(GStrv) envp = g_environ_unsetenv(g_get_environ(), "INSTAR_IMG_CELL");
    g_autoptr(GError) error = NULL;
    int wait_status;

    if (choice) {
        envp = g_environ_setenv(envp, "INSTAR_IMG_CELL", choice, TRUE);
    }
    for (; before && *before; before++) {
        g_ptr_array_add(argv, (gpointer)*before);
    }
    g_ptr_array_add(argv, (gpointer)test_instar_img());
    for (; *args; args++) {
        g_ptr_array_add(argv, (gpointer)*args);
    }
    g_ptr_array_add(argv, NULL);
    g_spawn_sync(NULL, (char **)argv->pdata, envp, G_SPAWN_SEARCH_PATH, NULL, NULL, &r->out,
                 &r->err, &wait_status, &error);
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(wait_status));
    r->status = WEXITSTATUS(wait_status);
}

static void clear(Run *r)
{
    g_free(r->out);
    g_free(r->err);
}

static const char *const human[] = { "cell", NULL };

static gboolean kvm_here(void)
{
    return access("/dev/kvm", R_OK | W_OK) == 0;
}

static void test_human(void)
{
    Run r;

    run(&r, NULL, NULL, human);
    g_assert_cmpstr(r.err, ==, "");
    g_assert_cmpint(r.status, ==, 0);
    g_assert_true(
        g_str_has_prefix(r.out, kvm_here() ? "kvm: works (start " : "kvm: does not work ("));
    g_assert_nonnull(strstr(r.out, "\nprocess: works (start "));
    g_assert_true(g_str_has_suffix(r.out, kvm_here() ? "\nin use: kvm\n" : "\nin use: process\n"));
    clear(&r);
}

static void test_json(void)
{
    static const char *const args[] = { "cell", "--output=json", NULL };
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) error = NULL;
    Run r;

    run(&r, "process", NULL, args);
    g_assert_cmpstr(r.err, ==, "");
    g_assert_cmpint(r.status, ==, 0);
    g_assert_true(json_parser_load_from_data(parser, r.out, -1, &error));
    g_assert_no_error(error);
    JsonObject *o = json_node_get_object(json_parser_get_root(parser));
    g_assert_cmpstr(json_object_get_string_member(o, "in-use"), ==, "process");
    JsonArray *cells = json_object_get_array_member(o, "cells");
    g_assert_cmpuint(json_array_get_length(cells), ==, 2);
    JsonObject *process = json_array_get_object_element(cells, 1);
    g_assert_cmpstr(json_object_get_string_member(process, "kind"), ==, "process");
    g_assert_true(json_object_get_boolean_member(process, "works"));
    g_assert_cmpint(json_object_get_int_member(process, "start-ns"), >, 0);
    g_assert_cmpint(json_object_get_int_member(process, "doorbell-ns"), >, 0);
    clear(&r);
}

static void test_wrong_choice(void)
{
    Run r;

    run(&r, "chroot", NULL, human);
    g_assert_cmpint(r.status, ==, 1);
    g_assert_nonnull(strstr(r.err, "INSTAR_IMG_CELL: 'chroot' is none of auto, kvm and process"));
    clear(&r);
}

/* Where /dev/kvm may not be opened, images are opened all the same and nothing is said of it;
 * but kvm, if asked for, is not quietly something else. */
static void test_fallback(void)
{
    static const char *const nobody[] = { "setpriv", "--reuid", NOBODY, "--clear-groups", NULL };
    static const char *const info[] = { "info", "raw", NULL };
    Run r;

    if (geteuid() != 0 || !kvm_here()) {
        g_test_skip("needs root, to be somebody without /dev/kvm");
        return;
    }
    g_assert_true(g_file_set_contents("raw", "0123456789", 10, NULL));
    g_assert_cmpint(chown(".", 65534, 65534), ==, 0);
    run(&r, NULL, nobody, human);
    if (r.status != 0 && strstr(r.err, "Permission denied") && !r.out[0]) {
        g_test_skip("the program is where nobody may not run it");
        clear(&r);
        return;
    }
    g_assert_true(g_str_has_prefix(r.out, "kvm: does not work (/dev/kvm: Permission denied)\n"));
    g_assert_true(g_str_has_suffix(r.out, "\nin use: process\n"));
    g_assert_cmpint(r.status, ==, 0);
    clear(&r);

    run(&r, NULL, nobody, info);
    g_assert_cmpstr(r.err, ==, "");
    g_assert_cmpint(r.status, ==, 0);
    g_assert_nonnull(strstr(r.out, "file format: raw\n"));
    clear(&r);

    run(&r, "kvm", nobody, info);
    g_assert_cmpint(r.status, ==, 1);
    g_assert_nonnull(strstr(r.err, "/dev/kvm: Permission denied"));
    clear(&r);
}

/* The cage that callers put qemu-img in. */
static void test_cage(gconstpointer choice)
{
    static const char *const cage[] = { "prlimit", "--as=1073741824", "--cpu=2", "--core=0", NULL };
    static const char *const info[] = { "info", "raw", NULL };
    Run r;

    if (g_str_equal(choice, "kvm") && !kvm_here()) {
        test_skip_without_kvm("/dev/kvm cannot be opened");
        return;
    }
#if defined(__SANITIZE_ADDRESS__)
    g_test_skip("the address sanitizer needs more address space than that");
    return;
#endif
    g_assert_true(g_file_set_contents("raw", "0123456789", 10, NULL));
    run(&r, choice, cage, info);
    g_assert_cmpstr(r.err, ==, "");
    g_assert_cmpint(r.status, ==, 0);
    clear(&r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cmd-cell/human", test_human);
    g_test_add_func("/cmd-cell/json", test_json);
    g_test_add_func("/cmd-cell/wrong-choice", test_wrong_choice);
    g_test_add_func("/cmd-cell/fallback", test_fallback);
    g_test_add_data_func("/cmd-cell/cage/kvm", "kvm", test_cage);
    g_test_add_data_func("/cmd-cell/cage/process", "process", test_cage);
    return g_test_run();
}
