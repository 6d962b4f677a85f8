/* SPDX-License-Identifier: GPL-2.0-or-later */
/* convert: the man page and shell completion follow this table. */
#include "config.h"

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/convert-target.h"
#include "cli/create-options.h"
#include "cli/object.h"
#include "cli/progress.h"
#include "cli/size.h"
#include "cli/snapshot-option.h"
#include "copy/bitmaps.h"
#include "copy/copy.h"
#include "profile/profile.h"

#define SECTOR 512
#define MOST_SPARSE (16 * 1024 * 1024)
#define MOST_WORKERS 16
/* Percent between two lines of progress. */
#define PROGRESS_STEP 1.0

static struct {
    char *format, *target_format, *backing, *backing_format, *cache, *source_cache;
    SnapshotOption snapshot;
    GString *options;
    gboolean image_opts, target_image_opts, target_is_zero, no_create, force_share;
    gboolean compress, copy_range, out_of_order, salvage, bitmaps, skip_broken;
    gboolean quiet, progress;
    gboolean sparse_given;
    gint64 sparse, rate;
    guint workers;
} opt = { .sparse = 4096 };

static gboolean refuse(GError **error, const char *message)
{
    g_set_error_literal(error, CLI_ERROR, CLI_ERROR_FAILED, message);
    return FALSE;
}

static gboolean read_sparse(const CliOption *option, const char *value, GError **error)
{
    if (!size_argument("buffer size for sparse output", value, 0, G_MAXINT64, &opt.sparse, error)) {
        return FALSE;
    }
    if (opt.sparse % SECTOR != 0 || opt.sparse > MOST_SPARSE) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "Invalid buffer size for sparse output specified. Valid sizes are multiples of "
                    "%d up to %d. Select 0 to disable sparse detection (fully allocates output).",
                    SECTOR, MOST_SPARSE);
        return FALSE;
    }
    opt.sparse_given = TRUE;
    return TRUE;
}

static gboolean read_rate(const CliOption *option, const char *value, GError **error)
{
    return size_argument("rate limit", value, 0, G_MAXINT64, &opt.rate, error);
}

static gboolean read_workers(const CliOption *option, const char *value, GError **error)
{
    char *end;
    long n = strtol(value, &end, 0);

    if (end == value || *end != '\0' || n < 1 || n > MOST_WORKERS) {
        return refuse(
            error,
            profile_has(FACT_HELP_PER_COMMAND)
                ? "Invalid number of coroutines specified. Must be between 1 and " G_STRINGIFY(
                      MOST_WORKERS) "."
                : "Invalid number of coroutines. Allowed number of coroutines is "
                  "between 1 and " G_STRINGIFY(MOST_WORKERS));
    }
    opt.workers = (guint)n;
    return TRUE;
}

const CliOption cmd_convert_options[] = {
    CLI_OPTION(CLI_STRING, "source-format", "f", &opt.format, "FMT",
               "format of the sources; by default it is probed", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "source-cache", "T", &opt.source_cache, "CACHE",
               "how the sources are read", .since = CLI_LONG_NAMES),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_CALL, "snapshot", "l", &opt.snapshot, "SNAPSHOT", "read this snapshot",
               .since = CLI_LONG_NAMES, .call = snapshot_option_read),
    CLI_OPTION(CLI_FLAG, "bitmaps", NULL, &opt.bitmaps, NULL, "copy persistent bitmaps as well"),
    CLI_OPTION(CLI_FLAG, "skip-broken-bitmaps", NULL, &opt.skip_broken, NULL,
               "leave out bitmaps that are inconsistent"),
    CLI_OPTION(CLI_FLAG, "salvage", NULL, &opt.salvage, NULL,
               "write zeros for what cannot be read, and go on"),
    CLI_OPTION(CLI_STRING, "target-format", "O", &opt.target_format, "FMT",
               "format of the target (default: raw)", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_FLAG, "target-image-opts", NULL, &opt.target_image_opts, NULL,
               "the target is named by options, key=value,..."),
    CLI_OPTION(CLI_CALL, "target-options", "o", &opt.options, "OPTIONS",
               "options of the target's format, 'help' for a list", .since = CLI_LONG_NAMES,
               .call = create_options_accumulate),
    CLI_OPTION(CLI_FLAG, "compress", "c", &opt.compress, NULL, "compress the target",
               .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "cache", "t", &opt.cache, "CACHE",
               "how the target is written (default: unsafe)", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "backing", "Bb", &opt.backing, "FILE",
               "backing file of the target, with the content of the source's",
               .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "backing-format", "F", &opt.backing_format, "FMT",
               "format of the backing file", .since = CLI_LONG_NAMES, .letters_since = 60200),
    CLI_OPTION(CLI_FLAG, "no-create", "n", &opt.no_create, NULL, "the target is there already",
               .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_FLAG, "target-is-zero", NULL, &opt.target_is_zero, NULL,
               "the target (-n) reads as zeros already"),
    CLI_OPTION(CLI_CALL, "sparse-size", "S", NULL, "SIZE",
               "so many zeros become a hole (default: 4k; 0: none do)", .since = CLI_LONG_NAMES,
               .call = read_sparse),
    CLI_OPTION(CLI_CALL, "rate-limit", "r", NULL, "RATE", "write at most so much in a second",
               .since = CLI_LONG_NAMES, .call = read_rate),
    CLI_OPTION(CLI_CALL, "parallel", "m", NULL, "N", "how many at once (default: 8)",
               .since = CLI_LONG_NAMES, .call = read_workers),
    CLI_OPTION(CLI_FLAG, "oob", "W", &opt.out_of_order, NULL,
               "the target may be written out of order", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_FLAG, "copy-range-offloading", "C", &opt.copy_range, NULL,
               "let the stores copy, where they can", .since = CLI_LONG_NAMES),
    COMMON_FORCE_SHARE(&opt.force_share),
    COMMON_PROGRESS(&opt.progress),
    COMMON_QUIET(&opt.quiet),
    OBJECT_OPTION,
    { CLI_END },
};

/* What cannot go together, in the order qemu-img finds it. */
static gboolean check_conflicts(GError **error)
{
    const struct {
        gboolean wrong;
        const char *message;
    } rules[] = {
        { opt.skip_broken && !opt.bitmaps, "Use of --skip-broken-bitmaps requires --bitmaps" },
        { opt.compress && opt.copy_range, "Cannot enable copy offloading when -c is used" },
        { opt.sparse_given && opt.copy_range, "Cannot enable copy offloading when -S is used" },
        { opt.salvage && opt.copy_range, "Cannot use copy offloading in salvaging mode" },
        { opt.no_create && opt.options != NULL, "-o has no effect when skipping image creation" },
        { opt.target_image_opts && !opt.no_create, "--target-image-opts requires use of -n flag" },
        { opt.target_is_zero && !opt.no_create, "--target-is-zero requires use of -n flag" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (rules[i].wrong) {
            return refuse(error, rules[i].message);
        }
    }
    return TRUE;
}

static gboolean select_snapshot(GPtrArray *sources, GError **error)
{
    if (opt.snapshot.word != NULL && opt.snapshot.options == NULL && sources->len > 1) {
        return refuse(error, "No support for concatenating multiple snapshot");
    }
    return snapshot_option_select(&opt.snapshot, sources->pdata[0], error);
}

static gboolean open_sources(GPtrArray *sources, guint n, char **names, guint64 *ret_total,
                             GError **error)
{
    ImageFlags flags = IMAGE_STEADY | (opt.force_share ? IMAGE_FORCE_SHARE : 0);
    IoFlags cache = 0;
    guint64 total = 0;

    if (!common_cache(opt.source_cache, TRUE, &cache, error)) {
        return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        g_autoptr(ImageSpec) spec = common_spec(names[i], opt.format, opt.image_opts, error);
        Image *img = spec != NULL ? image_open(spec, flags, cache, error) : NULL;

        if (img == NULL) {
            return FALSE;
        }
        g_ptr_array_add(sources, img);
        if (image_size(img) > G_MAXINT64 - total) {
            return refuse(error, "The sources together are too large");
        }
        total += image_size(img);
    }
    *ret_total = total;
    return select_snapshot(sources, error);
}

static gboolean copy(GPtrArray *sources, const ConvertTarget *target, GError **error)
{
    CopyConvert job = {
        .sources = (Image **)sources->pdata,
        .n_sources = sources->len,
        .target = target->img,
        .target_has_backing = target->has_backing,
        .target_backing_size = target->backing_size,
        .target_is_zero = target->is_zero,
        /* Compressed clusters are not encrypted: data of an encrypted image stays plain data. */
        .compress = opt.compress && !(image_facts(target->img)->flags & ABI_FACT_ENCRYPTED),
        .copy_range = opt.copy_range,
        .salvage = opt.salvage,
        .sparse = (guint64)opt.sparse,
        .rate = (guint64)opt.rate,
        .workers = opt.workers,
        .target_direct = target->direct,
        .program = opt.quiet ? NULL : g_get_prgname(),
        .progress = progress_update,
    };
    gboolean ok = copy_convert(&job, error) &&
                  (!opt.bitmaps || copy_bitmaps(sources->pdata[0], target->img, error));
    g_autoptr(GError) late = NULL;

    /* Closed even after a failure: what is in place so far shall be readable. */
    if (!image_close(target->img, &late) && ok) {
        g_propagate_prefixed_error(error, g_steal_pointer(&late),
                                   "error while finishing '%s': ", target->filename);
        ok = FALSE;
    }
    if (ok) {
        progress_update(1, 1, NULL);
    }
    return ok;
}

static gboolean convert(guint n_sources, char **names, GError **error)
{
    g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func((GDestroyNotify)image_unref);
    g_auto(ConvertTarget) target = {
        .filename = names[n_sources],
        .format = opt.target_format != NULL ? opt.target_format
                  : opt.target_image_opts   ? NULL
                                            : "raw",
        .options = opt.options != NULL ? opt.options->str : NULL,
        .backing = opt.backing,
        .backing_format = opt.backing_format,
        .cache_word = opt.cache != NULL ? opt.cache : "unsafe",
        .image_opts = opt.target_image_opts,
        .exists = opt.no_create,
        .claimed_zero = opt.target_is_zero,
        .compress = opt.compress,
        .sparse = opt.sparse != 0,
        .bitmaps = opt.bitmaps,
        .skip_broken = opt.skip_broken,
    };
    guint64 total = 0;

    return open_sources(sources, n_sources, names, &total, error) &&
           convert_target_open(&target, sources, total, error) && copy(sources, &target, error);
}

int cmd_convert(const CliCommand *self, int n_args, char **args)
{
    const char *format = opt.target_format != NULL ? opt.target_format : "raw";
    g_autoptr(GError) error = NULL;
    IoFlags cache = 0;
    gboolean ok;

    if (!check_conflicts(&error)) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    if (opt.options != NULL && create_options_want_help(opt.options->str)) {
        const char *filename = n_args > 1 ? args[n_args - 1] : NULL;
        return create_options_help(format, filename, &error)
                   ? 0
                   : cli_fail(self, g_steal_pointer(&error));
    }
    if (n_args < 2) {
        cli_error("Must specify image file name");
        return 1;
    }
    if (!common_cache(opt.source_cache, TRUE, &cache, &error)) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    progress_start(opt.progress && !opt.quiet, PROGRESS_STEP);
    ok = convert((guint)n_args - 1, args, &error);
    if (!ok) {
        cli_fail(self, g_steal_pointer(&error));
    }
    progress_end();
    return ok ? 0 : 1;
}
