/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>

#include "image/tell.h"
#include "render/check.h"

Value *check_collect(const char *filename, const char *format, const struct abi_check *check)
{
    const struct {
        const char *name;
        guint64 count;
    } counters[] = {
        { "image-end-offset", check->image_end_offset },
        { "corruptions", check->corruptions },
        { "leaks", check->leaks },
        { "corruptions-fixed", check->corruptions_fixed },
        { "leaks-fixed", check->leaks_fixed },
        { "total-clusters", check->total_clusters },
        { "allocated-clusters", check->allocated_clusters },
        { "fragmented-clusters", check->fragmented_clusters },
        { "compressed-clusters", check->compressed_clusters },
    };
    Value *value = value_object();

    value_add_string(value, "filename", filename, -1);
    value_add_string(value, "format", format, -1);
    value_add_uint(value, "check-errors", check->check_errors);
    for (gsize i = 0; i < G_N_ELEMENTS(counters); i++) {
        if (counters[i].count != 0) {
            value_add_uint(value, counters[i].name, counters[i].count);
        }
    }
    return value;
}

static double percent(guint64 part, guint64 whole)
{
    return (double)part * 100.0 / (double)whole;
}

void check_print(const struct abi_check *check)
{
    if (check->corruptions == 0 && check->leaks == 0 && check->check_errors == 0) {
        puts("No errors were found on the image.");
    }
    if (check->corruptions != 0) {
        printf("\n%" G_GUINT64_FORMAT " errors were found on the image.\n"
               "Data may be corrupted, or further writes to the image may corrupt it.\n",
               check->corruptions);
    }
    if (check->leaks != 0) {
        printf("\n%" G_GUINT64_FORMAT " leaked clusters were found on the image.\n"
               "This means waste of disk space, but no harm to data.\n",
               check->leaks);
    }
    if (check->check_errors != 0) {
        printf("\n%" G_GUINT64_FORMAT " internal errors have occurred during the check.\n",
               check->check_errors);
    }
    if (check->total_clusters != 0 && check->allocated_clusters != 0) {
        printf("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " = %0.2f%% allocated, "
               "%0.2f%% fragmented, %0.2f%% compressed clusters\n",
               check->allocated_clusters, check->total_clusters,
               percent(check->allocated_clusters, check->total_clusters),
               percent(check->fragmented_clusters, check->allocated_clusters),
               percent(check->compressed_clusters, check->allocated_clusters));
    }
    if (check->image_end_offset != 0) {
        printf("Image end offset: %" G_GUINT64_FORMAT "\n", check->image_end_offset);
    }
}

gboolean check_print_messages(GBytes *messages)
{
    gsize size;
    const guint8 *props = g_bytes_get_data(messages, &size);

    return image_tell_all(props, size);
}
