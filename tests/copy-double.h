/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images made of tables, in place of src/image, for tests of the copier: every
 * answer of a driver can be put in, failures included.
 */
#pragma once

#include "image/image.h"

/* A source: what is not in extents is a hole. Bytes of the file are those of double_byte(). */
Image *double_source(guint64 size, const struct abi_extent *extents, guint n, Image *backing);
/* Byte of a source's file at an offset. salt makes layers differ. Never 0. */
guint8 double_byte(guint64 offset, guint8 salt);
void double_set_salt(Image *img, guint8 salt);
/* From here on for length bytes, this fails: telling extents, or reading bytes (COOKED extents
 * without a codec only). */
void double_fail_extents(Image *img, guint64 start, guint64 length);
void double_fail_read(Image *img, guint64 start, guint64 length);

/* A target with clusters, in a file at path; with cluster 0 a raw one. */
Image *double_target(const char *path, guint64 size, guint32 cluster, guint32 codec);
/* The n-th question (from 1 on) that asks for clusters is refused with ENOSPC. */
void double_fail_plan(Image *img, guint n);
/* It is refused with this errno instead. */
void double_fail_plan_errno(Image *img, int number);
/* A target lies on top of backing, which it takes. */
void double_set_backing(Image *img, Image *backing);
/* Guest bytes of a target as far as they are linked; what is not is zeros. */
GBytes *double_content(Image *img);
/* One character a cluster: '.' not there, 'D' data, 'C' compressed, '0' zeros, '?' never linked. */
char *double_map(Image *img);
/* How often image_write_plan was called. */
guint double_plans(const Image *img);
