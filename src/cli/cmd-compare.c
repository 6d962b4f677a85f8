/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/object.h"
#include "cli/progress.h"
#include "copy/copy.h"

enum {
    STATUS_DIFFERENT = 1,
    STATUS_NOT_OPENED = 2,
    STATUS_NOT_MAPPED = 3,
    STATUS_NOT_READ = 4,
};

/* Percent between two lines of progress. */
#define PROGRESS_STEP 2.0

static struct {
    char *format[2], *cache;
    gboolean image_opts, force_share, strict, quiet, progress;
} opt;

const CliOption cmd_compare_options[] = {
    CLI_OPTION(CLI_STRING, "a-format", "f", &opt.format[0], "FMT", "format of the first image",
               .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "b-format", "F", &opt.format[1], "FMT", "format of the second image",
               .since = CLI_LONG_NAMES),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_FLAG, "strict", "s", &opt.strict, NULL,
               "different sizes, or storing the same in other ways, count as well",
               .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_STRING, "cache", "T", &opt.cache, "CACHE", "how the images are read",
               .since = CLI_LONG_NAMES),
    COMMON_FORCE_SHARE(&opt.force_share),
    COMMON_PROGRESS(&opt.progress),
    COMMON_QUIET(&opt.quiet),
    OBJECT_OPTION,
    { CLI_END },
};

/* What the progress of a comparison needs to know. */
typedef struct {
    guint64 common; /* bytes of the smaller image */
    guint64 done;   /* bytes, at the last word */
    gboolean warned;
} Tale;

/* Said once, when everything the images have in common is the same. */
static void warn_sizes(Tale *tale)
{
    if (!tale->warned && !opt.quiet) {
        puts("Warning: Image size mismatch!");
        fflush(stdout);
    }
    tale->warned = TRUE;
}

static void tell(guint64 done, guint64 total, gpointer data)
{
    Tale *tale = data;

    if (done > tale->common) {
        warn_sizes(tale);
    }
    progress_add(done - tale->done, total);
    tale->done = done;
}

static int conclude(const CopyCompare *job, Tale *tale)
{
    guint64 offset = 0;
    g_autoptr(GError) error = NULL;
    CopyVerdict verdict = copy_compare(job, &offset, &error);

    if (verdict == COPY_READ_ERROR || verdict == COPY_STATUS_ERROR) {
        cli_error("%s", error->message);
    }
    if (image_size(job->a) != image_size(job->b) &&
        (verdict == COPY_SAME || offset >= tale->common)) {
        warn_sizes(tale);
    }
    switch (verdict) {
    case COPY_SAME:
        if (!opt.quiet) {
            puts("Images are identical.");
        }
        return 0;
    case COPY_DIFFERENT:
        if (!opt.quiet) {
            printf("Content mismatch at offset %" G_GUINT64_FORMAT "!\n", offset);
        }
        return STATUS_DIFFERENT;
    case COPY_ALLOC_MISMATCH:
        if (!opt.quiet) {
            printf("Strict mode: Offset %" G_GUINT64_FORMAT " block status mismatch!\n", offset);
        }
        return STATUS_DIFFERENT;
    case COPY_STATUS_ERROR:
        return STATUS_NOT_MAPPED;
    default:
        return STATUS_NOT_READ;
    }
}

static int compare(Image *a, Image *b, char **names)
{
    Tale tale = { .common = MIN(image_size(a), image_size(b)) };
    CopyCompare job = {
        .a = a,
        .b = b,
        .name_a = names[0],
        .name_b = names[1],
        .strict = opt.strict,
        .progress = tell,
        .progress_data = &tale,
    };

    if (opt.strict && image_size(a) != image_size(b)) {
        if (!opt.quiet) {
            puts("Strict mode: Image size mismatch!");
        }
        return STATUS_DIFFERENT;
    }
    return conclude(&job, &tale);
}

int cmd_compare(const CliCommand *self, int n_args, char **args)
{
    ImageFlags flags = opt.force_share ? IMAGE_FORCE_SHARE : 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) a = NULL;
    g_autoptr(Image) b = NULL;
    Image **img[2] = { &a, &b };
    IoFlags cache = 0;
    int status = STATUS_NOT_OPENED;

    if (n_args != 2) {
        return cli_usage_error(self, "Expecting two image file names");
    }
    /* Progress is for those who see the rest as well. */
    progress_prepare(opt.progress && !opt.quiet, PROGRESS_STEP);
    if (!common_cache(opt.cache, TRUE, &cache, &error)) {
        goto end;
    }
    for (guint i = 0; i < 2; i++) {
        g_autoptr(ImageSpec) spec = common_spec(args[i], opt.format[i], opt.image_opts, &error);
        if (spec == NULL || (*img[i] = image_open(spec, flags, cache, &error)) == NULL) {
            goto end;
        }
    }
    progress_first();
    status = compare(a, b, args);
end:
    if (error != NULL) {
        cli_fail(self, g_steal_pointer(&error));
    }
    progress_end();
    return status;
}
