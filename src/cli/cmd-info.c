/* SPDX-License-Identifier: GPL-2.0-or-later */
/* info: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/object.h"
#include "image/words.h"
#include "render/info.h"
#include "render/json.h"

static struct {
    char *format, *cache;
    gboolean image_opts, backing_chain, force_share;
    CliOutput output;
} opt;

const CliOption cmd_info_options[] = {
    COMMON_FORMAT(&opt.format),
    COMMON_IMAGE_OPTS(&opt.image_opts),
    CLI_OPTION(CLI_FLAG, "backing-chain", NULL, &opt.backing_chain, NULL,
               "tell about the backing files too"),
    CLI_OPTION(CLI_STRING, "cache", "t", &opt.cache, "CACHE", "how the image is read",
               .since = 110100, .letters_since = 110100),
    COMMON_FORCE_SHARE(&opt.force_share),
    COMMON_OUTPUT(&opt.output),
    OBJECT_OPTION,
    { CLI_END },
};

/* Told about one layer; *ret_next is the name of its backing file, *ret_format the format
 * recorded for that, both NULL at the end of the chain. */
static Value *tell_layer(ImageSpec *spec, IoFlags cache, char **ret_next, char **ret_format,
                         GError **error)
{
    ImageFlags flags = IMAGE_READ_ONLY | IMAGE_NO_BACKING | IMAGE_NO_IO |
                       (opt.force_share ? IMAGE_FORCE_SHARE : 0);
    g_autoptr(Image) img = image_open(spec, flags, cache, error);

    if (img == NULL) {
        return NULL;
    }
    *ret_next = g_strdup(image_backing_full(img));
    *ret_format = g_strdup(image_backing_format(img));
    return info_collect(img, error);
}

/* A list of one object a layer. Every name is looked at once: a chain that comes back to one is a
 * loop. */
static Value *tell_chain(const char *name, IoFlags cache, GError **error)
{
    g_autoptr(Value) list = value_list();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(ImageSpec) spec = common_spec(name, opt.format, opt.image_opts, error);
    g_autofree char *current = g_strdup(name);

    while (spec != NULL) {
        g_autofree char *next = NULL, *format = NULL;
        Value *info;

        if (g_hash_table_contains(seen, current)) {
            g_autofree char *safe = words_printable(current, strlen(current));

            g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                        "Backing file '%s' creates an infinite loop.", safe);
            return NULL;
        }
        g_hash_table_add(seen, g_steal_pointer(&current));
        info = tell_layer(spec, cache, &next, &format, error);
        if (info == NULL) {
            return NULL;
        }
        value_add(list, NULL, info);
        g_clear_pointer(&spec, image_spec_unref);
        if (!opt.backing_chain || next == NULL) {
            return g_steal_pointer(&list);
        }
        spec = image_spec_from_name(next, format, error);
        current = g_steal_pointer(&next);
    }
    return NULL;
}

int cmd_info(const CliCommand *self, int n_args, char **args)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) list = NULL;
    IoFlags cache = 0;

    if (n_args != 1) {
        return cli_usage_error(self, "Expecting one image file name");
    }
    if (!cli_output_valid(opt.output, &error) || !common_cache(opt.cache, FALSE, &cache, &error)) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    list = tell_chain(args[0], cache, &error);
    if (list == NULL) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    if (opt.output == CLI_JSON) {
        json_print(opt.backing_chain ? list : value_member(list, 0)->value);
        return 0;
    }
    for (guint i = 0; i < value_n_members(list); i++) {
        if (i > 0) {
            putchar('\n');
        }
        info_print(value_member(list, i)->value, i > 0);
    }
    return 0;
}
