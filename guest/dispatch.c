/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/checked.h"
#include "format/crypt.h"
#include "guest/dispatch.h"

/* Look-ahead of the probes, bytes. */
#define PROBE_SIZE 4096u

typedef int job_fn(struct dispatcher *d, const struct abi_job *job, struct abi_result *result);

static struct props_writer out_props(struct dispatcher *d, uint32_t from)
{
    return (struct props_writer){ .base = d->out + from, .size = ABI_TABLE_SIZE - from };
}

/* Ends a job whose output is a struct of head_size bytes, then props. */
static int answer(struct dispatcher *d, struct abi_result *result, const void *head,
                  uint32_t head_size, const struct props_writer *props)
{
    if (props && props->full) {
        return fmt_fail(d->env, FMT_E_TABLE_FULL);
    }
    __builtin_memcpy(d->out, head, head_size);
    result->out_length = head_size + (props ? props->used : 0);
    return FMT_OK;
}

static int bad_job(struct dispatcher *d)
{
    return fmt_fail(d->env, FMT_E_BAD_JOB);
}

static int unsupported(struct dispatcher *d)
{
    return fmt_fail(d->env, FMT_E_UNSUPPORTED);
}

static void forget_image(struct dispatcher *d)
{
    codec_clear(&d->codec);
    if (d->env->crypt) {
        crypt_wipe(d->env->crypt, sizeof *d->env->crypt);
    }
    d->reset(d->env);
    d->image = (struct fmt_image){ .env = d->env };
}

/* Copies the struct that input begins with; FALSE unless its head says what it must. */
static bool take_input(struct dispatcher *d, const struct abi_job *job, void *to, uint32_t size)
{
    struct abi_head head;

    if (job->in_length < size) {
        return false;
    }
    __builtin_memcpy(to, d->in, size);
    __builtin_memcpy(&head, d->in, sizeof head);
    return head.size == size && head.kind == job->head.kind && head.version == ABI_VERSION;
}

static struct props_reader in_props(struct dispatcher *d, const struct abi_job *job, uint32_t from)
{
    return (struct props_reader){ .base = d->in + from, .size = job->in_length - from };
}

static int job_probe(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    struct abi_probe best = { .format = ABI_FORMAT_RAW };
    uint64_t present;
    uint8_t *head = d->env->alloc(d->env, PROBE_SIZE);

    if (!head) {
        return fmt_fail(d->env, FMT_E_NO_MEMORY);
    }
    int r = fmt_read(d->env, 0, 0, head, PROBE_SIZE, &present);
    for (const struct fmt_driver *const *p = fmt_drivers; r == FMT_OK && *p; p++) {
        uint32_t score = (*p)->probe ? (*p)->probe(head, (uint32_t)present) : 0;
        if (score > best.score) {
            best = (struct abi_probe){ .format = (*p)->format, .score = score };
        }
    }
    d->env->free(d->env, head);
    return r == FMT_OK ? answer(d, result, &best, sizeof best, NULL) : r;
}

static int job_open(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    struct abi_open req;
    struct abi_facts facts = { .head = { sizeof facts, ABI_JOB_OPEN, ABI_VERSION } };
    struct props_writer props = out_props(d, sizeof facts);

    if (!take_input(d, job, &req, sizeof req)) {
        return bad_job(d);
    }
    const struct fmt_driver *driver = fmt_driver_by_format(req.format);
    if (!driver || !driver->open) {
        return unsupported(d);
    }
    forget_image(d);
    d->image.flags = req.flags;
    d->image.seed = req.seed;
    facts.format = req.format;
    d->image.driver = driver;
    int r = driver->open(&d->image, &facts, &props);
    if (r == FMT_OK) {
        r = answer(d, result, &facts, sizeof facts, &props);
    }
    if (r != FMT_OK) {
        d->image.driver = NULL;
    }
    return r;
}

static int job_create(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    struct abi_create req;
    struct abi_facts facts = { .head = { sizeof facts, ABI_JOB_CREATE, ABI_VERSION } };
    struct props_writer props = out_props(d, sizeof facts);

    if (!take_input(d, job, &req, sizeof req) || job->arg[0] >= ABI_MAX_HANDLES) {
        return bad_job(d);
    }
    const struct fmt_driver *driver = fmt_driver_by_format(req.format);
    if (!driver || !driver->create) {
        return unsupported(d);
    }
    forget_image(d);
    d->image.flags = ABI_OPEN_WRITE;
    d->image.seed = req.seed;
    d->image.data_handle = (uint32_t)job->arg[0];
    facts.format = req.format;
    d->image.driver = driver;
    int r = driver->create(&d->image, &req, in_props(d, job, sizeof req), &facts, &props);
    if (r == FMT_OK) {
        r = answer(d, result, &facts, sizeof facts, &props);
    }
    if (r != FMT_OK) {
        d->image.driver = NULL;
    }
    return r;
}

static int job_measure(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    struct abi_create req;
    struct abi_measure measure = { 0 };

    if (!take_input(d, job, &req, sizeof req)) {
        return bad_job(d);
    }
    const struct fmt_driver *driver = fmt_driver_by_format(req.format);
    if (!driver || !driver->measure) {
        return unsupported(d);
    }
    int r = driver->measure(d->env, &req, in_props(d, job, sizeof req), &measure);
    return r == FMT_OK ? answer(d, result, &measure, sizeof measure, NULL) : r;
}

static int job_attach(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    struct fmt_image *im = &d->image;

    if (job->arg[0] > UINT32_MAX || job->arg[1] >= ABI_MAX_HANDLES || job->arg[2] > UINT32_MAX) {
        return bad_job(d);
    }
    if (job->arg[0] == ABI_ROLE_DATA_FILE) {
        im->data_handle = (uint32_t)job->arg[1];
    }
    if (!im->driver->attach) {
        return unsupported(d);
    }
    return im->driver->attach(im, (uint32_t)job->arg[0], (uint32_t)job->arg[2],
                              (uint32_t)job->arg[1]);
}

static int job_unlock(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    if (!d->image.driver->unlock || !d->env->crypt) {
        return unsupported(d);
    }
    return d->image.driver->unlock(&d->image, d->in, job->in_length);
}

static int job_info(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    struct props_writer props = out_props(d, 0);

    if (job->arg[0] > UINT32_MAX) {
        return bad_job(d);
    }
    if (!d->image.driver->info) {
        return unsupported(d);
    }
    int r = d->image.driver->info(&d->image, (uint32_t)job->arg[0], &props);
    return r == FMT_OK ? answer(d, result, "", 0, &props) : r;
}

static int job_extents(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    uint32_t count = 0;
    uint64_t next = job->arg[0];
    uint64_t max = job->arg[3] && job->arg[3] < ABI_MAX_EXTENTS ? job->arg[3] : ABI_MAX_EXTENTS;

    if (!range_fits(job->arg[0], job->arg[1], INT64_MAX) || job->arg[2] > UINT32_MAX) {
        return bad_job(d);
    }
    if (!d->image.driver->extents) {
        return unsupported(d);
    }
    int r =
        d->image.driver->extents(&d->image, job->arg[0], job->arg[1], (uint32_t)job->arg[2],
                                 (struct abi_extent *)(void *)d->out, (uint32_t)max, &count, &next);
    if (r == FMT_OK) {
        result->ret[0] = count;
        result->ret[1] = next;
        result->out_length = count * (uint32_t)sizeof(struct abi_extent);
    }
    return r;
}

static int job_write(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    uint32_t count = 0, taken = 0;
    uint64_t max = job->arg[1] && job->arg[1] < ABI_MAX_EXTENTS ? job->arg[1] : ABI_MAX_EXTENTS;

    if (job->arg[0] > ABI_MAX_EXTENTS ||
        job->in_length != job->arg[0] * sizeof(struct abi_extent)) {
        return bad_job(d);
    }
    if (!(d->image.flags & ABI_OPEN_WRITE)) {
        return fmt_fail(d->env, FMT_E_READ_ONLY);
    }
    if (!d->image.driver->write) {
        return unsupported(d);
    }
    int r = d->image.driver->write(&d->image, (const struct abi_extent *)(const void *)d->in,
                                   (uint32_t)job->arg[0], (struct abi_extent *)(void *)d->out,
                                   (uint32_t)max, &count, &taken);
    if (r == FMT_OK) {
        result->ret[0] = count;
        result->ret[1] = taken;
        result->out_length = count * (uint32_t)sizeof(struct abi_extent);
    }
    return r;
}

/* A driver without flush or close has nothing of its own to write. */
static int job_flush(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    if (d->image.driver->flush) {
        return d->image.driver->flush(&d->image);
    }
    return d->image.flags & ABI_OPEN_WRITE ? fmt_flush(d->env, 0) : FMT_OK;
}

static int job_close(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    int r = job_flush(d, job, result);

    if (r == FMT_OK && d->image.driver->close) {
        r = d->image.driver->close(&d->image);
    }
    forget_image(d);
    return r;
}

static int job_check(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    struct abi_check check = { .head = { sizeof check, ABI_JOB_CHECK, ABI_VERSION } };
    struct props_writer props = out_props(d, sizeof check);

    if (job->arg[0] & ~(uint64_t)(ABI_FIX_LEAKS | ABI_FIX_ERRORS)) {
        return bad_job(d);
    }
    if (!d->image.driver->check) {
        return unsupported(d);
    }
    int r = d->image.driver->check(&d->image, (uint32_t)job->arg[0], &check, &props);
    return r == FMT_OK ? answer(d, result, &check, sizeof check, &props) : r;
}

static int job_truncate(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    if (job->arg[0] > INT64_MAX || job->arg[1] > ABI_PREALLOC_FULL || job->arg[2] > UINT32_MAX) {
        return bad_job(d);
    }
    if (!(d->image.flags & ABI_OPEN_WRITE)) {
        return fmt_fail(d->env, FMT_E_READ_ONLY);
    }
    if (!d->image.driver->truncate) {
        return unsupported(d);
    }
    return d->image.driver->truncate(&d->image, job->arg[0], (uint32_t)job->arg[1],
                                     (uint32_t)job->arg[2]);
}

static int job_select(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    if (job->arg[0] > ABI_SELECT_ID_AND_NAME || job->in_length > 2 * ABI_MAX_NAME) {
        return bad_job(d);
    }
    if (!d->image.driver->select) {
        return unsupported(d);
    }
    return d->image.driver->select(&d->image, (uint32_t)job->arg[0], d->in, job->in_length);
}

static int job_call(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    struct props_writer props = out_props(d, 0);

    if (job->arg[0] > UINT32_MAX) {
        return bad_job(d);
    }
    if (!d->image.driver->call) {
        return unsupported(d);
    }
    int r = d->image.driver->call(&d->image, (uint32_t)job->arg[0], in_props(d, job, 0), &props);
    return r == FMT_OK ? answer(d, result, "", 0, &props) : r;
}

static int job_codec(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    struct abi_codec work;

    if (job->arg[0] > ABI_MAX_CODEC || job->in_length != job->arg[0] * sizeof work) {
        return bad_job(d);
    }
    /* Each piece has its own result: one broken cluster does not spoil its neighbours. */
    for (uint32_t i = 0; i < job->in_length; i += sizeof work) {
        __builtin_memcpy(&work, d->in + i, sizeof work);
        codec_run(&d->codec, &work);
        __builtin_memcpy(d->out + i, &work, sizeof work);
    }
    result->out_length = job->in_length;
    return FMT_OK;
}

static const struct {
    job_fn *run;
    bool needs_image;
} jobs[] = {
    [ABI_JOB_PROBE] = { job_probe, false },      [ABI_JOB_OPEN] = { job_open, false },
    [ABI_JOB_ATTACH] = { job_attach, true },     [ABI_JOB_INFO] = { job_info, true },
    [ABI_JOB_EXTENTS] = { job_extents, true },   [ABI_JOB_WRITE] = { job_write, true },
    [ABI_JOB_FLUSH] = { job_flush, true },       [ABI_JOB_CLOSE] = { job_close, true },
    [ABI_JOB_CREATE] = { job_create, false },    [ABI_JOB_CHECK] = { job_check, true },
    [ABI_JOB_TRUNCATE] = { job_truncate, true }, [ABI_JOB_MEASURE] = { job_measure, false },
    [ABI_JOB_SELECT] = { job_select, true },     [ABI_JOB_CALL] = { job_call, true },
    [ABI_JOB_CODEC] = { job_codec, false },      [ABI_JOB_UNLOCK] = { job_unlock, true },
};

static void run_job(struct dispatcher *d, const struct abi_job *job, struct abi_result *result,
                    bool any)
{
    uint32_t op = job->head.kind;

    *result = (struct abi_result){ .head = { sizeof *result, job->head.kind, ABI_VERSION } };
    d->env->result = result;
    if (op >= sizeof jobs / sizeof jobs[0] || !jobs[op].run || (!any && op != ABI_JOB_CODEC) ||
        job->head.size != sizeof *job || job->head.version != ABI_VERSION ||
        job->in_length > ABI_TABLE_SIZE || (jobs[op].needs_image && !d->image.driver)) {
        bad_job(d);
        return;
    }
    int r = jobs[op].run(d, job, result);

    /* What a driver tried and got over left a record behind. */
    if (r == FMT_OK) {
        result->text_length = 0;
        result->io_errno = 0;
        __builtin_memset(result->err_arg, 0, sizeof result->err_arg);
    }
    result->status = r;
}

void dispatch_job(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    run_job(d, job, result, true);
}

void dispatch_codec_job(struct dispatcher *d, const struct abi_job *job, struct abi_result *result)
{
    run_job(d, job, result, false);
}
