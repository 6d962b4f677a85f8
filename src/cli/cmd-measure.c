/* SPDX-License-Identifier: GPL-2.0-or-later */
/* measure: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/create-options.h"
#include "cli/object.h"
#include "cli/size.h"
#include "cli/snapshot-option.h"
#include "copy/copy.h"
#include "image/formats.h"
#include "render/json.h"

static struct {
    char *format, *target_format;
    SnapshotOption snapshot;
    GString *options;
    gboolean image_opts, force_share, size_given;
    gint64 size;
    CliOutput output;
} opt;

/* What is found out. */
typedef struct {
    struct abi_measure sizes;
    gboolean has_bitmaps;
    guint64 bitmaps;
} Measured;

static gboolean read_size(const CliOption *option, const char *value, GError **error)
{
    opt.size_given = TRUE;
    return size_argument("image size", value, 0, G_MAXINT64, &opt.size, error);
}

const CliOption cmd_measure_options[] = {
    COMMON_FORMAT(&opt.format, .since = CLI_LONG_NAMES),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_CALL, "snapshot", "l", &opt.snapshot, "SNAPSHOT", "measure this snapshot",
               .since = CLI_LONG_NAMES, .call = snapshot_option_read),
    CLI_OPTION(CLI_CALL, "size", "s", NULL, "SIZE", "measure an empty image of this size",
               .letters_since = CLI_LONG_NAMES, .call = read_size),
    CLI_OPTION(CLI_STRING, "target-format", "O", &opt.target_format, "FMT",
               "format of the new image (default: raw)", .since = CLI_LONG_NAMES),
    CLI_OPTION(CLI_CALL, "target-options", "o", &opt.options, "OPTIONS",
               "options of the new image's format", .since = CLI_LONG_NAMES,
               .call = create_options_accumulate),
    COMMON_OUTPUT(&opt.output, .output_strict = TRUE),
    COMMON_FORCE_SHARE(&opt.force_share),
    OBJECT_OPTION,
    { CLI_END },
};

static gboolean check_arguments(int n_args, GError **error)
{
    const gboolean about_file =
        opt.image_opts || opt.format != NULL || snapshot_option_words(&opt.snapshot) != NULL;
    const struct {
        gboolean wrong;
        const char *message;
    } rules[] = {
        { n_args > 1, "At most one filename argument is allowed." },
        { n_args == 0 && about_file, "--image-opts, -f, and -l require a filename argument." },
        { n_args == 0 && !opt.size_given, "Either --size N or one filename must be specified." },
        { n_args == 1 && opt.size_given, "--size N cannot be used together with a filename." },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (rules[i].wrong) {
            g_set_error_literal(error, CLI_ERROR, CLI_ERROR_FAILED, rules[i].message);
            return FALSE;
        }
    }
    return TRUE;
}

static Image *open_source(const char *name, GError **error)
{
    ImageFlags flags = opt.force_share ? IMAGE_FORCE_SHARE : 0;
    g_autoptr(ImageSpec) spec = common_spec(name, opt.format, opt.image_opts, error);
    g_autoptr(Image) img = spec != NULL ? image_open(spec, flags, 0, error) : NULL;

    if (img == NULL || !snapshot_option_select(&opt.snapshot, img, error)) {
        return NULL;
    }
    return g_steal_pointer(&img);
}

/* The options of the new image, as a driver reads them. */
static GBytes *read_options(const char *format, GError **error)
{
    g_autoptr(CreateOptions) options = NULL;
    g_autoptr(GError) reason = NULL;

    /* with those of a file, which it may become */
    options = create_options_new(format, "", &reason);
    if (options == NULL && format_made_there(format)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "Block driver '%s' does not support size measurement", format);
        return NULL;
    }
    if (options == NULL) {
        g_propagate_error(error, g_steal_pointer(&reason));
        return NULL;
    }
    if (opt.options != NULL && !create_options_parse(options, opt.options->str, &reason)) {
        cli_error("%s", reason->message);
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Invalid options for file format '%s'",
                    format);
        return NULL;
    }
    return create_options_props(options);
}

static gboolean measure(const char *format, Image *source, Measured *ret, GError **error)
{
    g_autoptr(GBytes) options = read_options(format, error);
    guint64 size = source != NULL ? image_size(source) : (guint64)opt.size, data = 0;
    struct abi_measure *sizes = &ret->sizes;

    if (options == NULL || !image_measure(format, size, options, source, NULL, sizes, error)) {
        return FALSE;
    }
    if (source == NULL) {
        return TRUE;
    }
    if (sizes->unit != 0 && (!copy_measure_data(source, sizes->unit, &data, error) ||
                             !image_measure(format, size, options, source, &data, sizes, error))) {
        return FALSE;
    }
    ret->has_bitmaps =
        sizes->bitmap_unit != 0 && (image_facts(source)->flags & ABI_FACT_BITMAPS) != 0;
    return !ret->has_bitmaps ||
           copy_measure_bitmaps(source, sizes->bitmap_unit, &ret->bitmaps, error);
}

static void print_json(const Measured *m)
{
    g_autoptr(Value) value = value_object();

    value_add_uint(value, "required", m->sizes.required);
    value_add_uint(value, "fully-allocated", m->sizes.fully_allocated);
    if (m->has_bitmaps) {
        value_add_uint(value, "bitmaps", m->bitmaps);
    }
    json_print(value);
}

static void print_human(const Measured *m)
{
    printf("required size: %" G_GUINT64_FORMAT "\n", m->sizes.required);
    printf("fully allocated size: %" G_GUINT64_FORMAT "\n", m->sizes.fully_allocated);
    if (m->has_bitmaps) {
        printf("bitmaps size: %" G_GUINT64_FORMAT "\n", m->bitmaps);
    }
}

int cmd_measure(const CliCommand *self, int n_args, char **args)
{
    const char *format = opt.target_format != NULL ? opt.target_format : "raw";
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) source = NULL;
    Measured measured = { 0 };

    if (!check_arguments(n_args, &error) ||
        (n_args == 1 && (source = open_source(args[0], &error)) == NULL) ||
        !measure(format, source, &measured, &error)) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    (opt.output == CLI_JSON ? print_json : print_human)(&measured);
    return 0;
}
