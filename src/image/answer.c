/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the driver says of an image it opened. It comes from a program that read the image: believed
 * within bounds only. */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "image/image-private.h"
#include "image/tell.h"

#define MAX_CLUSTER (2u << 20)

static gboolean fail(GError **error, const char *words)
{
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, words);
    return FALSE;
}

static gboolean power_of_two(guint32 n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

void image_take_size(Image *img, const struct abi_result *result)
{
    guint64 size = result->ret[0];

    if (size != 0 && size <= G_MAXINT64 - IMAGE_SECTOR) {
        img->facts.virtual_size = size;
        img->size = (size + IMAGE_SECTOR - 1) & ~(guint64)(IMAGE_SECTOR - 1);
    }
    image_forget(img);
}

gboolean image_take_facts(Image *img, const CellCall *call, GError **error)
{
    struct abi_facts facts;

    if (call->out_length < sizeof facts) {
        return fail(error, "The cell's answer is too short");
    }
    memcpy(&facts, call->out, sizeof facts);
    if (facts.virtual_size > G_MAXINT64 - IMAGE_SECTOR ||
        (facts.cluster_size != 0 &&
         (!power_of_two(facts.cluster_size) || facts.cluster_size > MAX_CLUSTER ||
          !power_of_two(facts.subcluster_size) || facts.subcluster_size > facts.cluster_size)) ||
        (facts.look_span != 0 &&
         (facts.cluster_size == 0 || facts.look_span % facts.cluster_size != 0))) {
        return fail(error, "The cell's answer is out of bounds");
    }
    img->facts = facts;
    img->size = (facts.virtual_size + IMAGE_SECTOR - 1) & ~(guint64)(IMAGE_SECTOR - 1);
    return TRUE;
}

/* Names that the image holds: bytes, up to a zero. */
gboolean image_take_names(Image *img, const CellCall *call, GError **error)
{
    struct props_reader reader = { (const uint8_t *)call->out + sizeof(struct abi_facts),
                                   (uint32_t)(call->out_length - sizeof(struct abi_facts)), 0, 0 };
    struct props_item it;
    int more;

    while ((more = props_next(&reader, &it)) > 0) {
        const struct {
            const char *key;
            char **name;
        } names[] = {
            { "backing-file", &img->backing_name },
            { "backing-format", &img->backing_format },
            { "data-file", &img->data_name },
            { "encrypt-format", &img->encrypt_format },
        };

        if (it.type == ABI_PROP_MESSAGE) {
            image_tell(&it);
        }
        if (reader.depth != 0 || it.type != ABI_PROP_STRING || it.value_length > ABI_MAX_NAME) {
            continue;
        }
        for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
            if (props_is(&it, names[i].key)) {
                g_free(*names[i].name);
                *names[i].name = g_strndup((const char *)it.value, it.value_length);
            }
        }
    }
    if (more < 0) {
        return fail(error, "The cell's answer is malformed");
    }
    if (img->backing_format != NULL && *img->backing_format == '\0') {
        g_clear_pointer(&img->backing_format, g_free);
    }
    if (img->backing_name != NULL && *img->backing_name == '\0') {
        g_clear_pointer(&img->backing_name, g_free);
    }
    if (img->backing_name != NULL) {
        img->backing_full = image_resolve_name(img->path, img->backing_name);
    }
    return TRUE;
}
