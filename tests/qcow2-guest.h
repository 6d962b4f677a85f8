/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest of a qcow2 image in memory: it asks the driver where to write, does
 * the steps as a host would, and remembers what its disk must show.
 */
#pragma once

#include <glib.h>

#include "format/qcow2.h"
#include "tests/mem-env.h"

/* What the guest's disk shows in the clusters of the backing file, which is as long as the disk. */
#define GUEST_BACKING 0xb0

typedef struct {
    MemEnv *mem;
    struct fmt_image im;
    guint32 data_handle; /* 0: no external data file */
    GByteArray *disk;    /* what it must show; empty for a disk above 64 MiB */
    gboolean backing;
    gboolean open;
    int status;   /* of the last job that failed */
    guint64 jobs; /* write jobs asked so far */
} Guest;

/* "cluster_size=4096,compat=v2": options as -o takes them. */
void guest_options(struct props_writer *w, const char *options);
/* Create an image and leave it open. FALSE: guest->status is why. */
gboolean guest_create(Guest *guest, const char *options, guint64 size);
gboolean guest_open(Guest *guest, guint32 flags);
/* FLUSH and CLOSE, as the dispatcher does them. */
gboolean guest_close(Guest *guest);
/* Requests and allocations succeed again; an image that is still open is left as it lies. */
void guest_end_faults(Guest *guest);
void guest_clear(Guest *guest);

/* One question, its steps and its links. FALSE: guest->status; the disk is taken to show what it
 * showed before. */
gboolean guest_write(Guest *guest, guint64 offset, guint64 length, guint8 byte);
gboolean guest_zero(Guest *guest, guint64 offset, guint64 length, gboolean unmap);
gboolean guest_discard(Guest *guest, guint64 offset, guint64 length);
/* A cluster whose first length bytes are noise and the rest zeros, deflated. */
gboolean guest_write_coded(Guest *guest, guint64 offset, guint64 length);

/* Do the n steps; DATA is byte for byte (seed + guest offset / 512), COOKED the bytes at coded. */
void guest_do_steps(Guest *guest, const struct abi_extent *steps, guint n, guint8 byte,
                    const guint8 *coded);
/* Put what the disk shows, as extents() tells it, into bytes. */
gboolean guest_read(Guest *guest, guint64 offset, guint8 *bytes, guint64 length);
/* Does the disk show what it must? Fails the test where it does not. */
void guest_verify(Guest *guest);
/* check of the driver, over a fresh open of the same file: no corruption. ret_leaks may be NULL. */
void guest_check(Guest *guest, guint64 *ret_leaks);
/* Write the files to path (and path.data). */
void guest_save(Guest *guest, const char *path);
