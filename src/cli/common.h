/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What several subcommands share: rows of option tables, naming an image, cache modes. */
#ifndef INSTAR_CLI_COMMON_H
#define INSTAR_CLI_COMMON_H

#include "cli/cli.h"
#include "image/image.h"

/* Rows that mean the same everywhere; where is CliOption's target. */
#define COMMON_FORMAT(where, ...)                                                                  \
    CLI_OPTION(CLI_STRING, "format", "f", where, "FMT",                                            \
               "format of the image; by default it is probed", __VA_ARGS__)
#define COMMON_IMAGE_OPTS(where)                                                                   \
    CLI_OPTION(CLI_FLAG, "image-opts", NULL, where, NULL,                                          \
               "the image is named by options, key=value,...")
#define COMMON_FORCE_SHARE(where)                                                                  \
    CLI_OPTION(CLI_FLAG, "force-share", "U", where, NULL, "open the image even if it is in use")
#define COMMON_OUTPUT(where, ...)                                                                  \
    CLI_OPTION(CLI_OUTPUT, "output", NULL, where, "human|json", "form of the output", __VA_ARGS__)
#define COMMON_QUIET(where)                                                                        \
    CLI_OPTION(CLI_FLAG, "quiet", "q", where, NULL, "print nothing but errors",                    \
               .since = CLI_LONG_NAMES)
#define COMMON_PROGRESS(where)                                                                     \
    CLI_OPTION(CLI_FLAG, "progress", "p", where, NULL, "show how far the work is",                 \
               .since = CLI_LONG_NAMES)

/* What an argument names: a file name, or with image_opts an option string. */
ImageSpec *common_spec(const char *name, const char *format, gboolean image_opts, GError **error);
/* -t and -T: word NULL leaves *ret_flags. FALSE with "Invalid cache option: WORD", or "Invalid source
 * cache option: WORD". */
gboolean common_cache(const char *word, gboolean source, IoFlags *ret_flags, GError **error);
#endif
