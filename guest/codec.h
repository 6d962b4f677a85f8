/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coding of clusters. A struct codec belongs to one cpu; its contexts are made
 * on first use and kept. Works in the payload and hosted.
 */
#ifndef INSTAR_GUEST_CODEC_H
#define INSTAR_GUEST_CODEC_H

#include "abi/abi.h"
#include "abi/status.h"

struct crypt;

/* All zeros to begin with, but for crypt. */
struct codec {
    void *inflate;             /* struct libdeflate_decompressor */
    void *deflate;             /* struct libdeflate_compressor */
    void *zstd_in;             /* ZSTD_DCtx */
    void *zstd_out;            /* ZSTD_CCtx */
    const struct crypt *crypt; /* the image's cipher; stays when the codec is cleared */
};

/* Do one piece of work; addresses are pointers, checked by the caller. Sets
 * work->result (bytes or a negative enum fmt_status) and returns FMT_OK or that. */
int codec_run(struct codec *codec, struct abi_codec *work);

/* Give all contexts back. */
void codec_clear(struct codec *codec);

#endif
