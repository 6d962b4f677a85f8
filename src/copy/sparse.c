/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "base/checked.h"
#include "base/zero.h"
#include "copy/sparse.h"

#define SECTOR 512u

CopySparse copy_sparse_init(guint64 min, guint32 request_alignment)
{
    CopySparse sparse = { .min = min, .alignment = SECTOR };

    while (sparse.alignment * 2 <= min) {
        sparse.alignment *= 2;
    }
    sparse.alignment = MAX(sparse.alignment, request_alignment);
    return sparse;
}

/* The run of blocks that begins at buf and is all zero, or all not. */
static gsize block_run(const CopySparse *sparse, const guint8 *buf, guint64 offset, gsize length,
                       gboolean *ret_data)
{
    gsize at = 0;

    while (at < length) {
        gsize block = sparse->alignment - ((offset + at) & (sparse->alignment - 1));
        block = MIN(block, length - at);
        gboolean data = !bytes_are_zero(buf + at, block);
        if (at && data != *ret_data) {
            break;
        }
        *ret_data = data;
        at += block;
    }
    return at;
}

gsize copy_sparse_run(const CopySparse *sparse, const guint8 *buf, guint64 offset, gsize length,
                      gboolean *ret_data)
{
    gsize min = MIN(sparse->min, length);
    gsize used = block_run(sparse, buf, offset, length, ret_data);
    gsize at = used;

    if (!*ret_data || min <= sparse->alignment) {
        return used;
    }
    /* Take in zeros that are too few to leave out, as long as data follows them. */
    while (at < length) {
        gboolean data;
        gsize run = block_run(sparse, buf + at, offset + at, length - at, &data);
        at += run;
        if (data) {
            used = at;
        } else if (run >= min) {
            break;
        }
    }
    return used;
}
