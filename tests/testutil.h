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
