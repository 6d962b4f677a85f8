/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench: the man page and shell completion follow this table. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/object.h"
#include "cli/size.h"
#include "copy/bench.h"

static struct {
    char *format;
    gboolean image_opts, force_share, quiet, write, native, no_drain;
    IoFlags cache;
    guint64 count, depth, flush, pattern;
    gint64 offset, size, step;
} opt = { .count = 75000, .depth = 64, .size = 4096 };

static gboolean refuse(GError **error, const char *format, const char *word);
static gboolean refuse(GError **error, const char *format, const char *word)
{
    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, format, word);
    return FALSE;
}

/* A number as C writes it, decimal, octal or hexadecimal. */
static gboolean number(const char *what, const char *value, guint64 least, guint64 most,
                       guint64 *ret, GError **error)
{
    const char *digits = value + strspn(value, " \t\n\v\f\r");
    char *end;
    guint64 n;

    errno = 0;
    n = g_ascii_strtoull(value, &end, 0);
    if (end == value || *end != '\0' || *digits == '-' || errno != 0 || n < least || n > most) {
        return refuse(error, "Invalid %s specified", what);
    }
    *ret = n;
    return TRUE;
}

static gboolean read_count(const CliOption *option, const char *value, GError **error)
{
    return number("request count", value, 0, G_MAXINT, &opt.count, error);
}

static gboolean read_depth(const CliOption *option, const char *value, GError **error)
{
    return number("queue depth", value, 0, G_MAXINT, &opt.depth, error);
}

static gboolean read_flush(const CliOption *option, const char *value, GError **error)
{
    return number("flush interval", value, 0, G_MAXINT, &opt.flush, error);
}

static gboolean read_pattern(const CliOption *option, const char *value, GError **error)
{
    return number("pattern byte", value, 0, G_MAXUINT8, &opt.pattern, error);
}

static gboolean read_offset(const CliOption *option, const char *value, GError **error)
{
    return size_argument("offset", value, 0, G_MAXINT64, &opt.offset, error);
}

static gboolean read_size(const CliOption *option, const char *value, GError **error)
{
    return size_argument("buffer size", value, 0, G_MAXINT, &opt.size, error);
}

static gboolean read_step(const CliOption *option, const char *value, GError **error)
{
    return size_argument("step_size", value, 0, G_MAXINT, &opt.step, error);
}

static gboolean read_cache(const CliOption *option, const char *value, GError **error)
{
    opt.cache = 0;
    return image_cache_mode(value, &opt.cache) || refuse(error, "Invalid cache mode%s", "");
}

/* Which way requests take is this program's affair; the words are checked. */
static gboolean read_aio(const CliOption *option, const char *value, GError **error)
{
    if (g_str_equal(value, "native")) {
        opt.native = TRUE;
        return TRUE;
    }
    return g_str_equal(value, "threads") || g_str_equal(value, "io_uring") ||
           refuse(error, "Invalid aio option: %s", value);
}

const CliOption cmd_bench_options[] = {
    CLI_OPTION(CLI_STRING, "format", "f", &opt.format, "FMT",
               "format of the image; by default it is probed", .since = CLI_LONG_NAMES),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_CALL, "cache", "t", NULL, "CACHE", "how the image is read and written",
               .since = CLI_LONG_NAMES, .call = read_cache),
    CLI_OPTION(CLI_CALL, "count", "c", NULL, "N", "how many requests (default: 75000)",
               .since = CLI_LONG_NAMES, .call = read_count),
    CLI_OPTION(CLI_CALL, "depth", "d", NULL, "N", "how many at once (default: 64)",
               .since = CLI_LONG_NAMES, .call = read_depth),
    CLI_OPTION(CLI_CALL, "offset", "o", NULL, "OFFSET", "where the first one begins",
               .since = CLI_LONG_NAMES, .call = read_offset),
    CLI_OPTION(CLI_CALL, "buffer-size", "s", NULL, "SIZE", "bytes of a request (default: 4k)",
               .since = CLI_LONG_NAMES, .call = read_size),
    CLI_OPTION(CLI_CALL, "step-size", "S", NULL, "SIZE",
               "from one request to the next (default: the size of a request)",
               .since = CLI_LONG_NAMES, .call = read_step),
    CLI_OPTION(CLI_FLAG, "write", "w", &opt.write, NULL, "write instead of reading",
               .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_CALL, "pattern", NULL, NULL, "BYTE", "what is written (default: 0)",
               .call = read_pattern),
    CLI_OPTION(CLI_CALL, "flush-interval", NULL, NULL, "N", "flush after so many requests",
               .call = read_flush),
    CLI_OPTION(CLI_FLAG, "no-drain", NULL, &opt.no_drain, NULL,
               "do not wait for requests in flight before a flush"),
    CLI_OPTION(CLI_CALL, "aio", "i", NULL, "AIO", "native, threads or io_uring",
               .since = CLI_LONG_NAMES, .call = read_aio),
    CLI_OPTION(CLI_FLAG, "native", "n", &opt.native, NULL, "the same as --aio native",
               .since = CLI_LONG_NAMES),
    COMMON_FORCE_SHARE(&opt.force_share),
    CLI_OPTION(CLI_FLAG, "quiet", "q", &opt.quiet, NULL, "accepted; the result is printed anyway",
               .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_CALL, "object", NULL, NULL, "OBJDEF", "define an object, such as a secret",
               .since = CLI_LONG_NAMES, .call = object_option),
    { CLI_END },
};

static Image *open_image(const char *name, GError **error)
{
    ImageFlags flags = (opt.write ? IMAGE_WRITE : 0) | (opt.force_share ? IMAGE_FORCE_SHARE : 0);
    g_autoptr(ImageSpec) spec = common_spec(name, opt.format, opt.image_opts, error);
    g_autoptr(Image) img = spec != NULL ? image_open(spec, flags, opt.cache, error) : NULL;

    if (img != NULL && opt.native && (opt.cache & IO_NO_CACHE) == 0) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "Could not open '%s': aio=native was specified, but it requires "
                    "cache.direct=on, which was not specified.",
                    name);
        return NULL;
    }
    return g_steal_pointer(&img);
}

static gboolean run(Image *img, GError **error)
{
    CopyBench job = {
        .img = img,
        .count = (guint)opt.count,
        .depth = (guint)opt.depth,
        .offset = (guint64)opt.offset,
        .size = (guint64)opt.size,
        .step = (guint64)(opt.step != 0 ? opt.step : opt.size),
        .direct = (opt.cache & IO_NO_CACHE) != 0,
        .write = opt.write,
        .pattern = (guint8)opt.pattern,
        .flush = (guint)opt.flush,
        .drain = !opt.no_drain,
    };
    gint64 start, end;

    printf("Sending %u %s requests, %" G_GUINT64_FORMAT " bytes each, %u in parallel (starting at "
           "offset %" G_GUINT64_FORMAT ", step size %" G_GUINT64_FORMAT ")\n",
           job.count, job.write ? "write" : "read", job.size, job.depth, job.offset, job.step);
    if (job.flush != 0) {
        printf("Sending flush every %u requests\n", job.flush);
    }
    start = g_get_monotonic_time();
    if (!copy_bench(&job, error)) {
        g_prefix_error(error, "Failed request: ");
        return FALSE;
    }
    end = g_get_monotonic_time();
    printf("Run completed in %3.3f seconds.\n", (double)(end - start) / G_USEC_PER_SEC);
    return TRUE;
}

int cmd_bench(const CliCommand *self, int n_args, char **args)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) late = NULL;
    g_autoptr(Image) img = NULL;
    gboolean ok;

    if (n_args != 1) {
        return cli_usage_error(self, "Expecting one image file name");
    }
    if (!opt.write && opt.flush != 0) {
        cli_error("--flush-interval is only available in write tests");
        return 1;
    }
    if (opt.flush != 0 && opt.flush < opt.depth) {
        cli_error("Flush interval can't be smaller than depth");
        return 1;
    }
    img = open_image(args[0], &error);
    if (img != NULL && opt.depth == 0) {
        /* nothing would ever be done: qemu-img waits for ever */
        g_set_error_literal(&error, CLI_ERROR, CLI_ERROR_FAILED, "Invalid queue depth specified");
    }
    ok = error == NULL && run(img, &error);
    if (img != NULL && !image_close(img, ok ? &error : &late)) {
        ok = FALSE;
    }
    return ok ? 0 : cli_fail(self, g_steal_pointer(&error));
}
