/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/object.h"
#include "cli/size.h"
#include "copy/copy.h"
#include "profile/profile.h"

static struct {
    char *format;
    gint64 start, length; /* bytes */
    gboolean image_opts, force_share;
    CliOutput output;
} opt = { .length = G_MAXINT64 };

/* Each is judged where it stands, also one that a later one replaces. */
static gboolean read_start(const CliOption *option, const char *value, GError **error)
{
    return size_argument("start offset", value, 0, G_MAXINT64, &opt.start, error);
}

static gboolean read_length(const CliOption *option, const char *value, GError **error)
{
    return size_argument("max length", value, 0, G_MAXINT64, &opt.length, error);
}

const CliOption cmd_map_options[] = {
    COMMON_FORMAT(&opt.format),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_CALL, "start-offset", "s", NULL, "OFFSET", "where to begin", .call = read_start),
    CLI_OPTION(CLI_CALL, "max-length", "l", NULL, "LEN", "how much to look at",
               .call = read_length),
    COMMON_OUTPUT(&opt.output),
    COMMON_FORCE_SHARE(&opt.force_share),
    OBJECT_OPTION,
    { CLI_END },
};

typedef struct {
    gboolean any;
    gboolean unknown_place; /* the human form met data it cannot show */
} Printer;

static const char *word(gboolean b)
{
    return b ? "true" : "false";
}

static void print_json(const CopyMapEntry *e, gboolean first)
{
    printf("%s{ \"start\": %" G_GUINT64_FORMAT ", \"length\": %" G_GUINT64_FORMAT ", \"depth\": %u",
           first ? "" : ",\n", e->start, e->length, e->depth);
    if (profile_has(FACT_MAP_PRESENT)) {
        printf(", \"present\": %s", word(e->present));
    }
    printf(", \"zero\": %s, \"data\": %s", word(e->zero), word(e->data));
    if (profile_has(FACT_MAP_COMPRESSED)) {
        printf(", \"compressed\": %s", word(e->compressed));
    }
    if (e->has_offset) {
        printf(", \"offset\": %" G_GUINT64_FORMAT, e->offset);
    }
    putchar('}');
}

static gboolean print_entry(const CopyMapEntry *e, gpointer data)
{
    Printer *printer = data;

    if (opt.output == CLI_JSON) {
        print_json(e, !printer->any);
    } else if (e->data && !e->has_offset) {
        printer->unknown_place = TRUE;
        return FALSE;
    } else if (e->data && !e->zero) {
        printf("%#-16" G_GINT64_MODIFIER "x%#-16" G_GINT64_MODIFIER "x%#-16" G_GINT64_MODIFIER
               "x%s\n",
               e->start, e->length, e->offset, e->filename);
    }
    printer->any = TRUE;
    return TRUE;
}

static gboolean print_map(Image *img, guint64 start, guint64 length, GError **error)
{
    Printer printer = { FALSE, FALSE };

    if (opt.output == CLI_JSON) {
        putchar('[');
    } else {
        printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
    }
    if (!copy_map(img, start, length, print_entry, &printer, error)) {
        if (opt.output == CLI_JSON && printer.any) {
            /* another entry was known to follow when the last one was printed */
            puts(",");
        }
        g_prefix_error(error, "Could not read file metadata: ");
        return FALSE;
    }
    if (printer.unknown_place) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "File contains external, encrypted or compressed clusters.");
        return FALSE;
    }
    if (opt.output == CLI_JSON) {
        if (!printer.any) {
            print_json(&(CopyMapEntry){ .start = start }, TRUE);
        }
        puts("]");
    }
    return TRUE;
}

int cmd_map(const CliCommand *self, int n_args, char **args)
{
    ImageFlags flags = opt.force_share ? IMAGE_FORCE_SHARE : 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(ImageSpec) spec = NULL;
    g_autoptr(Image) img = NULL;

    if (n_args != 1) {
        return cli_usage_error(self, "Expecting one image file name");
    }
    if (!cli_output_valid(opt.output, &error) ||
        (spec = common_spec(args[0], opt.format, opt.image_opts, &error)) == NULL ||
        (img = image_open(spec, flags, 0, &error)) == NULL ||
        !print_map(img, (guint64)opt.start, (guint64)opt.length, &error)) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    return 0;
}
