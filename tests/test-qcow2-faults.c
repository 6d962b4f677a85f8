/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table cache's order of writing, and what happens when the n-th request or allocation fails. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "profile/profile.h"
#include "tests/qcow2-builder.h"

#define NEW G_GUINT64_CONSTANT(0x1122334455667700)

/* An image with snapshots, bitmaps and names: each list is read on the way. */
static Builder *busy(void)
{
    Builder *b = builder_new(&(BuilderOptions){ .cluster_bits = 12, .data_clusters = 3 });
    guint64 list = b->data + 3 * 4096, directory = list + 4096, table = directory + 4096;
    guint8 bitmaps[24] = { 0 };

    be32_store(bitmaps, 1);
    be64_store(bitmaps + 8, 32);
    be64_store(bitmaps + 16, directory);
    builder_extension(b, QCOW2_EXT_BITMAPS, bitmaps, sizeof bitmaps);
    builder_put64(b, QCOW2_H_AUTOCLEAR, QCOW2_AUTOCLEAR_BITMAPS);
    builder_put64(b, directory, table);
    builder_put32(b, directory + 8, 1);
    builder_put(b, directory + 16, "\1\x10\0\1\0\0\0\0b", 9);
    builder_put64(b, table, 0);
    builder_put32(b, QCOW2_H_N_SNAPSHOTS, 1);
    builder_put64(b, QCOW2_H_SNAPSHOTS_OFFSET, list);
    builder_put64(b, list, b->l1);
    builder_put32(b, list + 8, 1);
    builder_put32(b, list + 12, 1 << 16 | 1);
    builder_put32(b, list + 36, 16);
    builder_put(b, list + 56, "1s", 2);
    builder_put64(b, table + 4096 - 8, 0);
    return b;
}

/* All that can be read of it. FMT_OK or the first failure. */
static int read_all(Opened *o)
{
    struct abi_check c = { .flags = 0 };
    struct abi_extent e[16];
    guint32 count;
    guint64 next;
    int status = o->status;

    for (guint32 part = ABI_INFO_SPECIFIC; part <= ABI_INFO_NAMES && !status; part++) {
        o->props.used = 0;
        status = qcow2_driver.info(&o->im, part, &o->props);
    }
    for (guint64 at = 0; at < o->facts.virtual_size && !status; at = next) {
        status =
            qcow2_driver.extents(&o->im, at, o->facts.virtual_size - at, 0, e, 16, &count, &next);
        g_assert_true(status || next > at);
    }
    if (!status) {
        status = qcow2_driver.select(&o->im, ABI_SELECT_NAME, (const guint8 *)"s", 1);
    }
    if (!status) {
        o->props.used = 0;
        status = qcow2_driver.check(&o->im, 0, &c, &o->props);
    }
    return status;
}

/* Like opened_init, with the n-th request (or allocation) of all failing. */
static int try(const Builder *b, guint64 io, guint64 allocation, Opened *o)
{
    static guint8 table[ABI_TABLE_SIZE];

    *o = (Opened){ .mem = mem_env_new(0), .props = { .base = table, .size = sizeof table } };
    mem_env_add(o->mem, b->bytes->data, b->bytes->len);
    o->im = (struct fmt_image){ .env = mem_env_env(o->mem), .driver = &qcow2_driver };
    mem_env_fail_io(o->mem, io, EIO);
    mem_env_fail_alloc(o->mem, allocation);
    o->status = qcow2_driver.open(&o->im, &o->facts, &o->props);
    return read_all(o);
}

static void test_io_fails(void)
{
    g_autoptr(Builder) b = busy();
    Opened o;
    guint64 n;

    g_assert_cmpint(try(b, 0, 0, &o), ==, FMT_OK);
    guint64 total = mem_env_io_count(o.mem);
    opened_clear(&o);
    for (n = 1; n <= total; n++) {
        int status = try(b, n, 0, &o);
        /* reading ahead is a hint: its failure may pass, and is met again where it matters */
        if (status != FMT_OK) {
            g_autofree char *words = opened_words(&o);
            g_assert_cmpint(mem_env_result(o.mem)->status, ==, status);
            g_assert_cmpuint(mem_env_result(o.mem)->io_errno, ==, EIO);
            g_assert_nonnull(strstr(words, "Input/output error"));
        }
        opened_clear(&o);
    }
    g_assert_cmpuint(total, >, 10);
}

static void test_allocation_fails(void)
{
    g_autoptr(Builder) b = busy();
    Opened o;

    g_assert_cmpint(try(b, 0, 0, &o), ==, FMT_OK);
    guint64 total = mem_env_alloc_count(o.mem);
    opened_clear(&o);
    for (guint64 n = 1; n <= total; n++) {
        int status = try(b, 0, n, &o);
        g_assert_true(status == FMT_E_NO_MEMORY || status == FMT_OK);
        opened_clear(&o);
    }
    g_assert_cmpuint(total, >, 10);
}

/* ---- the cache ---- */

/* What each kind writes, where, in the order in which it must come to the disk. */
static const struct {
    enum qcow2_kind kind;
    guint64 offset;
} tables[] = {
    { QCOW2_KIND_REFBLOCK, 0x2000 },
    { QCOW2_KIND_REFTABLE, 0x1000 },
    { QCOW2_KIND_L2, 0x4000 },
    { QCOW2_KIND_L1, 0x3000 },
};

static void dirty(Opened *o, guint i)
{
    struct qcow2_block *block;

    g_assert_cmpint(qcow2_block_get(&o->im, tables[i].kind, tables[i].offset, 4096, &block), ==,
                    FMT_OK);
    be64_store(block->data + 64, NEW + i);
    qcow2_block_dirty(block);
    qcow2_block_put(block);
}

static gboolean on_disk(Opened *o, guint i)
{
    g_autoptr(GBytes) bytes = mem_env_bytes(o->mem, 0);
    const guint8 *p = g_bytes_get_data(bytes, NULL);

    return be64_load(p + tables[i].offset + 64) == NEW + i;
}

/* Wherever writing stops, what is on disk points to nothing that is not. */
static void test_order(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .cluster_bits = 12 });

    for (guint n = 0;; n++) {
        Opened o;
        opened_init(&o, b, ABI_OPEN_WRITE, 0);
        for (guint i = G_N_ELEMENTS(tables); i > 0; i--) {
            dirty(&o, i - 1);
        }
        mem_env_fail_io(o.mem, n, EIO);
        int status = qcow2_cache_write_back(&o.im, QCOW2_KIND_L1);
        for (guint i = 1; i < G_N_ELEMENTS(tables); i++) {
            g_assert_true(on_disk(&o, i - 1) || !on_disk(&o, i));
        }
        g_assert_cmpint(qcow2_cache_is_dirty(&o.im), ==, status != FMT_OK);
        if (status != FMT_OK) {
            g_assert_cmpint(status, ==, FMT_E_IO);
            mem_env_fail_io(o.mem, 0, 0);
            g_assert_cmpint(qcow2_cache_write_back(&o.im, QCOW2_KIND_L1), ==, FMT_OK);
        }
        for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
            g_assert_true(on_disk(&o, i));
        }
        opened_clear(&o);
        if (n > 0 && status == FMT_OK) {
            /* four writes and a flush before each but the first */
            g_assert_cmpuint(n, ==, 8);
            break;
        }
    }
}

/* Only the kinds asked for leave. */
static void test_some_kinds(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .cluster_bits = 12 });
    Opened o;

    opened_init(&o, b, ABI_OPEN_WRITE, 0);
    for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
        dirty(&o, i);
    }
    g_assert_cmpint(qcow2_cache_write_back(&o.im, QCOW2_KIND_REFTABLE), ==, FMT_OK);
    g_assert_true(on_disk(&o, 0) && on_disk(&o, 1) && !on_disk(&o, 2) && !on_disk(&o, 3));
    qcow2_cache_drop(&o.im, 0x4000, 4096);
    g_assert_cmpint(qcow2_cache_write_back(&o.im, QCOW2_KIND_L1), ==, FMT_OK);
    g_assert_true(!on_disk(&o, 2) && on_disk(&o, 3));
    opened_clear(&o);
}

/* Many more dirty tables than the cache holds: all arrive, in bounded memory, and an L2 table that
 * has to leave takes the refcounts with it first. */
static void test_eviction(void)
{
    const guint n = 6000;
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .cluster_bits = 12 });
    Opened o;

    opened_init(&o, b, ABI_OPEN_WRITE, 6u << 20);
    dirty(&o, 0);
    dirty(&o, 3);
    for (guint i = 0; i < n; i++) {
        struct qcow2_block *block;
        g_assert_cmpint(qcow2_block_new(&o.im, QCOW2_KIND_L2, 0x100000 + i * 4096ull, 4096, &block),
                        ==, FMT_OK);
        be64_store(block->data, NEW + i);
        qcow2_block_put(block);
    }
    g_assert_true(on_disk(&o, 0));
    g_assert_cmpint(qcow2_cache_write_back(&o.im, QCOW2_KIND_L1), ==, FMT_OK);
    g_assert_true(on_disk(&o, 3));
    g_autoptr(GBytes) bytes = mem_env_bytes(o.mem, 0);
    const guint8 *p = g_bytes_get_data(bytes, NULL);
    for (guint i = 0; i < n; i++) {
        g_assert_cmpuint(be64_load(p + 0x100000 + i * 4096ull), ==, NEW + i);
        g_assert_cmpuint(be64_load(p + 0x100000 + i * 4096ull + 8), ==, 0);
    }
    opened_clear(&o);
}

/* Pinned pieces stay whatever is read meanwhile. */
static void test_pins(void)
{
    g_autoptr(Builder) b = builder_new(&(BuilderOptions){ .cluster_bits = 12 });
    struct qcow2_block *pinned, *block;
    Opened o;

    opened_init(&o, b, ABI_OPEN_WRITE, 0);
    g_assert_cmpint(qcow2_block_get(&o.im, QCOW2_KIND_L1, 0x3000, 4096, &pinned), ==, FMT_OK);
    const guint8 *data = pinned->data;
    for (guint i = 0; i < 5000; i++) {
        g_assert_cmpint(qcow2_block_get(&o.im, QCOW2_KIND_L2, 0x100000 + i * 4096ull, 4096, &block),
                        ==, FMT_OK);
        qcow2_block_put(block);
    }
    g_assert_cmpint(qcow2_block_get(&o.im, QCOW2_KIND_L1, 0x3000, 4096, &block), ==, FMT_OK);
    g_assert_true(block == pinned && block->data == data);
    g_assert_cmpuint(be64_load(data), ==, 0x4000 | QCOW2_COPIED);
    qcow2_block_put(block);
    qcow2_block_put(pinned);
    opened_clear(&o);
}

int main(int argc, char **argv)
{
    g_setenv("INSTAR_IMG_QEMU_VERSION", "7.2.0", TRUE);
    g_test_init(&argc, &argv, NULL);
    profile_init(NULL);
    g_test_add_func("/qcow2/faults/io", test_io_fails);
    g_test_add_func("/qcow2/faults/allocation", test_allocation_fails);
    g_test_add_func("/qcow2/cache/order", test_order);
    g_test_add_func("/qcow2/cache/some-kinds", test_some_kinds);
    g_test_add_func("/qcow2/cache/eviction", test_eviction);
    g_test_add_func("/qcow2/cache/pins", test_pins);
    return g_test_run();
}
