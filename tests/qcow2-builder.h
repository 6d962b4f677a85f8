/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small qcow2 images made by hand, byte by byte, so that tests can have what no
 * program would write. Host clusters: 0 header, 1 refcount table, 2 refcount
 * block, 3 L1 table, 4 L2 table, then data.
 */
#pragma once

#include <glib.h>

#include "format/qcow2.h"
#include "tests/mem-env.h"

typedef struct {
    guint32 version;        /* 0: 3 */
    guint32 cluster_bits;   /* 0: 16 */
    guint32 refcount_order; /* with version 3; G_MAXUINT32: 0, else 0: 4 */
    gboolean extended_l2;
    gboolean data_file;
    guint64 size;          /* 0: what one L2 table covers */
    guint32 l1_size;       /* 0: 1 */
    guint32 data_clusters; /* allocated, for the first guest clusters */
} BuilderOptions;

typedef struct {
    GByteArray *bytes;
    guint64 cluster_size;
    guint64 reftable, refblock, l1, l2, data; /* offsets */
} Builder;

Builder *builder_new(const BuilderOptions *options);
void builder_free(Builder *b);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Builder, builder_free)

/* Big endian numbers; the image grows to hold them. */
void builder_put16(Builder *b, guint64 offset, guint16 v);
void builder_put32(Builder *b, guint64 offset, guint32 v);
void builder_put64(Builder *b, guint64 offset, guint64 v);
void builder_put(Builder *b, guint64 offset, const void *data, gsize length);
guint64 builder_get64(const Builder *b, guint64 offset);
/* A header extension behind what is there; the end marker follows by itself. */
void builder_extension(Builder *b, guint32 type, const void *data, gsize length);

/* An opened image over its own surroundings. */
typedef struct {
    MemEnv *mem;
    struct fmt_image im;
    struct abi_facts facts;
    struct props_writer props;
    int status; /* of open */
} Opened;

/* Open a copy of the bytes. arena: 0 for a cell's. Close whatever status says. */
void opened_init(Opened *o, const Builder *b, guint32 flags, guint64 arena);
void opened_clear(Opened *o);
/* The words for what the last failure recorded, as qemu-img says them. */
char *opened_words(Opened *o);
/* The lines of all messages emitted and in w, one a line. */
char *opened_messages(Opened *o, const struct props_writer *w);
