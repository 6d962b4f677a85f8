/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzz target is one file that defines these two. It is linked twice: with
 * replay.c for make check, and with libFuzzer under --enable-fuzz.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Its corpus is testsuite-data/fuzz/NAME/. */
extern const char fuzz_name[];

/* libFuzzer's entry: must return, whatever the bytes; answers 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
