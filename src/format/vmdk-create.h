/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making an image; for the files vmdk-create*.c only. */
#ifndef INSTAR_VMDK_CREATE_H
#define INSTAR_VMDK_CREATE_H

#include "format/vmdk-write.h"

/* Texts point into the options. */
struct vmdk_create_options {
    struct vmdk_text adapter, backing, backing_format, hwversion, subformat, toolsversion;
    struct vmdk_text name;          /* of the file, without folders */
    struct vmdk_text backing_found; /* the format the backing file has */
    uint32_t parent_id;             /* its content id */
    bool compat6, zeroed_grain;
};

/* Read and judge: in qemu-img's order of complaints. */
int vmdk_create_options_read(struct fmt_env *env, struct props_reader options,
                             struct vmdk_create_options *ret);

/* The text of a new image of size bytes into bytes[VMDK_TEXT_SIZE], zeros behind it. */
int vmdk_create_text(struct fmt_env *env, const struct vmdk_create_options *o, uint64_t size,
                     uint32_t id, char *bytes);

#endif
