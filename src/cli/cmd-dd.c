/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dd: the man page and shell completion follow this table, and the operands below it. */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/create-options.h"
#include "cli/object.h"
#include "cli/size.h"
#include "copy/copy.h"

#define DEFAULT_BLOCK 512

static struct {
    char *format, *target_format;
    gboolean image_opts, force_share;
} opt;

/* name=value, as dd has them. */
static struct {
    const char *input, *output; /* borrowed from argv */
    gint64 block, count, skip;
    gboolean count_given;
} operand = { .block = DEFAULT_BLOCK };

const CliOption cmd_dd_options[] = {
    COMMON_FORMAT(&opt.format, .since = CLI_LONG_NAMES),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_STRING, "target-format", "O", &opt.target_format, "FMT",
               "format of the output (default: raw)", .since = CLI_LONG_NAMES),
    COMMON_FORCE_SHARE(&opt.force_share),
    OBJECT_OPTION,
    { CLI_END },
};

static gboolean refuse(GError **error, const char *format, const char *word)
{
    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, format, word);
    return FALSE;
}

static gboolean read_operand(const char *word, GError **error)
{
    gsize length = strcspn(word, "=");
    g_autofree char *name = g_strndup(word, length);
    const struct {
        const char *name;
        const char **text;
        gint64 *number;
        gint64 min, max;
    } rows[] = {
        { "bs", NULL, &operand.block, 1, G_MAXINT },
        { "count", NULL, &operand.count, 0, G_MAXINT64 },
        { "if", &operand.input, NULL, 0, 0 },
        { "of", &operand.output, NULL, 0, 0 },
        { "skip", NULL, &operand.skip, 0, G_MAXINT64 },
    };

    for (gsize i = 0; word[length] == '=' && i < G_N_ELEMENTS(rows); i++) {
        if (!g_str_equal(rows[i].name, name)) {
            continue;
        }
        if (rows[i].text != NULL) {
            *rows[i].text = word + length + 1;
            return TRUE;
        }
        operand.count_given |= rows[i].number == &operand.count;
        return size_argument(name, word + length + 1, rows[i].min, rows[i].max, rows[i].number,
                             error);
    }
    return refuse(error, "unrecognized operand %s", name);
}

static gboolean read_operands(int n_args, char **args, GError **error)
{
    for (int i = 0; i < n_args; i++) {
        if (!read_operand(args[i], error)) {
            return FALSE;
        }
    }
    return (operand.input != NULL && operand.output != NULL) ||
           refuse(error, "Must specify both input and output files%s", "");
}

/* a * b, or the most there is. */
static guint64 product(guint64 a, guint64 b)
{
    guint64 p;

    return g_uint64_checked_mul(&p, a, b) ? p : G_MAXUINT64;
}

/* Which bytes of the source are copied. As with qemu-img, what is skipped is counted by "count".
 * FALSE: more is to be skipped than there is, which leaves nothing to copy and is no failure. */
static gboolean choose_range(Image *source, guint64 *ret_start, guint64 *ret_end)
{
    guint64 start = product((guint64)operand.skip, (guint64)operand.block);
    guint64 end = image_size(source);

    if (operand.count_given) {
        end = MIN(end, product((guint64)operand.count, (guint64)operand.block));
    }
    *ret_start = MIN(start, end);
    *ret_end = end;
    return start <= end;
}

/* The output must not be made of the file that is read, nor of one below it. */
static gboolean check_same(Image *source, const char *output, GError **error)
{
    const char *path = g_str_has_prefix(output, "file:") ? output + strlen("file:") : output;
    GStatBuf out, in;

    if (g_stat(path, &out) != 0 || !S_ISREG(out.st_mode)) {
        return TRUE;
    }
    for (Image *img = source; img != NULL; img = image_backing(img)) {
        for (guint32 i = 0; image_file_by_handle(img, i) != NULL; i++) {
            if (g_stat(io_path(image_file_by_handle(img, i)), &in) == 0 &&
                in.st_dev == out.st_dev && in.st_ino == out.st_ino) {
                g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                            "%s: error while creating output image: Failed to get \"write\" lock\n"
                            "Is another process using the image [%s]?",
                            output, output);
                return FALSE;
            }
        }
    }
    return TRUE;
}

static Image *make_target(Image *source, const char *format, guint64 size, GError **error)
{
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, size);
    g_autoptr(CreateOptions) options = NULL;
    g_autoptr(ImageSpec) spec = NULL;
    g_autoptr(GBytes) props = NULL;

    if (!image_driver_known(format)) {
        refuse(error, "Unknown file format%s", "");
        return NULL;
    }
    if (!image_check_protocol(operand.output, error) ||
        (options = create_options_new(format, operand.output, error)) == NULL ||
        !create_options_set(options, "size", number, error) ||
        !check_same(source, operand.output, error)) {
        return NULL;
    }
    props = create_options_props(options);
    if (!image_create(operand.output, format, size, props, 0, error)) {
        g_prefix_error(error, "%s: error while creating output image: ", operand.output);
        return NULL;
    }
    spec = image_spec_from_name(operand.output, format, error);
    return spec != NULL ? image_open(spec, IMAGE_WRITE, 0, error) : NULL;
}

static gboolean copy(Image *source, GError **error)
{
    const char *format = opt.target_format != NULL ? opt.target_format : "raw";
    g_autoptr(Image) target = NULL;
    g_autoptr(GError) late = NULL;
    CopyConvert job = { .sources = &source, .n_sources = 1, .is_dd = TRUE };
    gboolean ok, can_skip;

    job.target_backing_size = G_MAXUINT64;
    can_skip = choose_range(source, &job.source_start, &job.source_end);
    target = make_target(source, format, job.source_end - job.source_start, error);
    if (target == NULL) {
        return FALSE;
    }
    if (!can_skip) {
        cli_error("%s: cannot skip to specified offset", operand.input);
    }
    job.target = target;
    job.target_direct = io_kind(image_file(target)) == IO_KIND_HOST_DEVICE;
    ok = copy_convert(&job, error);
    /* Closed even after a failure: what is in place so far shall be readable. */
    if (!image_close(target, &late) && ok) {
        g_propagate_prefixed_error(error, g_steal_pointer(&late),
                                   "error while writing to output image file: ");
        return FALSE;
    }
    return ok;
}

int cmd_dd(const CliCommand *self, int n_args, char **args)
{
    ImageFlags flags = opt.force_share ? IMAGE_FORCE_SHARE : 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(ImageSpec) spec = NULL;
    g_autoptr(Image) source = NULL;

    if (!read_operands(n_args, args, &error) ||
        (spec = common_spec(operand.input, opt.format, opt.image_opts, &error)) == NULL ||
        (source = image_open(spec, flags, 0, &error)) == NULL || !copy(source, &error)) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    return 0;
}
