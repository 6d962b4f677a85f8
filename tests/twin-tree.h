/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories of fixtures: copied with their holes, listed, compared, removed. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Sets @error to what errno says, about @name. Always FALSE. */
gboolean twin_system_error(GError **error, const char *name);

/* One file below a directory. */
struct twin_file {
    char *name;       /* relative to the directory */
    mode_t mode;      /* kind and permissions */
    guint64 size;     /* bytes; 0 for what is not a regular file */
    gboolean changed; /* written since twin_tree_copy() made it, or new */
};

/*
 * Copy directory @from to @to, which must not exist: files byte for byte with the same modes,
 * holes and allocation, folders, links and FIFOs. Every copied file gets the modification time zero, which is
 * how twin_tree_list() knows later what was written.
 */
gboolean twin_tree_copy(const char *from, const char *to, GError **error);

/* All files below @dir except folders, as struct twin_file sorted by name. */
GPtrArray *twin_tree_list(const char *dir, GError **error);

/*
 * Write all files below @dir to disk and forget their cached pages: on some file systems a range
 * that is allocated but was never written looks like a hole until somebody has read it.
 */
gboolean twin_tree_settle(const char *dir, GError **error);

/* Remove @dir and all below it. Links are not followed. */
gboolean twin_tree_remove(const char *dir, GError **error);
