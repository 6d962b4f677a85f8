/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/endian.h"
#include "format/probe-others.h"

/* What qemu-img looks at: the first 512 bytes, zeros behind the end of a shorter file. */
#define LOOK 512u

/* The byte at i of the head; 0 where there is none. */
static uint8_t byte_at(const uint8_t *head, uint32_t length, uint32_t i)
{
    return i < length && i < LOOK ? head[i] : 0;
}

static bool has_bytes(const uint8_t *head, uint32_t length, uint32_t at, const char *bytes,
                      uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (byte_at(head, length, at + i) != (uint8_t)bytes[i]) {
            return false;
        }
    }
    return true;
}

/* HAS: a literal without, HAS_NUL: with its terminating zero. */
#define HAS(at, s) has_bytes(head, length, at, s, sizeof(s) - 1)
#define HAS_NUL(at, s) has_bytes(head, length, at, s, sizeof(s))

static uint32_t le32_at(const uint8_t *head, uint32_t length, uint32_t at)
{
    return byte_at(head, length, at) | (uint32_t)byte_at(head, length, at + 1) << 8 |
           (uint32_t)byte_at(head, length, at + 2) << 16 |
           (uint32_t)byte_at(head, length, at + 3) << 24;
}

static uint32_t qcow_probe(const uint8_t *head, uint32_t length)
{
    return HAS(0, "QFI\xfb\0\0\0\1") ? 100 : 0;
}

static uint32_t qed_probe(const uint8_t *head, uint32_t length)
{
    return HAS(0, "QED\0") ? 100 : 0;
}

static uint32_t vdi_probe(const uint8_t *head, uint32_t length)
{
    return le32_at(head, length, 64) == 0xbeda107f ? 100 : 0;
}

static uint32_t vpc_probe(const uint8_t *head, uint32_t length)
{
    return HAS(0, "conectix") ? 100 : 0;
}

static uint32_t vhdx_probe(const uint8_t *head, uint32_t length)
{
    return HAS(0, "vhdxfile") ? 100 : 0;
}

static uint32_t parallels_probe(const uint8_t *head, uint32_t length)
{
    return (HAS(0, "WithoutFreeSpace") || HAS(0, "WithouFreSpacExt")) &&
                   le32_at(head, length, 16) == 2
               ? 100
               : 0;
}

static uint32_t bochs_probe(const uint8_t *head, uint32_t length)
{
    uint32_t version = le32_at(head, length, 64);
    return HAS_NUL(0, "Bochs Virtual HD Image") && HAS_NUL(32, "Redolog") &&
                   HAS_NUL(48, "Growing") && (version == 0x10000 || version == 0x20000)
               ? 100
               : 0;
}

/* The shell script such a file begins with; anything surer wins. */
static uint32_t cloop_probe(const uint8_t *head, uint32_t length)
{
    return HAS(0, "#!/bin/sh\n#V2.0 Format\n"
                  "modprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n")
               ? 2
               : 0;
}

const struct fmt_driver qcow_driver = {
    .name = "qcow",
    .format = ABI_FORMAT_QCOW,
    .probe = qcow_probe,
};
const struct fmt_driver qed_driver = {
    .name = "qed",
    .format = ABI_FORMAT_QED,
    .probe = qed_probe,
};
const struct fmt_driver vdi_driver = {
    .name = "vdi",
    .format = ABI_FORMAT_VDI,
    .probe = vdi_probe,
};
const struct fmt_driver vpc_driver = {
    .name = "vpc",
    .format = ABI_FORMAT_VPC,
    .probe = vpc_probe,
};
const struct fmt_driver vhdx_driver = {
    .name = "vhdx",
    .format = ABI_FORMAT_VHDX,
    .probe = vhdx_probe,
};
const struct fmt_driver parallels_driver = {
    .name = "parallels",
    .format = ABI_FORMAT_PARALLELS,
    .probe = parallels_probe,
};
const struct fmt_driver bochs_driver = {
    .name = "bochs",
    .format = ABI_FORMAT_BOCHS,
    .probe = bochs_probe,
};
const struct fmt_driver cloop_driver = {
    .name = "cloop",
    .format = ABI_FORMAT_CLOOP,
    .probe = cloop_probe,
};
