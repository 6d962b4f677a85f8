/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ABI_CALL_AMEND: options of an image that exists are given other values.
 *
 * A question holds options under qemu-img's names, and perhaps
 *   downgrade   BOOL: only make a version 2 image of it, which compat asked for before
 *   shown       BOOL: progress is
 * All of it is judged before anything is changed. The options take effect in the order version 3,
 * refcount_bits, data_file_raw and data_file, lazy_refcounts; size is the host's; version 2 comes
 * last, with a call of its own: "downgrade" in the answer tells that it is wanted.
 * Each step leaves a sound image behind whenever it ends.
 */
#ifndef INSTAR_QCOW2_AMEND_H
#define INSTAR_QCOW2_AMEND_H

#include "format/qcow2-write.h"

/* done of total of the part at work. The host hears of the beginning, of steps on the way, of a
 * hundredth if they are shown, and of the end. What is to come is guessed from what the parts up to
 * now had: when the next one begins it may go back. Fails if the host does not want to go on
 * (qcow2-amend-tell.c). */
int qcow2_amend_tell(struct fmt_image *im, struct qcow2_amend_steps *steps, uint64_t done,
                     uint64_t total);
/* The part at work is done. */
void qcow2_amend_next(struct qcow2_amend_steps *steps);

int qcow2_amend(struct fmt_image *im, struct props_reader in, struct props_writer *out);

/* status, or code (with its errno) where it is about input, output, a full store or a table that is
 * found broken (qcow2-amend.c). */
int qcow2_amend_fail(struct fmt_image *im, int status, int code);

/* Version 3, in one write of the header (qcow2-amend-compat.c). */
int qcow2_upgrade(struct fmt_image *im, struct qcow2_amend_steps *steps);
/* Version 2. What it cannot tell is refused, or made something it can. */
int qcow2_downgrade(struct fmt_image *im, struct qcow2_amend_steps *steps);
/* Counts of 1 << order bits: all of the structure is made anew beside the old one
 * (qcow2-amend-refcount.c). */
int qcow2_change_width(struct fmt_image *im, uint32_t order, struct qcow2_amend_steps *steps);

#endif
