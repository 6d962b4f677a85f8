/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small value tree for output: what a command knows, before it is JSON or text.
 * GLib only; nothing here reads JSON.
 *
 * Objects keep their members as added. Printers order them as qemu-img does, by
 * the bucket of a hash of the key (value_order); of two keys in one bucket the
 * one added later comes first, so members are added in the order of qemu's
 * structures.
 */
#ifndef INSTAR_RENDER_VALUE_H
#define INSTAR_RENDER_VALUE_H

#include <glib.h>

typedef struct Value Value;

typedef enum {
    VALUE_BOOL,
    VALUE_INT,
    VALUE_UINT,
    VALUE_STRING, /* any bytes but zero */
    VALUE_OBJECT,
    VALUE_LIST,
} ValueType;

typedef struct {
    char *key; /* NULL in a list */
    Value *value;
} ValueMember;

Value *value_object(void);
Value *value_list(void);
void value_free(Value *value);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Value, value_free)

/* Add to an object (key) or a list (key NULL). The parent owns what it gets. */
void value_add(Value *parent, const char *key, Value *child);
void value_add_bool(Value *parent, const char *key, gboolean b);
void value_add_int(Value *parent, const char *key, gint64 n);
void value_add_uint(Value *parent, const char *key, guint64 n);
/* text: copied up to length bytes or its first zero byte; length -1: all of it. */
void value_add_string(Value *parent, const char *key, const char *text, gssize length);

/* Append the records of a property stream (abi/props.h) to an object. FALSE if it is malformed;
 * what came before has been added. */
gboolean value_add_props(Value *object, GBytes *props);

ValueType value_type(const Value *value);
gboolean value_get_bool(const Value *value);
gint64 value_get_int(const Value *value);
guint64 value_get_uint(const Value *value);
const char *value_get_string(const Value *value);
/* A BOOL or a number, as JSON and text both have it. */
void value_append_plain(GString *out, const Value *value);
guint value_n_members(const Value *value);
/* Member i as added. */
const ValueMember *value_member(const Value *value, guint i);
/* A member of an object by key, NULL if it has none. */
const Value *value_find(const Value *object, const char *key);
/* Take a member out of an object and free it; nothing happens if it is not there. */
void value_remove(Value *object, const char *key);
/* The same in the object that is member key of object. */
void value_remove_within(Value *object, const char *key, const char *member);
/* Every number under key, in value or anywhere within it, becomes the text that name() has for it,
 * under new_key. */
void value_name_numbers(Value *value, const char *key, const char *new_key,
                        const char *(*name)(guint64 number, gpointer user_data),
                        gpointer user_data);
/* The members of an object or list, ordered as qemu-img prints them: of const ValueMember *. */
GPtrArray *value_order(const Value *value);

#endif
