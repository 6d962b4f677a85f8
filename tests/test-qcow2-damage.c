/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Damaged qcow2 images, put to the real qemu-img and to ours: what one says of
 * them the other says, byte for byte, with the same exit status. The images are
 * those of testsuite-data/fuzz/image with a few bytes of their header and tables
 * changed by chance; chance is the same every time. INSTAR_TEST_DAMAGE=N makes
 * N times as many.
 *
 * Let go: qemu-img's own crashes (ours must refuse); names with bytes that ours
 * escapes on a terminal; and a line map prints about refcounts it alone looks at.
 * Where a repair ends otherwise on purpose (ours never makes the file longer for a
 * refcount block far behind its end, does not give up over a broken one, and leaves
 * bitmaps and the snapshot table alone), qemu-img must find no more in our result
 * than in its own.
 */
#include "config.h"

#include <string.h>

#include "base/endian.h"
#include "format/qcow2-spec.h"
#include "tests/testutil.h"
#include "tests/twin-process.h"

#define ROUNDS 8u
#define SECONDS 30u
#define REFBLOCK_LINE "qcow2: Image is corrupt: Refblock offset "

static const char *const seeds[] = {
    "v2",      "v3",   "lazy",    "refcount-1", "refcount-64", "subclusters", "preallocated",
    "deflate", "zstd", "overlay", "data-file",  "snapshots",   "bitmaps",     "encrypted",
};

static const struct {
    const char *name;
    const char *words[5];
    gboolean writes;
} commands[] = {
    { "info", { "info", "-f", "qcow2" }, FALSE },
    { "info-json", { "info", "--output=json", "-f", "qcow2" }, FALSE },
    { "check", { "check", "-f", "qcow2" }, FALSE },
    { "map", { "map", "--output=json", "-f", "qcow2" }, FALSE },
    { "repair-leaks", { "check", "-r", "leaks", "-f", "qcow2" }, TRUE },
    { "repair-all", { "check", "-r", "all", "-f", "qcow2" }, TRUE },
};

typedef struct {
    const char *seed;
    guint command;
} Case;

/* ---- damage ---- */

/* A part of the file worth damaging, made of units of so many bytes. */
typedef struct {
    guint64 offset, length;
    guint unit;
} Region;

static guint64 number_at(const GByteArray *f, guint64 offset)
{
    return offset <= f->len && f->len - offset >= 8 ? be64_load(f->data + offset) : 0;
}

static void add_region(GArray *regions, const GByteArray *f, guint64 offset, guint64 length,
                       guint unit, guint weight)
{
    Region r = { offset, length, unit };

    if (offset > f->len || length > f->len - offset || length < unit) {
        return;
    }
    for (guint i = 0; i < weight; i++) {
        g_array_append_val(regions, r);
    }
}

static GArray *find_regions(const GByteArray *f)
{
    GArray *regions = g_array_new(FALSE, FALSE, sizeof(Region));
    guint64 l1 = number_at(f, QCOW2_H_L1_OFFSET), table = number_at(f, QCOW2_H_REFTABLE_OFFSET);
    guint64 snapshots = number_at(f, QCOW2_H_SNAPSHOTS_OFFSET);
    guint32 l1_size = (guint32)(number_at(f, QCOW2_H_CRYPT) & G_MAXUINT32);

    add_region(regions, f, 0, 112, 4, 4);
    add_region(regions, f, 104, 400, 1, 1);
    add_region(regions, f, l1, MIN(l1_size, 16) * 8ull, 8, 3);
    for (guint i = 0; i < MIN(l1_size, 16); i++) {
        guint64 l2 = number_at(f, l1 + i * 8ull) & QCOW2_L1_OFFSET;

        add_region(regions, f, l2, l2 != 0 ? 192 : 0, 8, 3);
    }
    add_region(regions, f, table, 32, 8, 2);
    add_region(regions, f, number_at(f, table), 64, 2, 3);
    if (snapshots != 0) {
        add_region(regions, f, snapshots, 100, 4, 5);
    }
    for (guint64 at = 104; at + 32 < MIN(f->len, 1024); at += 8) {
        if (be32_load(f->data + at) == QCOW2_EXT_BITMAPS) {
            guint64 directory = number_at(f, at + 24);

            add_region(regions, f, at, 32, 4, 1);
            add_region(regions, f, directory, 64, 4, 5);
            add_region(regions, f, number_at(f, directory), 8, 8, 1);
        }
    }
    return regions;
}

static guint64 any_number(GRand *rand, const GByteArray *f, guint64 old)
{
    const guint64 numbers[] = {
        0,
        1,
        2,
        3,
        9,
        16,
        511,
        512,
        65536,
        G_MAXUINT32,
        1ull << 31,
        1ull << 40,
        1ull << 55,
        1ull << 62,
        1ull << 63,
        G_MAXUINT64,
        G_MAXUINT64 - 511,
        0x7fffffffc0000000,
        old + 1,
        old - 1,
        old + 512,
        old | 0x200,
        old ^ (1ull << 63),
        ~old,
    };
    guint64 any = (guint64)g_rand_int(rand) << 32 | g_rand_int(rand);

    switch (g_rand_int_range(rand, 0, 4)) {
    case 0:
        return numbers[g_rand_int_range(rand, 0, G_N_ELEMENTS(numbers))];
    case 1:
        return old ^ (1ull << (any & 63));
    case 2: /* somewhere in the file, with or without the flag of an entry */
        return any % (f->len / 512 + 2) * 512 | (any >> 40 & 3 ? QCOW2_COPIED : 0);
    default:
        return any >> (any & 63);
    }
}

static void damage_once(GRand *rand, GByteArray *f, const GArray *regions, GString *what)
{
    const Region *r =
        &g_array_index(regions, Region, g_rand_int_range(rand, 0, (gint32)regions->len));
    guint64 at =
        r->offset + (guint64)g_rand_int_range(rand, 0, (gint32)(r->length / r->unit)) * r->unit;
    guint unit = r->unit;
    guint8 old[8] = { 0 }, new[8];

    /* fields of the header are 4 or 8 bytes long */
    if (unit == 4 && at % 8 == 0 && at + 8 <= f->len && g_rand_boolean(rand)) {
        unit = 8;
    }
    memcpy(old + 8 - unit, f->data + at, unit);
    be64_store(new, any_number(rand, f, be64_load(old)));
    memcpy(f->data + at, new + 8 - unit, unit);
    g_string_append_printf(what, " %u@0x%" G_GINT64_MODIFIER "x=0x%" G_GINT64_MODIFIER "x", unit,
                           at, be64_load(new));
}

/* A damaged copy; what was done is appended to what. */
static void damage(GRand *rand, GByteArray *f, GString *what)
{
    g_autoptr(GArray) regions = find_regions(f);
    guint n = (guint)g_rand_int_range(rand, 1, 4);

    for (guint i = 0; i < n; i++) {
        damage_once(rand, f, regions, what);
    }
    if (g_rand_int_range(rand, 0, 16) == 0) {
        g_byte_array_set_size(f, (guint)g_rand_int_range(rand, 0, (gint32)f->len));
        g_string_append_printf(what, " cut to %u", f->len);
    }
}

/* ---- comparing ---- */

static struct twin_output *run(const char *program, const char *const *words)
{
    char *argv[8] = { (char *)"qemu-img" };
    g_auto(GStrv) envp = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
    g_autofree char *dir = g_get_current_dir();
    g_autoptr(GError) error = NULL;
    struct twin_output *output = NULL;
    guint n = 1;

    for (guint i = 0; i < 5 && words[i] != NULL; i++) {
        argv[n++] = (char *)words[i];
    }
    argv[n] = (char *)"x.qcow2";
    struct twin_process process = {
        .path = program, .argv = argv, .dir = dir, .envp = envp, .umask = 022, .seconds = SECONDS
    };
    twin_process_run(&process, &output, &error);
    g_assert_no_error(error);
    return output;
}

/* Without the lines that begin with prefix. */
static void drop_lines(GString *text, const char *prefix)
{
    for (char *at = text->str; (at = strstr(at, prefix)) != NULL;) {
        char *end = strchr(at, '\n');
        gsize length = end != NULL ? (gsize)(end - at) + 1 : strlen(at);

        if (at != text->str && at[-1] != '\n') {
            at++;
            continue;
        }
        g_string_erase(text, at - text->str, (gssize)length);
    }
}

static gboolean same_text(const GString *theirs, const GString *ours)
{
    return g_string_equal(theirs, ours) || strstr(ours->str, "\\x") != NULL;
}

static gboolean same(const struct twin_output *theirs, const struct twin_output *ours,
                     gboolean is_map)
{
    if (theirs->rc < 0) {
        return ours->rc == 1 && ours->err->len > 0;
    }
    if (is_map && strstr(theirs->err->str, REFBLOCK_LINE) != NULL) {
        /* qemu-img speaks once of an image: it may have wasted its word */
        return theirs->rc == ours->rc;
    }
    return theirs->rc == ours->rc && same_text(theirs->out, ours->out) &&
           same_text(theirs->err, ours->err);
}

static void write_image(const GByteArray *f)
{
    g_autoptr(GError) error = NULL;

    g_file_set_contents("x.qcow2", (const char *)f->data, f->len, &error);
    g_assert_no_error(error);
}

/* What qemu-img finds wrong now: 0 nothing, 1 leaks, 2 more, 3 it cannot even look. */
static int badness(const char *qemu_img)
{
    static const int order[] = { 0, 3, 2, 1 };
    struct twin_output *output = run(qemu_img, commands[2].words);
    int bad = 0;

    while (bad < 3 && order[bad] != output->rc) {
        bad++;
    }
    twin_output_free(output);
    return bad;
}

/* Run one after the other, each on a fresh copy; *ret_worse: ours left more to complain about. */
static void run_both(const GByteArray *f, const char *qemu_img, guint command,
                     struct twin_output **ret_theirs, struct twin_output **ret_ours,
                     gboolean *ret_worse)
{
    const char *const *words = commands[command].words;
    int bad = 3;

    write_image(f);
    *ret_theirs = run(qemu_img, words);
    if (commands[command].writes) {
        bad = badness(qemu_img);
        write_image(f);
    }
    *ret_ours = run(test_instar_img(), words);
    *ret_worse = commands[command].writes && badness(qemu_img) > bad;
}

static gboolean says_one(const struct twin_output *output, const char *const *words)
{
    while (*words != NULL && strstr(output->err->str, *words) == NULL) {
        words++;
    }
    return *words != NULL;
}

/* Has one of the two ways of repairing its own reason to end otherwise? *worse is judged then,
 * but for the snapshot table, which ours only reports. */
static gboolean repairs_apart(const struct twin_output *theirs, const struct twin_output *ours,
                              gboolean *worse)
{
    static const char *const table[] = { "snapshot table entry", "overhanging snapshots", NULL };
    static const char *const given_up[] = { "ERROR writing refblock", "Marking image as corrupt",
                                            NULL };
    static const char *const not_grown[] = { "could not resize image: File too large", NULL };

    if (says_one(theirs, table)) {
        *worse = FALSE;
        return TRUE;
    }
    return says_one(theirs, given_up) || says_one(ours, not_grown);
}

static void test_case(gconstpointer data)
{
    const Case *c = data;
    const char *times = g_getenv("INSTAR_TEST_DAMAGE");
    guint rounds = ROUNDS * (times != NULL ? (guint)MAX(1, atoi(times)) : 1);
    g_autofree char *qemu_img = g_find_program_in_path("qemu-img");
    g_autofree char *name = g_strconcat(c->seed, ".qcow2", NULL);
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "..", "testsuite-data", "fuzz", "image", name, NULL);
    g_autofree char *key = g_strdup_printf("%s/%u", c->seed, c->command);
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_str_hash(key));
    g_autoptr(GError) error = NULL;
    g_autofree char *seed = NULL;
    gsize length;

    if (qemu_img == NULL) {
        g_test_skip("no qemu-img here");
        return;
    }
    g_file_get_contents(path, &seed, &length, &error);
    g_assert_no_error(error);
    for (guint round = 0; round < rounds; round++) {
        g_autoptr(GByteArray) f = g_byte_array_new();
        g_autoptr(GString) what = g_string_new(NULL);

        g_byte_array_append(f, (const guint8 *)seed, (guint)length);
        damage(rand, f, what);
        g_file_set_contents("data", "", 0, &error);
        g_assert_no_error(error);
        struct twin_output *theirs, *ours;
        gboolean worse, apart;
        run_both(f, qemu_img, c->command, &theirs, &ours, &worse);
        apart = commands[c->command].writes && repairs_apart(theirs, ours, &worse);
        drop_lines(theirs->out, "    \"actual-size\"");
        drop_lines(ours->out, "    \"actual-size\"");
        if (worse ||
            (!apart && !same(theirs, ours, g_str_equal(commands[c->command].name, "map")))) {
            g_test_message("%s, round %u:%s", name, round, what->str);
            g_test_message("qemu-img: status %d\n%s%s", theirs->rc, theirs->out->str,
                           theirs->err->str);
            g_test_message("ours%s: status %d\n%s%s", worse ? ", worse" : "", ours->rc,
                           ours->out->str, ours->err->str);
            g_test_fail();
        }
        twin_output_free(theirs);
        twin_output_free(ours);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
    for (guint s = 0; s < G_N_ELEMENTS(seeds); s++) {
        for (guint c = 0; c < G_N_ELEMENTS(commands); c++) {
            /* qemu-img writes bitmaps anew whenever it opens an image for writing */
            if (commands[c].writes && g_str_equal(seeds[s], "bitmaps")) {
                continue;
            }
            g_autofree char *path =
                g_strdup_printf("/qcow2/damage/%s/%s", seeds[s], commands[c].name);
            Case *test = g_new(Case, 1);

            *test = (Case){ seeds[s], c };
            g_test_add_data_func_full(path, test, test_case, g_free);
        }
    }
    return g_test_run();
}
