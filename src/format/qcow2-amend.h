/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ABI_CALL_AMEND: options of an image that exists are given other values.
 *
 * A question holds options under qemu-img's names, and perhaps
 *   downgrade   BOOL: only make a version 2 image of it, which compat asked for before
 * All of it is judged before anything is changed. The options take effect in the order version 3,
 * refcount_bits, data_file_raw and data_file, lazy_refcounts; size is the host's; version 2 comes
 * last, with a call of its own: "downgrade" in the answer tells that it is wanted.
 * Each step leaves a sound image behind whenever it ends.
 */
#ifndef INSTAR_QCOW2_AMEND_H
#define INSTAR_QCOW2_AMEND_H

#include "format/qcow2-write.h"

int qcow2_amend(struct fmt_image *im, struct props_reader in, struct props_writer *out);

/* Version 3, in one write of the header (qcow2-amend-compat.c). */
int qcow2_upgrade(struct fmt_image *im);
/* Version 2. What it cannot tell is refused, or made something it can. */
int qcow2_downgrade(struct fmt_image *im);
/* Counts of 1 << order bits: all of the structure is made anew beside the old one
 * (qcow2-amend-refcount.c). */
int qcow2_change_width(struct fmt_image *im, uint32_t order);

#endif
