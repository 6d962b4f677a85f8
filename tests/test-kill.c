/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that change images in place, ended at every moment: killed after each change of a file,
 * the power lost with all or some of what was not flushed, and the store full or broken from each
 * change on. Whatever is left, both programs' check find leaks at worst, the guest sees old or new
 * data in each cluster, and the same command run again completes.
 */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "profile/profile.h"
#include "tests/cell-inline.h"
#include "tests/io-journal.h"
#include "tests/kill-work.h"

#define MOST_SETUP 12u
#define MOST_IMAGES 3u
#define MOST_TELLS 5u
/* Moments looked at when a command makes more changes: spread evenly. */
#define MOST_MOMENTS 60u
#define MOST_FAULTS 20u
/* States of a row that the installed qemu-img looks at as well. */
#define MOST_FOREIGN 8u

typedef enum {
    ROW_UNSAFE = 1 << 0,  /* nothing is flushed, as asked for: no losses of power */
    ROW_DAMAGED = 1 << 1, /* the image is not sound in front; it reads the same all the time */
    ROW_ONCE = 1 << 2,    /* what was done cannot be done again: then it says so, status 1 */
    /* As with qemu-img nothing can be completed: compressed clusters are not written over, and of an
     * image that was cut off while it changed bitmaps are not to be trusted. */
    ROW_NO_AGAIN = 1 << 3,
} RowFlags;

typedef struct {
    const char *name;
    /* Commands in front; "write NAME FORMAT OFFSET LENGTH BYTE", "poke NAME OFFSET HEX" and
     * "copy FROM TO" are done here. */
    const char *setup[MOST_SETUP];
    const char *command;
    const char *images[MOST_IMAGES]; /* "FORMAT NAME": what the guest may see */
    const char *snapshots[2];        /* of the first image: read the same whatever happens */
    guint unit;                      /* bytes of a cluster */
    RowFlags flags;
} Row;

#define CREATE(name, size) "create -q -f qcow2 -o cluster_size=4k " name " " size
#define T "qcow2 t"
#define SEED(name)                                                                                 \
    "write " name " qcow2 0 300000 17", "write " name " qcow2 1000000 5000 18",                    \
        "write " name " qcow2 2100000 90000 19"

static const Row rows[] = {
    { "convert-n",
      { CREATE("t", "3M"), SEED("t"), CREATE("s", "3M"), "write s qcow2 100000 1000000 33",
        "write s qcow2 2500000 200000 34" },
      "convert -n -O qcow2 s t",
      { T },
      { NULL },
      4096,
      ROW_UNSAFE },
    { "convert-n-flushed",
      { CREATE("t", "3M"), SEED("t"), CREATE("s", "3M"), "write s qcow2 100000 1000000 33",
        "write s qcow2 2500000 200000 34" },
      "convert -n -t writeback -O qcow2 s t",
      { T },
      { NULL },
      4096,
      0 },
    { "convert-n-compressed",
      { CREATE("t", "3M"), CREATE("s", "3M"), SEED("s") },
      "convert -n -c -t writeback -O qcow2 s t",
      { T },
      { NULL },
      4096,
      ROW_NO_AGAIN },
    { "convert-n-over-snapshot",
      { CREATE("t", "3M"), SEED("t"), "snapshot -c one t", CREATE("s", "3M"),
        "write s qcow2 0 400000 35" },
      "convert -n -t writeback -O qcow2 s t",
      { T },
      { "one" },
      4096,
      0 },
    { "convert-n-small-clusters",
      { "create -q -f qcow2 -o cluster_size=512 t 1M", "write t qcow2 3000 200000 17",
        "create -q -f qcow2 -o cluster_size=512 s 1M", "write s qcow2 100000 500000 18" },
      "convert -n -t writeback -O qcow2 s t",
      { T },
      { NULL },
      512,
      0 },
    { "convert-n-raw",
      { "create -q -f raw t 3M", "write t raw 0 300000 17", CREATE("s", "3M"),
        "write s qcow2 100000 1000000 33" },
      "convert -n -t writeback -O raw s t",
      { "raw t" },
      { NULL },
      4096,
      0 },
    { "convert-n-extended",
      { "create -q -f qcow2 -o cluster_size=16k,extended_l2=on t 3M", SEED("t"), CREATE("s", "3M"),
        "write s qcow2 100352 1000000 33", "write s qcow2 2500000 200000 34" },
      "convert -n -t writeback -O qcow2 s t",
      { T },
      { NULL },
      512,
      0 },
    { "convert-n-over-compressed",
      { CREATE("s", "3M"), SEED("s"), "convert -c -O qcow2 -o cluster_size=4k s t",
        "write s qcow2 0 500000 36" },
      "convert -n -t writeback -O qcow2 s t",
      { T },
      { NULL },
      4096,
      0 },
    { "convert-n-data-file",
      { "create -q -f qcow2 -o cluster_size=4k,data_file=d t 3M", SEED("t"), CREATE("s", "3M"),
        "write s qcow2 100000 1000000 33" },
      "convert -n -t writeback -O qcow2 s t",
      { T },
      { NULL },
      4096,
      0 },
    { "convert-n-v2",
      { "create -q -f qcow2 -o cluster_size=4k,compat=0.10,refcount_bits=16 t 3M", SEED("t"),
        CREATE("s", "3M"), "write s qcow2 100000 1000000 33" },
      "convert -n -t writeback -O qcow2 s t",
      { T },
      { NULL },
      4096,
      0 },
    { "check-leaks",
      { CREATE("t", "3M"), SEED("t"), "poke t 9000 00010001000100010001" },
      "check -q -r leaks t",
      { T },
      { NULL },
      4096,
      ROW_DAMAGED },
    { "check-all",
      { CREATE("t", "3M"), SEED("t"), "poke t 8200 00000000000000000002" },
      "check -q -r all t",
      { T },
      { NULL },
      4096,
      ROW_DAMAGED },
    { "check-rebuild",
      { CREATE("t", "3M"), SEED("t"), "poke t 4096 0000000000000000" },
      "check -q -r all t",
      { T },
      { NULL },
      4096,
      ROW_DAMAGED },
    { "snapshot-create",
      { CREATE("t", "3M"), SEED("t"), "snapshot -c one t", "write t qcow2 50000 90000 20" },
      "snapshot -c two t",
      { T },
      { "one" },
      4096,
      ROW_ONCE },
    { "snapshot-apply",
      { CREATE("t", "3M"), SEED("t"), "snapshot -c one t", "write t qcow2 50000 90000 20",
        "snapshot -c two t" },
      "snapshot -a one t",
      { T },
      { "one", "two" },
      4096,
      0 },
    { "snapshot-delete",
      { CREATE("t", "3M"), SEED("t"), "snapshot -c one t", "write t qcow2 50000 90000 20",
        "snapshot -c two t" },
      "snapshot -d one t",
      { T },
      { "two" },
      4096,
      ROW_ONCE },
    { "bench-write",
      { CREATE("t", "3M"), SEED("t") },
      "bench -w -c 60 -d 16 -s 10000 -S 40000 --pattern 5 --flush-interval 16 t",
      { T },
      { NULL },
      4096,
      0 },
    { "bitmap-add",
      { CREATE("t", "3M"), SEED("t"), "bitmap --add t one" },
      "bitmap --add -g 512 t two",
      { T },
      { NULL },
      4096,
      ROW_ONCE },
    { "bitmap-remove",
      { CREATE("t", "3M"), SEED("t"), "bitmap --add t one", "bitmap --add -g 512 t two" },
      "bitmap --remove t one",
      { T },
      { NULL },
      4096,
      ROW_ONCE },
    { "bitmap-merge",
      { CREATE("t", "3M"), "bitmap --add -g 512 t one", SEED("t"), "bitmap --add -g 512 t two" },
      "bitmap --merge one --disable t two",
      { T },
      { NULL },
      4096,
      0 },
    { "convert-bitmaps",
      { CREATE("t", "3M"), CREATE("s", "3M"), "bitmap --add -g 512 s one", SEED("s") },
      "convert -n -t writeback --bitmaps -O qcow2 s t",
      { T },
      { NULL },
      4096,
      ROW_ONCE },
    { "resize-grow",
      { "create -q -f qcow2 -o cluster_size=512 t 1M", "write t qcow2 3000 200000 17" },
      "resize -q t 9M",
      { T },
      { NULL },
      512,
      0 },
    { "resize-grow-bitmap",
      { CREATE("t", "3M"), SEED("t"), "bitmap --add -g 512 t one" },
      "resize -q t 40M",
      { T },
      { NULL },
      4096,
      ROW_NO_AGAIN },
    { "resize-grow-metadata",
      { CREATE("t", "1M"), "write t qcow2 0 300000 17" },
      "resize -q --preallocation=metadata t 3M",
      { T },
      { NULL },
      4096,
      ROW_ONCE },
    { "resize-grow-falloc",
      { CREATE("t", "1M"), "write t qcow2 0 300000 17" },
      "resize -q --preallocation=falloc t 3M",
      { T },
      { NULL },
      4096,
      ROW_ONCE },
    { "resize-grow-full",
      { CREATE("t", "1M"), "write t qcow2 0 300000 17" },
      "resize -q --preallocation=full t 2M",
      { T },
      { NULL },
      4096,
      ROW_ONCE },
    { "resize-shrink",
      { CREATE("t", "5M"), SEED("t"), "write t qcow2 4500000 70000 21" },
      "resize -q --shrink t 1M",
      { T },
      { NULL },
      4096,
      0 },
    { "resize-raw",
      { "create -q -f raw t 1M", "write t raw 0 300000 17" },
      "resize -q -f raw t 3M",
      { "raw t" },
      { NULL },
      4096,
      0 },
    { "commit",
      { CREATE("b", "3M"), SEED("b"), "create -q -f qcow2 -o cluster_size=4k -b b -F qcow2 t",
        "write t qcow2 50000 400000 30", "write t qcow2 2000000 300000 31" },
      "commit -q t",
      { T, "qcow2 b" },
      { NULL },
      4096,
      0 },
    { "commit-keep",
      { CREATE("b", "3M"), SEED("b"), "create -q -f qcow2 -o cluster_size=4k -b b -F qcow2 t",
        "write t qcow2 50000 400000 30", "write t qcow2 2000000 300000 31" },
      "commit -q -d t",
      { T, "qcow2 b" },
      { NULL },
      4096,
      0 },
    { "commit-longer",
      { CREATE("b", "1M"), "write b qcow2 0 300000 17",
        "create -q -f qcow2 -o cluster_size=4k -b b -F qcow2 t 3M", "write t qcow2 50000 400000 30",
        "write t qcow2 2000000 300000 31" },
      "commit -q t",
      { T, "qcow2 b" },
      { NULL },
      4096,
      0 },
    { "commit-raw",
      { "create -q -f raw b 3M", "write b raw 0 300000 17",
        "create -q -f qcow2 -o cluster_size=4k -b b -F raw t", "write t qcow2 50000 400000 30" },
      "commit -q t",
      { T, "raw b" },
      { NULL },
      4096,
      0 },
    { "commit-deep",
      { CREATE("b", "3M"), SEED("b"), "create -q -f qcow2 -o cluster_size=4k -b b -F qcow2 m",
        "write m qcow2 0 90000 40", "create -q -f qcow2 -o cluster_size=4k -b m -F qcow2 t",
        "write t qcow2 50000 400000 30" },
      "commit -q -b b t",
      { T, "qcow2 b" },
      { NULL },
      4096,
      0 },
    { "rebase",
      { CREATE("b", "3M"), SEED("b"), CREATE("c", "3M"), "write c qcow2 1000000 600000 50",
        "create -q -f qcow2 -o cluster_size=4k -b b -F qcow2 t", "write t qcow2 50000 400000 30" },
      "rebase -q -b c -F qcow2 t",
      { T },
      { NULL },
      4096,
      0 },
    { "rebase-detach",
      { CREATE("b", "3M"), SEED("b"), "create -q -f qcow2 -o cluster_size=4k -b b -F qcow2 t",
        "write t qcow2 50000 400000 30" },
      "rebase -q -b '' t",
      { T },
      { NULL },
      4096,
      0 },
    { "amend-down",
      { CREATE("t", "3M"), SEED("t"), "write t qcow2 600000 5000 22" },
      "amend -q -o compat=0.10 t",
      { T },
      { NULL },
      4096,
      0 },
    { "amend-up",
      { "create -q -f qcow2 -o cluster_size=4k,compat=0.10 t 3M", SEED("t") },
      "amend -q -o compat=1.1,lazy_refcounts=on t",
      { T },
      { NULL },
      4096,
      0 },
    { "amend-refcount-bits",
      { CREATE("t", "3M"), SEED("t") },
      "amend -q -o refcount_bits=64 t",
      { T },
      { NULL },
      4096,
      0 },
    { "amend-refcount-bits-narrow",
      { CREATE("t", "3M"), SEED("t") },
      "amend -q -o refcount_bits=1 t",
      { T },
      { NULL },
      4096,
      0 },
    { "amend-size",
      { CREATE("t", "3M"), SEED("t") },
      "amend -q -o size=5M t",
      { T },
      { NULL },
      4096,
      0 },
    { "bench-w",
      { CREATE("t", "3M"), SEED("t") },
      "bench -q -w -d 4 -c 60 -s 4096 -S 20480 --pattern=77 --flush-interval=10 t",
      { T },
      { NULL },
      4096,
      0 },
    { "bench-w-raw",
      { "create -q -f raw t 3M", "write t raw 0 300000 17" },
      "bench -q -w -f raw -c 30 -s 4096 -S 20480 --pattern=77 t",
      { "raw t" },
      { NULL },
      4096,
      0 },
    { "rebase-unsafe",
      { CREATE("b", "3M"), SEED("b"), "create -q -f qcow2 -o cluster_size=4k -b b -F qcow2 t",
        "copy b a-longer-name-than-it-had", "write t qcow2 50000 400000 30" },
      "rebase -q -u -b a-longer-name-than-it-had -F qcow2 t",
      { T },
      { NULL },
      4096,
      0 },
};

/* ---- what the guest sees ------------------------------------------------------------------- */

static char *top;    /* where the folders of the rows are */
static char *folder; /* of the row */

static Image *open_image(const char *format, const char *name, ImageFlags flags, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(ImageSpec) spec = image_spec_from_name(path, format, error);

    return spec != NULL ? image_open(spec, flags | IMAGE_NO_LOCK, IO_NO_FLUSH, error) : NULL;
}

/* "FORMAT NAME", as it is now or as a snapshot of it was. NULL and a reason if it is not to be
 * read. */
static GByteArray *read_guest(const char *image, const char *snapshot, GError **error)
{
    g_auto(GStrv) words = g_strsplit(image, " ", 2);
    g_autoptr(Image) img = open_image(words[0], words[1], 0, error);
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    if (img == NULL || (snapshot != NULL && !image_select_snapshot(img, snapshot, error))) {
        return NULL;
    }
    g_byte_array_set_size(bytes, (guint)image_size(img));
    if (!image_read(img, 0, bytes->data, bytes->len, error)) {
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

typedef struct {
    GByteArray *image[MOST_IMAGES];
    GByteArray *snapshot[2];
} Guest;

static void guest_clear(Guest *guest)
{
    for (guint i = 0; i < MOST_IMAGES; i++) {
        g_clear_pointer(&guest->image[i], g_byte_array_unref);
    }
    for (guint i = 0; i < 2; i++) {
        g_clear_pointer(&guest->snapshot[i], g_byte_array_unref);
    }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Guest, guest_clear)

static gboolean look(const Row *row, Guest *guest, GError **error)
{
    for (guint i = 0; i < MOST_IMAGES && row->images[i] != NULL; i++) {
        guest->image[i] = read_guest(row->images[i], NULL, error);
        if (guest->image[i] == NULL) {
            g_prefix_error(error, "%s: ", row->images[i]);
            return FALSE;
        }
    }
    for (guint i = 0; i < 2 && row->snapshots[i] != NULL; i++) {
        guest->snapshot[i] = read_guest(row->images[0], row->snapshots[i], error);
        if (guest->snapshot[i] == NULL) {
            g_prefix_error(error, "snapshot %s: ", row->snapshots[i]);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean has_unit(const GByteArray *a, const GByteArray *now, guint at, guint n)
{
    guint in_a = at < a->len ? MIN(n, a->len - at) : 0;

    /* behind the end of the shorter one there is nothing to compare */
    return memcmp(a->data + MIN(at, a->len), now->data + at, in_a) == 0;
}

/* FALSE unless each unit of now is that of a or that of b. */
static gboolean old_or_new(const GByteArray *a, const GByteArray *b, const GByteArray *now,
                           guint unit, guint *ret_at)
{
    *ret_at = now->len;
    if (now->len != a->len && now->len != b->len) {
        return FALSE;
    }
    for (guint at = 0; at < now->len; at += unit) {
        guint n = MIN(unit, now->len - at);

        if (!has_unit(a, now, at, n) && !has_unit(b, now, at, n)) {
            *ret_at = at;
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean same(const GByteArray *a, const GByteArray *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* ---- verdicts ------------------------------------------------------------------------------ */

typedef struct {
    const Row *row;
    Guest old, new;
    KillFiles *start;
    char *state; /* what is being looked at */
    guint tells, foreign;
    GHashTable *seen; /* digests of states */
    char *qemu_img;   /* NULL: there is none */
} Test;

static void test_clear(Test *t)
{
    guest_clear(&t->old);
    guest_clear(&t->new);
    g_clear_pointer(&t->start, kill_files_free);
    g_clear_pointer(&t->state, g_free);
    g_clear_pointer(&t->seen, g_hash_table_unref);
    g_clear_pointer(&t->qemu_img, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Test, test_clear)

static void wrong(Test *t, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void wrong(Test *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *words = g_strdup_vprintf(format, args);
    va_end(args);
    if (t->tells++ < MOST_TELLS) {
        g_test_message("%s: %s", t->state, words);
    }
    g_test_fail();
}

static void name_state(Test *t, char *name)
{
    g_free(t->state);
    t->state = name;
}

static void check_ours(Test *t, const char *name)
{
    struct abi_check check = { 0 };
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) messages = NULL;
    g_autoptr(Image) img = open_image("qcow2", name, IMAGE_CHECK, &error);

    if (img == NULL || !image_check(img, 0, &check, &messages, &error)) {
        wrong(t, "check of %s: %s", name, error->message);
    } else if (check.corruptions != 0 || check.check_errors != 0) {
        wrong(t, "check of %s: %" G_GUINT64_FORMAT " corruptions, %" G_GUINT64_FORMAT " errors",
              name, check.corruptions, check.check_errors);
    }
}

static void check_foreign(Test *t, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *out = NULL, *err = NULL;
    const char *argv[] = { t->qemu_img, "check", "-f", "qcow2", path, NULL };
    int status = 0;

    g_assert_true(
        g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, &out, &err, &status, NULL));
    if (!g_spawn_check_wait_status(status, NULL) &&
        !(WIFEXITED(status) && WEXITSTATUS(status) == 3)) {
        wrong(t, "qemu-img check of %s: %s%s", name, out, err);
    }
}

static void check_all(Test *t, gboolean foreign)
{
    for (guint i = 0; i < MOST_IMAGES && t->row->images[i] != NULL; i++) {
        if (g_str_has_prefix(t->row->images[i], "qcow2 ")) {
            check_ours(t, t->row->images[i] + strlen("qcow2 "));
            if (foreign && t->qemu_img != NULL) {
                check_foreign(t, t->row->images[i] + strlen("qcow2 "));
            }
        }
    }
}

/* Is everything in the folder of before or of after? */
static void judge(Test *t, gboolean finished)
{
    g_auto(Guest) now = { { NULL } };
    g_autoptr(GError) error = NULL;
    guint at;

    if (!look(t->row, &now, &error)) {
        wrong(t, "%s", error->message);
        return;
    }
    for (guint i = 0; i < MOST_IMAGES && now.image[i] != NULL; i++) {
        if (finished
                ? !same(now.image[i], t->new.image[i])
                : !old_or_new(t->old.image[i], t->new.image[i], now.image[i], t->row->unit, &at)) {
            wrong(t,
                  finished ? "%s does not read as it should"
                           : "%s reads neither as before nor as after at %u",
                  t->row->images[i], finished ? 0 : at);
        }
    }
    for (guint i = 0; i < 2 && now.snapshot[i] != NULL; i++) {
        if (!same(now.snapshot[i], t->old.snapshot[i])) {
            wrong(t, "snapshot %s has changed", t->row->snapshots[i]);
        }
    }
}

/* The command once more, on what is in the folder. */
static void complete(Test *t)
{
    g_autofree char *text = NULL;
    int status = kill_run(folder, t->row->command, &text);

    if (status != 0 && !((t->row->flags & ROW_ONCE) && status == 1)) {
        wrong(t, "the second run ends with status %d: %s", status, text);
        return;
    }
    check_all(t, FALSE);
    judge(t, TRUE);
}

static void examine(Test *t)
{
    if (!(t->row->flags & ROW_DAMAGED)) {
        check_all(t, t->foreign++ < MOST_FOREIGN);
    }
    judge(t, FALSE);
    if (!(t->row->flags & ROW_NO_AGAIN)) {
        complete(t);
    }
}

/* ---- the runs ------------------------------------------------------------------------------ */

static void write_bytes(const char *words)
{
    g_auto(GStrv) w = g_strsplit(words, " ", -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) img = open_image(w[2], w[1], IMAGE_WRITE, &error);
    gsize length = (gsize)atol(w[4]);
    g_autofree guint8 *bytes = g_malloc(length);

    g_assert_no_error(error);
    for (gsize i = 0; i < length; i++) {
        bytes[i] = (guint8)(atoi(w[5]) + i / 512);
    }
    image_write(img, (guint64)atol(w[3]), bytes, length, &error);
    g_assert_no_error(error);
    image_close(img, &error);
    g_assert_no_error(error);
}

static void poke(const char *words)
{
    g_auto(GStrv) w = g_strsplit(words, " ", -1);
    g_autofree char *path = g_build_filename(folder, w[1], NULL);
    FILE *file = g_fopen(path, "r+b");

    g_assert_nonnull(file);
    g_assert_cmpint(fseek(file, atol(w[2]), SEEK_SET), ==, 0);
    for (const char *hex = w[3]; *hex != '\0'; hex += 2) {
        fputc(g_ascii_xdigit_value(hex[0]) * 16 + g_ascii_xdigit_value(hex[1]), file);
    }
    g_assert_cmpint(fclose(file), ==, 0);
}

static void copy_file(const char *words)
{
    g_auto(GStrv) w = g_strsplit(words, " ", -1);
    g_autofree char *from = g_build_filename(folder, w[1], NULL);
    g_autofree char *to = g_build_filename(folder, w[2], NULL);
    g_autofree char *bytes = NULL;
    gsize length = 0;

    g_assert_true(g_file_get_contents(from, &bytes, &length, NULL));
    g_assert_true(g_file_set_contents(to, bytes, (gssize)length, NULL));
}

static void set_up(const Row *row)
{
    for (guint i = 0; i < MOST_SETUP && row->setup[i] != NULL; i++) {
        if (g_str_has_prefix(row->setup[i], "write ")) {
            write_bytes(row->setup[i]);
        } else if (g_str_has_prefix(row->setup[i], "poke ")) {
            poke(row->setup[i]);
        } else if (g_str_has_prefix(row->setup[i], "copy ")) {
            copy_file(row->setup[i]);
        } else {
            g_autofree char *text = NULL;
            int status = kill_run(folder, row->setup[i], &text);

            if (status != 0) {
                g_error("%s: %s: status %d: %s", row->name, row->setup[i], status, text);
            }
        }
    }
}

/* Set up, run once undisturbed with a journal. */
static void prepare(Test *t, const Row *row)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    int status;

    t->row = row;
    t->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    t->qemu_img = g_find_program_in_path("qemu-img");
    t->state = g_strdup("undisturbed");
    g_free(folder);
    folder = g_build_filename(top, row->name, NULL);
    g_mkdir_with_parents(folder, 0755);
    /* external data files are looked for there */
    g_assert_cmpint(g_chdir(folder), ==, 0);
    set_up(row);
    t->start = kill_files_read(folder);
    look(row, &t->old, &error);
    g_assert_no_error(error);
    journal_begin(folder);
    status = kill_run(folder, row->command, &text);
    journal_end();
    if (status != 0) {
        g_error("%s: %s: status %d: %s", row->name, row->command, status, text);
    }
    g_assert_false(journal_overflowed());
    g_assert_cmpuint(journal_length(), >, 0);
    look(row, &t->new, &error);
    g_assert_no_error(error);
    check_all(t, TRUE);
}

static guint step_for(guint n, guint most)
{
    return n <= most ? 1 : (n + most - 1) / most;
}

static void test_kill(gconstpointer data)
{
    static const char *const losses[] = { "killed", "without power, all lost",
                                          "without power, some lost" };
    g_auto(Test) t = { 0 };
    guint n;

    prepare(&t, data);
    n = journal_length();
    for (guint i = 0; i <= n; i += step_for(n, MOST_MOMENTS)) {
        for (guint loss = 0; loss < ((t.row->flags & ROW_UNSAFE) ? 1 : KILL_LOSSES); loss++) {
            g_autoptr(KillFiles) files = kill_files_after(t.start, i, loss, t.row->unit);
            char *digest = kill_files_digest(files);

            if (!g_hash_table_add(t.seen, digest)) {
                continue;
            }
            name_state(&t, g_strdup_printf("after %u of %u changes, %s", i, n, losses[loss]));
            kill_files_write(files, folder);
            examine(&t);
        }
    }
    g_test_message("%u changes, %u states", n, g_hash_table_size(t.seen));
}

static void run_with_fault(Test *t, guint at, int code, gboolean lasting)
{
    g_autofree char *text = NULL;
    int status;

    kill_files_write(t->start, folder);
    name_state(t, g_strdup_printf("change %u fails with %s%s", at, g_strerror(code),
                                  lasting ? ", and all that follow" : ""));
    journal_begin(folder);
    journal_fail(at, code, lasting);
    status = kill_run(folder, t->row->command, &text);
    journal_end();
    if (journal_failures() == 0) {
        return; /* threads: there were fewer changes this time */
    }
    if (status == 0) {
        judge(t, TRUE);
        check_all(t, FALSE);
        return;
    }
    if (status < 0 || *text == '\0') {
        wrong(t, "status %d, said: %s", status, text);
    }
    examine(t);
}

static void test_fault(gconstpointer data)
{
    static const int codes[] = { ENOSPC, EIO };
    g_auto(Test) t = { 0 };
    guint n;

    prepare(&t, data);
    n = journal_length();
    for (guint i = 0; i < n; i += step_for(n, MOST_FAULTS)) {
        for (guint c = 0; c < G_N_ELEMENTS(codes); c++) {
            run_with_fault(&t, i, codes[c], FALSE);
            run_with_fault(&t, i, codes[c], TRUE);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_set_prgname("qemu-img");
    g_assert_true(profile_init(NULL));
    test_use_inline_cells(TRUE);
    top = g_get_current_dir();
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *kill = g_strdup_printf("/kill/%s", rows[i].name);
        g_autofree char *fault = g_strdup_printf("/fault/%s", rows[i].name);

        g_test_add_data_func(kill, &rows[i], test_kill);
        g_test_add_data_func(fault, &rows[i], test_fault);
    }
    return g_test_run();
}
