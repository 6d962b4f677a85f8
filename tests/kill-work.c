/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <nettle/sha2.h>
#include <string.h>
#include <unistd.h>

#include "tests/io-journal.h"
#include "tests/kill-work.h"

struct KillFiles {
    GHashTable *by_name; /* char * -> GByteArray * */
};

static KillFiles *files_new(void)
{
    KillFiles *files = g_new0(KillFiles, 1);

    files->by_name =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_byte_array_unref);
    return files;
}

void kill_files_free(KillFiles *files)
{
    if (files != NULL) {
        g_hash_table_unref(files->by_name);
        g_free(files);
    }
}

KillFiles *kill_files_read(const char *folder)
{
    KillFiles *files = files_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
    const char *name;

    g_assert_no_error(error);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        char *text = NULL;
        gsize length = 0;

        g_file_get_contents(path, &text, &length, &error);
        g_assert_no_error(error);
        g_hash_table_insert(files->by_name, g_strdup(name),
                            g_byte_array_new_take((guint8 *)text, length));
    }
    return files;
}

void kill_files_write(const KillFiles *files, const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    GHashTableIter it;
    gpointer name, content;
    const char *old;

    while ((old = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, old, NULL);

        if (!g_hash_table_contains(files->by_name, old)) {
            g_unlink(path);
        }
    }
    g_hash_table_iter_init(&it, files->by_name);
    while (g_hash_table_iter_next(&it, &name, &content)) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        const GByteArray *bytes = content;
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        g_assert_cmpint(fd, >=, 0);
        for (guint at = 0; at < bytes->len;) {
            gssize n = write(fd, bytes->data + at, bytes->len - at);

            g_assert_cmpint(n, >, 0);
            at += (guint)n;
        }
        close(fd);
    }
}

KillFiles *kill_files_copy(const KillFiles *files)
{
    KillFiles *copy = files_new();
    GHashTableIter it;
    gpointer name, content;

    g_hash_table_iter_init(&it, files->by_name);
    while (g_hash_table_iter_next(&it, &name, &content)) {
        const GByteArray *bytes = content;
        GByteArray *again = g_byte_array_sized_new(bytes->len);

        g_byte_array_append(again, bytes->data, bytes->len);
        g_hash_table_insert(copy->by_name, g_strdup(name), again);
    }
    return copy;
}

char *kill_files_digest(const KillFiles *files)
{
    struct sha256_ctx sum; /* nettle's: it uses what the processor has for it */
    guint8 digest[SHA256_DIGEST_SIZE];
    GList *names = g_list_sort(g_hash_table_get_keys(files->by_name), (GCompareFunc)strcmp);

    sha256_init(&sum);
    for (GList *l = names; l != NULL; l = l->next) {
        const GByteArray *bytes = g_hash_table_lookup(files->by_name, l->data);
        guint64 length = bytes->len;

        sha256_update(&sum, strlen(l->data) + 1, l->data);
        sha256_update(&sum, sizeof length, (const guint8 *)&length);
        sha256_update(&sum, bytes->len, bytes->data);
    }
    g_list_free(names);
    sha256_digest(&sum, sizeof digest, digest);
    return g_base64_encode(digest, sizeof digest);
}

/* ---- the journal again ------------------------------------------------------------------- */

static void set_size(GByteArray *file, guint64 size)
{
    guint old = file->len;

    g_assert_cmpuint(size, <, 1u << 30);
    g_byte_array_set_size(file, (guint)size);
    if (size > old) {
        memset(file->data + old, 0, size - old);
    }
}

static void apply(GByteArray *file, JournalKind kind, guint64 offset, guint64 length,
                  const guint8 *bytes)
{
    guint64 end = offset + length;

    if (kind == JOURNAL_TRUNCATE) {
        set_size(file, offset);
    } else if (kind != JOURNAL_FLUSH && kind != JOURNAL_PUNCH && end > file->len) {
        set_size(file, end);
    }
    end = MIN(end, file->len);
    if (kind == JOURNAL_WRITE) {
        memcpy(file->data + offset, bytes, length);
    } else if ((kind == JOURNAL_ZERO || kind == JOURNAL_PUNCH) && offset < end) {
        memset(file->data + offset, 0, end - offset);
    }
}

/* A write that was not flushed: each unit of it may be there or not. */
static void apply_some(GByteArray *file, const JournalEntry *e, guint unit)
{
    for (guint64 at = e->offset, end = e->offset + e->length; at < end;) {
        guint64 n = MIN(end, (at / unit + 1) * unit) - at;

        if (g_test_rand_bit()) {
            apply(file, e->kind, at, n, e->bytes + (at - e->offset));
        }
        at += n;
    }
}

KillFiles *kill_files_after(const KillFiles *start, guint n, KillLoss loss, guint unit)
{
    KillFiles *files = kill_files_copy(start);
    g_autofree guint *safe = g_new0(guint, journal_n_files() + 1);

    for (guint i = 0; i < n; i++) {
        JournalEntry e = journal_entry(i);

        if (e.kind == JOURNAL_FLUSH) {
            safe[e.file] = i;
        }
    }
    for (guint i = 0; i < n; i++) {
        JournalEntry e = journal_entry(i);
        GByteArray *file = g_hash_table_lookup(files->by_name, journal_file(e.file));

        g_assert_nonnull(file);
        if (loss == KILL_KEEP || i < safe[e.file]) {
            apply(file, e.kind, e.offset, e.length, e.bytes);
        } else if (loss == KILL_SHUFFLE && e.kind == JOURNAL_WRITE) {
            apply_some(file, &e, unit);
        } else if (loss == KILL_SHUFFLE && g_test_rand_bit()) {
            apply(file, e.kind, e.offset, e.length, e.bytes);
        }
    }
    return files;
}
