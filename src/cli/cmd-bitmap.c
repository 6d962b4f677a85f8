/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bitmap: the man page and shell completion follow this table. */
#include "config.h"

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/object.h"
#include "cli/size.h"
#include "copy/bitmap-edit.h"
#include "profile/profile.h"

/* One step, in the order of the command line. */
typedef struct {
    const CliOption *option;
    char *source; /* of --merge */
} Step;

static struct {
    char *format, *source_file, *source_format;
    gboolean image_opts;
    gint64 granularity;
    GArray *steps; /* of Step */
} opt;

/* Before, the beginning of its name was that of --remove alone. */
#define REMOVE_ALL_SINCE 110000

static gboolean read_step(const CliOption *option, const char *value, GError **error)
{
    Step step = { option, g_strdup(value) };

    if (opt.steps == NULL) {
        opt.steps = g_array_new(FALSE, FALSE, sizeof(Step));
    }
    g_array_append_val(opt.steps, step);
    return TRUE;
}

static gboolean read_granularity(const CliOption *option, const char *value, GError **error)
{
    return size_argument("granularity", value, 0, G_MAXINT64, &opt.granularity, error);
}

#define STEP(name, words) CLI_OPTION(CLI_CALL, name, NULL, NULL, NULL, words, .call = read_step)

const CliOption cmd_bitmap_options[] = {
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_STRING, "format", "f", &opt.format, "FMT",
               "format of the image; by default it is probed", .since = CLI_LONG_NAMES),
    STEP("add", "make the bitmap"),
    CLI_OPTION(CLI_CALL, "granularity", "g", NULL, "SIZE",
               "bytes of disk for a bit of the bitmap that is made", .call = read_granularity),
    STEP("remove", "remove it"),
    CLI_OPTION(CLI_CALL, "remove-all", NULL, NULL, NULL, "remove every bitmap of the image",
               .since = REMOVE_ALL_SINCE, .call = read_step),
    STEP("clear", "forget what it has recorded"),
    STEP("enable", "let it record what is written"),
    STEP("disable", "let it record no more"),
    CLI_OPTION(CLI_CALL, "merge", NULL, NULL, "SOURCE", "add what the bitmap SOURCE has recorded",
               .call = read_step),
    CLI_OPTION(CLI_STRING, "source-file", "b", &opt.source_file, "FILE",
               "the image that SOURCE is in"),
    CLI_OPTION(CLI_STRING, "source-format", "F", &opt.source_format, "FMT",
               "format of that image; by default it is probed"),
    OBJECT_OPTION,
    { CLI_END },
};

static guint count_steps(const char *name)
{
    guint n = 0;

    for (guint i = 0; opt.steps != NULL && i < opt.steps->len; i++) {
        n += g_str_equal(g_array_index(opt.steps, Step, i).option->name, name) ? 1 : 0;
    }
    return n;
}

/* What cannot go together, in the order qemu-img finds it. */
static gboolean check_conflicts(int n_args, GError **error)
{
    guint all = count_steps("remove-all");
    gboolean unnamed = all > 0 && all == opt.steps->len;
    const struct {
        gboolean wrong;
        const char *message;
    } rules[] = {
        { opt.steps == NULL,
          "Need at least one of --add, --remove, --clear, --enable, --disable, or --merge" },
        { opt.granularity != 0 && !count_steps("add"), "granularity only supported with --add" },
        { opt.source_format != NULL && opt.source_file == NULL, "-F only supported with -b" },
        { opt.source_file != NULL && !count_steps("merge"),
          "Merge bitmap source file only supported with --merge" },
        { unnamed && n_args != 1, "Expecting one image file name" },
        { !unnamed && n_args != 2, "Expecting filename and bitmap name" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (rules[i].wrong) {
            g_set_error_literal(error, CLI_ERROR, CLI_ERROR_FAILED, rules[i].message);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean do_step(CopyBitmapEdit *edit, const Step *step, Image *source, GError **error)
{
    const char *what = step->option->name;

    if (g_str_equal(what, "add")) {
        return copy_bitmap_edit_add(edit, (guint64)opt.granularity, error);
    }
    if (g_str_equal(what, "remove")) {
        return copy_bitmap_edit_remove(edit, error);
    }
    if (g_str_equal(what, "remove-all")) {
        return copy_bitmap_edit_remove_all(edit, error);
    }
    if (g_str_equal(what, "clear")) {
        return copy_bitmap_edit_clear(edit, error);
    }
    if (g_str_equal(what, "merge")) {
        return copy_bitmap_edit_merge(edit, source, step->source, error);
    }
    return copy_bitmap_edit_enable(edit, g_str_equal(what, "enable"), error);
}

static gboolean do_steps(Image *img, Image *source, const char *name, GError **error)
{
    g_autoptr(CopyBitmapEdit) edit = copy_bitmap_edit_new(img, name, error);
    g_autoptr(GError) late = NULL;
    gboolean ok = edit != NULL;

    for (guint i = 0; ok && i < opt.steps->len; i++) {
        const Step *step = &g_array_index(opt.steps, Step, i);

        ok = do_step(edit, step, source, error);
        if (!ok) {
            g_prefix_error(error,
                           name != NULL ? "Operation %s on bitmap %s failed: "
                                        : "Operation %s failed: ",
                           step->option->name, name);
        }
    }
    /* What was done before a step failed stands. */
    if (edit != NULL && !copy_bitmap_edit_store(edit, ok ? error : &late)) {
        ok = FALSE;
    }
    g_clear_error(&late);
    if (!image_close(img, ok ? error : &late)) {
        ok = FALSE;
    }
    return ok;
}

static gboolean change(const char *filename, const char *name, GError **error)
{
    g_autoptr(ImageSpec) spec = common_spec(filename, opt.format, opt.image_opts, error);
    g_autoptr(ImageSpec) source_spec = NULL;
    g_autoptr(Image) img = NULL, source = NULL;

    if (spec == NULL ||
        (img = image_open(spec, IMAGE_WRITE | IMAGE_NO_BACKING, 0, error)) == NULL) {
        return FALSE;
    }
    if (opt.source_file != NULL &&
        ((source_spec = common_spec(opt.source_file, opt.source_format, FALSE, error)) == NULL ||
         (source = image_open(source_spec, IMAGE_NO_BACKING, 0, error)) == NULL)) {
        image_close(img, NULL);
        return FALSE;
    }
    return do_steps(img, source != NULL ? source : img, name, error);
}

static void release_steps(void)
{
    for (guint i = 0; opt.steps != NULL && i < opt.steps->len; i++) {
        g_free(g_array_index(opt.steps, Step, i).source);
    }
    g_clear_pointer(&opt.steps, g_array_unref);
}

int cmd_bitmap(const CliCommand *self, int n_args, char **args)
{
    g_autoptr(GError) error = NULL;
    gboolean ok =
        check_conflicts(n_args, &error) && change(args[0], n_args > 1 ? args[1] : NULL, &error);

    release_steps();
    return ok ? 0 : cli_fail(self, g_steal_pointer(&error));
}
