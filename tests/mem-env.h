/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Surroundings for a driver that runs in a test program: files in memory, an
 * arena with a bound, and faults on demand. One MemEnv serves one image.
 */
#pragma once

#include <glib.h>

#include "format/format.h"

typedef struct MemEnv MemEnv;

/* The arena holds arena bytes, 0: as much as a cell's (32 MiB). Free with mem_env_free. */
MemEnv *mem_env_new(guint64 arena);
/* Also frees whatever the driver left in the arena. */
void mem_env_free(MemEnv *mem);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MemEnv, mem_env_free)

/* What the driver gets; valid as long as mem. */
struct fmt_env *mem_env_env(MemEnv *mem);
/* What the last fmt_fail() said; cleared by mem_env_clear_result(). */
struct abi_result *mem_env_result(MemEnv *mem);
void mem_env_clear_result(MemEnv *mem);

/* Attach a file that holds a copy of length bytes. Returns its handle, 0 for the first. */
guint32 mem_env_add(MemEnv *mem, const void *data, gsize length);
/* The descriptor of a handle, to look at or change the file behind the driver's back. Borrowed. */
int mem_env_fd(MemEnv *mem, guint32 handle);
guint64 mem_env_size(MemEnv *mem, guint32 handle);
/* The whole file of a handle. */
GBytes *mem_env_bytes(MemEnv *mem, guint32 handle);
/* Writes and truncates beyond this many bytes answer ENOSPC; at first 2^62. */
void mem_env_limit(MemEnv *mem, guint64 max_size);

/* Let the n-th operation from now (1: the next) fail with error; 0: none. Flushes count too. */
void mem_env_fail_io(MemEnv *mem, guint64 n, int error);
/* From the failure on every operation fails, as if the program had ended there. */
void mem_env_stop_at_failure(MemEnv *mem, gboolean stop);
/* Let the n-th allocation from now fail. */
void mem_env_fail_alloc(MemEnv *mem, guint64 n);
/* How many operations and allocations there were since the start. */
guint64 mem_env_io_count(const MemEnv *mem);
guint64 mem_env_alloc_count(const MemEnv *mem);

/* All records the driver handed over by emit, as one stream. Borrowed. */
GByteArray *mem_env_emitted(MemEnv *mem);
