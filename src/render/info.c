/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#include "profile/profile.h"
#include "render/info.h"

/* qemu counts files in whole sectors. */
#define SECTOR 512u

static void add_optional_string(Value *object, const char *key, const char *text)
{
    if (text != NULL) {
        value_add_string(object, key, text, -1);
    }
}

/* A node below the format: a file, or a device. */
static void add_child(Value *children, const char *name, const char *path, IoKind kind,
                      guint64 size, gboolean has_allocated, guint64 allocated)
{
    Value *child = value_object(), *info = value_object();

    value_add_string(child, "name", name, -1);
    value_add(child, "info", info);
    value_add(children, NULL, child);
    value_add_string(info, "filename", path, -1);
    value_add_string(info, "format", kind == IO_KIND_HOST_DEVICE ? "host_device" : "file", -1);
    value_add_bool(info, "dirty-flag", FALSE);
    if (has_allocated) {
        value_add_uint(info, "actual-size", allocated);
    }
    value_add_uint(info, "virtual-size", (size + SECTOR - 1) & ~(guint64)(SECTOR - 1));
    if (kind == IO_KIND_FILE) {
        Value *specific = value_object();

        value_add_string(specific, "type", "file", -1);
        value_add(specific, "data", value_object());
        value_add(info, "format-specific", specific);
    }
    value_add(info, "children", value_list());
}

/* Versions up to 9.0 opened the data file for info, and showed it. It is only looked at here. */
static void add_data_file(Value *children, const Image *img)
{
    g_autofree char *path = NULL;
    GStatBuf st;

    if (image_data_file(img) == NULL || !profile_has(FACT_INFO_DATA_FILE)) {
        return;
    }
    path = image_resolve_name(image_exact_path(img), image_data_file(img));
    if (g_stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        add_child(children, "data-file", path, IO_KIND_FILE, (guint64)st.st_size, TRUE,
                  (guint64)st.st_blocks * 512);
    }
}

static void add_children(Value *info, const Image *img)
{
    Value *children = value_list();
    IoFile *file = image_file(img);
    guint64 size = 0, allocated = 0;
    gboolean has_allocated = io_allocated(file, &allocated, NULL);

    io_size(file, &size, NULL);
    add_data_file(children, img);
    add_child(children, "file", io_path(file), io_kind(file), size, has_allocated, allocated);
    value_add(info, "children", children);
}

/* The members of a part of the driver's information, appended to object. */
static gboolean add_part(Value *object, Image *img, guint32 part, GError **error)
{
    g_autoptr(GBytes) props = image_info(img, part, error);

    if (props == NULL) {
        return FALSE;
    }
    if (!value_add_props(object, props)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "%s: malformed answer of the driver",
                    image_filename(img));
        return FALSE;
    }
    return TRUE;
}

/* A driver knows files by handle only. */
static const char *name_of_handle(guint64 handle, gpointer img)
{
    IoFile *file = handle <= G_MAXUINT32 ? image_file_by_handle(img, (guint32)handle) : NULL;

    return file != NULL ? io_path(file) : "";
}

static gboolean add_specific(Value *info, Image *img, GError **error)
{
    Value *specific, *data;

    if (!image_has_driver(img)) {
        return TRUE;
    }
    specific = value_object();
    data = value_object();
    value_add_string(specific, "type", image_format_name(img), -1);
    value_add(specific, "data", data);
    value_add(info, "format-specific", specific);
    if (!add_part(data, img, ABI_INFO_SPECIFIC, error)) {
        return FALSE;
    }
    value_name_numbers(data, "file", "filename", name_of_handle, img);
    if (!profile_has(FACT_LUKS_DETACHED_HEADER)) {
        value_remove_within(data, "encrypt", "detached-header");
        value_remove(data, "detached-header");
    }
    return TRUE;
}

Value *info_collect_snapshots(Image *img, GError **error)
{
    g_autoptr(Value) info = value_object();

    return add_part(info, img, ABI_INFO_SNAPSHOTS, error) ? g_steal_pointer(&info) : NULL;
}

Value *info_collect(Image *img, GError **error)
{
    g_autoptr(Value) info = value_object();
    const struct abi_facts *facts = image_facts(img);
    guint64 allocated;

    value_add_string(info, "filename", image_filename(img), -1);
    value_add_string(info, "format", image_format_name(img), -1);
    value_add_bool(info, "dirty-flag", image_shown_dirty(img));
    if (io_allocated(image_file(img), &allocated, NULL)) {
        value_add_uint(info, "actual-size", allocated);
    }
    value_add_uint(info, "virtual-size", image_size(img));
    if ((facts->flags & ABI_FACT_HAS_CLUSTER_SIZE) != 0) {
        value_add_uint(info, "cluster-size", facts->cluster_size);
    }
    if ((facts->flags & ABI_FACT_ENCRYPTED) != 0) {
        value_add_bool(info, "encrypted", TRUE);
    }
    add_optional_string(info, "backing-filename", image_backing_name(img));
    add_optional_string(info, "full-backing-filename", image_backing_full(img));
    add_optional_string(info, "backing-filename-format", image_backing_format(img));
    if (facts->snapshots > 0 && !add_part(info, img, ABI_INFO_SNAPSHOTS, error)) {
        return NULL;
    }
    if (!add_specific(info, img, error)) {
        return NULL;
    }
    if (profile_has(FACT_INFO_CHILDREN)) {
        add_children(info, img);
    }
    return g_steal_pointer(&info);
}
