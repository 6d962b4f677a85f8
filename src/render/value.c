/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "abi/props.h"
#include "image/options.h"
#include "render/value.h"

struct Value {
    ValueType type;
    guint64 number;
    char *string;
    GArray *members; /* of ValueMember */
};

static void member_clear(gpointer member)
{
    g_free(((ValueMember *)member)->key);
    value_free(((ValueMember *)member)->value);
}

static Value *value_new(ValueType type)
{
    Value *value = g_new0(Value, 1);

    value->type = type;
    if (type == VALUE_OBJECT || type == VALUE_LIST) {
        value->members = g_array_new(FALSE, FALSE, sizeof(ValueMember));
        g_array_set_clear_func(value->members, member_clear);
    }
    return value;
}

Value *value_object(void)
{
    return value_new(VALUE_OBJECT);
}

Value *value_list(void)
{
    return value_new(VALUE_LIST);
}

void value_free(Value *value)
{
    if (value != NULL) {
        g_clear_pointer(&value->members, g_array_unref);
        g_free(value->string);
        g_free(value);
    }
}

void value_add(Value *parent, const char *key, Value *child)
{
    ValueMember member = { g_strdup(key), child };

    g_array_append_val(parent->members, member);
}

static void add_number(Value *parent, const char *key, ValueType type, guint64 number)
{
    Value *value = value_new(type);

    value->number = number;
    value_add(parent, key, value);
}

void value_add_bool(Value *parent, const char *key, gboolean b)
{
    add_number(parent, key, VALUE_BOOL, b != FALSE);
}

void value_add_int(Value *parent, const char *key, gint64 n)
{
    add_number(parent, key, VALUE_INT, (guint64)n);
}

void value_add_uint(Value *parent, const char *key, guint64 n)
{
    add_number(parent, key, VALUE_UINT, n);
}

void value_add_string(Value *parent, const char *key, const char *text, gssize length)
{
    Value *value = value_new(VALUE_STRING);

    value->string = length < 0 ? g_strdup(text) : g_strndup(text, (gsize)length);
    value_add(parent, key, value);
}

gboolean value_add_props(Value *object, GBytes *props)
{
    gsize size;
    struct props_reader reader = { .base = g_bytes_get_data(props, &size) };
    struct props_item item;
    Value *stack[ABI_PROP_DEPTH + 1] = { object };
    guint depth = 0;
    int more;

    if (size > G_MAXUINT32) {
        return FALSE;
    }
    reader.size = (guint32)size;
    while ((more = props_next(&reader, &item)) > 0) {
        Value *parent = stack[depth];
        g_autofree char *key =
            parent->type == VALUE_OBJECT ? g_strndup(item.key, item.key_length) : NULL;
        Value *child;

        switch (item.type) {
        case ABI_PROP_U64:
            value_add_uint(parent, key, item.number);
            break;
        case ABI_PROP_I64:
            value_add_int(parent, key, (gint64)item.number);
            break;
        case ABI_PROP_BOOL:
            value_add_bool(parent, key, item.number != 0);
            break;
        case ABI_PROP_STRING:
            value_add_string(parent, key, (const char *)item.value, item.value_length);
            break;
        case ABI_PROP_OBJECT:
        case ABI_PROP_LIST:
            /* The reader bounds the depth. */
            child = value_new(item.type == ABI_PROP_OBJECT ? VALUE_OBJECT : VALUE_LIST);
            value_add(parent, key, child);
            stack[++depth] = child;
            break;
        case ABI_PROP_END:
            depth--;
            break;
        default:
            return FALSE;
        }
    }
    return more == 0;
}

ValueType value_type(const Value *value)
{
    return value->type;
}

gboolean value_get_bool(const Value *value)
{
    return value->number != 0;
}

gint64 value_get_int(const Value *value)
{
    return (gint64)value->number;
}

guint64 value_get_uint(const Value *value)
{
    return value->number;
}

void value_append_plain(GString *out, const Value *value)
{
    switch (value->type) {
    case VALUE_BOOL:
        g_string_append(out, value_get_bool(value) ? "true" : "false");
        break;
    case VALUE_INT:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value_get_int(value));
        break;
    default:
        g_string_append_printf(out, "%" G_GUINT64_FORMAT, value_get_uint(value));
        break;
    }
}

const char *value_get_string(const Value *value)
{
    return value->string;
}

guint value_n_members(const Value *value)
{
    return value->members->len;
}

const ValueMember *value_member(const Value *value, guint i)
{
    return &g_array_index(value->members, ValueMember, i);
}

const Value *value_find(const Value *object, const char *key)
{
    for (guint i = 0; i < object->members->len; i++) {
        const ValueMember *member = value_member(object, i);

        if (g_str_equal(member->key, key)) {
            return member->value;
        }
    }
    return NULL;
}

void value_remove(Value *object, const char *key)
{
    for (guint i = 0; i < object->members->len; i++) {
        if (g_str_equal(value_member(object, i)->key, key)) {
            g_array_remove_index(object->members, i);
            return;
        }
    }
}

void value_remove_within(Value *object, const char *key, const char *member)
{
    for (guint i = 0; i < object->members->len; i++) {
        const ValueMember *m = value_member(object, i);

        if (g_str_equal(m->key, key) && m->value->type == VALUE_OBJECT) {
            value_remove(m->value, member);
        }
    }
}

void value_name_numbers(Value *value, const char *key, const char *new_key,
                        const char *(*name)(guint64 number, gpointer user_data), gpointer user_data)
{
    if (value->type != VALUE_OBJECT && value->type != VALUE_LIST) {
        return;
    }
    for (guint i = 0; i < value->members->len; i++) {
        ValueMember *m = &g_array_index(value->members, ValueMember, i);

        value_name_numbers(m->value, key, new_key, name, user_data);
        if (m->value->type == VALUE_UINT && g_strcmp0(m->key, key) == 0) {
            g_free(m->key);
            m->key = g_strdup(new_key);
            m->value->type = VALUE_STRING;
            m->value->string = g_strdup(name(m->value->number, user_data));
        }
    }
}

static int compare_members(gconstpointer a, gconstpointer b)
{
    const ValueMember *x = *(const ValueMember *const *)a, *y = *(const ValueMember *const *)b;
    guint bucket_x = options_bucket(x->key), bucket_y = options_bucket(y->key);

    if (bucket_x != bucket_y) {
        return bucket_x < bucket_y ? -1 : 1;
    }
    return x < y ? 1 : -1; /* one array: a later member has the higher address */
}

GPtrArray *value_order(const Value *value)
{
    GPtrArray *order = g_ptr_array_sized_new(value->members->len);

    for (guint i = 0; i < value->members->len; i++) {
        g_ptr_array_add(order, (gpointer)value_member(value, i));
    }
    if (value->type == VALUE_OBJECT) {
        g_ptr_array_sort(order, compare_members);
    }
    return order;
}
