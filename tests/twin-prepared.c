/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-prepared.h"

#include <glib/gstdio.h>
#include <string.h>

#include "tests/twin-tree.h"

struct twin_prepared {
    char *root;
    GHashTable *wanted; /* key of a beginning: number of cases that have it */
    GHashTable *kept;   /* key and who: path of a directory */
};

/* Added to @key for one more command; FALSE if what it makes is only for the case itself. */
static gboolean add_command(GString *key, const struct twin_command *command)
{
    for (char **p = command->argv; *p; p++) {
        if (strstr(*p, "@DIR@"))
            return FALSE;
        g_string_append_printf(key, "%s\n", *p);
    }
    g_string_append_c(key, '\n');
    return TRUE;
}

/* What tells the first @n commands of the set-up of @c from others; NULL: they are its own. */
static char *key_of(const struct twin_case *c, guint n)
{
    g_autoptr(GString) key = g_string_new(NULL);

    for (char **p = c->env; *p; p++)
        g_string_append_printf(key, "%s\n", *p);
    for (guint i = 0; i < n; i++)
        if (!add_command(key, g_ptr_array_index(c->setup, i)))
            return NULL;
    return g_string_free(g_steal_pointer(&key), FALSE);
}

static char *key_by(const char *key, enum twin_who who)
{
    return g_strdup_printf("%d\n%s", (int)who, key);
}

/* How many cases have the first @n commands of @c, which has at least as many. */
static guint count(const struct twin_prepared *prepared, const struct twin_case *c, guint n)
{
    g_autofree char *key = key_of(c, n);

    return key ? GPOINTER_TO_UINT(g_hash_table_lookup(prepared->wanted, key)) : 0;
}

struct twin_prepared *twin_prepared_new(const char *parent, GPtrArray *cases)
{
    struct twin_prepared *prepared = g_new0(struct twin_prepared, 1);

    prepared->root = g_build_filename(parent, "prepared", NULL);
    prepared->wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    prepared->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < cases->len; i++) {
        const struct twin_case *c = g_ptr_array_index(cases, i);

        for (guint n = 1; n <= c->setup->len; n++) {
            char *key = key_of(c, n);

            if (!key)
                break;
            g_hash_table_replace(prepared->wanted, key,
                                 GUINT_TO_POINTER(count(prepared, c, n) + 1));
        }
    }
    return prepared;
}

void twin_prepared_free(struct twin_prepared *prepared)
{
    g_autoptr(GError) error = NULL;

    if (!g_getenv("INSTAR_TEST_KEEP") && g_file_test(prepared->root, G_FILE_TEST_EXISTS) &&
        !twin_tree_remove(prepared->root, &error))
        g_printerr("# %s\n", error->message);
    g_hash_table_unref(prepared->wanted);
    g_hash_table_unref(prepared->kept);
    g_free(prepared->root);
    g_free(prepared);
}

const char *twin_prepared_find(const struct twin_prepared *prepared, const struct twin_case *c,
                               enum twin_who who, guint *n)
{
    for (*n = c->setup->len; *n > 0; (*n)--) {
        g_autofree char *key = key_of(c, *n);

        if (!key)
            continue;
        g_autofree char *full = key_by(key, who);
        const char *path = g_hash_table_lookup(prepared->kept, full);
        if (path)
            return path;
    }
    return NULL;
}

const char *twin_prepared_keep(struct twin_prepared *prepared, const struct twin_case *c,
                               enum twin_who who, guint n)
{
    guint cases = count(prepared, c, n);

    /* Where all cases go on with the same command, what that one makes serves them better. */
    if (cases < 2 || (n < c->setup->len && count(prepared, c, n + 1) == cases))
        return NULL;
    if (g_mkdir_with_parents(prepared->root, 0755) != 0)
        return NULL;
    g_autofree char *key = key_of(c, n);
    char *path = g_strdup_printf("%s/%u", prepared->root, g_hash_table_size(prepared->kept));

    g_hash_table_insert(prepared->kept, key_by(key, who), path);
    return path;
}
