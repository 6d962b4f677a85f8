/* SPDX-License-Identifier: GPL-2.0-or-later */
/* commit: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/object.h"
#include "cli/progress.h"
#include "cli/size.h"
#include "copy/copy.h"

/* Percent between two lines of progress. */
#define PROGRESS_STEP 1.0

static struct {
    char *format, *cache, *base;
    gboolean image_opts, drop, quiet, progress;
    gint64 rate;
} opt;

static gboolean read_rate(const CliOption *option, const char *value, GError **error)
{
    return size_argument("rate limit", value, 0, G_MAXINT64, &opt.rate, error);
}

const CliOption cmd_commit_options[] = {
    COMMON_FORMAT(&opt.format, .since = CLI_LONG_NAMES),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_STRING, "cache", "t", &opt.cache, "CACHE",
               "how the image and its backing files are opened (default: writeback)",
               .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_FLAG, "drop", "d", &opt.drop, NULL,
               "leave the image as it is: it is not emptied", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "base", "b", &opt.base, "FILE",
               "the backing file of the chain that is written to; the image is not emptied then",
               .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_CALL, "rate-limit", "r", NULL, "RATE", "write at most so much in a second",
               .since = CLI_LONG_NAMES, .call = read_rate),
    COMMON_PROGRESS(&opt.progress),
    COMMON_QUIET(&opt.quiet),
    OBJECT_OPTION,
    { CLI_END },
};

static gboolean refuse(GError **error, const char *format, const char *a, const char *b)
{
    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, format, a, b);
    return FALSE;
}

/* The layer above the base that was asked for, or meant. */
static Image *find_above(Image *top, const char *name, GError **error)
{
    Image *above = opt.base != NULL ? image_above_backing(top, opt.base) : top;

    if (opt.base != NULL && above == NULL) {
        refuse(error, "Did not find '%s' in the backing chain of '%s'", opt.base, name);
        return NULL;
    }
    if (image_backing(above) == NULL) {
        refuse(error, "Image does not have a backing file%s%s", "", "");
        return NULL;
    }
    return above;
}

/* The base is as large as the image, at least. Of what went wrong only the errno is told. */
static gboolean grow_base(Image *top, Image *base, GError **error)
{
    gint code = 0;

    if (image_size(base) >= image_size(top) ||
        image_truncate(base, image_size(top), ABI_PREALLOC_OFF, FALSE, &code, NULL)) {
        return TRUE;
    }
    return refuse(error, "Block job failed: %s%s", g_strerror(code), "");
}

/* Everything into the base, and on stable storage there. */
static gboolean write_base(Image *top, Image *base, IoFlags cache, GError **error)
{
    const CopyCommit job = {
        .top = top,
        .base = base,
        .rate = (guint64)opt.rate,
        .direct = (cache & IO_NO_CACHE) != 0,
        .progress = progress_update,
    };
    g_autoptr(GError) late = NULL;
    gboolean ok = grow_base(top, base, error) && copy_commit(&job, error);

    /* Closed even after a failure: what is in place so far shall be consistent. */
    if (!image_close(base, &late) && ok) {
        g_propagate_prefixed_error(error, g_steal_pointer(&late), "Block job failed: ");
        ok = FALSE;
    }
    return ok;
}

/* What the base holds now the image need not. */
static gboolean empty(Image *top, const char *name, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (image_make_empty(top, &why) || g_error_matches(why, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED)) {
        return TRUE;
    }
    return refuse(error, "Failed to empty %s: %s", name, why->message);
}

static gboolean commit(Image *top, const char *name, IoFlags cache, GError **error)
{
    Image *above = find_above(top, name, error);
    g_autoptr(GError) late = NULL;
    gboolean ok = FALSE;

    if (above != NULL &&
        image_reopen_backing(above, IMAGE_WRITE | IMAGE_UNMAP | IMAGE_RESIZE, error) &&
        write_base(top, image_backing(above), cache, error)) {
        ok = opt.drop || opt.base != NULL || empty(top, name, error);
    }
    if (!image_close(top, &late) && ok) {
        return refuse(error, "Failed to empty %s: %s", name, late->message);
    }
    return ok;
}

int cmd_commit(const CliCommand *self, int n_args, char **args)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImageSpec) spec = NULL;
    g_autoptr(Image) top = NULL;
    IoFlags cache = 0;
    gboolean ok;

    if (n_args != 1) {
        return cli_usage_error(self, "Expecting one image file name");
    }
    if (!common_cache(opt.cache, FALSE, &cache, &error) ||
        (spec = common_spec(args[0], opt.format, opt.image_opts, &error)) == NULL ||
        (top = image_open(spec, IMAGE_WRITE | IMAGE_UNMAP, cache, &error)) == NULL) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    progress_start(opt.progress && !opt.quiet, PROGRESS_STEP);
    ok = commit(top, args[0], cache, &error);
    if (!ok) {
        cli_fail(self, g_steal_pointer(&error));
    } else {
        progress_update(1, 1, NULL);
    }
    progress_end();
    if (ok && !opt.quiet) {
        puts("Image committed.");
    }
    return ok ? 0 : 1;
}
