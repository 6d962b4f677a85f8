/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/object.h"
#include "profile/profile.h"
#include "render/check.h"
#include "render/json.h"

enum {
    STATUS_CORRUPTIONS = 2,
    STATUS_LEAKS = 3,
    STATUS_UNSUPPORTED = 63,
};

static struct {
    char *format, *cache;
    gboolean image_opts, force_share, quiet;
    guint32 fix;
    CliOutput output;
} opt;

static gboolean read_repair(const CliOption *option, const char *value, GError **error)
{
    if (g_str_equal(value, "leaks")) {
        opt.fix = ABI_FIX_LEAKS;
    } else if (g_str_equal(value, "all")) {
        opt.fix = ABI_FIX_LEAKS | ABI_FIX_ERRORS;
    } else {
        g_set_error(error, CLI_ERROR, CLI_ERROR_USAGE,
                    profile_has(FACT_HELP_PER_COMMAND)
                        ? "--repair (-r) expects 'leaks' or 'all', not '%s'"
                        : "Unknown option value for -r (expecting 'leaks' or 'all'): %s",
                    value);
        return FALSE;
    }
    return TRUE;
}

const CliOption cmd_check_options[] = {
    COMMON_FORMAT(&opt.format),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_STRING, "cache", "T", &opt.cache, "CACHE", "how the image is read",
               .since = CLI_LONG_NAMES),
    COMMON_FORCE_SHARE(&opt.force_share),
    COMMON_OUTPUT(&opt.output),
    CLI_OPTION(CLI_CALL, "repair", "r", NULL, "leaks|all", "repair what is found",
               .call = read_repair),
    COMMON_QUIET(&opt.quiet),
    OBJECT_OPTION,
    { CLI_END },
};

/* Look once. What is found on the way is said at once; a check that broke off says why. */
static gboolean look(Image *img, guint32 fix, struct abi_check *ret_check, GError **error)
{
    g_autoptr(GBytes) messages = NULL;
    gboolean ok = image_check(img, fix, ret_check, &messages, error);

    if (messages != NULL && !check_print_messages(messages) && ok) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "%s: malformed answer of the driver",
                    image_filename(img));
        ok = FALSE;
    }
    return ok;
}

/* name: as the image was named on the command line. */
static void tell(const char *name, Image *img, const struct abi_check *check)
{
    if (opt.quiet) {
        return;
    }
    if (opt.output == CLI_JSON) {
        g_autoptr(Value) value = check_collect(name, image_format_name(img), check);

        json_print(value);
    } else {
        check_print(check);
    }
}

/* After a repair everything is counted anew. */
static gboolean check_again(Image *img, struct abi_check *check, GError **error)
{
    guint64 leaks = check->leaks_fixed, corruptions = check->corruptions_fixed;

    if (leaks == 0 && corruptions == 0) {
        return TRUE;
    }
    if (opt.output == CLI_HUMAN && !opt.quiet) {
        printf("The following inconsistencies were found and repaired:\n\n"
               "    %" G_GUINT64_FORMAT " leaked clusters\n"
               "    %" G_GUINT64_FORMAT " corruptions\n\n"
               "Double checking the fixed image now...\n",
               leaks, corruptions);
    }
    if (!look(img, 0, check, error)) {
        return FALSE;
    }
    check->leaks_fixed = leaks;
    check->corruptions_fixed = corruptions;
    return TRUE;
}

static int status_of(const struct abi_check *check)
{
    if (check->check_errors != 0) {
        cli_error("Check failed");
        return 1;
    }
    return check->corruptions != 0 ? STATUS_CORRUPTIONS : check->leaks != 0 ? STATUS_LEAKS : 0;
}

int cmd_check(const CliCommand *self, int n_args, char **args)
{
    ImageFlags flags = IMAGE_CHECK | IMAGE_UNMAP | (opt.fix != 0 ? IMAGE_WRITE : 0) |
                       (opt.force_share ? IMAGE_FORCE_SHARE : 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(ImageSpec) spec = NULL;
    g_autoptr(Image) img = NULL;
    struct abi_check check = { 0 };
    IoFlags cache = 0;
    int status;

    if (n_args != 1) {
        return cli_usage_error(self, "Expecting one image file name");
    }
    if (!cli_output_valid(opt.output, &error) || !common_cache(opt.cache, TRUE, &cache, &error) ||
        (spec = common_spec(args[0], opt.format, opt.image_opts, &error)) == NULL ||
        (img = image_open(spec, flags, cache, &error)) == NULL) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    if (!look(img, opt.fix, &check, &error) || !check_again(img, &check, &error)) {
        if (g_error_matches(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED)) {
            cli_error("This image format does not support checks");
            return STATUS_UNSUPPORTED;
        }
        return cli_fail(self, g_steal_pointer(&error));
    }
    tell(args[0], img, &check);
    status = status_of(&check);
    if (!image_close(img, &error)) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    return status;
}
