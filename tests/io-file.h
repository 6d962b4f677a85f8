/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files for tests of src/io. What fails, fails the test. */
#pragma once

#include "io/io.h"

/* A new one, opened for writing. */
IoFile *test_make_file(const char *path, guint64 size, IoFlags flags);
/* Is each of these bytes value? */
void test_assert_bytes(IoFile *file, guint64 offset, guint8 value, gsize length);
void test_write_bytes(IoFile *file, guint64 offset, guint8 value, gsize length);
