/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS, as the host knows it: the options of a node. */
#include "config.h"

#include "image/cipher.h"

static gboolean take_options(Image *img, ImageOptions *options, GString *strong,
                             ImageOptions **ret_data, GError **error)
{
    g_autofree char *id = options_take_string(options, "key-secret");

    (void)ret_data;
    if (id != NULL) {
        options_print_text(strong, "key-secret", id);
    }
    return (img->flags & IMAGE_NO_IO) || image_unlock(img, id, error);
}

const ImageFormat format_luks = {
    .name = "luks",
    .number = ABI_FORMAT_LUKS,
    .manners = FORMAT_PLAIN_ONLY | FORMAT_IS_CIPHER,
    .create_options = &luks_options,
    .amend_options = &luks_amend_options,
    .words = { &words_luks },
    .secret_prefix = "",
    .take_options = take_options,
};
