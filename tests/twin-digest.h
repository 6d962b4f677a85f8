/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in files, as short texts that are equal exactly when the files are alike. */
#pragma once

#include <glib.h>

/*
 * SHA-256, in hex, of the length of the file @path and of its 4 KiB blocks that are not all zeros,
 * each with its offset: the same for the same bytes, however sparse, at the cost of the data only.
 * NULL with @error set if it cannot be read.
 */
char *twin_digest_file(const char *path, GError **error);

/*
 * The same of all files below @dir with their names, modes and kinds. NULL with @error set if
 * something cannot be read.
 */
char *twin_digest_tree(const char *dir, GError **error);

/* Where @path has data, and how many blocks it takes; what it holds does not matter. */
char *twin_digest_layout(const char *path, GError **error);
