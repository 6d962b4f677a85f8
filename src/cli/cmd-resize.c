/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resize: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/object.h"
#include "cli/size.h"

static struct {
    char *format;
    gboolean image_opts, quiet, shrink;
    guint32 preallocation; /* enum abi_prealloc */
} opt;

static gboolean read_preallocation(const CliOption *option, const char *value, GError **error)
{
    static const char *const modes[] = { "off", "metadata", "falloc", "full" };

    (void)option;
    for (guint32 i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (g_str_equal(modes[i], value)) {
            opt.preallocation = i;
            return TRUE;
        }
    }
    g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Invalid preallocation mode '%s'", value);
    return FALSE;
}

const CliOption cmd_resize_options[] = {
    COMMON_FORMAT(&opt.format),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_CALL, "preallocation", NULL, NULL, "MODE",
               "how the new part is stored: off, metadata, falloc or full",
               .call = read_preallocation),
    CLI_OPTION(CLI_FLAG, "shrink", NULL, &opt.shrink, NULL,
               "make the image smaller; what lies behind its new end is lost"),
    COMMON_QUIET(&opt.quiet),
    OBJECT_OPTION,
    { CLI_END },
};

/* A size, or with a sign how much larger or smaller the image gets. */
typedef struct {
    char sign; /* '+', '-' or '\0' */
    guint64 bytes;
} Wanted;

static gboolean read_wanted(const char *text, Wanted *ret_wanted, GError **error)
{
    SizeVerdict verdict;

    ret_wanted->sign = *text == '+' || *text == '-' ? *text : '\0';
    text += ret_wanted->sign != '\0';
    verdict = size_parse(text, &ret_wanted->bytes);
    if (verdict == SIZE_TOO_LARGE) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "Value '%s' is out of range for parameter 'size'", text);
    } else if (verdict == SIZE_INVALID) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "Parameter 'size' expects a non-negative number below 2^64\n"
                    "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, "
                    "peta-\nand exabytes, respectively.");
    }
    return verdict == SIZE_OK;
}

/* The size the image shall have. Sums wrap around and are then read as signed: what is larger than
 * any file is told as negative, as qemu-img has it. */
static gboolean new_size(const Wanted *wanted, guint64 now, guint64 *ret_size, GError **error)
{
    guint64 size = wanted->sign == '+'   ? now + wanted->bytes
                   : wanted->sign == '-' ? now - wanted->bytes
                                         : wanted->bytes;

    if (size == 0 || size > G_MAXINT64) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "New image size must be positive");
        return FALSE;
    }
    if (size <= now && opt.preallocation != ABI_PREALLOC_OFF) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "Preallocation can only be used for growing images");
        return FALSE;
    }
    if (size < now && !opt.shrink) {
        cli_error("Use the --shrink option to perform a shrink operation.");
        image_warn("Shrinking an image will delete all data beyond the shrunken image's end. "
                   "Before performing such an operation, make sure there is no important data "
                   "there.");
        g_set_error_literal(error, CLI_ERROR, CLI_ERROR_SILENT, "");
        return FALSE;
    }
    *ret_size = size;
    return TRUE;
}

int cmd_resize(const CliCommand *self, int n_args, char **args)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImageSpec) spec = NULL;
    g_autoptr(Image) img = NULL;
    Wanted wanted;
    guint64 size;

    if (n_args != 2) {
        return cli_usage_error(self, "Expecting image file name and size");
    }
    if (!read_wanted(args[1], &wanted, &error) ||
        (spec = common_spec(args[0], opt.format, opt.image_opts, &error)) == NULL ||
        (img = image_open(spec, IMAGE_WRITE | IMAGE_RESIZE, 0, &error)) == NULL ||
        !new_size(&wanted, image_size(img), &size, &error) ||
        !image_truncate(img, size, opt.preallocation, FALSE, NULL, &error) ||
        !image_close(img, &error)) {
        if (img != NULL) {
            /* what was begun shall be left in order */
            image_close(img, NULL);
        }
        return cli_fail(self, g_steal_pointer(&error));
    }
    if (!opt.quiet) {
        puts("Image resized.");
    }
    return 0;
}
