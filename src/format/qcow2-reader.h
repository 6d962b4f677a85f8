/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a part of the image file front to back in few requests, for what is a
 * list of records of any length: header extensions, the snapshot table, the
 * bitmap directory, refcount and bitmap tables when checking.
 */
#ifndef INSTAR_QCOW2_READER_H
#define INSTAR_QCOW2_READER_H

#include "format/format.h"

#define QCOW2_READER_STEP 4096u

struct qcow2_reader {
    struct fmt_image *im;
    uint8_t *data; /* room bytes, of which have are the file's from offset */
    uint64_t room;
    uint64_t offset;
    uint64_t have;
    uint64_t step; /* least bytes of a request */
};

/* Nothing is read or taken yet. step: 0 for QCOW2_READER_STEP. */
void qcow2_reader_init(struct qcow2_reader *r, struct fmt_image *im, uint64_t step);
/* *ret points at length bytes of the file from offset, valid until the next
 * call. Behind the end of the file they are zeros. The caller bounds length. */
int qcow2_reader_get(struct qcow2_reader *r, uint64_t offset, uint64_t length, const uint8_t **ret);
void qcow2_reader_free(struct qcow2_reader *r);

#endif
