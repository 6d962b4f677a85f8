/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "tests/bitmap-guest.h"

gboolean bitmap_guest_ask(Guest *guest, const BitmapAsk *ask, GByteArray *answer)
{
    g_autofree guint8 *in = g_malloc(ABI_TABLE_SIZE), *out = g_malloc(ABI_TABLE_SIZE);
    struct props_writer w = { .base = in, .size = ABI_TABLE_SIZE };
    struct props_writer a = { .base = out, .size = ABI_TABLE_SIZE };
    const struct {
        const char *key;
        guint64 value;
    } numbers[] = {
        { "granularity", ask->granularity },
        { "at", ask->at },
        { "from", ask->from },
        { "to", ask->to },
        { "entry", ask->entry },
    };

    props_string(&w, "action", ask->action);
    if (ask->name != NULL) {
        props_string(&w, "name", ask->name);
    }
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (numbers[i].value != 0) {
            props_u64(&w, numbers[i].key, numbers[i].value);
        }
    }
    if (ask->enabled) {
        props_bool(&w, "enabled", TRUE);
    }
    if (ask->dry_run) {
        props_bool(&w, "dry-run", TRUE);
    }
    if (ask->bits != NULL) {
        props_bytes(&w, "bits", ask->bits, ask->n);
    }
    guest->status = qcow2_call(&guest->im, ABI_CALL_BITMAP,
                               (struct props_reader){ .base = in, .size = w.used }, &a);
    if (guest->status == FMT_OK && answer != NULL) {
        g_assert_false(a.full);
        g_byte_array_append(answer, out, a.used);
    }
    return guest->status == FMT_OK;
}

static void state_free(gpointer data)
{
    BitmapState *s = data;

    g_free(s->name);
    g_byte_array_unref(s->bits);
    g_free(s);
}

static gboolean is_key(const struct props_item *item, const char *key)
{
    return item->key_length == strlen(key) && memcmp(item->key, key, item->key_length) == 0;
}

static gboolean read_bits(Guest *guest, BitmapState *s, guint64 entry, guint64 size)
{
    guint64 at = 0, bits = (size + s->granularity - 1) / s->granularity;

    g_byte_array_set_size(s->bits, (guint)((bits + 7) / 8));
    memset(s->bits->data, 0, s->bits->len);
    for (;;) {
        g_autoptr(GByteArray) answer = g_byte_array_new();
        struct props_reader reader;
        struct props_item item;
        guint n = 0;

        if (!bitmap_guest_ask(guest, &(BitmapAsk){ "read", .entry = entry, .at = at }, answer)) {
            return FALSE;
        }
        reader = (struct props_reader){ .base = answer->data, .size = answer->len };
        while (props_next(&reader, &item) > 0) {
            if (is_key(&item, "at")) {
                at = item.number;
            } else {
                n = item.value_length;
                g_assert_cmpuint(at + n, <=, s->bits->len);
                memcpy(s->bits->data + at, item.value, n);
            }
        }
        if (n == 0) {
            return TRUE;
        }
        at += n;
    }
}

GPtrArray *bitmap_guest_states(Guest *guest)
{
    g_autoptr(GPtrArray) states = g_ptr_array_new_with_free_func(state_free);
    g_autoptr(GByteArray) answer = g_byte_array_new();
    struct props_reader reader;
    struct props_item item;
    guint64 size = 0;

    if (!bitmap_guest_ask(guest, &(BitmapAsk){ "list" }, answer)) {
        return NULL;
    }
    reader = (struct props_reader){ .base = answer->data, .size = answer->len };
    while (props_next(&reader, &item) > 0) {
        if (is_key(&item, "size")) {
            size = item.number;
            continue;
        }
        BitmapState *s = g_new0(BitmapState, 1);
        guint64 entry = 0;
        s->bits = g_byte_array_new();
        g_ptr_array_add(states, s);
        g_assert_cmpint(item.type, ==, ABI_PROP_OBJECT);
        while (props_next(&reader, &item) > 0 && item.type != ABI_PROP_END) {
            if (is_key(&item, "name")) {
                s->name = g_strndup((const char *)item.value, item.value_length);
            } else if (is_key(&item, "granularity")) {
                s->granularity = item.number;
            } else if (is_key(&item, "enabled")) {
                s->enabled = item.number != 0;
            } else if (is_key(&item, "inconsistent")) {
                s->inconsistent = item.number != 0;
            } else {
                entry = item.number;
            }
        }
        if (!s->inconsistent && !read_bits(guest, s, entry, size)) {
            return NULL;
        }
    }
    return g_steal_pointer(&states);
}

const BitmapState *bitmap_states_find(GPtrArray *states, const char *name)
{
    for (guint i = 0; i < states->len; i++) {
        const BitmapState *s = states->pdata[i];

        if (g_str_equal(s->name, name)) {
            return s;
        }
    }
    return NULL;
}

gboolean bitmap_state_equal(const BitmapState *a, const BitmapState *b)
{
    return a->granularity == b->granularity && a->enabled == b->enabled &&
           a->bits->len == b->bits->len && memcmp(a->bits->data, b->bits->data, a->bits->len) == 0;
}
