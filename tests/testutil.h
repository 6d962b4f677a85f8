/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all test programs share. */
#pragma once

#include <glib.h>

/*
 * For a test case that needs /dev/kvm and found that it cannot have it: marks the running case
 * as skipped with @reason, or as failed where the machine has KVM (INSTAR_TEST_KVM=required, set
 * by tap-run). The caller returns afterwards.
 */
void test_skip_without_kvm(const char *reason);

/* Path of the program under test. Never NULL; the string is borrowed from the environment. */
const char *test_instar_img(void);

/*
 * Run @argv without a standard input and without a fork, which would copy the page tables of what
 * may be a large program. A program without a slash in its name is looked for in PATH and is not
 * ours: it goes without the marks in freed memory. Returns its wait status; one that cannot be
 * started ends the test. What is said goes to @ret_out and @ret_err, to be freed; NULL: to nowhere.
 */
int test_spawn(const char *const *argv, char **ret_out, char **ret_err);

/* Run a command line, its words quoted as in a shell, or a script. A status that is not 0 ends the
 * test, with what was said. */
void test_run(const char *format, ...) G_GNUC_PRINTF(1, 2);
void test_shell(const char *script);
/* TRUE, and the case is marked as skipped, where there is no qemu-img or no qemu-io. */
gboolean test_skip_without_qemu(void);

/*
 * For a program that takes and gives back large pieces of memory all the time, each of which would
 * be a new mapping, and each of its pages a fault. Called first, it makes a heap of huge pages,
 * which is not given back.
 */
void test_heap_of_huge_pages(void);
