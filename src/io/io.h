/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where bytes live. An IoFile is one opened byte store (a regular file, a block
 * or character device, later nbd and others), counted by reference.
 *
 * All offsets and lengths are bytes. Errors are IO_ERROR with the errno as the
 * code; the message is strerror's words, callers prefix. Safe to use from
 * several threads at once.
 */
#ifndef INSTAR_IO_H
#define INSTAR_IO_H

#include <glib.h>

typedef struct IoFile IoFile;

#define IO_ERROR (io_error_quark())
GQuark io_error_quark(void); /* codes are errno values */

typedef enum {
    IO_READ_ONLY = 0,
    IO_WRITE = 1 << 0,
    IO_CREATE = 1 << 1,      /* make it if missing, mode 0644 less umask as qemu-img does; never
                                   under a directory of devices; nothing is cut off: see io_create */
    IO_ONLY_FILE = 1 << 2,   /* driver "file" asked for: devices are refused */
    IO_NO_CACHE = 1 << 3,    /* O_DIRECT (cache=none, directsync): buffers are aligned inside */
    IO_SYNC = 1 << 4,        /* every write is on stable storage (writethrough, directsync) */
    IO_NO_FLUSH = 1 << 5,    /* flush does nothing (cache=unsafe) */
    IO_NO_LOCK = 1 << 6,     /* locking=off */
    IO_FORCE_SHARE = 1 << 7, /* -U */
    IO_ONLY_DEVICE = 1 << 8, /* driver "host_device" asked for: files are refused */
} IoFlags;

/* A character device is a host device too, as qemu has it (of size 0). */
typedef enum { IO_KIND_FILE, IO_KIND_HOST_DEVICE, IO_KIND_NULL } IoKind;

/* What others may do while the file is held; image/ derives it from the use,
 * io/ turns it into qemu's byte-range locks. */
typedef struct {
    guint perm;   /* IO_PERM_* this opener uses */
    guint shared; /* IO_PERM_* it lets others use */
} IoLock;
enum {
    IO_PERM_CONSISTENT_READ = 1 << 0,
    IO_PERM_WRITE = 1 << 1,
    IO_PERM_WRITE_UNCHANGED = 1 << 2,
    IO_PERM_RESIZE = 1 << 3,
    IO_PERM_GRAPH_MOD = 1 << 4,
    IO_PERM_ALL = (1 << 5) - 1,
};

/* Open path. A FIFO cannot hang us; a directory is refused in qemu's words. The
 * GError message is whole ("Could not open 'x': No such file or directory"). */
IoFile *io_open(const char *path, IoFlags flags, GError **error);
IoFile *io_ref(IoFile *file);
void io_unref(IoFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IoFile, io_unref)
/* Let go of locks and descriptor now and say what close(2) says (write-back on network file
 * systems fails there). Later calls on the file fail with EBADF. */
gboolean io_close(IoFile *file, GError **error);
/* A window of parent (qemu's raw driver with offset and size): offset 0 of the slice is start
 * there. length bytes, or G_MAXUINT64 for all up to the end, which is that of a whole sector (512
 * bytes; zeros behind what is in the file). Keeps a reference; locks and closing are the
 * parent's. */
IoFile *io_slice(IoFile *parent, guint64 start, guint64 length);
/* Where offset 0 of a slice lies in its innermost file, in bytes; 0 for other files. */
guint64 io_slice_start(const IoFile *file);

/* Change the locks held to exactly this; conflicts in qemu's words
 * (Failed to get "write" lock / shared "write" lock, with its hint appended on a second line).
 * On failure the locks are as before. Nothing happens with IO_NO_LOCK. */
gboolean io_lock(IoFile *file, IoLock lock, GError **error);

const char *io_path(const IoFile *file);
/* Do both lie on the same file or device (and so would a cycle close)? */
gboolean io_same_store(const IoFile *a, const IoFile *b);
IoKind io_kind(const IoFile *file);
gboolean io_writable(const IoFile *file);

/* Read exactly length bytes; what lies behind the end of the file is zeros.
 * *ret_present (may be NULL): bytes that were there. */
gboolean io_pread(IoFile *file, guint64 offset, void *buf, gsize length, gsize *ret_present,
                  GError **error);
gboolean io_pwrite(IoFile *file, guint64 offset, const void *buf, gsize length, GError **error);
/* Make a range read as zeros, cheaply if the store can: hole punching when
 * may_unmap, else zero range, else written zeros. Extends the file if needed. */
gboolean io_zero(IoFile *file, guint64 offset, guint64 length, gboolean may_unmap, GError **error);
/* Give a range back if the store can; content undefined afterwards; never an error for "cannot". */
gboolean io_discard(IoFile *file, guint64 offset, guint64 length, GError **error);
typedef enum {
    IO_PREALLOC_OFF,
    IO_PREALLOC_METADATA,
    IO_PREALLOC_FALLOC,
    IO_PREALLOC_FULL
} IoPrealloc;
/* Change the size. The message is whole and qemu's ("Could not resize file: ..."); the code is
 * the errno. A device stays as it is when size fits in it. On failure a file has its old size. */
gboolean io_truncate(IoFile *file, guint64 size, IoPrealloc prealloc, GError **error);
/* What was written through this file is on stable storage; nothing is done if nothing was since the
 * last flush. A failed flush stays failed: the kernel forgets the
 * pages it could not write. */
gboolean io_flush(IoFile *file, GError **error);
gboolean io_size(IoFile *file, guint64 *ret_size, GError **error);
/* Bytes really occupied (st_blocks * 512), as "disk size". */
gboolean io_allocated(IoFile *file, guint64 *ret_bytes, GError **error);
/* Is [offset, ...) data or a hole (SEEK_DATA/SEEK_HOLE), and up to where, at most length. A
 * store that cannot tell answers data. */
gboolean io_block_status(IoFile *file, guint64 offset, guint64 length, gboolean *ret_data,
                         guint64 *ret_length, GError **error);
/* copy_file_range/reflink between two files; *ret_copied may be short; FALSE with
 * ENOTSUP when the stores cannot. */
gboolean io_copy_range(IoFile *from, guint64 from_offset, IoFile *to, guint64 to_offset,
                       guint64 length, guint64 *ret_copied, GError **error);

/* What the protocol layer of "create" knows besides the size. */
typedef struct {
    IoPrealloc prealloc;
    gboolean nocow;           /* no copy on write, where the file system has it */
    gboolean hint_given;      /* extent_size_hint is the user's: a failure is worth a warning */
    guint64 extent_size_hint; /* bytes; 0: none */
} IoCreate;
#define IO_CREATE_DEFAULTS                                                                         \
    {                                                                                              \
        .extent_size_hint = 1024 * 1024                                                            \
    }

/* Make an empty store of size bytes at path, or empty the one that is there, under qemu's locks,
 * and close it. On a device nothing is made: it must be big enough, and its first sector is
 * zeroed. The GError message is whole. *ret_warning (may be NULL) is a warning to print or NULL;
 * free with g_free. */
gboolean io_create(const char *path, guint64 size, const IoCreate *how, IoFlags flags,
                   char **ret_warning, GError **error);
/* Would path be opened as a device (the driver host_device in place of file)? */
gboolean io_is_device(const char *path);

/* Bytes moved by all files of the program. */
void io_stats(guint64 *ret_read, guint64 *ret_written);

#endif
