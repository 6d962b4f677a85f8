/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disk of a vmdk in memory: it asks the driver where to write, does the steps
 * as a host would, and remembers what must be read.
 */
#pragma once

#include <glib.h>

#include "format/vmdk-write.h"
#include "tests/mem-env.h"

/* What the backing file shows everywhere. */
#define DISK_BACKING 0xb0

typedef struct {
    MemEnv *mem;
    struct fmt_image im;
    struct abi_facts facts;
    GByteArray *shown; /* what it must show */
    gboolean backing, open;
    int status; /* of the last job that failed */
} Disk;

/* A new image, left closed. options: "zeroed_grain,backing", any of them. */
void disk_make(Disk *disk, const char *options, guint64 size);
/* The same, but FALSE where it fails, with the status. */
gboolean disk_create(Disk *disk, const char *options, guint64 size);
/* A file with these bytes, not opened. */
void disk_take(Disk *disk, const void *bytes, gsize length);
gboolean disk_open(Disk *disk, guint32 flags);
gboolean disk_close(Disk *disk);
/* Forget the image, but not its file. */
void disk_drop(Disk *disk);
void disk_clear(Disk *disk);

/* One question, its steps and links. FALSE: status; what must be shown is as it was. */
gboolean disk_write(Disk *disk, guint64 offset, guint64 length, guint8 byte);
gboolean disk_zero(Disk *disk, guint64 offset, guint64 length);
gboolean disk_read(Disk *disk, guint64 offset, guint8 *bytes, guint64 length);
void disk_verify(Disk *disk);
/* Words of the last failure. Free with g_free. */
char *disk_words(Disk *disk);
/* Change the file. */
void disk_poke(Disk *disk, guint64 offset, const void *bytes, gsize length);
