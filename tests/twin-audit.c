/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-audit.h"

#include "tests/twin-recording.h"
#include "tests/twin-tree.h"

#include <string.h>

/* Tables of one kind are recorded for the same versions. */
enum kind {
    KIND_BUCKET, /* BUCKET.json */
    KIND_TOPIC,  /* BUCKET-TOPIC.json */
    N_KINDS,
};

struct audit {
    char *cases;                   /* folder */
    char *expected;                /* folder */
    GHashTable *files;             /* names below expected that a case explains */
    GHashTable *versions[N_KINDS]; /* all that any case of the kind has */
    GPtrArray *buckets;            /* of arrays of struct twin_case */
    GHashTable *recorded;          /* struct twin_case to its GHashTable of versions */
    GPtrArray *complaints;         /* borrowed */
};

static enum kind kind_of(const struct twin_case *c)
{
    return strchr(c->table, '-') ? KIND_TOPIC : KIND_BUCKET;
}

static void complain(struct audit *audit, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void complain(struct audit *audit, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(audit->complaints, g_strdup_vprintf(format, args));
    va_end(args);
}

static gboolean load_case(struct audit *audit, const struct twin_case *c, GError **error)
{
    g_autoptr(GPtrArray) recordings = twin_recordings_load(audit->expected, c, error);
    GHashTable *versions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    g_hash_table_insert(audit->recorded, (gpointer)c, versions);
    if (!recordings)
        return FALSE;
    for (guint i = 0; i < recordings->len; i++) {
        const struct twin_recording *recording = g_ptr_array_index(recordings, i);

        for (char **version = recording->versions; *version; version++) {
            g_hash_table_add(versions, g_strdup(*version));
            g_hash_table_add(audit->versions[kind_of(c)], g_strdup(*version));
        }
    }
    g_hash_table_add(audit->files, g_strconcat(c->id, ".json", NULL));
    return TRUE;
}

static gboolean load(struct audit *audit, GError **error)
{
    g_auto(GStrv) buckets = twin_buckets(audit->cases, error);

    if (!buckets)
        return FALSE;
    for (char **bucket = buckets; *bucket; bucket++) {
        GPtrArray *cases = twin_cases_load(audit->cases, *bucket, error);

        if (!cases)
            return FALSE;
        g_ptr_array_add(audit->buckets, cases);
        for (guint i = 0; i < cases->len; i++)
            if (!load_case(audit, g_ptr_array_index(cases, i), error))
                return FALSE;
    }
    return TRUE;
}

static void judge_case(struct audit *audit, const struct twin_case *c)
{
    GHashTable *recorded = g_hash_table_lookup(audit->recorded, c);
    GHashTableIter iter;
    gpointer version;

    if (g_hash_table_size(recorded) == 0) {
        complain(audit, "the case %s (%s) has no recording; make record RECORD_ARGS=--missing",
                 c->id, c->table);
        return;
    }
    g_hash_table_iter_init(&iter, audit->versions[kind_of(c)]);
    while (g_hash_table_iter_next(&iter, &version, NULL))
        if (!g_hash_table_contains(recorded, version))
            complain(audit, "the case %s (%s) has no recording of version %s; others have", c->id,
                     c->table, (const char *)version);
}

static gboolean judge_files(struct audit *audit, GError **error)
{
    g_autoptr(GPtrArray) files = twin_tree_list(audit->expected, error);

    for (guint i = 0; files && i < files->len; i++) {
        const struct twin_file *file = g_ptr_array_index(files, i);

        if (!g_hash_table_contains(audit->files, file->name))
            complain(audit, "the recording %s has no case", file->name);
    }
    return files != NULL;
}

static void judge_cases(struct audit *audit)
{
    for (guint i = 0; i < audit->buckets->len; i++) {
        GPtrArray *cases = g_ptr_array_index(audit->buckets, i);

        for (guint j = 0; j < cases->len; j++)
            judge_case(audit, g_ptr_array_index(cases, j));
    }
}

gboolean twin_audit(const char *data, GPtrArray *complaints, GError **error)
{
    struct audit audit = {
        .cases = g_build_filename(data, "cases", NULL),
        .expected = g_build_filename(data, "expected-outputs", NULL),
        .files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .versions = { g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                      g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) },
        .buckets = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref),
        .recorded = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_hash_table_unref),
        .complaints = complaints,
    };
    gboolean ok = load(&audit, error);

    if (ok) {
        judge_cases(&audit);
        ok = judge_files(&audit, error);
    }
    g_free(audit.cases);
    g_free(audit.expected);
    g_hash_table_unref(audit.files);
    for (guint i = 0; i < N_KINDS; i++)
        g_hash_table_unref(audit.versions[i]);
    g_hash_table_unref(audit.recorded);
    g_ptr_array_unref(audit.buckets);
    return ok;
}
