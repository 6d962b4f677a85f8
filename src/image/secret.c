/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "abi/props.h"
#include "image/image.h"
#include "image/secret.h"

/* Bytes of chance a cell gets for new keys. */
#define SEED 32u

typedef struct {
    guint8 *data;
    gsize length;
} Secret;

static GHashTable *secrets; /* char * -> Secret * */

void secret_wipe(void *p, gsize length)
{
    if (length > 0) {
        explicit_bzero(p, length);
    }
}

static void free_secret(gpointer data)
{
    Secret *secret = data;

    secret_wipe(secret->data, secret->length);
    g_free(secret->data);
    g_free(secret);
}

static void forget_all(void)
{
    g_clear_pointer(&secrets, g_hash_table_unref);
}

gboolean secret_add(const char *id, guint8 *data, gsize length)
{
    Secret *secret;

    if (secrets == NULL) {
        secrets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_secret);
        atexit(forget_all);
    }
    if (g_hash_table_contains(secrets, id)) {
        return FALSE;
    }
    secret = g_new(Secret, 1);
    *secret = (Secret){ data, length };
    return g_hash_table_insert(secrets, g_strdup(id), secret);
}

gboolean secret_find(const char *id, const guint8 **ret_data, gsize *ret_length, GError **error)
{
    const Secret *secret = secrets != NULL ? g_hash_table_lookup(secrets, id) : NULL;

    if (secret == NULL) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "No secret with id '%s'", id);
        return FALSE;
    }
    *ret_data = secret->data;
    *ret_length = secret->length;
    return TRUE;
}

static void append(GByteArray *props, const char *key, const guint8 *data, gsize length)
{
    struct props_writer w = { 0 };
    guint room = (guint)(strlen(key) + length + 64);
    guint before = props->len;

    g_byte_array_set_size(props, before + room);
    w.base = props->data + before;
    w.size = room;
    props_bytes(&w, key, data, (guint32)length);
    g_byte_array_set_size(props, before + w.used);
}

gboolean secret_append(GByteArray *props, const char *key, const char *id, GError **error)
{
    const guint8 *data;
    gsize length;

    if (!secret_find_text(id, &data, &length, error)) {
        return FALSE;
    }
    append(props, key, data, length);
    return TRUE;
}

void secret_append_bool(GByteArray *props, const char *key, gboolean value)
{
    guint8 room[64];
    struct props_writer w = { .base = room, .size = sizeof room };

    props_bool(&w, key, value);
    g_byte_array_append(props, room, w.used);
}

void secret_append_seed(GByteArray *props)
{
    guint8 seed[SEED];
    gsize done = 0;

    while (done < sizeof seed) {
        gssize n = getrandom(seed + done, sizeof seed - done, 0);

        if (n < 0 && errno != EINTR) {
            g_error("No random bytes: %s", g_strerror(errno));
        }
        done += n > 0 ? (gsize)n : 0;
    }
    append(props, "seed", seed, sizeof seed);
    secret_wipe(seed, sizeof seed);
}

gboolean secret_find_text(const char *id, const guint8 **ret_data, gsize *ret_length,
                          GError **error)
{
    if (!secret_find(id, ret_data, ret_length, error)) {
        return FALSE;
    }
    if (!g_utf8_validate((const char *)*ret_data, (gssize)*ret_length, NULL)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Data from secret %s is not valid UTF-8",
                    id);
        return FALSE;
    }
    return TRUE;
}
