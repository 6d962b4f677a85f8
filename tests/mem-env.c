/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "format/crypt.h"
#include "guest/codec.h"
#include "tests/mem-env.h"

#define DEFAULT_ARENA (32u << 20)
#define ZERO_CHUNK (1u << 20)

struct MemEnv {
    struct fmt_env env;
    struct abi_result result;
    struct codec codec;
    struct crypt crypt;
    guint64 clock; /* nanoseconds */
    int fds[ABI_MAX_HANDLES];
    guint32 n_fds;
    guint64 max_size;
    GHashTable *blocks; /* of the arena, each with its size in front */
    guint64 arena, arena_used;
    guint64 io_count, alloc_count;
    guint64 io_fails_at, alloc_fails_at;
    int io_error;
    gboolean io_stops; /* ... and all after it */
    GByteArray *emitted;
};

/* In front of each block, and as long as its alignment. */
struct block_head {
    guint64 size;
    guint64 padding;
};

static gint64 file_size(int fd)
{
    return lseek(fd, 0, SEEK_END);
}

static gint64 do_read(int fd, const struct abi_io *op)
{
    guint8 *buf = (guint8 *)(uintptr_t)op->address;
    gsize got = 0;

    if (op->offset > G_MAXINT64)
        return -EINVAL;
    while (got < op->length) {
        gssize n = pread(fd, buf + got, op->length - got, (off_t)(op->offset + got));

        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (gsize)n;
    }
    memset(buf + got, 0, op->length - got);
    return (gint64)got;
}

static gint64 do_write(int fd, guint64 offset, const void *buf, gsize length)
{
    gsize done = 0;

    while (done < length) {
        gssize n = pwrite(fd, (const guint8 *)buf + done, length - done, (off_t)(offset + done));

        if (n < 0)
            return -errno;
        done += (gsize)n;
    }
    return 0;
}

/* Zeroing writes, as a store without better means does; the end of the file moves along. */
static gint64 do_zero(int fd, guint64 offset, guint64 length)
{
    g_autofree guint8 *zeros = g_malloc0(ZERO_CHUNK);

    while (length > 0) {
        gsize n = MIN(length, ZERO_CHUNK);
        gint64 r = do_write(fd, offset, zeros, n);

        if (r < 0)
            return r;
        offset += n;
        length -= n;
    }
    return 0;
}

static gint64 next_data(int fd, guint64 offset)
{
    gint64 size = file_size(fd);
    gint64 at = lseek(fd, (off_t)offset, SEEK_DATA);

    return at < 0 ? size : at;
}

static gint64 run_op(MemEnv *mem, const struct abi_io *op)
{
    gboolean grows = op->op == ABI_IO_WRITE || op->op == ABI_IO_ZERO;
    int fd;

    if (++mem->io_count == mem->io_fails_at ||
        (mem->io_stops && mem->io_fails_at != 0 && mem->io_count > mem->io_fails_at))
        return -mem->io_error;
    if (op->handle >= mem->n_fds)
        return -EBADF;
    if (grows && !range_fits(op->offset, op->length, mem->max_size))
        return -ENOSPC;
    fd = mem->fds[op->handle];
    switch (op->op) {
    case ABI_IO_READ:
        return op->length <= ABI_MAX_IO_LENGTH ? do_read(fd, op) : -EINVAL;
    case ABI_IO_WRITE:
        return op->length <= ABI_MAX_IO_LENGTH
                   ? do_write(fd, op->offset, (void *)(uintptr_t)op->address, op->length)
                   : -EINVAL;
    case ABI_IO_ZERO:
        return do_zero(fd, op->offset, op->length);
    case ABI_IO_DISCARD:
    case ABI_IO_FLUSH:
        return 0;
    case ABI_IO_TRUNCATE:
        if (op->offset > mem->max_size)
            return -ENOSPC;
        return ftruncate(fd, (off_t)op->offset) < 0 ? -errno : 0;
    case ABI_IO_SIZE:
        return file_size(fd);
    case ABI_IO_NEXT_DATA:
        return next_data(fd, op->offset);
    default:
        return -EINVAL;
    }
}

static int env_io(struct fmt_env *env, struct abi_io *ops, uint32_t n)
{
    MemEnv *mem = env->opaque;
    int status = FMT_OK;

    for (uint32_t i = 0; i < n; i++) {
        ops[i].result = status == FMT_OK ? run_op(mem, &ops[i]) : -ECANCELED;
        if (status == FMT_OK && ops[i].result < 0) {
            status = FMT_E_IO;
            mem->result.status = FMT_E_IO;
            mem->result.io_errno = (uint32_t)-ops[i].result;
        }
    }
    return status;
}

static void *env_alloc(struct fmt_env *env, uint64_t size)
{
    MemEnv *mem = env->opaque;
    struct block_head *head;

    if (++mem->alloc_count == mem->alloc_fails_at || size > mem->arena - mem->arena_used)
        return NULL;
    head = g_malloc0(sizeof *head + size);
    head->size = size;
    mem->arena_used += size;
    g_hash_table_add(mem->blocks, head);
    return head + 1;
}

static void env_free(struct fmt_env *env, void *p)
{
    MemEnv *mem = env->opaque;
    struct block_head *head;

    if (p == NULL)
        return;
    head = (struct block_head *)p - 1;
    if (!g_hash_table_contains(mem->blocks, head))
        g_error("the driver frees what is not, or no longer, its memory");
    mem->arena_used -= head->size;
    g_hash_table_remove(mem->blocks, head);
}

static int env_progress(struct fmt_env *env, uint64_t done, uint64_t total)
{
    return FMT_OK;
}

static int env_emit(struct fmt_env *env, struct props_writer *w)
{
    MemEnv *mem = env->opaque;

    g_byte_array_append(mem->emitted, w->base, w->used);
    w->used = 0;
    return FMT_OK;
}

/* A machine that takes a twentieth of a second for anything it is asked to measure. */
static uint64_t env_clock(struct fmt_env *env)
{
    MemEnv *mem = env->opaque;

    return mem->clock += 50000000u;
}

static int env_codec(struct fmt_env *env, struct abi_codec *work)
{
    MemEnv *mem = env->opaque;

    return codec_run(&mem->codec, work);
}

MemEnv *mem_env_new(guint64 arena)
{
    MemEnv *mem = g_new0(MemEnv, 1);

    mem->env = (struct fmt_env){ .opaque = mem,
                                 .io = env_io,
                                 .alloc = env_alloc,
                                 .free = env_free,
                                 .progress = env_progress,
                                 .emit = env_emit,
                                 .codec = env_codec,
                                 .clock = env_clock,
                                 .crypt = &mem->crypt,
                                 .result = &mem->result };
    mem->codec.crypt = &mem->crypt;
    mem->arena = arena != 0 ? arena : DEFAULT_ARENA;
    mem->max_size = G_GUINT64_CONSTANT(1) << 62;
    mem->blocks = g_hash_table_new_full(NULL, NULL, g_free, NULL);
    mem->emitted = g_byte_array_new();
    return mem;
}

void mem_env_free(MemEnv *mem)
{
    for (guint32 i = 0; i < mem->n_fds; i++)
        close(mem->fds[i]);
    codec_clear(&mem->codec);
    g_hash_table_unref(mem->blocks);
    g_byte_array_unref(mem->emitted);
    g_free(mem);
}

struct fmt_env *mem_env_env(MemEnv *mem)
{
    return &mem->env;
}

struct abi_result *mem_env_result(MemEnv *mem)
{
    return &mem->result;
}

void mem_env_clear_result(MemEnv *mem)
{
    memset(&mem->result, 0, sizeof mem->result);
}

guint32 mem_env_add(MemEnv *mem, const void *data, gsize length)
{
    int fd = memfd_create("image", MFD_CLOEXEC);

    if (fd < 0 || do_write(fd, 0, data, length) < 0)
        g_error("no memory for a file: %s", g_strerror(errno));
    g_assert_cmpuint(mem->n_fds, <, ABI_MAX_HANDLES);
    mem->fds[mem->n_fds] = fd;
    return mem->n_fds++;
}

int mem_env_fd(MemEnv *mem, guint32 handle)
{
    g_assert_cmpuint(handle, <, mem->n_fds);
    return mem->fds[handle];
}

guint64 mem_env_size(MemEnv *mem, guint32 handle)
{
    return (guint64)file_size(mem_env_fd(mem, handle));
}

GBytes *mem_env_bytes(MemEnv *mem, guint32 handle)
{
    gsize length = mem_env_size(mem, handle);
    guint8 *data = g_malloc(length);
    struct abi_io op = { .length = length, .address = (uintptr_t)data };

    do_read(mem_env_fd(mem, handle), &op);
    return g_bytes_new_take(data, length);
}

void mem_env_limit(MemEnv *mem, guint64 max_size)
{
    mem->max_size = max_size;
}

void mem_env_fail_io(MemEnv *mem, guint64 n, int error)
{
    mem->io_fails_at = n != 0 ? mem->io_count + n : 0;
    mem->io_error = error;
}

void mem_env_stop_at_failure(MemEnv *mem, gboolean stop)
{
    mem->io_stops = stop;
}

void mem_env_fail_alloc(MemEnv *mem, guint64 n)
{
    mem->alloc_fails_at = n != 0 ? mem->alloc_count + n : 0;
}

guint64 mem_env_io_count(const MemEnv *mem)
{
    return mem->io_count;
}

guint64 mem_env_alloc_count(const MemEnv *mem)
{
    return mem->alloc_count;
}

GByteArray *mem_env_emitted(MemEnv *mem)
{
    return mem->emitted;
}
