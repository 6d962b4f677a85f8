/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "image/words.h"
#include "tests/qcow2-builder.h"

#define COPIED QCOW2_COPIED

static guint8 *room(Builder *b, guint64 offset, gsize length)
{
    guint old = b->bytes->len;

    g_assert_cmpuint(offset + length, <=, 1u << 28);
    if (offset + length > old) {
        g_byte_array_set_size(b->bytes, (guint)(offset + length));
        memset(b->bytes->data + old, 0, b->bytes->len - old);
    }
    return b->bytes->data + offset;
}

void builder_put16(Builder *b, guint64 offset, guint16 v)
{
    be16_store(room(b, offset, 2), v);
}

void builder_put32(Builder *b, guint64 offset, guint32 v)
{
    be32_store(room(b, offset, 4), v);
}

void builder_put64(Builder *b, guint64 offset, guint64 v)
{
    be64_store(room(b, offset, 8), v);
}

void builder_put(Builder *b, guint64 offset, const void *data, gsize length)
{
    memcpy(room(b, offset, length), data, length);
}

guint64 builder_get64(const Builder *b, guint64 offset)
{
    g_assert_cmpuint(offset + 8, <=, b->bytes->len);
    return be64_load(b->bytes->data + offset);
}

void builder_extension(Builder *b, guint32 type, const void *data, gsize length)
{
    guint64 at = be32_load(b->bytes->data + QCOW2_H_HEADER_LENGTH);

    while (be32_load(b->bytes->data + at) != QCOW2_EXT_END) {
        at += QCOW2_EXT_HEAD + align_up(be32_load(b->bytes->data + at + 4), 8);
    }
    builder_put32(b, at, type);
    builder_put32(b, at + 4, (guint32)length);
    builder_put(b, at + QCOW2_EXT_HEAD, data, length);
}

static guint32 order_of(const BuilderOptions *o)
{
    return o->refcount_order == 0 ? 4 : o->refcount_order == G_MAXUINT32 ? 0 : o->refcount_order;
}

static void put_header(Builder *b, const BuilderOptions *o, guint64 size)
{
    guint32 version = o->version != 0 ? o->version : 3;

    builder_put32(b, QCOW2_H_MAGIC, QCOW2_MAGIC);
    builder_put32(b, QCOW2_H_VERSION, version);
    builder_put32(b, QCOW2_H_CLUSTER_BITS, o->cluster_bits != 0 ? o->cluster_bits : 16);
    builder_put64(b, QCOW2_H_SIZE, size);
    builder_put32(b, QCOW2_H_L1_SIZE, o->l1_size != 0 ? o->l1_size : 1);
    builder_put64(b, QCOW2_H_L1_OFFSET, b->l1);
    builder_put64(b, QCOW2_H_REFTABLE_OFFSET, b->reftable);
    builder_put32(b, QCOW2_H_REFTABLE_CLUSTERS, 1);
    if (version < 3) {
        return;
    }
    builder_put64(b, QCOW2_H_INCOMPATIBLE,
                  (o->extended_l2 ? QCOW2_INCOMPAT_EXTENDED_L2 : 0) |
                      (o->data_file ? QCOW2_INCOMPAT_DATA_FILE : 0));
    builder_put32(b, QCOW2_H_REFCOUNT_ORDER, order_of(o));
    builder_put32(b, QCOW2_H_HEADER_LENGTH, QCOW2_HEADER_V3_USED);
}

Builder *builder_new(const BuilderOptions *o)
{
    Builder *b = g_new0(Builder, 1);
    guint32 bits = o->cluster_bits != 0 ? o->cluster_bits : 16;
    guint64 cs = b->cluster_size = G_GUINT64_CONSTANT(1) << bits;
    guint entry = o->extended_l2 ? 16 : 8;
    guint own = o->data_file ? 0 : o->data_clusters;

    b->bytes = g_byte_array_new();
    b->reftable = cs;
    b->refblock = 2 * cs;
    b->l1 = 3 * cs;
    b->l2 = 4 * cs;
    b->data = 5 * cs;
    room(b, 0, (5 + own) * cs);
    put_header(b, o, o->size != 0 ? o->size : cs / entry * cs);
    builder_put64(b, b->reftable, b->refblock);
    builder_put64(b, b->l1, b->l2 | COPIED);
    for (guint i = 0; i < o->data_clusters; i++) {
        builder_put64(b, b->l2 + i * entry, ((o->data_file ? 0 : b->data) + i * cs) | COPIED);
        if (o->extended_l2) {
            builder_put64(b, b->l2 + i * entry + 8, G_MAXUINT32);
        }
    }
    for (guint i = 0; i < 5 + own; i++) {
        qcow2_refcount_store(b->bytes->data + b->refblock, order_of(o), i, 1);
        if (i >= 5) {
            memset(b->bytes->data + i * cs, (int)(0x40 + i), cs);
        }
    }
    return b;
}

void builder_free(Builder *b)
{
    g_byte_array_unref(b->bytes);
    g_free(b);
}

void opened_init(Opened *o, const Builder *b, guint32 flags, guint64 arena)
{
    static guint8 table[ABI_TABLE_SIZE];

    *o = (Opened){ .mem = mem_env_new(arena), .props = { .base = table, .size = sizeof table } };
    mem_env_add(o->mem, b->bytes->data, b->bytes->len);
    o->im =
        (struct fmt_image){ .env = mem_env_env(o->mem), .driver = &qcow2_driver, .flags = flags };
    o->status = qcow2_driver.open(&o->im, &o->facts, &o->props);
}

void opened_clear(Opened *o)
{
    mem_env_free(o->mem);
}

char *opened_words(Opened *o)
{
    return words_of_result(mem_env_result(o->mem));
}

static void append_messages(GString *out, const guint8 *data, guint length)
{
    struct props_reader reader = { .base = data, .size = length };
    struct props_item item;
    int more;

    while ((more = props_next(&reader, &item)) > 0) {
        struct abi_message message;
        g_autofree char *words = NULL;

        if (item.type != ABI_PROP_MESSAGE) {
            continue;
        }
        memcpy(&message, item.value, sizeof message);
        words = words_of_message(&message, item.value + sizeof message,
                                 item.value_length - sizeof message);
        g_string_append_printf(out, "%s\n", words);
    }
    g_assert_cmpint(more, ==, 0);
}

char *opened_messages(Opened *o, const struct props_writer *w)
{
    GString *out = g_string_new(NULL);
    const GByteArray *emitted = mem_env_emitted(o->mem);

    append_messages(out, emitted->data, emitted->len);
    if (w != NULL) {
        append_messages(out, w->base, w->used);
    }
    return g_string_free(out, FALSE);
}
