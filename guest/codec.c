/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <libdeflate.h>
#include <stdbool.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/checked.h"
#include "format/crypt.h"
#include "guest/codec.h"
#include "guest/libc.h"

/* 2 to 3 times as fast as zlib's default level (what qemu-img uses) and no larger. */
#define DEFLATE_LEVEL 1

/* Longest step of a deflate stream: a stored block. */
#define DEFLATE_MAX_STEP 65536u

static void *at(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

typedef enum libdeflate_result inflate_fn(struct libdeflate_decompressor *, const void *, size_t,
                                          void *, size_t, size_t *, size_t *);

static int64_t inflate_longer(struct codec *c, const struct abi_codec *w, inflate_fn *inflate)
{
    /* More bytes are coded than asked for. qemu-img takes those asked for and is content;
     * libdeflate stops before the step that does not fit, so give it room for one more. */
    uint8_t *room = malloc(w->out_length + DEFLATE_MAX_STEP);
    size_t in, out;

    if (!room) {
        return FMT_E_NO_MEMORY;
    }
    enum libdeflate_result r = inflate(c->inflate, at(w->in_address), w->in_length, room,
                                       w->out_length + DEFLATE_MAX_STEP, &in, &out);
    bool done = r == LIBDEFLATE_INSUFFICIENT_SPACE || r == LIBDEFLATE_SUCCESS;

    if (done) {
        __builtin_memcpy(at(w->out_address), room, w->out_length);
    }
    free(room);
    return done ? (int64_t)w->out_length : FMT_E_CODEC;
}

/* Bytes behind the end of the stream are passed over: qcow2 knows stored lengths in sectors. */
static int64_t inflate_cluster(struct codec *c, const struct abi_codec *w, inflate_fn *inflate)
{
    size_t in, out;

    if (!c->inflate) {
        c->inflate = libdeflate_alloc_decompressor();
    }
    if (!c->inflate) {
        return FMT_E_NO_MEMORY;
    }
    switch (inflate(c->inflate, at(w->in_address), w->in_length, at(w->out_address), w->out_length,
                    &in, &out)) {
    case LIBDEFLATE_SUCCESS:
        return out == w->out_length ? (int64_t)out : FMT_E_CODEC;
    case LIBDEFLATE_INSUFFICIENT_SPACE:
        return inflate_longer(c, w, inflate);
    default:
        return FMT_E_CODEC;
    }
}

static int64_t deflate_cluster(struct codec *c, const struct abi_codec *w, bool zlib)
{
    if (!c->deflate) {
        c->deflate = libdeflate_alloc_compressor(DEFLATE_LEVEL);
    }
    if (!c->deflate) {
        return FMT_E_NO_MEMORY;
    }
    return (int64_t)(zlib ? libdeflate_zlib_compress : libdeflate_deflate_compress)(
        c->deflate, at(w->in_address), w->in_length, at(w->out_address), w->out_length);
}

/* Frames one after another until there is enough, as qemu-img reads them: a frame that goes on
 * beyond that is an error, bytes behind the last one are not. */
static int64_t zstd_decode(struct codec *c, const struct abi_codec *w)
{
    uint64_t in = 0, out = 0;

    if (!c->zstd_in) {
        c->zstd_in = ZSTD_createDCtx();
    }
    if (!c->zstd_in) {
        return FMT_E_NO_MEMORY;
    }
    while (out < w->out_length) {
        size_t stored = ZSTD_findFrameCompressedSize(at(w->in_address + in), w->in_length - in);
        if (ZSTD_isError(stored)) {
            return FMT_E_CODEC;
        }
        size_t got = ZSTD_decompressDCtx(c->zstd_in, at(w->out_address + out), w->out_length - out,
                                         at(w->in_address + in), stored);
        if (ZSTD_isError(got)) {
            return FMT_E_CODEC;
        }
        in += stored;
        out += got;
    }
    return (int64_t)out;
}

static int64_t zstd_encode(struct codec *c, const struct abi_codec *w)
{
    if (!c->zstd_out) {
        c->zstd_out = ZSTD_createCCtx();
    }
    if (!c->zstd_out) {
        return FMT_E_NO_MEMORY;
    }
    size_t out = ZSTD_compressCCtx(c->zstd_out, at(w->out_address), w->out_length,
                                   at(w->in_address), w->in_length, ZSTD_CLEVEL_DEFAULT);

    if (!ZSTD_isError(out)) {
        return (int64_t)out;
    }
    return ZSTD_getErrorCode(out) == ZSTD_error_dstSize_tooSmall ? 0 : FMT_E_NO_MEMORY;
}

static int64_t run_cipher(const struct codec *c, const struct abi_codec *w)
{
    if (!c->crypt || !c->crypt->ready || w->in_length != w->out_length ||
        !is_aligned(w->in_length, CRYPT_SECTOR)) {
        return FMT_E_BAD_JOB;
    }
    crypt_run(c->crypt, w->direction == ABI_ENCODE, w->sector, at(w->in_address),
              at(w->out_address), w->in_length);
    return (int64_t)w->in_length;
}

int codec_run(struct codec *c, struct abi_codec *w)
{
    bool encode = w->direction == ABI_ENCODE;

    switch (w->codec) {
    case ABI_CODEC_DEFLATE:
        w->result = encode ? deflate_cluster(c, w, false)
                           : inflate_cluster(c, w, libdeflate_deflate_decompress_ex);
        break;
    case ABI_CODEC_ZLIB:
        w->result = encode ? deflate_cluster(c, w, true)
                           : inflate_cluster(c, w, libdeflate_zlib_decompress_ex);
        break;
    case ABI_CODEC_ZSTD:
        w->result = encode ? zstd_encode(c, w) : zstd_decode(c, w);
        break;
    case ABI_CODEC_CIPHER_GUEST:
    case ABI_CODEC_CIPHER_FILE:
        w->result = run_cipher(c, w);
        break;
    default:
        w->result = FMT_E_UNSUPPORTED;
        break;
    }
    return w->result < 0 ? (int)w->result : FMT_OK;
}

void codec_clear(struct codec *c)
{
    libdeflate_free_decompressor(c->inflate);
    libdeflate_free_compressor(c->deflate);
    ZSTD_freeDCtx(c->zstd_in);
    ZSTD_freeCCtx(c->zstd_out);
    *c = (struct codec){ .crypt = c->crypt };
}
