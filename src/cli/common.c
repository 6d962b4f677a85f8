/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cli/common.h"

ImageSpec *common_spec(const char *name, const char *format, gboolean image_opts, GError **error)
{
    if (image_opts && format != NULL) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED,
                    "--image-opts and --format are mutually exclusive");
        return NULL;
    }
    return image_opts ? image_spec_from_opts(name, error)
                      : image_spec_from_name(name, format, error);
}

gboolean common_cache(const char *word, gboolean source, IoFlags *ret_flags, GError **error)
{
    if (word != NULL && !image_cache_mode(word, ret_flags)) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Invalid %scache option: %s",
                    source ? "source " : "", word);
        return FALSE;
    }
    return TRUE;
}
