/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Creation options: "-o name=value,..." read by the tables of src/format, in
 * qemu-img's manner, shown by "-o help" and by the "Formatting" line, and handed
 * to a driver as a stream of properties.
 */
#ifndef INSTAR_CLI_CREATE_OPTIONS_H
#define INSTAR_CLI_CREATE_OPTIONS_H

#include <glib.h>
#include "cli/cli.h"
#include "format/options.h"

typedef struct CreateOptions CreateOptions;

/* CLI_CALL of -o: check one value ("Invalid option list: x") and append it; target is GString **,
 * made on first use. */
gboolean create_options_accumulate(const CliOption *option, const char *value, GError **error);
/* Is one of the words "help" or "?"? */
gboolean create_options_want_help(const char *joined);

/* The rows of a format, and of the file below it if that has a name, which the active profile knows:
 * const struct fmt_option *, in the order of the "Formatting" line. NULL for a format that is
 * unknown or cannot be created. */
GPtrArray *create_options_rows(const char *format, const char *filename, GError **error);

/* Those of an image of that format that can be given another value. NULL: none, and the error. */
GPtrArray *create_options_amend_rows(const char *format, GError **error);
/* Print rows, which are sorted for it: "  name=<type>  - help". */
void create_options_print(GPtrArray *rows);

/* Print the options of a format: with a file's, or (filename NULL) the format's alone. FALSE for a
 * format that is unknown or cannot be created. */
gboolean create_options_help(const char *format, const char *filename, GError **error);

/* The options a format has in a file of this name, none of them set. Fails as create_options_help
 * does. */
CreateOptions *create_options_new(const char *format, const char *filename, GError **error);
/* The same for rows of one's own, which need not outlive the call. */
CreateOptions *create_options_new_rows(const GPtrArray *rows);
void create_options_free(CreateOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CreateOptions, create_options_free)

/* Read a joined list. The last of equal names wins. */
gboolean create_options_parse(CreateOptions *options, const char *joined, GError **error);
gboolean create_options_has_name(const CreateOptions *options, const char *name);
/* Set one by its text. FALSE for a name that does not exist or a bad value. */
gboolean create_options_set(CreateOptions *options, const char *name, const char *value,
                            GError **error);
/* As if it had not been given. */
void create_options_unset(CreateOptions *options, const char *name);
/* The text an option was given, NULL if it was not. */
const char *create_options_get(const CreateOptions *options, const char *name);
/* The value of a size or number that was given or has a fallback, else 0. */
guint64 create_options_get_number(const CreateOptions *options, const char *name);
/* "cluster_size=65536 extended_l2=off ...", in qemu-img's order. Free with g_free. */
char *create_options_line(const CreateOptions *options);
/* What image_create() takes; without "size". Free with g_bytes_unref. */
GBytes *create_options_props(const CreateOptions *options);

#endif
