/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-case.h"

#include "tests/twin-builtin.h"

#include <string.h>

static void command_free(struct twin_command *command)
{
    g_free(command->name);
    g_strfreev(command->argv);
    g_free(command);
}

gboolean twin_command_only_looks(const struct twin_command *command)
{
    static const char *const lookers[] = { "info", "map", "check", "compare", "measure", NULL };
    char **argv = command->argv;

    if (!g_str_equal(argv[0], "qemu-img") || !argv[1] || !g_strv_contains(lookers, argv[1]))
        return FALSE;
    /* check -r, however it is written, and nodes that are to be opened for writing */
    for (char **p = argv + 2; *p; p++)
        if (g_str_has_prefix(*p, "--r") || strstr(*p, "read-only") ||
            (**p == '-' && (*p)[1] != '-' && strchr(*p, 'r')))
            return FALSE;
    return TRUE;
}

void twin_case_free(struct twin_case *c)
{
    g_free(c->bucket);
    g_free(c->target);
    g_free(c->name);
    g_free(c->id);
    g_free(c->table);
    g_clear_pointer(&c->setup, g_ptr_array_unref);
    g_strfreev(c->run);
    g_clear_pointer(&c->observe, g_ptr_array_unref);
    g_strfreev(c->env);
    g_free(c->unchecked);
    g_free(c);
}

typedef struct twin_case twin_case_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(twin_case_auto, twin_case_free)

gboolean twin_name_is_safe(const char *name)
{
    return g_ascii_isalnum(name[0]) && strlen(name) < 100 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.=") ==
               strlen(name);
}

/* Files that a set-up makes lie in the case's directory: relative, and never upwards. */
static const char *unsafe_file(char **argv)
{
    for (guint i = 1; argv[i]; i++)
        if (twin_builtin_is_name(argv[0], i) &&
            (argv[i][0] == '/' || g_str_has_prefix(argv[i], "../") || strstr(argv[i], "/../") ||
             g_str_has_suffix(argv[i], "/..") || g_str_equal(argv[i], "..")))
            return argv[i];
    return NULL;
}

static struct twin_command *parse_command(JsonNode *node, const char *name, gboolean in_setup,
                                          GError **error)
{
    g_auto(GStrv) argv = twin_json_strv(node, name ? name : "command", error);

    if (!argv)
        return NULL;
    if (!argv[0]) {
        twin_json_fail(error, "empty command");
        return NULL;
    }
    if (!g_str_equal(argv[0], "qemu-img") && !g_str_equal(argv[0], "qemu-io") &&
        !(in_setup && twin_builtin_accepts(argv))) {
        twin_json_fail(error, "'%s' with %u arguments is no command here", argv[0],
                       g_strv_length(argv) - 1);
        return NULL;
    }
    if (unsafe_file(argv)) {
        twin_json_fail(error, "'%s' is not safe as a file name", unsafe_file(argv));
        return NULL;
    }
    struct twin_command *command = g_new0(struct twin_command, 1);
    command->name = g_strdup(name);
    command->argv = g_steal_pointer(&argv);
    return command;
}

static gboolean parse_string(JsonNode *node, char **ret, GError **error)
{
    if (json_node_get_value_type(node) != G_TYPE_STRING)
        return twin_json_fail(error, "not a string");
    if (!twin_name_is_safe(json_node_get_string(node)))
        return twin_json_fail(error, "'%s' is not safe as a file name", json_node_get_string(node));
    *ret = g_strdup(json_node_get_string(node));
    return TRUE;
}

static gboolean parse_target(struct twin_case *c, JsonNode *node, GError **error)
{
    return parse_string(node, &c->target, error);
}

static gboolean parse_name(struct twin_case *c, JsonNode *node, GError **error)
{
    return parse_string(node, &c->name, error);
}

static gboolean parse_setup(struct twin_case *c, JsonNode *node, GError **error)
{
    if (!JSON_NODE_HOLDS_ARRAY(node))
        return twin_json_fail(error, "not an array");
    JsonArray *array = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        struct twin_command *command =
            parse_command(json_array_get_element(array, i), NULL, TRUE, error);

        if (!command)
            return FALSE;
        g_ptr_array_add(c->setup, command);
    }
    return TRUE;
}

static gboolean parse_run(struct twin_case *c, JsonNode *node, GError **error)
{
    c->run = twin_json_strv(node, "run", error);
    if (!c->run)
        return FALSE;
    /* The candidate has no qemu-io: only qemu-img can be under test. */
    if (g_strcmp0(c->run[0], "qemu-img") != 0)
        return twin_json_fail(error, "does not begin with qemu-img");
    return TRUE;
}

static gboolean parse_observe(struct twin_case *c, JsonNode *node, GError **error)
{
    if (!JSON_NODE_HOLDS_OBJECT(node))
        return twin_json_fail(error, "not an object");

    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, json_node_get_object(node));
    while (json_object_iter_next_ordered(&iter, &name, &value)) {
        if (!twin_name_is_safe(name))
            return twin_json_fail(error, "'%s' is not a safe name", name);
        struct twin_command *command = parse_command(value, name, FALSE, error);
        if (!command)
            return FALSE;
        g_ptr_array_add(c->observe, command);
    }
    return TRUE;
}

static gboolean parse_env(struct twin_case *c, JsonNode *node, GError **error)
{
    g_strfreev(c->env);
    c->env = twin_json_strv(node, "env", error);
    if (!c->env)
        return FALSE;
    for (char **p = c->env; *p; p++)
        if (!strchr(*p, '='))
            return twin_json_fail(error, "'%s' is not NAME=VALUE", *p);
    return TRUE;
}

static gboolean parse_umask(struct twin_case *c, JsonNode *node, GError **error)
{
    guint64 mask;

    if (json_node_get_value_type(node) != G_TYPE_STRING ||
        !g_ascii_string_to_unsigned(json_node_get_string(node), 8, 0, 0777, &mask, NULL))
        return twin_json_fail(error, "not a string of octal digits up to 777");
    c->umask = (guint)mask;
    return TRUE;
}

static gboolean parse_unchecked(struct twin_case *c, JsonNode *node, GError **error)
{
    if (json_node_get_value_type(node) != G_TYPE_STRING || !*json_node_get_string(node))
        return twin_json_fail(error, "not a reason");
    c->unchecked = g_strdup(json_node_get_string(node));
    return TRUE;
}

static const struct {
    const char *key;
    gboolean required;
    gboolean (*parse)(struct twin_case *c, JsonNode *node, GError **error);
} keys[] = {
    { "target", TRUE, parse_target },   { "name", TRUE, parse_name },
    { "setup", TRUE, parse_setup },     { "run", TRUE, parse_run },
    { "observe", TRUE, parse_observe }, { "env", FALSE, parse_env },
    { "umask", FALSE, parse_umask },    { "unchecked", FALSE, parse_unchecked },
};

/* Set @error to tell of the first key of @object that is not one of ours. */
static gboolean fail_unknown(JsonObject *object, GError **error)
{
    g_autoptr(GList) members = json_object_get_members(object);

    for (const GList *p = members; p; p = p->next) {
        gboolean known = FALSE;

        for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
            known |= g_str_equal(keys[i].key, p->data);
        if (!known)
            return twin_json_fail(error, "has an unknown key '%s'", (const char *)p->data);
    }
    return FALSE;
}

static gboolean parse_members(struct twin_case *c, JsonObject *object, GError **error)
{
    guint known = 0;

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        JsonNode *value = json_object_get_member(object, keys[i].key);

        if (!value) {
            if (keys[i].required)
                return twin_json_fail(error, "has no key '%s'", keys[i].key);
            continue;
        }
        known++;
        if (!keys[i].parse(c, value, error)) {
            g_prefix_error(error, "key '%s': ", keys[i].key);
            return FALSE;
        }
    }
    if (known != json_object_get_size(object))
        return fail_unknown(object, error);
    return TRUE;
}

static struct twin_case *parse_case(JsonNode *node, const char *bucket, GError **error)
{
    g_autoptr(twin_case_auto) c = g_new0(struct twin_case, 1);

    c->bucket = g_strdup(bucket);
    c->setup = g_ptr_array_new_with_free_func((GDestroyNotify)command_free);
    c->observe = g_ptr_array_new_with_free_func((GDestroyNotify)command_free);
    c->env = g_new0(char *, 1);
    c->umask = 022;
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        twin_json_fail(error, "not an object");
        return NULL;
    }
    if (!parse_members(c, json_node_get_object(node), error)) {
        g_prefix_error(error, "%s/%s/%s: ", bucket, c->target ? c->target : "?",
                       c->name ? c->name : "?");
        return NULL;
    }
    c->id = g_strdup_printf("%s/%s/%s", bucket, c->target, c->name);
    return g_steal_pointer(&c);
}

/*
 * Append the cases of @text, which is the file @table, to @cases; @seen holds the ids so far
 * (borrowed from the cases).
 */
static gboolean parse_table(GPtrArray *cases, GHashTable *seen, const char *text,
                            const char *bucket, const char *table, GError **error)
{
    g_autoptr(JsonNode) root = twin_json_load_array(text, NULL, error);

    if (!root)
        return FALSE;
    JsonArray *array = json_node_get_array(root);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        struct twin_case *c = parse_case(json_array_get_element(array, i), bucket, error);

        if (!c) {
            g_prefix_error(error, "case %u: ", i + 1);
            return FALSE;
        }
        c->table = g_strdup(table);
        g_ptr_array_add(cases, c);
        if (!g_hash_table_add(seen, c->id))
            return twin_json_fail(error, "two cases are called %s", c->id);
    }
    return TRUE;
}

GPtrArray *twin_cases_parse(const char *text, const char *bucket, GError **error)
{
    g_autoptr(GPtrArray) cases = g_ptr_array_new_with_free_func((GDestroyNotify)twin_case_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    if (!parse_table(cases, seen, text, bucket, NULL, error))
        return NULL;
    return g_steal_pointer(&cases);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted names of the tables in @dir: all, or those of @bucket. */
static GPtrArray *list_tables(const char *dir, const char *bucket, GError **error)
{
    g_autoptr(GPtrArray) tables = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) handle = g_dir_open(dir, 0, error);
    const char *entry;

    if (!handle)
        return NULL;
    while ((entry = g_dir_read_name(handle))) {
        g_autofree char *owner = g_strndup(entry, strcspn(entry, "-."));

        if (g_str_has_suffix(entry, ".json") && (!bucket || g_str_equal(owner, bucket)))
            g_ptr_array_add(tables, g_strdup(entry));
    }
    g_ptr_array_sort(tables, compare_names);
    return g_steal_pointer(&tables);
}

GPtrArray *twin_cases_load(const char *dir, const char *bucket, GError **error)
{
    g_autoptr(GPtrArray) cases = g_ptr_array_new_with_free_func((GDestroyNotify)twin_case_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) tables = list_tables(dir, bucket, error);

    if (!tables)
        return NULL;
    for (guint i = 0; i < tables->len; i++) {
        const char *table = g_ptr_array_index(tables, i);
        g_autofree char *path = g_build_filename(dir, table, NULL);
        g_autofree char *text = NULL;

        if (!g_file_get_contents(path, &text, NULL, error))
            return NULL;
        if (!parse_table(cases, seen, text, bucket, table, error)) {
            g_prefix_error(error, "%s: ", path);
            return NULL;
        }
    }
    return g_steal_pointer(&cases);
}

char **twin_buckets(const char *dir, GError **error)
{
    g_autoptr(GPtrArray) tables = list_tables(dir, NULL, error);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autofree char *last = NULL;

    if (!tables)
        return NULL;
    for (guint i = 0; i < tables->len; i++) {
        const char *entry = g_ptr_array_index(tables, i);
        g_autofree char *owner = g_strndup(entry, strcspn(entry, "-."));

        if (g_strcmp0(owner, last) == 0)
            continue;
        g_strv_builder_add(builder, owner);
        g_free(last);
        last = g_steal_pointer(&owner);
    }
    return g_strv_builder_end(builder);
}
