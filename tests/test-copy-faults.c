/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * measure, dd and rebase while the n-th cluster cannot be read, or found, or the n-th question is
 * refused, for every n: the words of the error, and what was written so far.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "copy/copy.h"
#include "tests/copy-double.h"

#define CLUSTER 65536u
#define CLUSTERS 8u
#define SIZE (CLUSTERS * CLUSTER)

typedef enum {
    FAIL_NOTHING,
    FAIL_EXTENTS,
    FAIL_READ,
    FAIL_PLAN,
} Fail;

typedef struct {
    const char *name;
    Fail fail;
    gboolean older;    /* of rebase: the old backing file fails, not the new one */
    int number;        /* errno of a refused question */
    const char *error; /* NULL: none */
} Row;

static const Row measure_rows[] = {
    { "nothing", FAIL_NOTHING, FALSE, 0, NULL },
    { "unknown-place", FAIL_EXTENTS, FALSE, 0, "Unable to get block status: Input/output error" },
    { "unreadable", FAIL_READ, FALSE, 0, NULL }, /* it reads no data */
};

static const Row dd_rows[] = {
    { "nothing", FAIL_NOTHING, FALSE, 0, NULL },
    { "unknown-place", FAIL_EXTENTS, FALSE, 0,
      "error while reading from input image file: Input/output error" },
    { "unreadable", FAIL_READ, FALSE, 0,
      "error while reading from input image file: Input/output error" },
    { "full", FAIL_PLAN, FALSE, ENOSPC,
      "error while writing to output image file: No space left on device" },
    { "no-memory", FAIL_PLAN, FALSE, ENOMEM,
      "error while writing to output image file: Cannot allocate memory" },
};

static const Row rebase_rows[] = {
    { "nothing", FAIL_NOTHING, FALSE, 0, NULL },
    { "new-unknown-place", FAIL_EXTENTS, FALSE, 0, "error while reading from new backing file" },
    { "new-unreadable", FAIL_READ, FALSE, 0, "error while reading from new backing file" },
    { "old-unknown-place", FAIL_EXTENTS, TRUE, 0, "error while reading from old backing file" },
    { "old-unreadable", FAIL_READ, TRUE, 0, "error while reading from old backing file" },
    { "full", FAIL_PLAN, FALSE, ENOSPC,
      "Error while writing to COW image: No space left on device" },
    { "no-memory", FAIL_PLAN, FALSE, ENOMEM,
      "Error while writing to COW image: Cannot allocate memory" },
};

/* A layer full of data; its n-th cluster, from 0 on, fails. */
static Image *make_layer(const Row *row, gboolean fails, guint n, guint8 salt)
{
    const struct abi_extent e = {
        .length = SIZE,
        .kind = ABI_EXT_COOKED,
        .flags = ABI_EXTF_ALLOCATED,
    };
    Image *img = double_source(SIZE, &e, 1, NULL);

    double_set_salt(img, salt);
    if (fails && row->fail == FAIL_EXTENTS) {
        double_fail_extents(img, n * CLUSTER, 1);
    } else if (fails && row->fail == FAIL_READ) {
        double_fail_read(img, n * CLUSTER, 1);
    }
    return img;
}

static Image *make_target(const Row *row, guint n)
{
    g_autofree char *path = g_strdup_printf("target-%s-%u", row->name, n);
    Image *img = double_target(path, SIZE, CLUSTER, 0);

    if (row->fail == FAIL_PLAN) {
        double_fail_plan(img, n + 1);
        double_fail_plan_errno(img, row->number);
    }
    return img;
}

/* Each cluster of the target is not written, or holds the bytes of the layer with this salt; all of
 * them do if it passed, and those from the n-th on do not where that one failed. */
static void check_content(Image *target, guint8 salt, gboolean ok, guint n)
{
    g_autofree char *map = double_map(target);
    g_autoptr(GBytes) content = double_content(target);
    const guint8 *bytes = g_bytes_get_data(content, NULL);

    g_assert_null(strchr(map, '?'));
    g_autoptr(Image) sound = make_layer(&measure_rows[0], FALSE, 0, salt);
    g_autofree guint8 *want = g_malloc(SIZE);
    g_autoptr(GError) error = NULL;

    image_read(sound, 0, want, SIZE, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < CLUSTERS; i++) {
        g_assert_true(map[i] == 'D' || (!ok && map[i] == '.'));
        g_assert_true(ok || i < n || map[i] == '.');
        if (map[i] == 'D') {
            g_assert_cmpmem(bytes + i * CLUSTER, CLUSTER, want + i * CLUSTER, CLUSTER);
        }
    }
}

static guint tries(const Row *row)
{
    return row->fail == FAIL_NOTHING ? 1 : CLUSTERS;
}

static void test_measure(gconstpointer data)
{
    const Row *row = data;

    for (guint n = 0; n < tries(row); n++) {
        g_autoptr(Image) img = make_layer(row, TRUE, n, 5);
        g_autoptr(GError) error = NULL;
        guint64 bytes = 1;
        gboolean ok = copy_measure_data(img, CLUSTER, &bytes, &error);

        g_assert_cmpstr(ok ? NULL : error->message, ==, row->error);
        g_assert_cmpuint(bytes, ==, ok ? SIZE : 1);
    }
}

static void test_dd(gconstpointer data)
{
    const Row *row = data;

    for (guint n = 0; n < tries(row); n++) {
        g_autoptr(Image) source = make_layer(row, TRUE, n, 5);
        g_autoptr(Image) target = make_target(row, n);
        g_autoptr(GError) error = NULL;
        Image *sources[] = { source };
        const CopyConvert job = {
            .sources = sources,
            .n_sources = 1,
            .target = target,
            .is_dd = TRUE,
            .source_end = SIZE,
        };
        gboolean ok = copy_convert(&job, &error);

        /* a question that never came cannot be refused */
        g_assert_true(!ok || row->fail == FAIL_NOTHING || (row->fail == FAIL_PLAN && n));
        g_assert_cmpstr(ok ? NULL : error->message, ==, ok ? NULL : row->error);
        check_content(target, 5, ok, row->fail == FAIL_PLAN ? CLUSTERS : n);
    }
}

static void test_rebase(gconstpointer data)
{
    const Row *row = data;

    for (guint n = 0; n < tries(row); n++) {
        g_autoptr(Image) overlay = make_target(row, n);
        g_autoptr(Image) newer = make_layer(row, !row->older, n, 9);
        g_autoptr(GError) error = NULL;
        const CopyRebase job = { .overlay = overlay, .newer = newer };

        double_set_backing(overlay, make_layer(row, row->older, n, 5));
        gboolean ok = copy_rebase(&job, &error);
        g_assert_true(!ok || row->fail == FAIL_NOTHING || (row->fail == FAIL_PLAN && n));
        g_assert_cmpstr(ok ? NULL : error->message, ==, ok ? NULL : row->error);
        check_content(overlay, 5, ok, row->fail == FAIL_PLAN ? CLUSTERS : n);
    }
}

static void add(const char *what, const Row *rows, gsize n, GTestDataFunc test)
{
    for (gsize i = 0; i < n; i++) {
        g_autofree char *path = g_strdup_printf("/copy/faults/%s/%s", what, rows[i].name);

        g_test_add_data_func(path, &rows[i], test);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("measure", measure_rows, G_N_ELEMENTS(measure_rows), test_measure);
    add("dd", dd_rows, G_N_ELEMENTS(dd_rows), test_dd);
    add("rebase", rebase_rows, G_N_ELEMENTS(rebase_rows), test_rebase);
    return g_test_run();
}
