/* SPDX-License-Identifier: GPL-2.0-or-later */
/* amend: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/create-options.h"
#include "cli/object.h"
#include "cli/progress.h"
#include "profile/profile.h"

static struct {
    char *format, *cache;
    GString *options;
    gboolean image_opts, quiet, progress, force;
} opt;

const CliOption cmd_amend_options[] = {
    CLI_OPTION(CLI_CALL, "options", "o", &opt.options, "OPTIONS",
               "options and their new values, 'help' for a list", .since = CLI_LONG_NAMES,
               .call = create_options_accumulate),
    COMMON_FORMAT(&opt.format, .since = CLI_LONG_NAMES),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_FLAG, "force", NULL, &opt.force, NULL,
               "allow what cannot be undone (keys of encrypted images)"),
    CLI_OPTION(CLI_STRING, "cache", "t", &opt.cache, "CACHE", "how the image is written",
               .since = CLI_LONG_NAMES),
    COMMON_PROGRESS(&opt.progress),
    COMMON_QUIET(&opt.quiet),
    OBJECT_OPTION,
    { CLI_END },
};

static gboolean help(const char *format, GError **error)
{
    g_autoptr(GPtrArray) rows = NULL;

    if (!image_driver_known(format)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Unknown file format '%s'", format);
        return FALSE;
    }
    rows = create_options_amend_rows(format, error);
    if (rows == NULL) {
        return FALSE;
    }
    printf("Amend options for '%s':\n", format);
    create_options_print(rows);
    return TRUE;
}

/* What was asked for; something that only a new image could have is told as such. */
static CreateOptions *read_options(const char *format, GError **error)
{
    g_autoptr(GPtrArray) rows = create_options_amend_rows(format, error);
    g_autoptr(CreateOptions) options = NULL;
    g_autoptr(GPtrArray) creation_rows = NULL;
    g_autoptr(CreateOptions) creation = NULL;
    GError *why = NULL;

    if (rows == NULL) {
        return NULL;
    }
    options = create_options_new_rows(rows);
    if (create_options_parse(options, opt.options->str, &why)) {
        return g_steal_pointer(&options);
    }
    creation_rows = create_options_rows(format, NULL, NULL);
    if (creation_rows != NULL) {
        g_ptr_array_extend(creation_rows, rows, NULL, NULL);
        creation = create_options_new_rows(creation_rows);
    }
    if (creation != NULL && create_options_parse(creation, opt.options->str, NULL)) {
        g_set_error(error, why->domain, why->code,
                    "%s\nThis option is only supported for image creation", why->message);
        g_error_free(why);
    } else {
        g_propagate_error(error, why);
    }
    return NULL;
}

/* Before 6.1 the backing file could be named here, too. Takes it out of the options. */
static gboolean amend_backing(Image *img, CreateOptions *options, GError **error)
{
    const char *name = create_options_get(options, "backing_file");
    const char *format = create_options_get(options, "backing_fmt");
    gint unused;

    if ((name == NULL && format == NULL) || !profile_has(FACT_AMEND_BACKING)) {
        return TRUE;
    }
    image_warn("Deprecated use of amend to alter the backing file; use qemu-img rebase instead");
    if (!image_set_backing(img, name != NULL ? name : image_backing_name(img),
                           format != NULL ? format : image_backing_format(img), &unused, error)) {
        return FALSE;
    }
    create_options_unset(options, "backing_file");
    create_options_unset(options, "backing_fmt");
    return TRUE;
}

/* qemu-img shows the beginning once more when it sets to work. */
static void tell(guint64 done, guint64 total, gpointer user_data)
{
    if (done == 0) {
        progress_first();
    } else {
        progress_update(done, total, user_data);
    }
}

static gboolean amend(Image *img, CreateOptions *options, GError **error)
{
    g_autoptr(GBytes) props = NULL;
    ImageAmendFlags flags =
        (opt.force ? IMAGE_AMEND_FORCE : 0) | (opt.progress ? IMAGE_AMEND_SHOWN : 0);

    if (!amend_backing(img, options, error)) {
        return FALSE;
    }
    props = create_options_props(options);
    return image_amend(img, props, create_options_get_number(options, "size"), flags, tell, NULL,
                       error);
}

/* The format is known, and the image open. */
static gboolean work(Image *img, GError **error)
{
    const char *format = image_format_name(img);
    g_autoptr(CreateOptions) options = NULL;
    gboolean ok;

    if (create_options_want_help(opt.options->str)) {
        return help(format, error);
    }
    options = read_options(format, error);
    if (options == NULL) {
        /* it was opened for writing: its bitmaps are stored anew, as with qemu-img */
        image_close(img, NULL);
        return FALSE;
    }
    progress_start(opt.progress, 1.0);
    ok = amend(img, options, error);
    progress_update(1, 1, NULL);
    return ok && image_close(img, error);
}

static gboolean run(int n_args, char **args, GError **error)
{
    g_autoptr(ImageSpec) spec = NULL;
    g_autoptr(Image) img = NULL;
    IoFlags cache = 0;

    if (opt.format != NULL && create_options_want_help(opt.options->str)) {
        return help(opt.format, error);
    }
    if (n_args != 1) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Expecting one image file name");
        return FALSE;
    }
    return common_cache(opt.cache, FALSE, &cache, error) &&
           (spec = common_spec(args[0], opt.format, opt.image_opts, error)) != NULL &&
           (img = image_open(spec, IMAGE_WRITE | IMAGE_RESIZE, cache, error)) != NULL &&
           work(img, error);
}

int cmd_amend(const CliCommand *self, int n_args, char **args)
{
    g_autoptr(GError) error = NULL;
    gboolean ok;

    opt.progress = opt.progress && !opt.quiet;
    if (opt.options == NULL) {
        return cli_usage_error(self, "Must specify options (-o)");
    }
    ok = run(n_args, args, &error);
    /* the line of the progress ends, whether there was any or not */
    if (opt.progress) {
        fflush(stderr);
        putchar('\n');
    }
    return ok ? 0 : cli_fail(self, g_steal_pointer(&error));
}
