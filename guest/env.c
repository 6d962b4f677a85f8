/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A driver's surroundings in a cell: requests go through the mailbox of the cpu. */
#include "base/checked.h"
#include "format/crypt.h"
#include "guest/cpu.h"

/* Data of the payload is seen by all cpus; set by cpu 0 while the others have no work. */
static struct crypt image_crypt;

static struct cpu *cpu_of(struct fmt_env *env)
{
    return env->opaque;
}

/* Results of n operations: the first failure decides; what was not run says so. */
static int io_status(struct fmt_env *env, const struct abi_io *ops, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (ops[i].result < 0) {
            fmt_fail(env, FMT_E_IO);
            env->result->io_errno = (uint32_t)-ops[i].result;
            return FMT_E_IO;
        }
    }
    return FMT_OK;
}

static int env_io(struct fmt_env *env, struct abi_io *ops, uint32_t n)
{
    struct cpu *cpu = cpu_of(env);
    int r = FMT_OK;

    for (uint32_t at = 0; at < n; at += ABI_MAX_IO) {
        uint32_t some = (uint32_t)min_u64(n - at, ABI_MAX_IO);

        if (r == FMT_OK) {
            __builtin_memcpy(cpu->io, ops + at, some * sizeof *ops);
            cpu->box->request.count = some;
            cpu_ring(cpu, ABI_REQ_IO);
        }
        for (uint32_t i = 0; i < some; i++) {
            ops[at + i].result = r == FMT_OK ? cpu->io[i].result : -125 /* ECANCELED */;
        }
        if (r == FMT_OK) {
            r = io_status(env, ops + at, some);
        }
    }
    return r;
}

static void *env_alloc(struct fmt_env *env, uint64_t size)
{
    return arena_alloc(&cpu_of(env)->arena, size);
}

static void env_free(struct fmt_env *env, void *p)
{
    arena_free(&cpu_of(env)->arena, p);
}

static int ask(struct fmt_env *env, enum abi_request_kind kind, uint64_t done, uint64_t total)
{
    struct abi_request *request = &cpu_of(env)->box->request;

    request->cancel = 0;
    request->done = done;
    request->total = total;
    cpu_ring(cpu_of(env), kind);
    return request->cancel ? fmt_fail(env, FMT_E_CANCELED) : FMT_OK;
}

static int env_progress(struct fmt_env *env, uint64_t done, uint64_t total)
{
    return ask(env, ABI_REQ_PROGRESS, done, total);
}

static int env_emit(struct fmt_env *env, struct props_writer *w)
{
    uint8_t *table = cpu_of(env)->dispatcher.out;
    uint64_t start = (uint64_t)(w->base - table);
    uint32_t used = w->used;

    w->used = 0;
    if (w->base < table || start >= ABI_TABLE_SIZE) {
        /* from elsewhere: through the end of the table, which no array reaches */
        if (used > ABI_EMIT_ROOM) {
            return fmt_fail(env, FMT_E_TABLE_FULL);
        }
        start = ABI_TABLE_SIZE - ABI_EMIT_ROOM;
        __builtin_memcpy(table + start, w->base, used);
    }
    return used ? ask(env, ABI_REQ_EMIT, used, start) : FMT_OK;
}

static uint64_t env_clock(struct fmt_env *env)
{
    struct cpu *cpu = cpu_of(env);

    cpu->box->request.done = 0;
    cpu_ring(cpu, ABI_REQ_CLOCK);
    return cpu->box->request.done;
}

static int env_codec(struct fmt_env *env, struct abi_codec *work)
{
    return codec_run(&cpu_of(env)->dispatcher.codec, work);
}

static void env_reset(struct fmt_env *env)
{
    arena_reset(&cpu_of(env)->arena);
}

void cpu_make_env(struct cpu *cpu)
{
    cpu->env = (struct fmt_env){
        .opaque = cpu,
        .io = env_io,
        .alloc = env_alloc,
        .free = env_free,
        .progress = env_progress,
        .emit = env_emit,
        .codec = env_codec,
        .clock = env_clock,
        .crypt = &image_crypt,
    };
    cpu->dispatcher = (struct dispatcher){
        .env = &cpu->env,
        .reset = env_reset,
        .out = (uint8_t *)cpu->boot->block + ABI_BLOCK_OUT,
        .in = (const uint8_t *)cpu->boot->block + ABI_BLOCK_IN,
        .codec = { .crypt = &image_crypt },
    };
}
