/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images: names, the node graph and the gate.
 *
 * An ImageSpec says what to open (a file name, json:{...}, or --image-opts); an
 * Image is one opened layer: a raw node (no cell: there is nothing to parse) or
 * a format node with its own cell, over IoFiles. Its backing file, if opened,
 * hangs below it.
 *
 * GError messages are whole and in qemu-img's words for the active profile,
 * without the program name; a hint follows after a newline.
 *
 * Threads: image_read, image_extents, image_write may be called from several
 * threads; the cell's driver serialises inside.
 */
#ifndef INSTAR_IMAGE_H
#define INSTAR_IMAGE_H

#include <glib.h>
#include "abi/abi.h"
#include "io/io.h"

typedef struct Image Image;
typedef struct ImageSpec ImageSpec;

#define IMAGE_ERROR (image_error_quark())
GQuark image_error_quark(void);
typedef enum {
    IMAGE_ERROR_NAME, /* the name or the options make no sense */
    IMAGE_ERROR_OPEN,
    IMAGE_ERROR_FORMAT, /* the driver's word about the image */
    IMAGE_ERROR_UNSUPPORTED,
    IMAGE_ERROR_IO,
    IMAGE_ERROR_GATE, /* a file an image names may not be opened */
    IMAGE_ERROR_CANCELED,
    IMAGE_ERROR_HELP,    /* "help" stands among the options */
    IMAGE_ERROR_TOO_BIG, /* of image_create: EFBIG, which "create" says in other words */
} ImageError;

/* "PROGRAM: warning: WORDS" on stderr, for what qemu warns of while it goes on. */
void image_warn(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* ---- naming (image/spec*.c) ------------------------------------------------ */

/* A plain argument: "x", "file:x", "json:{...}". format: -f, or NULL to probe. */
ImageSpec *image_spec_from_name(const char *name, const char *format, GError **error);
/* --image-opts: "driver=qcow2,file.filename=x". */
ImageSpec *image_spec_from_opts(const char *opts, GError **error);
/* Add an option to those that the node at the top is opened with. */
void image_spec_set(ImageSpec *spec, const char *key, const char *value);
ImageSpec *image_spec_ref(ImageSpec *spec);
void image_spec_unref(ImageSpec *spec);
/* Where a name recorded in (or given for) the image at base leads: relative names start from base's
 * folder, names with a protocol stay. For create -b. Free with g_free. */
char *image_resolve_name(const char *base, const char *recorded);
/* Is it the name of one of qemu-img's drivers, whether this build can use it or not? */
gboolean image_driver_known(const char *name);
/* FALSE and "Unknown protocol 'x'" if a plain file name begins with one that does not exist. */
gboolean image_check_protocol(const char *name, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImageSpec, image_spec_unref)

/* ---- opening (image/open.c, image/chain.c, image/gate.c) --------------------- */

typedef enum {
    IMAGE_READ_ONLY = 0,
    IMAGE_WRITE = 1 << 0,
    IMAGE_NO_BACKING = 1 << 1,  /* open this layer only */
    IMAGE_NO_IO = 1 << 2,       /* info: guest data is never read; data file not opened */
    IMAGE_FORCE_SHARE = 1 << 3, /* -U */
    IMAGE_CHECK = 1 << 4,       /* open for check */
    IMAGE_UNMAP = 1 << 5,       /* discard=unmap */
    IMAGE_RESIZE = 1 << 6,      /* needs the right to change the size */
    IMAGE_INACTIVE = 1 << 7,
    IMAGE_NO_LOCK = 1 << 8,
    IMAGE_STEADY = 1 << 9,      /* nobody else may write while it is open (convert's sources) */
    IMAGE_BARE_ERROR = 1 << 10, /* errors without "Could not open 'NAME': " in front */
} ImageFlags;

/* "none", "writeback", "unsafe", "directsync", "writethrough" -> io flags. FALSE for another word. */
gboolean image_cache_mode(const char *word, IoFlags *ret_flags);

Image *image_open(ImageSpec *spec, ImageFlags flags, IoFlags cache, GError **error);
/* Open the backing chain below img as far as it goes (a no-op for what is open). */
gboolean image_open_backing(Image *img, GError **error);
/* The layer of the chain that has the file called name directly below it, as commit -b and rebase
 * find it: names with a protocol as they are recorded, others as paths that lead to one file, seen
 * from each layer's folder. NULL: none. Borrowed. */
Image *image_above_backing(Image *img, const char *name);
/* Close the layer below img, which is open, and open it anew with more flags (IMAGE_WRITE, ...);
 * what lies below it stays. After a failure the chain ends with img. */
gboolean image_reopen_backing(Image *img, ImageFlags more, GError **error);
Image *image_ref(Image *img);
void image_unref(Image *img); /* errors at the end are lost: close first when writing */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Image, image_unref)
/* Flush everything, mark clean, report what went wrong. The Image stays for unref. */
gboolean image_close(Image *img, GError **error);

/* ---- facts --------------------------------------------------------------------- */

const char *image_filename(const Image *img);    /* as qemu shows it ("json:..." where it must) */
const char *image_exact_path(const Image *img);  /* of the file node */
const char *image_format_name(const Image *img); /* "qcow2" */
gboolean image_has_driver(const Image *img);     /* FALSE: raw, whose bytes are the guest's */
guint64 image_size(const Image *img); /* virtual size, bytes; a multiple of 512 as qemu rounds it */
guint64 image_start(
    const Image *img); /* raw: bytes its offset 0 lies behind the file's, to be added by map */
const struct abi_facts *image_facts(const Image *img);
gboolean image_shown_dirty(const Image *img); /* not closed, and versions like this one tell it */
const char *image_backing_name(const Image *img); /* as recorded, NULL if none */
const char *image_backing_full(
    const Image *img); /* resolved against the image's folder, NULL if none */
const char *image_backing_format(const Image *img); /* recorded, NULL if none */
const char *image_data_file(const Image *img);      /* recorded, NULL if none */
Image *image_backing(const Image *img);             /* opened one, or NULL */
/* The backing file's content is not what img was made for: what img leaves to it cannot be read. */
gboolean image_backing_stale(const Image *img);
/* FALSE, and the error of reading it. */
gboolean image_refuse_stale(GError **error);
IoFile *image_file(const Image *img); /* of the file node */
IoFile *image_file_by_handle(Image *img, guint32 handle);

/* A copy of the driver's property stream (enum abi_info_part); free with g_bytes_unref. */
GBytes *image_info(Image *img, guint32 part, GError **error);

/* ---- reading ---------------------------------------------------------------------- */

/* Extents of this layer only, in guest order, at most max. Raw: from the holes of the file. */
gboolean image_extents(Image *img, guint64 start, guint64 length, struct abi_extent *out, guint max,
                       guint *ret_count, guint64 *ret_next, GError **error);
/* Guest bytes through the whole opened chain, decoding what is coded. Behind the end: zeros. */
gboolean image_read(Image *img, guint64 offset, void *buf, gsize length, GError **error);
/* As worker: whichever codec cpu is free. */
#define IMAGE_ANY_WORKER G_MAXUINT
/* Bytes of one extent this layer answered (DATA, ZERO, COOKED), on codec cpu "worker"+1. HOLE
 * is the caller's. */
gboolean image_read_extent(Image *img, const struct abi_extent *e, void *buf, guint worker,
                           GError **error);
/* The same for n extents that follow each other, into one buffer; coded ones are decoded many a
 * doorbell. */
gboolean image_read_extents(Image *img, const struct abi_extent *e, guint n, void *buf,
                            guint worker, GError **error);
/* Choose a snapshot to read (-l): "snapshot.id=..,snapshot.name=.." or one word. */
gboolean image_select_snapshot(Image *img, const char *words, GError **error);

/* ---- internal snapshots (snapshot.c) ------------------------------------------------- */

/* A new snapshot of the disk as it is now; names are cut at 255 bytes. *ret_errno goes with an
 * error. */
gboolean image_snapshot_create(Image *img, const char *name, gint *ret_errno, GError **error);
/* The disk becomes what the snapshot with that id, or else name, holds; image_size() may change. */
gboolean image_snapshot_apply(Image *img, const char *name, GError **error);
/* Of that name. */
gboolean image_snapshot_delete(Image *img, const char *name, GError **error);

/* ---- writing (see "writing" in abi.h) ------------------------------------------------ */

/* Questions in, steps out; raw answers DATA steps at the same offsets. */
gboolean image_write_plan(Image *img, const struct abi_extent *in, guint n_in,
                          struct abi_extent *out, guint max, guint *ret_count, guint *ret_taken,
                          GError **error);
/* Plain guest bytes, all in one: plan, fill, write, link. */
gboolean image_write(Image *img, guint64 offset, const void *buf, gsize length, GError **error);
gboolean image_write_zeroes(Image *img, guint64 offset, guint64 length, gboolean may_unmap,
                            GError **error);
/* Put bytes (NULL: zeros) where a step of a plan says, by codec cpu worker + 1 if the target is
 * encrypted: what a step is written with, whatever its kind. Data of an image must never be
 * written to its file by other means. */
gboolean image_store(Image *img, const struct abi_extent *step, const guint8 *bytes, guint worker,
                     GError **error);
/* Do one step of a plan; bytes: those of DATA, else NULL. */
gboolean image_do_step(Image *img, const struct abi_extent *e, const guint8 *bytes, GError **error);
gboolean image_flush(Image *img, GError **error);
/* exact: a device that is not just so big is an error, not only one that is too small. *ret_errno
 * (may be NULL) goes with an error. */
gboolean image_truncate(Image *img, guint64 size, guint32 prealloc, gboolean exact, gint *ret_errno,
                        GError **error);

/* Code n pieces on worker's codec cpu. DECODE and ENCODE as abi_codec, with host buffers. */
typedef struct {
    guint32 codec, direction;
    const void *in;
    gsize in_length;
    void *out;
    gsize out_length;
    gint64 result;
} ImageCode;
gboolean image_code(Image *img, guint worker, ImageCode *work, guint n, GError **error);

/* ---- creating, checking, measuring ----------------------------------------------------- */

/* options: a props stream of typed creation options (render/ and cli/ make it from -o).
 * Creates or truncates the file(s), writes the format, closes them. size is rounded up to 512 for
 * raw. The message has no name in front ("Could not create 'x': ..."). After a failure nothing is
 * left of a format, and of raw what qemu-img leaves. */
gboolean image_create(const char *filename, const char *format, guint64 size, GBytes *options,
                      IoFlags cache, GError **error);
/* How big an image of this format gets, by the same options. source: the image it is to hold, NULL
 * for none; data: see "source-data" in abi.h, NULL when not known yet. ret->unit tells whether it
 * matters. Formats that cannot say fail with qemu-img's words. */
gboolean image_measure(const char *format, guint64 size, GBytes *options, Image *source,
                       const guint64 *data, struct abi_measure *ret, GError **error);
/* fix: ABI_FIX_*. *ret_messages is what was found on the way, also after a failure (then it may stay
 * NULL): a stream of ABI_PROP_MESSAGE. IMAGE_ERROR_UNSUPPORTED: this format knows no check. */
gboolean image_check(Image *img, guint32 fix, struct abi_check *ret_check, GBytes **ret_messages,
                     GError **error);
/* Record another backing file and its format; name NULL or "": none. Both as they are to be
 * recorded: nothing is opened. A name without a format is refused, or warned of, as the profile
 * has it. *ret_errno is what kind of failure it was (ENOSPC: the header has no room). What was
 * written before is on stable storage first. */
gboolean image_set_backing(Image *img, const char *name, const char *format, gint *ret_errno,
                           GError **error);
/* Have the image hold nothing: it then shows its backing file, which must show the same already.
 * IMAGE_ERROR_UNSUPPORTED: this format cannot. */
gboolean image_make_empty(Image *img, GError **error);
/* How far something has come; total is never 0. */
typedef void (*ImageProgress)(guint64 done, guint64 total, gpointer user_data);
/* Options of an image that exists get other values. options: a props stream of those that were given,
 * without "size" (create_options_props); size: the new virtual size, 0: it stays. With FALSE what was done before stays done, and the image is sound. */
typedef enum {
    IMAGE_AMEND_FORCE = 1, /* what cannot be undone, too */
    IMAGE_AMEND_SHOWN = 2, /* progress is shown: told in small steps */
} ImageAmendFlags;
gboolean image_amend(Image *img, GBytes *options, guint64 size, ImageAmendFlags flags,
                     ImageProgress progress, gpointer user_data, GError **error);
/* Can this format's options be amended? FALSE and "Format driver 'x' does not support option amendment". */
gboolean image_amend_known(const char *format, GError **error);
/* Anything else a driver can do (enum abi_call); returns its props answer. */
GBytes *image_call(Image *img, guint32 call, GBytes *in, GError **error);

#endif
