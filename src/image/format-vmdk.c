/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk, as the host knows it. */
#include "config.h"

#include "image/image-private.h"

const ImageFormat format_vmdk = {
    .name = "vmdk",
    .number = ABI_FORMAT_VMDK,
    .manners = FORMAT_JUDGES_FIRST | FORMAT_ASKS_BACKING | FORMAT_STORE_PREALLOC,
    .create_options = &vmdk_options,
    .words = { &words_vmdk },
};
