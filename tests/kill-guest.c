/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The images of a row: made, and read as their guest would. */
#include "config.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/kill-rows.h"
#include "tests/kill-runner.h"
#include "tests/kill-work.h"

static const char *folder;

void kill_enter(const char *name)
{
    folder = name;
    /* external data files are looked for there */
    g_assert_cmpint(g_chdir(folder), ==, 0);
}

/* Formats with an encryption behind the colon: the options besides the file. In what ends with "?"
 * the secret is being changed: what does not open with the one opens with the other. */
static const struct {
    const char *format, *options, *other;
} encrypted[] = {
    { "luks", "driver=luks,key-secret=" KILL_SECRET, NULL },
    { "luks?", "driver=luks,key-secret=" KILL_SECRET, "driver=luks,key-secret=" KILL_OTHER_SECRET },
    { "qcow2:luks", "driver=qcow2,encrypt.key-secret=" KILL_SECRET, NULL },
    { "qcow2:luks?", "driver=qcow2,encrypt.key-secret=" KILL_SECRET,
      "driver=qcow2,encrypt.key-secret=" KILL_OTHER_SECRET },
};

static char *other_options(const char *format, const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(encrypted); i++) {
        if (g_str_equal(encrypted[i].format, format) && encrypted[i].other != NULL) {
            return g_strdup_printf("%s,file.filename=%s/%s", encrypted[i].other, folder, name);
        }
    }
    return NULL;
}

char *kill_options(const char *format, const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(encrypted); i++) {
        if (g_str_equal(encrypted[i].format, format)) {
            return g_strdup_printf("%s,file.filename=%s/%s", encrypted[i].options, folder, name);
        }
    }
    return NULL;
}

static Image *open_with(const char *options, ImageFlags flags, GError **error)
{
    g_autoptr(ImageSpec) spec = image_spec_from_opts(options, error);

    return spec != NULL ? image_open(spec, flags | IMAGE_NO_LOCK, IO_NO_FLUSH, error) : NULL;
}

Image *kill_open(const char *format, const char *name, ImageFlags flags, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *options = kill_options(format, name);
    g_autofree char *other = other_options(format, name);

    if (options == NULL) {
        g_autoptr(ImageSpec) spec = image_spec_from_name(path, format, error);
        return spec != NULL ? image_open(spec, flags | IMAGE_NO_LOCK, IO_NO_FLUSH, error) : NULL;
    }
    Image *img = open_with(options, flags, other == NULL ? error : NULL);
    return img != NULL || other == NULL ? img : open_with(other, flags, error);
}

/* "FORMAT NAME", as it is now or as a snapshot of it was. NULL and a reason if it is not to be
 * read. */
static GByteArray *read_guest(const char *image, const char *snapshot, GError **error)
{
    g_auto(GStrv) words = g_strsplit(image, " ", 2);
    g_autoptr(Image) img = kill_open(words[0], words[1], 0, error);
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    if (img == NULL || (snapshot != NULL && !image_select_snapshot(img, snapshot, error))) {
        return NULL;
    }
    g_byte_array_set_size(bytes, (guint)image_size(img));
    memset(bytes->data, 0xee, bytes->len);
    if (!image_read(img, 0, bytes->data, bytes->len, error)) {
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

/* All of the disk that a snapshot of an image keeps, in its own length: what a copy of the image
 * reads as once the snapshot is applied to it. The first bytes of it can be read without that. */
static GByteArray *read_snapshot(const char *image, const char *snapshot, GError **error)
{
    g_auto(GStrv) words = g_strsplit(image, " ", 2);
    g_autofree char *from = g_build_filename(folder, words[1], NULL);
    g_autofree char *to = g_strconcat(folder, ".copy", NULL);
    g_autofree char *base = g_path_get_basename(to);
    g_autofree char *copy = g_build_filename("..", base, NULL);
    g_autofree char *copied = g_strdup_printf("%s %s", words[0], copy);
    g_autoptr(GByteArray) now = read_guest(image, snapshot, error);
    g_autofree char *bytes = NULL;
    gsize length = 0;

    if (now == NULL || !g_file_get_contents(from, &bytes, &length, error) ||
        !g_file_set_contents(to, bytes, (gssize)length, error)) {
        return NULL;
    }
    g_autoptr(Image) img = kill_open(words[0], copy, IMAGE_WRITE, error);
    if (img == NULL || !image_snapshot_apply(img, snapshot, error) || !image_close(img, error)) {
        return NULL;
    }
    g_autoptr(GByteArray) whole = read_guest(copied, NULL, error);
    if (whole != NULL && memcmp(now->data, whole->data, MIN(now->len, whole->len)) != 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_FORMAT, "it reads as another once applied");
        return NULL;
    }
    return g_steal_pointer(&whole);
}

void kill_guest_clear(KillGuest *guest)
{
    for (guint i = 0; i < KILL_MOST_IMAGES; i++) {
        g_clear_pointer(&guest->image[i], g_byte_array_unref);
    }
    for (guint i = 0; i < KILL_MOST_SNAPSHOTS; i++) {
        g_clear_pointer(&guest->snapshot[i], g_byte_array_unref);
    }
}

gboolean kill_look(const KillRow *row, KillGuest *guest, GError **error)
{
    for (guint i = 0; i < KILL_MOST_IMAGES && row->images[i] != NULL; i++) {
        guest->image[i] = read_guest(row->images[i], NULL, error);
        if (guest->image[i] == NULL) {
            g_prefix_error(error, "%s: ", row->images[i]);
            return FALSE;
        }
    }
    for (guint i = 0; i < KILL_MOST_SNAPSHOTS && row->snapshots[i] != NULL; i++) {
        guest->snapshot[i] = read_snapshot(row->images[0], row->snapshots[i], error);
        if (guest->snapshot[i] == NULL) {
            g_prefix_error(error, "snapshot %s: ", row->snapshots[i]);
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- made ---- */

static void write_bytes(const char *words)
{
    g_auto(GStrv) w = g_strsplit(words, " ", -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = kill_open(w[2], w[1], IMAGE_WRITE, &error);
    gsize length = (gsize)atol(w[4]);
    g_autofree guint8 *bytes = g_malloc(length);

    g_assert_no_error(error);
    for (gsize i = 0; i < length; i++) {
        bytes[i] = (guint8)(atoi(w[5]) + i / 512);
    }
    image_write(img, (guint64)atol(w[3]), bytes, length, &error);
    g_assert_no_error(error);
    image_close(img, &error);
    g_assert_no_error(error);
}

static void poke(const char *words)
{
    g_auto(GStrv) w = g_strsplit(words, " ", -1);
    g_autofree char *path = g_build_filename(folder, w[1], NULL);
    FILE *file = g_fopen(path, "r+b");

    g_assert_nonnull(file);
    g_assert_cmpint(fseek(file, atol(w[2]), SEEK_SET), ==, 0);
    for (const char *hex = w[3]; *hex != '\0'; hex += 2) {
        fputc(g_ascii_xdigit_value(hex[0]) * 16 + g_ascii_xdigit_value(hex[1]), file);
    }
    g_assert_cmpint(fclose(file), ==, 0);
}

static void copy_file(const char *words)
{
    g_auto(GStrv) w = g_strsplit(words, " ", -1);
    g_autofree char *from = g_build_filename(folder, w[1], NULL);
    g_autofree char *to = g_build_filename(folder, w[2], NULL);
    g_autofree char *bytes = NULL;
    gsize length = 0;

    g_assert_true(g_file_get_contents(from, &bytes, &length, NULL));
    g_assert_true(g_file_set_contents(to, bytes, (gssize)length, NULL));
}

void kill_set_up(const KillRow *row)
{
    for (guint i = 0; i < KILL_MOST_SETUP && row->setup[i] != NULL; i++) {
        if (g_str_has_prefix(row->setup[i], "write ")) {
            write_bytes(row->setup[i]);
        } else if (g_str_has_prefix(row->setup[i], "poke ")) {
            poke(row->setup[i]);
        } else if (g_str_has_prefix(row->setup[i], "copy ")) {
            copy_file(row->setup[i]);
        } else {
            g_autofree char *text = NULL;
            int status = kill_run(folder, row->setup[i], &text);

            if (status != 0) {
                g_error("%s: %s: status %d: %s", row->name, row->setup[i], status, text);
            }
        }
    }
}
