/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "tests/windowed-image.h"

#define CLUSTER 512u
#define ENTRIES (CLUSTER / 8)

guint64 windowed_per_block(const Windowed *w)
{
    return CLUSTER * 8 >> w->options.order;
}

guint64 windowed_entry(const Windowed *w, guint64 block)
{
    return builder_get64(w->b, QCOW2_H_REFTABLE_OFFSET) + block * 8;
}

guint8 windowed_byte(guint i)
{
    return (guint8)(i * 7 + i / 256 + 1);
}

void windowed_set_count(Windowed *w, guint64 cluster, guint64 count)
{
    guint64 per = windowed_per_block(w);
    guint64 block = builder_get64(w->b, windowed_entry(w, cluster / per));

    g_assert_cmpuint(block, !=, 0);
    qcow2_refcount_store(w->b->bytes->data + block, w->options.order, cluster % per, count);
}

static void refer(Windowed *w, guint64 cluster)
{
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(w->counts, GSIZE_TO_POINTER(cluster)));

    g_hash_table_insert(w->counts, GSIZE_TO_POINTER(cluster), GUINT_TO_POINTER(count + 1));
}

/* n clusters in a row, with one reference. Returns their offset. */
static guint64 take(Windowed *w, guint n)
{
    if (w->options.gap != 0 && w->used / w->options.gap != (w->used + n) / w->options.gap) {
        w->used = (w->used / w->options.gap + 1) * w->options.gap + 1;
    }
    guint64 first = w->used;

    w->used += n;
    builder_put64(w->b, w->used * CLUSTER - 8, 0);
    for (guint i = 0; i < n; i++) {
        refer(w, first + i);
    }
    return first * CLUSTER;
}

/* An L2 table with all its clusters. */
static guint64 make_table(Windowed *w)
{
    guint64 flag = w->options.snapshot ? 0 : QCOW2_COPIED;
    guint64 table = take(w, 1);

    for (guint i = 0; i < ENTRIES; i++) {
        guint64 offset = take(w, 1);

        memset(w->b->bytes->data + offset, windowed_byte(w->data->len), CLUSTER);
        builder_put64(w->b, table + i * 8, offset | flag);
        g_array_append_val(w->data, offset);
    }
    if (w->options.snapshot) {
        refer(w, table / CLUSTER);
        for (guint i = 0; i < ENTRIES; i++) {
            refer(w, builder_get64(w->b, table + i * 8) / CLUSTER);
        }
    }
    return table | flag;
}

/* The snapshot table, with one entry: all of the L1 table at l1. */
static void make_snapshot(Windowed *w, guint64 l1, guint clusters)
{
    guint64 copy = take(w, clusters), at;

    memcpy(w->b->bytes->data + copy, w->b->bytes->data + l1, clusters * CLUSTER);
    at = w->snapshots = take(w, 1);
    builder_put64(w->b, at, copy);
    builder_put32(w->b, at + 8, w->options.tables);
    builder_put32(w->b, at + 12, 0x00010001); /* lengths of id and name */
    builder_put32(w->b, at + 36, 16);         /* extra data: size of the vm state, of the disk */
    builder_put64(w->b, at + 48, (guint64)w->options.tables * ENTRIES * CLUSTER);
    builder_put(w->b, at + 56, "1a", 2);
    builder_put32(w->b, QCOW2_H_N_SNAPSHOTS, 1);
    builder_put64(w->b, QCOW2_H_SNAPSHOTS_OFFSET, at);
}

/* Refcount blocks for all clusters that are used, those of the blocks too, and their table. */
static void make_counts(Windowed *w)
{
    guint64 per = windowed_per_block(w);
    guint64 blocks = 0, table_clusters;
    GHashTableIter it;
    gpointer cluster, count;

    while (blocks * per < w->used + 2 * blocks + 16) {
        blocks++;
    }
    table_clusters = (blocks * 8 + CLUSTER - 1) / CLUSTER;
    guint64 table = take(w, (guint)table_clusters);
    builder_put64(w->b, QCOW2_H_REFTABLE_OFFSET, table);
    builder_put32(w->b, QCOW2_H_REFTABLE_CLUSTERS, (guint32)table_clusters);
    for (guint64 i = 0; i < blocks; i++) {
        builder_put64(w->b, table + i * 8, take(w, 1));
    }
    g_hash_table_iter_init(&it, w->counts);
    while (g_hash_table_iter_next(&it, &cluster, &count)) {
        windowed_set_count(w, GPOINTER_TO_SIZE(cluster), GPOINTER_TO_UINT(count));
    }
}

Windowed *windowed_new(const WindowedOptions *options)
{
    Windowed *w = g_new0(Windowed, 1);
    guint clusters = (options->tables * 8 + CLUSTER - 1) / CLUSTER;

    w->options = *options;
    w->counts = g_hash_table_new(NULL, NULL);
    w->data = g_array_new(FALSE, FALSE, sizeof(guint64));
    w->b = builder_new(&(BuilderOptions){ .cluster_bits = 9,
                                          .refcount_order = options->order,
                                          .l1_size = options->tables,
                                          .size = (guint64)options->tables * ENTRIES * CLUSTER });
    /* of what the builder made only the header stays */
    memset(w->b->bytes->data + CLUSTER, 0, w->b->bytes->len - CLUSTER);
    take(w, 1);
    guint64 l1 = take(w, clusters);
    builder_put64(w->b, QCOW2_H_L1_OFFSET, l1);
    for (guint i = 0; i < options->tables; i++) {
        builder_put64(w->b, l1 + i * 8, make_table(w));
    }
    if (options->snapshot) {
        make_snapshot(w, l1, clusters);
    }
    make_counts(w);
    return w;
}

void windowed_free(Windowed *w)
{
    builder_free(w->b);
    g_hash_table_unref(w->counts);
    g_array_unref(w->data);
    g_free(w);
}
