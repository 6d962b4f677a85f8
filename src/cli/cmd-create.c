/* SPDX-License-Identifier: GPL-2.0-or-later */
/* create: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/create-options.h"
#include "cli/object.h"
#include "cli/size.h"
#include "profile/profile.h"

static struct {
    char *format, *backing, *backing_format;
    GString *options;
    gboolean quiet, backing_unsafe;
} opt;

const CliOption cmd_create_options[] = {
    CLI_OPTION(CLI_STRING, "format", "f", &opt.format, "FMT",
               "format of the new image (default: raw)", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_CALL, "options", "o", &opt.options, "OPTIONS",
               "options of the format, 'help' for a list", .since = CLI_LONG_NAMES,
               .call = create_options_accumulate),
    CLI_OPTION(CLI_STRING, "backing", "b", &opt.backing, "BACKING_FILE",
               "what is not written yet shall read as in this image", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "backing-format", "FB", &opt.backing_format, "BACKING_FMT",
               "format of the backing file", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_FLAG, "backing-unsafe", "u", &opt.backing_unsafe, NULL,
               "do not look whether the backing file is there", .since = CLI_LONG_NAMES),
    COMMON_QUIET(&opt.quiet),
    OBJECT_OPTION,
    { CLI_END },
};

/* A failure as seen by the caller: the file's name goes before it. */
static gboolean refuse(GError **error, const char *format, const char *word)
{
    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, format, word);
    return FALSE;
}

/* -b and -F stand above backing_file and backing_fmt of -o. */
static gboolean take_backing(CreateOptions *options, const char *filename, const char *format,
                             GError **error)
{
    const char *backing;

    if (opt.backing != NULL && !create_options_set(options, "backing_file", opt.backing, NULL)) {
        return refuse(error, "Backing file not supported for file format '%s'", format);
    }
    if (opt.backing_format != NULL &&
        !create_options_set(options, "backing_fmt", opt.backing_format, NULL)) {
        return refuse(error, "Backing file format not supported for file format '%s'", format);
    }
    backing = create_options_get(options, "backing_file");
    if (backing != NULL && g_str_equal(backing, filename)) {
        return refuse(error,
                      "Error: Trying to create an image with the same filename as the "
                      "backing file%s",
                      "");
    }
    if (backing != NULL && *backing == '\0') {
        return refuse(error, "Expected backing file name, got empty string%s", "");
    }
    return TRUE;
}

/* The backing file's format was not told: older versions took what they found, newer ones do not. */
static gboolean backing_without_format(CreateOptions *options, const char *filename,
                                       const char *found, GError **error)
{
    if (!profile_has(FACT_BACKING_FORMAT_NEEDED)) {
        if (found != NULL) {
            image_warn("Deprecated use of backing file without explicit backing format "
                       "(detected format of %s)",
                       found);
            return create_options_set(options, "backing_fmt", found, error);
        }
        image_warn("Deprecated use of unopened backing file without explicit backing format, "
                   "use of this image requires potentially unsafe format probing");
        return TRUE;
    }
    if (found != NULL && !profile_has(FACT_HINT_NEWLINE)) {
        /* Those versions forgot the newline. */
        fprintf(stderr,
                "%s: %s: Backing file specified without backing format\n"
                "Detected format of %s.",
                g_get_prgname(), filename, found);
        g_set_error_literal(error, CLI_ERROR, CLI_ERROR_SILENT, "");
        return FALSE;
    }
    if (found != NULL) {
        return refuse(error,
                      "Backing file specified without backing format\n"
                      "Detected format of %s.",
                      found);
    }
    return refuse(error, "Backing file specified without backing format%s", "");
}

/* The reason alone of "Could not open 'NAME': REASON", as naming an image fails. */
static const char *without_name(const char *message, const char *name)
{
    g_autofree char *prefix = g_strdup_printf("Could not open '%s': ", name);

    return g_str_has_prefix(message, prefix) ? message + strlen(prefix) : message;
}

/* Look at the backing file, take what was not told from it. */
static gboolean look_at_backing(CreateOptions *options, const char *filename, GError **error)
{
    const char *backing = create_options_get(options, "backing_file");
    const char *format = create_options_get(options, "backing_fmt");
    g_autofree char *full = image_resolve_name(filename, backing);
    g_autoptr(GError) reason = NULL;
    g_autoptr(ImageSpec) spec = image_spec_from_name(full, format, &reason);
    /* Nothing is read of it but the metadata of the chain, and nobody else is kept from it. */
    const ImageFlags flags = IMAGE_NO_IO | IMAGE_NO_LOCK | IMAGE_FORCE_SHARE | IMAGE_BARE_ERROR;
    g_autoptr(Image) img = spec != NULL ? image_open(spec, flags, 0, &reason) : NULL;

    if (img == NULL) {
        return refuse(error, "%s\nCould not open backing image.",
                      spec != NULL ? reason->message : without_name(reason->message, full));
    }
    if (format == NULL &&
        !backing_without_format(options, filename, image_format_name(img), error)) {
        return FALSE;
    }
    if (create_options_get(options, "size") == NULL) {
        g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, image_size(img));

        return create_options_set(options, "size", size, error);
    }
    return TRUE;
}

static gboolean create_file(const char *filename, const char *format, const CreateOptions *options,
                            GError **error)
{
    g_autoptr(GBytes) props = create_options_props(options);
    g_autoptr(GError) reason = NULL;

    if (image_create(filename, format, create_options_get_number(options, "size"), props, 0,
                     &reason)) {
        return TRUE;
    }
    if (g_error_matches(reason, IMAGE_ERROR, IMAGE_ERROR_TOO_BIG)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "The image size is too large for file format '%s'%s", format,
                    create_options_has_name(options, "cluster_size")
                        ? " (try using a larger cluster size)"
                        : "");
    } else {
        g_propagate_error(error, g_steal_pointer(&reason));
    }
    return FALSE;
}

static gboolean create(const char *filename, const char *format, const char *size, GError **error)
{
    g_autoptr(CreateOptions) options = NULL;

    /* Of two mistakes the one qemu-img sees first is told. */
    if ((image_driver_known(format) && !image_check_protocol(filename, error)) ||
        (options = create_options_new(format, filename, error)) == NULL ||
        (opt.options != NULL && !create_options_parse(options, opt.options->str, error))) {
        return FALSE;
    }
    if (size != NULL && create_options_get(options, "size") != NULL) {
        return refuse(error, "The image size must be specified only once%s", "");
    }
    if ((size != NULL && !create_options_set(options, "size", size, error)) ||
        !take_backing(options, filename, format, error)) {
        return FALSE;
    }
    if (create_options_get(options, "backing_file") != NULL) {
        if (opt.backing_unsafe) {
            if (create_options_get(options, "backing_fmt") == NULL &&
                !backing_without_format(options, filename, NULL, error)) {
                return FALSE;
            }
        } else if (!look_at_backing(options, filename, error)) {
            return FALSE;
        }
    }
    if (create_options_get(options, "size") == NULL) {
        return refuse(error, "Image creation needs a size parameter%s", "");
    }
    if (!opt.quiet) {
        g_autofree char *line = create_options_line(options);

        printf("Formatting '%s', fmt=%s %s\n", filename, format, line);
        fflush(stdout);
    }
    return create_file(filename, format, options, error);
}

int cmd_create(const CliCommand *self, int n_args, char **args)
{
    const char *format = opt.format != NULL ? opt.format : "raw";
    g_autoptr(GError) error = NULL;
    g_autofree char *size = NULL;

    if (opt.options != NULL && create_options_want_help(opt.options->str)) {
        return create_options_help(format, n_args > 0 ? args[0] : NULL, &error)
                   ? 0
                   : cli_fail(self, g_steal_pointer(&error));
    }
    if (n_args == 0) {
        return cli_usage_error(self, "Expecting image file name");
    }
    if (n_args > 1) {
        gint64 bytes;

        if (!size_argument("image size", args[1], 0, G_MAXINT64, &bytes, &error)) {
            return cli_fail(self, g_steal_pointer(&error));
        }
        size = g_strdup_printf("%" G_GINT64_FORMAT, bytes);
    }
    if (n_args > 2) {
        return cli_usage_error(self, "Unexpected argument: %s", args[2]);
    }
    if (!create(args[0], format, size, &error)) {
        g_prefix_error(&error, "%s: ", args[0]);
        return cli_fail(self, g_steal_pointer(&error));
    }
    return 0;
}
