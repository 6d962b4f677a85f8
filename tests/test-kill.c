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
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "image/secret.h"
#include "profile/profile.h"
#include "tests/cell-inline.h"
#include "tests/io-journal.h"
#include "tests/kill-rows.h"
#include "tests/kill-runner.h"
#include "tests/kill-work.h"
#include "tests/testutil.h"

#define MOST_TELLS 5u
/* Moments looked at when a command makes more changes: spread evenly. */
#define MOST_MOMENTS 60u
#define MOST_FAULTS 20u
/* States of a row that the installed qemu-img looks at as well. */
#define MOST_FOREIGN 8u

static char *top;    /* where the folders of the rows are */
static char *folder; /* of the row */

/* ---- what may be there ---- */

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
    const KillRow *row;
    KillGuest old, new;
    KillFiles *start;
    char *state; /* what is being looked at */
    guint tells, foreign;
    GHashTable *seen; /* digests of states */
    char *qemu_img;   /* NULL: there is none */
} Test;

static void test_clear(Test *t)
{
    kill_guest_clear(&t->old);
    kill_guest_clear(&t->new);
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

static void check_ours(Test *t, const char *format, const char *name)
{
    struct abi_check check = { 0 };
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) messages = NULL;
    g_autoptr(Image) img = kill_open(format, name, IMAGE_CHECK, &error);

    if (img == NULL || !image_check(img, 0, &check, &messages, &error)) {
        wrong(t, "check of %s: %s", name, error->message);
    } else if (check.corruptions != 0 || check.check_errors != 0) {
        wrong(t, "check of %s: %" G_GUINT64_FORMAT " corruptions, %" G_GUINT64_FORMAT " errors",
              name, check.corruptions, check.check_errors);
    }
}

static void check_foreign(Test *t, const char *format, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *out = NULL, *err = NULL;
    g_autofree char *options = kill_options(format, name);
    const char *plain[] = { t->qemu_img, "check", "-f", format, path, NULL };
    const char *with_key[] = {
        t->qemu_img,    "check", "--object", "secret,id=" KILL_SECRET ",data=" KILL_SECRET,
        "--image-opts", options, NULL,
    };
    int status = test_spawn(options != NULL ? with_key : plain, &out, &err);

    if (!g_spawn_check_wait_status(status, NULL) &&
        !(WIFEXITED(status) && WEXITSTATUS(status) == 3)) {
        wrong(t, "qemu-img check of %s: %s%s", name, out, err);
    }
}

static void check_all(Test *t, gboolean foreign)
{
    for (guint i = 0; i < KILL_MOST_IMAGES && t->row->images[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit(t->row->images[i], " ", 2);

        if (g_str_equal(words[0], "raw") || g_str_has_prefix(words[0], "luks")) {
            continue;
        }
        check_ours(t, words[0], words[1]);
        /* it would have to be told which secret it is now */
        if (foreign && t->qemu_img != NULL && !g_str_has_suffix(words[0], "?")) {
            check_foreign(t, words[0], words[1]);
        }
    }
}

/* Is everything in the folder of before or of after? */
static void judge(Test *t, gboolean finished)
{
    g_auto(KillGuest) now = { { NULL } };
    g_autoptr(GError) error = NULL;
    guint at;

    if (!kill_look(t->row, &now, &error)) {
        wrong(t, "%s", error->message);
        return;
    }
    for (guint i = 0; i < KILL_MOST_IMAGES && now.image[i] != NULL; i++) {
        if (finished
                ? !same(now.image[i], t->new.image[i])
                : !old_or_new(t->old.image[i], t->new.image[i], now.image[i], t->row->unit, &at)) {
            wrong(t,
                  finished ? "%s does not read as it should"
                           : "%s reads neither as before nor as after at %u",
                  t->row->images[i], finished ? 0 : at);
        }
    }
    for (guint i = 0; i < KILL_MOST_SNAPSHOTS && now.snapshot[i] != NULL; i++) {
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

/* ---- the runs ---- */

/* Set up, run once undisturbed with a journal. */
static void prepare(Test *t, const KillRow *row)
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
    kill_enter(folder);
    kill_set_up(row);
    t->start = kill_files_read(folder);
    kill_look(row, &t->old, &error);
    g_assert_no_error(error);
    journal_begin(folder);
    status = kill_run(folder, row->command, &text);
    journal_end();
    if (status != 0) {
        g_error("%s: %s: status %d: %s", row->name, row->command, status, text);
    }
    g_assert_false(journal_overflowed());
    g_assert_cmpuint(journal_length(), >, 0);
    kill_look(row, &t->new, &error);
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

/* Was the same left behind before, by a command that @ended well or not? The verdict is the same. */
static gboolean was_seen(Test *t, gboolean ended)
{
    g_autoptr(KillFiles) files = kill_files_read(folder);
    g_autofree char *digest = kill_files_digest(files);

    return !g_hash_table_add(t->seen, g_strdup_printf("%d %s", ended, digest));
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
    if (status < 0 || (status != 0 && *text == '\0')) {
        wrong(t, "status %d, said: %s", status, text);
    }
    if (was_seen(t, status == 0)) {
        return;
    }
    if (status == 0) {
        judge(t, TRUE);
        check_all(t, FALSE);
    } else {
        examine(t);
    }
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
    /* Images are held in memory, whole and many times over: filling it with marks, which other
     * tests do over the same code, would take most of the time. */
    mallopt(M_PERTURB, 0);
    g_set_prgname("qemu-img");
    g_assert_true(profile_init(NULL));
    test_use_inline_cells(TRUE);
    g_assert_true(secret_add(KILL_SECRET, (guint8 *)g_strdup(KILL_SECRET), strlen(KILL_SECRET)));
    g_assert_true(secret_add(KILL_OTHER_SECRET, (guint8 *)g_strdup(KILL_OTHER_SECRET),
                             strlen(KILL_OTHER_SECRET)));
    kill_runner_start();
    test_heap_of_huge_pages();
    top = g_get_current_dir();
    for (guint i = 0; i < kill_n_rows; i++) {
        g_autofree char *kill = g_strdup_printf("/kill/%s", kill_rows[i].name);
        g_autofree char *fault = g_strdup_printf("/fault/%s", kill_rows[i].name);

        g_test_add_data_func(kill, &kill_rows[i], test_kill);
        g_test_add_data_func(fault, &kill_rows[i], test_fault);
    }
    int status = g_test_run();
    kill_runner_end();
    return status;
}
