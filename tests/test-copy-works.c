/* SPDX-License-Identifier: GPL-2.0-or-later */
/* commit and rebase on the copier, with images that fail: which clusters are written, and the
 * words of each failure. */
#include "config.h"

#include <string.h>

#include "copy/copy.h"
#include "tests/copy-double.h"

#define K 1024u
#define CLUSTER (64 * K)
#define SIZE (8 * CLUSTER)

typedef struct {
    const char *name;
    guint64 start, length; /* what the top holds, or the new backing file */
    guint16 kind;
    guint64 bad_extents, bad_read; /* of the same image; G_MAXUINT64: none */
    guint bad_plan;
    const char *map; /* of what was written */
    const char *error;
} Row;

#define NONE G_MAXUINT64

static const Row commit_rows[] = {
    { "nothing", 0, 0, ABI_EXT_COOKED, NONE, NONE, 0, "........", NULL },
    { "all", 0, SIZE, ABI_EXT_COOKED, NONE, NONE, 0, "DDDDDDDD", NULL },
    { "part-of-cluster", CLUSTER + 4 * K, 4 * K, ABI_EXT_COOKED, NONE, NONE, 0, ".D......", NULL },
    { "across", CLUSTER + 4 * K, CLUSTER, ABI_EXT_COOKED, NONE, NONE, 0, ".DD.....", NULL },
    { "zeros", 2 * CLUSTER, 2 * CLUSTER, ABI_EXT_ZERO, NONE, NONE, 0, "..00....", NULL },
    { "zeros-part", 2 * CLUSTER, 4 * K, ABI_EXT_ZERO, NONE, NONE, 0, "..D.....", NULL },
    { "zeros-and-part", 2 * CLUSTER, CLUSTER + 4 * K, ABI_EXT_ZERO, NONE, NONE, 0, "..0D....",
      NULL },
    { "unknown-place", CLUSTER, CLUSTER, ABI_EXT_COOKED, 4 * CLUSTER, NONE, 0, ".D......",
      "Block job failed: Input/output error" },
    { "unreadable", CLUSTER, 4 * CLUSTER, ABI_EXT_COOKED, NONE, 2 * CLUSTER, 0, NULL,
      "Block job failed: Input/output error" },
    { "full", CLUSTER, CLUSTER, ABI_EXT_COOKED, NONE, NONE, 1, "........",
      "Block job failed: No space left on device" },
};

/* An overlay without a backing file on top of a new one: what that shows must not be seen. */
static const Row rebase_rows[] = {
    { "nothing", 0, 0, ABI_EXT_COOKED, NONE, NONE, 0, "........", NULL },
    { "data", CLUSTER, CLUSTER, ABI_EXT_COOKED, NONE, NONE, 0, NULL, NULL },
    { "zeros", 0, SIZE, ABI_EXT_ZERO, NONE, NONE, 0, "........", NULL },
    { "unknown-place", CLUSTER, CLUSTER, ABI_EXT_COOKED, 4 * CLUSTER, NONE, 0, NULL,
      "error while reading from new backing file" },
    { "unreadable", CLUSTER, CLUSTER, ABI_EXT_COOKED, NONE, CLUSTER, 0, "........",
      "error while reading from new backing file" },
};

static Image *make_source(const Row *row, Image *backing)
{
    const struct abi_extent e = {
        .guest_offset = row->start,
        .length = row->length,
        .kind = row->kind,
        .flags = ABI_EXTF_ALLOCATED,
    };
    Image *img = double_source(SIZE, &e, row->length ? 1 : 0, backing);

    double_set_salt(img, 3);
    if (row->bad_extents != NONE) {
        double_fail_extents(img, row->bad_extents, 1);
    }
    if (row->bad_read != NONE) {
        double_fail_read(img, row->bad_read, 1);
    }
    return img;
}

static void check(const Row *row, Image *target, gboolean ok, const GError *error)
{
    g_autofree char *map = double_map(target);

    g_assert_cmpstr(ok ? NULL : error->message, ==, row->error);
    g_assert_null(strchr(map, '?'));
    if (row->map) {
        g_assert_cmpstr(map, ==, row->map);
    }
}

static void test_commit(gconstpointer data)
{
    const Row *row = data;
    g_autofree char *path = g_strdup_printf("base-%s", row->name);
    Image *base = double_target(path, SIZE, CLUSTER, 0);
    g_autoptr(Image) top = make_source(row, base);
    g_autoptr(GError) error = NULL;
    const CopyCommit job = { .top = top, .base = base };

    double_fail_plan(base, row->bad_plan);
    gboolean ok = copy_commit(&job, &error);
    check(row, base, ok, error);
}

static void test_rebase(gconstpointer data)
{
    const Row *row = data;
    g_autofree char *path = g_strdup_printf("overlay-%s", row->name);
    g_autoptr(Image) overlay = double_target(path, SIZE, CLUSTER, 0);
    g_autoptr(Image) newer = make_source(row, NULL);
    g_autoptr(GError) error = NULL;
    const CopyRebase job = { .overlay = overlay, .newer = newer };

    double_fail_plan(overlay, row->bad_plan);
    gboolean ok = copy_rebase(&job, &error);
    check(row, overlay, ok, error);
    if (ok) {
        /* without a backing file before, the disk showed zeros, and goes on to */
        g_autoptr(GBytes) content = double_content(overlay);
        gsize length;
        const guint8 *bytes = g_bytes_get_data(content, &length);
        for (gsize i = 0; i < length; i++) {
            g_assert_cmpuint(bytes[i], ==, 0);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(commit_rows); i++) {
        g_autofree char *path = g_strdup_printf("/copy/commit/%s", commit_rows[i].name);
        g_test_add_data_func(path, &commit_rows[i], test_commit);
    }
    for (guint i = 0; i < G_N_ELEMENTS(rebase_rows); i++) {
        g_autofree char *path = g_strdup_printf("/copy/rebase/%s", rebase_rows[i].name);
        g_test_add_data_func(path, &rebase_rows[i], test_rebase);
    }
    return g_test_run();
}
