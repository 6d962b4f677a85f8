/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "format/vmdk.h"

/* What qemu-img looks at: the first 512 bytes. */
#define LOOK 512u

struct look {
    const uint8_t *head;
    uint32_t length;
};

static uint8_t byte_at(const struct look *l, uint32_t i)
{
    return i < l->length && i < LOOK ? l->head[i] : 0;
}

static bool has(const struct look *l, uint32_t at, const char *bytes)
{
    for (uint32_t i = 0; bytes[i]; i++) {
        if (byte_at(l, at + i) != (uint8_t)bytes[i]) {
            return false;
        }
    }
    return true;
}

/* A sparse extent's magic, or a descriptor: comment lines and lines of blanks,
 * then "version=" 1, 2 or 3 alone on its line. */
uint32_t vmdk_probe(const uint8_t *head, uint32_t length)
{
    const struct look l = { head, length };
    uint32_t end = length < LOOK ? length : LOOK;
    uint32_t at = 0;

    if (has(&l, 0, "KDMV") || has(&l, 0, "COWD")) {
        return 100;
    }
    while (at < end) {
        if (head[at] == '#') {
            while (at < end && head[at] != '\n') {
                at++;
            }
            at++;
        } else if (head[at] == ' ') {
            while (at < end && head[at] == ' ') {
                at++;
            }
            at += has(&l, at, "\r\n");
            if (byte_at(&l, at) != '\n') {
                return 0;
            }
            at++;
        } else {
            uint32_t version = (uint32_t)byte_at(&l, at + 8) - '0';
            uint32_t tail = at + 9;
            return has(&l, at, "version=") && version >= 1 && version <= VMDK_MAX_VERSION &&
                           (has(&l, tail, "\n") || has(&l, tail, "\r\n"))
                       ? 100
                       : 0;
        }
    }
    return 0;
}
