/* SPDX-License-Identifier: GPL-2.0-or-later */
/* External data files: as the user says, else as the image records. */
#include "config.h"

#include "image/image-private.h"

static gboolean fail(GError **error, const char *words)
{
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_OPEN, words);
    return FALSE;
}

static gboolean open_data_file(Image *img, ImageOptions *data_options, Store *store, GError **error)
{
    g_autoptr(ImageOptions) recorded = NULL;
    const char *driver;
    char *path;

    if (data_options == NULL) {
        if (img->data_name == NULL) {
            return fail(error, "'data-file' is required for this image");
        }
        if (!gate_allows(img, GATE_DATA_FILE, img->data_name, error) ||
            !name_parse(img->data_name, &driver, &path, error)) {
            return FALSE;
        }
        data_options = recorded = options_new();
        options_set_string(recorded, "filename", path);
        if (driver != NULL) {
            options_set_string(recorded, "driver", driver);
        }
        g_free(path);
    }
    if (!store_open(data_options, &img->node, (img->flags & IMAGE_WRITE) != 0, store, error)) {
        if (recorded != NULL) {
            image_safe_error(error);
        }
        return FALSE;
    }
    return TRUE;
}

gboolean image_attach_data_file(Image *img, ImageOptions *data_options, GError **error)
{
    CellCall call = { .op = ABI_JOB_ATTACH };
    CellRights rights = CELL_READ;
    g_auto(Store) store = { 0 };
    guint64 size;
    int handle;

    if (img->flags & IMAGE_NO_IO) {
        return TRUE;
    }
    if (!(img->facts.flags & ABI_FACT_DATA_FILE) && data_options == NULL) {
        return TRUE;
    }
    /* what is given is opened before it is asked for */
    if (!open_data_file(img, data_options, &store, error) || !io_size(store.file, &size, error) ||
        !io_lock(store.file, image_lock_for(img, TRUE, FALSE), error)) {
        return FALSE;
    }
    if (!(img->facts.flags & ABI_FACT_DATA_FILE)) {
        return fail(error, "'data-file' can only be set for images with an external data file");
    }
    if (io_writable(store.file)) {
        rights |= CELL_WRITE | CELL_GROW;
    }
    handle = image_add_handle(img, store.file, rights, image_growth_bound(size, img->size), error);
    call.arg[0] = ABI_ROLE_DATA_FILE;
    call.arg[1] = (guint64)handle;
    return handle >= 0 && image_call_cell(img, &call, NULL, error);
}
