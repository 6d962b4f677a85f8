/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All formats, and names of drivers. A new format is one line in formats[]. */
#include "config.h"

#include "image/image-private.h"

/* A file as it is: there is no driver to ask. */
const ImageFormat format_raw = {
    .name = "raw",
    .number = ABI_FORMAT_RAW,
    .manners = FORMAT_PLAIN_ONLY,
    .create_options = &raw_options,
};

/* Those that the payload can only tell from others are refused when the cell says so. */
#define ONLY_KNOWN(variable, word, id, more)                                                       \
    static const ImageFormat variable = { .name = word,                                            \
                                          .number = id,                                            \
                                          .manners = FORMAT_NO_DRIVER | (more) }
ONLY_KNOWN(qcow, "qcow", ABI_FORMAT_QCOW, FORMAT_MADE_THERE);
ONLY_KNOWN(qed, "qed", ABI_FORMAT_QED, FORMAT_MADE_THERE);
ONLY_KNOWN(vdi, "vdi", ABI_FORMAT_VDI, FORMAT_MADE_THERE);
ONLY_KNOWN(vpc, "vpc", ABI_FORMAT_VPC, FORMAT_MADE_THERE);
ONLY_KNOWN(vhdx, "vhdx", ABI_FORMAT_VHDX, FORMAT_MADE_THERE);
ONLY_KNOWN(parallels, "parallels", ABI_FORMAT_PARALLELS, FORMAT_MADE_THERE);
ONLY_KNOWN(bochs, "bochs", ABI_FORMAT_BOCHS, 0);
ONLY_KNOWN(cloop, "cloop", ABI_FORMAT_CLOOP, 0);
ONLY_KNOWN(dmg, "dmg", ABI_FORMAT_DMG, 0);

static const ImageFormat *const formats[] = {
    &format_raw, &format_qcow2, &format_luks, &format_vmdk, &qcow,  &qed, &vdi,
    &vpc,        &vhdx,         &parallels,   &bochs,       &cloop, &dmg,
};

/* qemu-img's drivers that are neither formats nor files. */
static const struct {
    const char *name;
    gboolean made;
} others[] = {
    { "blkdebug" },
    { "blklogwrites" },
    { "blkverify" },
    { "compress" },
    { "copy-before-write" },
    { "copy-on-read" },
    { "ftp" },
    { "ftps" },
    { "gluster", TRUE },
    { "host_cdrom" },
    { "http" },
    { "https" },
    { "iscsi", TRUE },
    { "iser" },
    { "nbd", TRUE },
    { "nfs", TRUE },
    { "null-aio" },
    { "null-co" },
    { "nvme" },
    { "preallocate" },
    { "quorum" },
    { "rbd", TRUE },
    { "replication" },
    { "snapshot-access" },
    { "ssh", TRUE },
    { "throttle" },
    { "vvfat" },
};

const ImageFormat *format_nth(guint i)
{
    return i < G_N_ELEMENTS(formats) ? formats[i] : NULL;
}

const ImageFormat *format_by_name(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (g_str_equal(formats[i]->name, name)) {
            return formats[i];
        }
    }
    return NULL;
}

const ImageFormat *format_by_number(guint32 number)
{
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i]->number == number) {
            return formats[i];
        }
    }
    return &format_raw;
}

DriverKind driver_kind(const char *name)
{
    if (format_by_name(name) != NULL) {
        return DRIVER_FORMAT;
    }
    return g_str_equal(name, "file") || g_str_equal(name, "host_device") ? DRIVER_PROTOCOL
                                                                         : DRIVER_NONE;
}

gboolean format_made_there(const char *driver)
{
    const ImageFormat *format = format_by_name(driver);

    if (format != NULL) {
        return (format->manners & FORMAT_MADE_THERE) != 0;
    }
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        if (g_str_equal(others[i].name, driver)) {
            return others[i].made;
        }
    }
    return FALSE;
}

gboolean image_driver_known(const char *name)
{
    gboolean known = driver_kind(name) != DRIVER_NONE;

    for (guint i = 0; !known && i < G_N_ELEMENTS(others); i++) {
        known = g_str_equal(others[i].name, name);
    }
    return known;
}
