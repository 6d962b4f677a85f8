/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rebase: the man page and shell completion follow this table. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/object.h"
#include "cli/progress.h"
#include "copy/copy.h"

/* Percent between two lines of progress. */
#define PROGRESS_STEP 1.0

static struct {
    char *format, *cache, *source_cache, *backing, *backing_format;
    gboolean image_opts, unsafe, compress, force_share, quiet, progress;
} opt;

const CliOption cmd_rebase_options[] = {
    COMMON_FORMAT(&opt.format, .since = CLI_LONG_NAMES),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_STRING, "cache", "t", &opt.cache, "CACHE",
               "how the image is written (default: writeback)", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "backing", "b", &opt.backing, "FILE",
               "the new backing file; \"\" for none", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "backing-format", "FB", &opt.backing_format, "FMT",
               "format of the new backing file", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "backing-cache", "T", &opt.source_cache, "CACHE",
               "how the new backing file is read", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_FLAG, "backing-unsafe", "u", &opt.unsafe, NULL,
               "change the name of the backing file only, whatever it holds",
               .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_FLAG, "compress", "c", &opt.compress, NULL, "compress what is written",
               .since = CLI_LONG_NAMES, .letters_since = 80200),
    COMMON_FORCE_SHARE(&opt.force_share),
    COMMON_PROGRESS(&opt.progress),
    COMMON_QUIET(&opt.quiet),
    OBJECT_OPTION,
    { CLI_END },
};

static gboolean has_new(void)
{
    return opt.backing != NULL && *opt.backing != '\0';
}

static gboolean open_overlay(const char *name, IoFlags cache, Image **ret_overlay, GError **error)
{
    ImageFlags flags = IMAGE_WRITE | IMAGE_UNMAP | (opt.unsafe ? IMAGE_NO_BACKING : 0);
    g_autoptr(ImageSpec) spec = common_spec(name, opt.format, opt.image_opts, error);

    if (spec == NULL || (*ret_overlay = image_open(spec, flags, cache, error)) == NULL) {
        return FALSE;
    }
    if (opt.backing_format != NULL && !image_driver_known(opt.backing_format)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Invalid format name: '%s'",
                    opt.backing_format);
        return FALSE;
    }
    if (opt.compress && (image_facts(*ret_overlay)->flags & ABI_FACT_CAN_COMPRESS) == 0) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "Compression not supported for this file format");
        return FALSE;
    }
    return TRUE;
}

/* The new backing file, opened: a layer of the overlay's own chain, if it is one. */
static gboolean open_new(Image *overlay, IoFlags cache, Image **ret_new, gboolean *ret_below,
                         GError **error)
{
    ImageFlags flags = IMAGE_BARE_ERROR | (opt.force_share ? IMAGE_FORCE_SHARE : 0);
    g_autofree char *full = image_resolve_name(image_exact_path(overlay), opt.backing);
    g_autoptr(ImageSpec) spec = NULL;
    g_autoptr(GError) why = NULL;
    /* the name as it counts from the folder of the overlay */
    Image *above = image_above_backing(overlay, full);

    *ret_below = above != NULL;
    if (above != NULL) {
        *ret_new = image_ref(image_backing(above));
        return TRUE;
    }
    spec = image_spec_from_name(full, opt.backing_format, &why);
    *ret_new = spec != NULL ? image_open(spec, flags, cache, &why) : NULL;
    if (*ret_new != NULL) {
        return TRUE;
    }
    /* naming it fails with a name in front, which is told already */
    g_autofree char *prefix = g_strdup_printf("Could not open '%s': ", full);
    gboolean named = spec == NULL && g_str_has_prefix(why->message, prefix);
    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Could not open new backing file '%s': %s",
                opt.backing, why->message + (named ? strlen(prefix) : 0));
    return FALSE;
}

/* Have the overlay hold what it would lose with its backing file. */
static gboolean keep_content(Image *overlay, IoFlags cache, IoFlags source_cache, GError **error)
{
    g_autoptr(Image) newer = NULL;
    gboolean below = FALSE;

    if (has_new() && !open_new(overlay, source_cache, &newer, &below, error)) {
        return FALSE;
    }
    const CopyRebase job = {
        .overlay = overlay,
        .newer = newer,
        .is_below = below,
        .compress = opt.compress,
        .direct = (cache & IO_NO_CACHE) != 0,
        .progress = progress_update,
    };
    return copy_rebase(&job, error);
}

static gboolean change_name(Image *overlay, GError **error)
{
    g_autoptr(GError) why = NULL;
    gint code = 0;
    gboolean ok =
        image_set_backing(overlay, opt.backing, has_new() ? opt.backing_format : NULL, &code, &why);

    /* done is all there is to do, well or not */
    progress_update(1, 1, NULL);
    if (ok) {
        return TRUE;
    }
    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Could not change the backing file to '%s': %s",
                opt.backing != NULL ? opt.backing : "(null)",
                code == ENOSPC ? "No space left in the file header" : why->message);
    return FALSE;
}

static gboolean rebase(const char *name, IoFlags cache, IoFlags source_cache, GError **error)
{
    g_autoptr(Image) overlay = NULL;
    g_autoptr(GError) late = NULL;
    gboolean ok;

    if (!open_overlay(name, cache, &overlay, error)) {
        return FALSE;
    }
    ok = (opt.unsafe || keep_content(overlay, cache, source_cache, error)) &&
         change_name(overlay, error);
    /* Closed even after a failure: what is in place so far shall be consistent. */
    if (!image_close(overlay, &late) && ok) {
        g_propagate_prefixed_error(error, g_steal_pointer(&late),
                                   "Could not change the backing file to '%s': ", opt.backing);
        ok = FALSE;
    }
    return ok;
}

int cmd_rebase(const CliCommand *self, int n_args, char **args)
{
    g_autoptr(GError) error = NULL;
    IoFlags cache = 0, source_cache = 0;
    gboolean ok;

    if (n_args != 1) {
        return cli_usage_error(self, "Expecting one image file name");
    }
    if (opt.backing == NULL && !opt.unsafe) {
        return cli_usage_error(self, "Must specify backing file (-b) or use unsafe mode (-u)");
    }
    progress_start(opt.progress && !opt.quiet, PROGRESS_STEP);
    ok = common_cache(opt.cache, FALSE, &cache, &error) &&
         common_cache(opt.source_cache, TRUE, &source_cache, &error) &&
         rebase(args[0], cache, source_cache, &error);
    if (!ok) {
        cli_fail(self, g_steal_pointer(&error));
    }
    progress_end();
    return ok ? 0 : 1;
}
