/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a format driver is, and what it may ask of its surroundings.
 *
 * A driver is freestanding C11: it includes this file, src/abi and src/base,
 * nothing else. It has no globals that change; its state hangs on
 * fmt_image.state and comes from the arena. The same source is compiled into
 * the payload and, hosted, into the library that unit tests and fuzzers use.
 *
 * Everything returns FMT_OK (0) or a negative enum fmt_status. The function
 * that finds a fault records it with fmt_fail(); callers pass it on.
 * Decode to locals, validate all of it, then publish.
 */
#ifndef INSTAR_FORMAT_H
#define INSTAR_FORMAT_H

#include <stdbool.h>
#include "abi/abi.h"
#include "abi/props.h"
#include "abi/status.h"

struct fmt_image;
struct crypt;

/* The surroundings, given by guest/ in a cell and by a test otherwise. */
struct fmt_env {
    void *opaque;

    /* Run n operations in order as one batch. address is a pointer. Each has its
     * own result. Returns FMT_OK if all succeeded, else FMT_E_IO with io_errno
     * of the first failure recorded. */
    int (*io)(struct fmt_env *env, struct abi_io *ops, uint32_t n);

    /* Arena memory, zeroed, 16-byte aligned; NULL when used up. free(NULL) is allowed. */
    void *(*alloc)(struct fmt_env *env, uint64_t size);
    void (*free)(struct fmt_env *env, void *p);

    /* Tell how far a long job is. FMT_E_CANCELED asks to stop when consistent. */
    int (*progress)(struct fmt_env *env, uint64_t done, uint64_t total);

    /* Hand the records in w to the host now and empty it, so that a job can tell
     * more than its table holds; the host joins the pieces. A writer over memory of
     * the driver's own may hold ABI_EMIT_ROOM bytes. Fails only when the host cancels. */
    int (*emit)(struct fmt_env *env, struct props_writer *w);

    /* Coding work on this cpu, for what a driver must code itself. */
    int (*codec)(struct fmt_env *env, struct abi_codec *work);

    /* Nanoseconds since some moment, for measuring how fast this machine is. */
    uint64_t (*clock)(struct fmt_env *env);

    /* The image's cipher (format/crypt.h), in memory that all cpus of the cell see: CODEC jobs
     * run on it. The driver sets its key; it is wiped when the image is closed. */
    struct crypt *crypt;

    /* Where fmt_fail() puts what happened. */
    struct abi_result *result;
};

/* One open image. The dispatcher owns it; state belongs to the driver. */
struct fmt_image {
    struct fmt_env *env;
    const struct fmt_driver *driver;
    void *state;
    uint32_t flags;       /* enum abi_open_flags */
    uint32_t data_handle; /* handle with ABI_ROLE_DATA_FILE, 0 if none */
    uint64_t seed;        /* random bits of the host */
};

/* NULL members mean: not supported, answered with FMT_E_UNSUPPORTED. */
struct fmt_driver {
    const char *name;
    uint32_t format; /* enum abi_format */

    /* Score 0..100 for the first length bytes of a file; looks, keeps nothing. */
    uint32_t (*probe)(const uint8_t *head, uint32_t length);

    /* Read and validate the metadata; fill facts and put backing-file,
     * backing-format, data-file (strings) in props. */
    int (*open)(struct fmt_image *im, struct abi_facts *facts, struct props_writer *props);

    /* A file the image named is attached now. */
    int (*attach)(struct fmt_image *im, uint32_t role, uint32_t index, uint32_t handle);

    /* The secret that opens an encrypted image: extents and writing come after it. */
    int (*unlock)(struct fmt_image *im, const uint8_t *secret, uint32_t length);

    /* enum abi_info_part. */
    int (*info)(struct fmt_image *im, uint32_t part, struct props_writer *props);

    /* Cover [start, start + length) of the guest (clipped to the virtual size) in order,
     * at most max entries; neighbours that continue each other are merged. *ret_next is the
     * first offset not covered. A broken table entry is FMT_E_CORRUPT_CLUSTER
     * for the range it covers only if nothing before it could be answered. */
    int (*extents)(struct fmt_image *im, uint64_t start, uint64_t length, uint32_t flags,
                   struct abi_extent *out, uint32_t max, uint32_t *ret_count, uint64_t *ret_next);

    /* See "writing" in abi.h. in and out do not overlap. */
    int (*write)(struct fmt_image *im, const struct abi_extent *in, uint32_t n_in,
                 struct abi_extent *out, uint32_t max, uint32_t *ret_count, uint32_t *ret_taken);

    int (*flush)(struct fmt_image *im);
    int (*close)(struct fmt_image *im);

    /* Write a new image on handle 0, empty (truncated by the host), then leave
     * it open for writing. options is a props stream. An external data file, empty too, is
     * there already: im->data_handle. */
    int (*create)(struct fmt_image *im, const struct abi_create *req, struct props_reader options,
                  struct abi_facts *facts, struct props_writer *props);

    int (*check)(struct fmt_image *im, uint32_t fix, struct abi_check *ret,
                 struct props_writer *messages);
    /* env->result->ret[0] as ABI_JOB_TRUNCATE says. */
    int (*truncate)(struct fmt_image *im, uint64_t size, uint32_t prealloc, uint32_t flags);
    int (*measure)(struct fmt_env *env, const struct abi_create *req, struct props_reader options,
                   struct abi_measure *ret);
    int (*select)(struct fmt_image *im, uint32_t how, const uint8_t *name, uint32_t length);
    int (*call)(struct fmt_image *im, uint32_t call, struct props_reader in,
                struct props_writer *out);
};

/* All drivers, in the order they are probed, raw's place being "none of these".
 * Ends with NULL. */
extern const struct fmt_driver *const fmt_drivers[];

/* NULL if there is no driver for this enum abi_format. */
const struct fmt_driver *fmt_driver_by_format(uint32_t format);

/* Record a failure and return status, so that "return fmt_fail (...)" reads well. */
int fmt_fail(struct fmt_env *env, int status);
int fmt_fail1(struct fmt_env *env, int status, uint64_t a0);
int fmt_fail2(struct fmt_env *env, int status, uint64_t a0, uint64_t a1);
/* text: any bytes, cut at ABI_ERROR_TEXT. */
int fmt_fail_text(struct fmt_env *env, int status, const void *text, uint32_t length);

/* Make sure that w has room for need bytes, by env->emit if it must. */
int fmt_room(struct fmt_env *env, struct props_writer *w, uint32_t need);

/* Tell a message or a warning; text may be NULL. */
int fmt_message(struct fmt_env *env, struct props_writer *w, const struct abi_message *message,
                const void *text, uint32_t text_length);

/* One read or write on a handle, whole: a read that ends behind the end of the
 * file is zero-filled; *ret_present (may be NULL) is how many bytes were there.
 * length at most ABI_MAX_IO_LENGTH. */
int fmt_read(struct fmt_env *env, uint32_t handle, uint64_t offset, void *buf, uint64_t length,
             uint64_t *ret_present);
int fmt_write(struct fmt_env *env, uint32_t handle, uint64_t offset, const void *buf,
              uint64_t length);
int fmt_flush(struct fmt_env *env, uint32_t handle);
int fmt_file_size(struct fmt_env *env, uint32_t handle, uint64_t *ret_size);
int fmt_truncate(struct fmt_env *env, uint32_t handle, uint64_t size, uint32_t prealloc);

#endif
