/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 images with clusters of 512 bytes and more of them than a small window of check counts:
 * made whole, then damaged in their reference counts.
 */
#pragma once

#include <glib.h>

#include "tests/qcow2-builder.h"

typedef struct {
    guint32 order;     /* of the refcounts: 2 to 6 */
    guint tables;      /* L2 tables, with all their clusters */
    guint gap;         /* each gap-th host cluster is free; 0: none */
    gboolean snapshot; /* one that shares everything; active and snapshot are as they were then */
} WindowedOptions;

typedef struct {
    Builder *b;
    WindowedOptions options;
    guint64 used;       /* host clusters up to the last one */
    GHashTable *counts; /* references by host cluster */
    GArray *data;       /* guint64: offset of each guest cluster */
    guint64 snapshots;  /* offset of the snapshot table */
} Windowed;

Windowed *windowed_new(const WindowedOptions *options);
void windowed_free(Windowed *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Windowed, windowed_free)

/* Host clusters that a refcount block counts. */
guint64 windowed_per_block(const Windowed *w);
/* Set the count of a host cluster in its refcount block. */
void windowed_set_count(Windowed *w, guint64 cluster, guint64 count);
/* Where the entry of a refcount block is. */
guint64 windowed_entry(const Windowed *w, guint64 block);
/* The bytes that guest cluster i shall show. */
guint8 windowed_byte(guint i);
