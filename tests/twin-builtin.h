/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Set-up commands of the case tables that neither qemu-img nor qemu-io can do: plain files,
 * folders, links, and single bytes of an image changed.
 */
#pragma once

#include <glib.h>

/* Whether @argv names one of the commands below and has its number of arguments. */
gboolean twin_builtin_accepts(char **argv);

/* Whether argument @n (from 1) of the command of that name names a file in the work directory. */
gboolean twin_builtin_is_name(const char *command, guint n);

/*
 * Run @argv, for which twin_builtin_accepts() holds. Its names are relative to @dir.
 * FALSE with @error set if it failed.
 *
 *   make-file NAME TEXT         a file with exactly these bytes
 *   make-random NAME SIZE SEED  a file of SIZE incompressible bytes, the same for the same SEED
 *   make-dir NAME
 *   make-link TARGET NAME       a symbolic link
 *   make-fifo NAME
 *   copy FROM TO                a file byte for byte
 *   rename FROM TO
 *   remove NAME
 *   set-mode OCTAL NAME
 *   set-size NAME SIZE          cut or lengthen with a hole
 *   poke NAME OFFSET HEX        bytes written over a file's, blanks in HEX ignored
 *   repeat NAME OFFSET N HEX    the same bytes written N times in a row
 */
gboolean twin_builtin_run(const char *dir, char **argv, GError **error);
