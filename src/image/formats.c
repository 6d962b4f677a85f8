/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of drivers. */
#include "config.h"

#include "image/image-private.h"

/* Those for which no driver is in the payload are refused when the cell says so. */
static const struct {
    const char *name;
    guint32 format;
    FormatManners manners;
} formats[] = {
    { "raw", ABI_FORMAT_RAW },
    { "qcow2", ABI_FORMAT_QCOW2, FORMAT_JUDGES_NAMES },
    { "qcow", ABI_FORMAT_QCOW },
    { "qed", ABI_FORMAT_QED },
    { "vmdk", ABI_FORMAT_VMDK, FORMAT_JUDGES_FIRST | FORMAT_ASKS_BACKING | FORMAT_STORE_PREALLOC },
    { "vdi", ABI_FORMAT_VDI },
    { "vpc", ABI_FORMAT_VPC },
    { "vhdx", ABI_FORMAT_VHDX },
    { "luks", ABI_FORMAT_LUKS },
    { "bochs", ABI_FORMAT_BOCHS },
    { "cloop", ABI_FORMAT_CLOOP },
    { "dmg", ABI_FORMAT_DMG },
    { "parallels", ABI_FORMAT_PARALLELS },
};

guint32 format_by_name(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (g_str_equal(formats[i].name, name)) {
            return formats[i].format;
        }
    }
    return ABI_FORMAT_NONE;
}

FormatManners format_manners(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (g_str_equal(formats[i].name, name)) {
            return formats[i].manners;
        }
    }
    return 0;
}

const char *format_name(guint32 format)
{
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i].format == format) {
            return formats[i].name;
        }
    }
    return "raw";
}

DriverKind driver_kind(const char *name)
{
    if (format_by_name(name) != ABI_FORMAT_NONE) {
        return DRIVER_FORMAT;
    }
    return g_str_equal(name, "file") || g_str_equal(name, "host_device") ? DRIVER_PROTOCOL
                                                                         : DRIVER_NONE;
}

gboolean image_driver_known(const char *name)
{
    /* qemu-img's others. */
    static const char *const others[] = { "blkdebug",
                                          "blklogwrites",
                                          "blkverify",
                                          "compress",
                                          "copy-before-write",
                                          "copy-on-read",
                                          "ftp",
                                          "ftps",
                                          "gluster",
                                          "host_cdrom",
                                          "http",
                                          "https",
                                          "iscsi",
                                          "iser",
                                          "nbd",
                                          "nfs",
                                          "null-aio",
                                          "null-co",
                                          "nvme",
                                          "preallocate",
                                          "quorum",
                                          "rbd",
                                          "replication",
                                          "snapshot-access",
                                          "ssh",
                                          "throttle",
                                          "vvfat",
                                          NULL };

    return driver_kind(name) != DRIVER_NONE || g_strv_contains(others, name);
}
