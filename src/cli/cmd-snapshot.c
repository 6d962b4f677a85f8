/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snapshot: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/object.h"
#include "profile/profile.h"
#include "render/info.h"

static struct {
    char *format, *name;
    char action; /* 'l', 'a', 'c', 'd'; 0: none was asked for */
    gboolean image_opts, force_share, quiet;
} opt;

static gboolean read_action(const CliOption *option, const char *value, GError **error)
{
    if (opt.action != '\0') {
        g_set_error(error, CLI_ERROR, CLI_ERROR_USAGE, "Cannot mix '-l', '-a', '-c', '-d'");
        return FALSE;
    }
    opt.action = *option->letters;
    opt.name = g_strdup(value);
    return TRUE;
}

#define ACTION(name, letter, metavar, words)                                                       \
    CLI_OPTION(CLI_CALL, name, letter, NULL, metavar, words, .since = CLI_LONG_NAMES,              \
               .call = read_action)

const CliOption cmd_snapshot_options[] = {
    CLI_OPTION(CLI_STRING, "format", "f", &opt.format, "FMT",
               "format of the image; by default it is probed", .since = CLI_LONG_NAMES,
               .letters_since = CLI_LONG_NAMES, .letters_strict = TRUE),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    ACTION("list", "l", NULL, "list the snapshots"),
    ACTION("apply", "a", "SNAPSHOT", "turn the disk back to a snapshot, told by id or name"),
    ACTION("create", "c", "SNAPSHOT", "make a snapshot of that name"),
    ACTION("delete", "d", "SNAPSHOT", "delete the snapshot of that name"),
    COMMON_FORCE_SHARE(&opt.force_share),
    COMMON_QUIET(&opt.quiet),
    OBJECT_OPTION,
    { CLI_END },
};

static gboolean list(Image *img, GError **error)
{
    g_autoptr(Value) info = NULL;
    const Value *snapshots;

    if (image_facts(img)->snapshots == 0) {
        return TRUE;
    }
    info = info_collect_snapshots(img, error);
    if (info == NULL) {
        return FALSE;
    }
    snapshots = value_find(info, "snapshots");
    if (snapshots != NULL && value_n_members(snapshots) > 0) {
        g_autoptr(GString) out = g_string_new("Snapshot list:\n");

        info_append_snapshots(out, snapshots);
        fputs(out->str, stdout);
    }
    return TRUE;
}

static gboolean create(Image *img, GError **error)
{
    g_autoptr(GError) reason = NULL;
    gint code = 0;

    if (image_snapshot_create(img, opt.name, &code, &reason)) {
        return TRUE;
    }
    if (profile_has(FACT_HELP_PER_COMMAND)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Could not create snapshot '%s': %s",
                    opt.name, g_strerror(code));
    } else {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Could not create snapshot '%s': %d (%s)",
                    opt.name, -code, g_strerror(code));
    }
    return FALSE;
}

static gboolean apply(Image *img, GError **error)
{
    gboolean ok = image_snapshot_apply(img, opt.name, error);

    if (!ok) {
        g_prefix_error(error, "Could not apply snapshot '%s': ", opt.name);
    }
    return ok;
}

static gboolean delete (Image *img, GError **error)
{
    gboolean ok = image_snapshot_delete(img, opt.name, error);

    if (!ok) {
        g_prefix_error(error, "Could not delete snapshot '%s': ", opt.name);
    }
    return ok;
}

static gboolean act(Image *img, GError **error)
{
    switch (opt.action) {
    case 'l':
        return list(img, error);
    case 'a':
        return apply(img, error);
    case 'c':
        return create(img, error);
    case 'd':
        return delete (img, error);
    default:
        return TRUE;
    }
}

int cmd_snapshot(const CliCommand *self, int n_args, char **args)
{
    ImageFlags flags = opt.force_share ? IMAGE_FORCE_SHARE : 0;
    g_autofree char *name = opt.name;
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) later = NULL;
    g_autoptr(ImageSpec) spec = NULL;
    g_autoptr(Image) img = NULL;

    if (n_args != 1) {
        return cli_usage_error(self, "Expecting one image file name");
    }
    flags |= opt.action == 'l' ? IMAGE_READ_ONLY : IMAGE_WRITE | IMAGE_UNMAP;
    if ((spec = common_spec(args[0], opt.format, opt.image_opts, &error)) == NULL ||
        (img = image_open(spec, flags, 0, &error)) == NULL) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    act(img, &error);
    if (!image_close(img, &later) && error == NULL) {
        error = g_steal_pointer(&later);
    }
    return error != NULL ? cli_fail(self, g_steal_pointer(&error)) : 0;
}
