/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of this room only. */
#ifndef INSTAR_IO_PRIVATE_H
#define INSTAR_IO_PRIVATE_H

#include <sys/stat.h>
#include "io/io.h"

/* O_DIRECT asks for buffer, offset and length to be multiples of the store's sector; a page is
 * one for every store, and keeps direct and cached writers of one file off each other's pages. */
#define IO_DIRECT_ALIGN 4096u
/* Zeros to write where the store cannot make them itself. */
#define IO_ZEROS_SIZE 65536u
extern const guint8 io_zeros[IO_ZEROS_SIZE];

/* Block status answers that are kept: a walk through an image in disorder comes back to the same
 * extents of its file again and again. */
#define IO_MOST_EXTENTS 256u

typedef struct {
    guint64 start, end; /* of what is known of it; end is where it really ends */
    gboolean data;
} IoExtent;

struct IoFile {
    gatomicrefcount refs;
    int fd;       /* -1 once closed */
    int plain_fd; /* with IO_NO_CACHE: a second one without O_DIRECT for odd writes */
    char *path;
    IoFlags flags;
    IoKind kind;
    mode_t type; /* S_IFMT bits */

    IoFile *parent;       /* of a slice, else NULL; then only start and limit count */
    guint64 start, limit; /* bytes; limit G_MAXUINT64: none */
    dev_t device;         /* of the file, or of the device itself */
    ino_t inode;

    gint no_punch, no_zero_range; /* atomic: the store said it cannot */
    gint plain_dirty;             /* atomic: plain_fd has written */
    gint changed;                 /* atomic: not flushed since */

    GMutex flush_mutex; /* who finds nothing to flush knows that it is done */
    int flush_failed;   /* errno of the first failed flush */

    GMutex early_mutex; /* guards what was written in large pieces and is in the page cache only */
    guint64 early_start, early_end, early_bytes;

    GMutex lock_mutex;
    IoLock lock;

    GMutex status_mutex;   /* guards what follows, and the file position */
    IoExtent *status;      /* IO_MOST_EXTENTS, apart and ascending; NULL: none was asked for */
    guint n_status, found; /* found: that of the last answer */
};

/* FALSE, with errno's value as code and its words as message. */
gboolean io_fail(GError **error, int code);
/* FALSE if offset + length leaves what a file can have. */
gboolean io_check_range(guint64 offset, guint64 length, GError **error);
/* Go from a slice to the file below, for a range that will be changed. Sets ENOSPC where the
 * range leaves the slice. */
gboolean io_slice_map(IoFile **file, guint64 *offset, guint64 length, GError **error);
void io_count(guint64 bytes_read, guint64 bytes_written);
/* Content or size changed, or perhaps did: forget the block status; there is something to
 * flush. To be called after the change, so that a flush at the same time does not miss it. */
void io_changed(IoFile *file);
/* Write zero bytes, really. */
gboolean io_write_zeros(IoFile *file, guint64 offset, guint64 length, GError **error);
/* S_IFMT bits of path, 0 if it cannot be told. */
mode_t io_path_type(const char *path);

#endif
