/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The works: how each is cut, and how its errors read. */
#include "config.h"

#include "copy/cut.h"

void copy_work_fail(const CopyWork *work, CopyFailure what, guint64 at, const char *why,
                    GError **error)
{
    if (work->bare & (1u << what)) {
        g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, work->words[what]);
    } else if (work->places) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s %" G_GUINT64_FORMAT ": %s",
                    work->words[what], at, why);
    } else {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s: %s", work->words[what], why);
    }
}

gboolean copy_convert(const CopyConvert *job, GError **error)
{
    static const CopyWork convert = {
        .cut = copy_cut_convert,
        .counts = TRUE,
        .words = { [COPY_FAILED_STATUS] = "error while reading block status at offset",
                   [COPY_FAILED_READ] = "error while reading at byte",
                   [COPY_FAILED_WRITE] = "error while writing at byte" },
        .places = TRUE,
    };
    /* dd tells no progress, and leaves what it has copied so far. */
    static const CopyWork dd = {
        .cut = copy_cut_convert,
        .words = { [COPY_FAILED_STATUS] = "error while reading from input image file",
                   [COPY_FAILED_READ] = "error while reading from input image file",
                   [COPY_FAILED_WRITE] = "error while writing to output image file" },
    };

    return copy_work_do(job->is_dd ? &dd : &convert, job, error);
}

gboolean copy_commit(const CopyCommit *job, GError **error)
{
    const CopyWork work = {
        .cut = copy_cut_commit,
        .what = job,
        .total = image_size(job->top),
        .unmap = TRUE,
        .words = { [COPY_FAILED_STATUS] = "Block job failed",
                   [COPY_FAILED_READ] = "Block job failed",
                   [COPY_FAILED_WRITE] = "Block job failed" },
    };
    Image *sources[] = { job->top };
    const CopyConvert convert = {
        .sources = sources,
        .n_sources = 1,
        .target = job->base,
        .rate = job->rate,
        .target_direct = job->direct,
        .progress = job->progress,
        .progress_data = job->progress_data,
    };

    return copy_work_do(&work, &convert, error);
}

gboolean copy_rebase(const CopyRebase *job, GError **error)
{
    const CopyWork work = {
        .cut = copy_cut_rebase,
        .what = job,
        .total = image_size(job->overlay),
        .compares = TRUE,
        .words = { [COPY_FAILED_STATUS] = "error while reading image metadata",
                   [COPY_FAILED_READ] = "error while reading from old backing file",
                   [COPY_FAILED_READ_OTHER] = "error while reading from new backing file",
                   [COPY_FAILED_WRITE] = "Error while writing to COW image" },
        .bare = 1u << COPY_FAILED_READ | 1u << COPY_FAILED_READ_OTHER,
    };
    Image *sources[] = { job->overlay };
    const CopyConvert convert = {
        .sources = sources,
        .n_sources = 1,
        .target = job->overlay,
        .compress = job->compress,
        .target_direct = job->direct,
        .progress = job->progress,
        .progress_data = job->progress_data,
    };

    return copy_work_do(&work, &convert, error);
}
