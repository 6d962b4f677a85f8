/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The functions of json-glib and GObject that this program calls, under their
 * own names, each handing on to the library loaded at run time. Their types are
 * checked against the libraries' headers. A function used anew is one line here;
 * the linker asks for it.
 */
#include "config.h"

#include <dlfcn.h>

#include "image/image.h"
#include "image/json-library.h"

#define LIBRARY "libjson-glib-1.0.so.0"

static void *library;

gboolean json_library_load(GError **error)
{
    static gsize once;

    if (g_once_init_enter(&once)) {
        library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        g_once_init_leave(&once, 1);
    }
    if (library == NULL) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_UNSUPPORTED,
                    "Reading JSON needs the library %s, which cannot be loaded", LIBRARY);
    }
    return library != NULL;
}

/* Libraries below LIBRARY are searched as well. */
static void *symbol(const char *name)
{
    void *found = library != NULL ? dlsym(library, name) : NULL;

    if (found == NULL) {
        g_error("%s has no %s", LIBRARY, name);
    }
    return found;
}

/* Hidden, so that the libraries' calls among themselves stay among themselves. */
#define HAND_ON(type, name, parameters, arguments)                                                 \
    __attribute__((visibility("hidden"))) type name parameters                                     \
    {                                                                                              \
        return ((__typeof__(&name))symbol(#name))arguments;                                        \
    }

/* Also a macro, which only keeps the type. */
#undef g_object_unref
HAND_ON(void, g_object_unref, (gpointer object), (object))
HAND_ON(JsonNode *, json_array_get_element, (JsonArray * array, guint i), (array, i))
HAND_ON(guint, json_array_get_length, (JsonArray * array), (array))
HAND_ON(char *, json_node_dup_string, (JsonNode * node), (node))
HAND_ON(JsonArray *, json_node_get_array, (JsonNode * node), (node))
HAND_ON(gboolean, json_node_get_boolean, (JsonNode * node), (node))
HAND_ON(double, json_node_get_double, (JsonNode * node), (node))
HAND_ON(gint64, json_node_get_int, (JsonNode * node), (node))
HAND_ON(JsonNodeType, json_node_get_node_type, (JsonNode * node), (node))
HAND_ON(JsonObject *, json_node_get_object, (JsonNode * node), (node))
HAND_ON(const char *, json_node_get_string, (JsonNode * node), (node))
HAND_ON(GType, json_node_get_value_type, (JsonNode * node), (node))
HAND_ON(JsonNode *, json_object_get_member, (JsonObject * object, const char *name), (object, name))
HAND_ON(GList *, json_object_get_members, (JsonObject * object), (object))
HAND_ON(guint, json_object_get_size, (JsonObject * object), (object))
HAND_ON(void, json_object_iter_init, (JsonObjectIter * iter, JsonObject *object), (iter, object))
HAND_ON(gboolean, json_object_iter_next,
        (JsonObjectIter * iter, const char **name, JsonNode **node), (iter, name, node))
HAND_ON(JsonNode *, json_parser_get_root, (JsonParser * parser), (parser))
HAND_ON(gboolean, json_parser_load_from_data,
        (JsonParser * parser, const char *data, gssize length, GError **error),
        (parser, data, length, error))
HAND_ON(JsonParser *, json_parser_new, (void), ())
HAND_ON(JsonParser *, json_parser_new_immutable, (void), ())
