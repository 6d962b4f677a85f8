/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "check -r all" that makes all refcount blocks anew, window by window: ended after each change of
 * the file, with all or some of what was not flushed lost, full and broken from each change on, and
 * with each read and each allocation failing. What is left is at worst as damaged as before, no
 * byte that the guest or a snapshot sees is another, and the next repair completes.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "format/qcow2-check.h"
#include "profile/profile.h"
#include "tests/testutil.h"
#include "tests/windowed-image.h"

#define CLUSTER 512u
#define BOTH (ABI_FIX_LEAKS | ABI_FIX_ERRORS)
/* Reads and allocations that are made to fail, spread evenly. */
#define MOST_FAULTS 24u
/* States that the installed qemu-img looks at as well: where the new counts begin to be used, and
 * of faults. */
#define MOST_FOREIGN 12u
#define MOST_FOREIGN_FAULTS 4u

typedef enum {
    LOSE_TABLE,  /* the table has no entries */
    LOSE_BLOCK,  /* one in the middle has no entry */
    LOSE_COUNT,  /* a cluster that is used is not counted, near the end */
    LOSE_ENTRY,  /* an entry names no cluster */
    SHARE_BLOCK, /* two entries name the same block */
    CUT_TABLE,   /* the snapshot table says less than it must, and the table has no entries */
    LONG_TABLE,  /* the snapshot table reaches behind the end of the file, and is not counted so;
                  * what it holds is needed until it is written anew */
    LONG_TABLE_ALONE, /* ... and its clusters look like leaks, which are given back */
} Damage;

typedef struct {
    const char *name;
    WindowedOptions options;
    Damage damage;
} Row;

static const Row rows[] = {
    { "table", { 4, 12, 0, FALSE }, LOSE_TABLE },
    { "table-holes", { 4, 12, 5, FALSE }, LOSE_TABLE },
    { "table-wide", { 6, 4, 0, FALSE }, LOSE_TABLE },
    { "table-wide-holes", { 6, 4, 3, FALSE }, LOSE_TABLE },
    { "table-narrow", { 2, 50, 40, FALSE }, LOSE_TABLE },
    { "block", { 4, 12, 0, FALSE }, LOSE_BLOCK },
    { "block-holes", { 4, 12, 7, FALSE }, LOSE_BLOCK },
    { "count", { 4, 12, 7, FALSE }, LOSE_COUNT },
    { "count-wide", { 6, 4, 0, FALSE }, LOSE_COUNT },
    { "entry", { 4, 12, 7, FALSE }, LOSE_ENTRY },
    { "shared", { 4, 12, 0, FALSE }, SHARE_BLOCK },
    { "snapshot", { 4, 12, 0, TRUE }, LOSE_TABLE },
    { "snapshot-holes", { 6, 4, 4, TRUE }, LOSE_BLOCK },
    { "snapshot-table", { 4, 12, 0, TRUE }, CUT_TABLE },
    { "snapshot-table-holes", { 6, 4, 4, TRUE }, CUT_TABLE },
    { "long-snapshot-table", { 4, 12, 0, TRUE }, LONG_TABLE },
    { "long-snapshot-table-wide", { 6, 4, 0, TRUE }, LONG_TABLE },
    { "long-snapshot-table-alone", { 4, 12, 0, TRUE }, LONG_TABLE_ALONE },
};

static void damage(Windowed *w, Damage damage)
{
    guint64 blocks = w->used / windowed_per_block(w) + 1;
    guint64 last = g_array_index(w->data, guint64, w->data->len - 1) / CLUSTER;

    switch (damage) {
    case LONG_TABLE_ALONE:
        builder_put32(w->b, w->snapshots + 36, 8u << 20);
        break;
    case LONG_TABLE:
        builder_put32(w->b, w->snapshots + 36, 8u << 20);
        windowed_set_count(w, last, 0);
        break;
    case CUT_TABLE:
        builder_put32(w->b, w->snapshots + 36, 8);
        builder_put32(w->b, w->snapshots + 48, 0x31610000); /* id and name */
        G_GNUC_FALLTHROUGH;
    case LOSE_TABLE:
        for (guint64 i = 0; i < blocks; i++) {
            builder_put64(w->b, windowed_entry(w, i), 0);
        }
        break;
    case LOSE_BLOCK:
        builder_put64(w->b, windowed_entry(w, blocks / 2), 0);
        break;
    case LOSE_COUNT:
        windowed_set_count(w, last, 0);
        break;
    case LOSE_ENTRY:
        builder_put64(w->b, windowed_entry(w, blocks / 2), 1ull << 40);
        break;
    case SHARE_BLOCK:
        builder_put64(w->b, windowed_entry(w, 1), builder_get64(w->b, windowed_entry(w, 0)));
        break;
    }
}

/* ---- what was done to the file ---- */

typedef struct {
    guint32 op; /* of enum abi_io_op: what changes a file, and flushes */
    guint64 offset, length;
    guint8 *bytes; /* of a write */
} Change;

static GArray *journal;  /* Change */
static guint64 fails_at; /* which of them fails, from 1; 0: none */
static gboolean lasts;   /* ... and all that follow */
static int fails_with;
static int fd_of_image;
static int (*real_io)(struct fmt_env *env, struct abi_io *ops, uint32_t n);

static void clear_change(gpointer data)
{
    g_free(((Change *)data)->bytes);
}

/* A store that gives clusters back at once: they read as zeros. */
static void give_back(GByteArray *file, int fd, const Change *c)
{
    static const guint8 zeros[CLUSTER];

    for (guint64 at = c->offset; at < c->offset + c->length; at += CLUSTER) {
        if (file != NULL && at + CLUSTER <= file->len) {
            memset(file->data + at, 0, CLUSTER);
        } else if (file == NULL) {
            g_assert_cmpint(pwrite(fd, zeros, CLUSTER, (off_t)at), ==, CLUSTER);
        }
    }
}

static int hooked_io(struct fmt_env *env, struct abi_io *ops, uint32_t n)
{
    int status = FMT_OK;

    for (uint32_t i = 0; i < n && status == FMT_OK; i++) {
        Change c = { ops[i].op, ops[i].offset, ops[i].length, NULL };

        if (c.op == ABI_IO_READ || c.op == ABI_IO_SIZE || c.op == ABI_IO_NEXT_DATA) {
            status = real_io(env, &ops[i], 1);
            continue;
        }
        if (c.op == ABI_IO_WRITE) {
            c.bytes = g_memdup2((void *)(uintptr_t)ops[i].address, c.length);
        }
        g_array_append_val(journal, c);
        if (fails_at != 0 && (journal->len == fails_at || (lasts && journal->len > fails_at))) {
            ops[i].result = -fails_with;
            env->result->status = FMT_E_IO;
            env->result->io_errno = (uint32_t)fails_with;
            status = FMT_E_IO;
        } else {
            status = real_io(env, &ops[i], 1);
            if (c.op == ABI_IO_DISCARD) {
                give_back(NULL, fd_of_image, &c);
            }
        }
    }
    return status;
}

static void apply(GByteArray *file, const Change *c)
{
    guint64 end = c->op == ABI_IO_TRUNCATE ? c->offset : c->offset + c->length;
    guint old = file->len;

    if (c->op == ABI_IO_DISCARD) {
        give_back(file, -1, c);
    }
    if (c->op == ABI_IO_FLUSH || c->op == ABI_IO_DISCARD) {
        return;
    }
    if (end > old || c->op == ABI_IO_TRUNCATE) {
        g_byte_array_set_size(file, (guint)end);
        memset(file->data + MIN(old, end), 0, end - MIN(old, end));
    }
    if (c->op == ABI_IO_WRITE) {
        memcpy(file->data + c->offset, c->bytes, c->length);
    } else if (c->op == ABI_IO_ZERO) {
        memset(file->data + c->offset, 0, c->length);
    }
}

typedef enum { KEEP, DROP, SHUFFLE, LOSSES } Loss;

/* The file after the first n changes. */
static GByteArray *file_after(const Windowed *w, guint n, Loss loss)
{
    GByteArray *file = g_byte_array_new();
    guint safe = 0;

    g_byte_array_append(file, w->b->bytes->data, w->b->bytes->len);
    for (guint i = 0; i < n; i++) {
        safe = g_array_index(journal, Change, i).op == ABI_IO_FLUSH ? i : safe;
    }
    for (guint i = 0; i < n; i++) {
        if (loss == KEEP || i < safe || (loss == SHUFFLE && g_test_rand_bit())) {
            apply(file, &g_array_index(journal, Change, i));
        }
    }
    return file;
}

/* ---- running ---- */

typedef struct {
    int status, io_errno;
    struct abi_check found;
    GByteArray *after;
} Run;

static void run_clear(Run *run)
{
    g_clear_pointer(&run->after, g_byte_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

typedef struct {
    guint64 read, alloc; /* which one fails, from 1; 0: none */
    guint64 reads, allocs;
} Faults;

/* Check file, with windows of window clusters. */
static void run(GByteArray *file, guint32 fix, guint64 window, Faults *faults, Run *ret)
{
    Builder b = { .bytes = file };
    Opened o;

    opened_init(&o, &b, ABI_OPEN_CHECK | (fix != 0 ? ABI_OPEN_WRITE | ABI_OPEN_DISCARD_UNMAP : 0),
                0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    g_clear_pointer(&journal, g_array_unref);
    journal = g_array_new(FALSE, FALSE, sizeof(Change));
    g_array_set_clear_func(journal, clear_change);
    fd_of_image = mem_env_fd(o.mem, 0);
    real_io = o.im.env->io;
    o.im.env->io = hooked_io;
    if (faults != NULL) {
        mem_env_fail_io(o.mem, faults->read, EIO);
        mem_env_fail_alloc(o.mem, faults->alloc);
        faults->reads = mem_env_io_count(o.mem);
        faults->allocs = mem_env_alloc_count(o.mem);
    }
    o.props.used = 0;
    *ret = (Run){ .status = FMT_OK };
    ret->status = qcow2_check_windows(&o.im, fix, window, &ret->found, &o.props);
    ret->io_errno = (int)mem_env_result(o.mem)->io_errno;
    if (faults != NULL) {
        faults->reads = mem_env_io_count(o.mem) - faults->reads;
        faults->allocs = mem_env_alloc_count(o.mem) - faults->allocs;
    }
    fails_at = 0;
    g_autoptr(GBytes) bytes = mem_env_bytes(o.mem, 0);
    ret->after = g_bytes_unref_to_array(g_steal_pointer(&bytes));
    opened_clear(&o);
}

/* ---- judging ---- */

typedef struct {
    const Row *row;
    Windowed *w;
    Run before; /* check of what is damaged */
    char *state;
    char *qemu_img;
    guint64 foreign_before; /* corruptions and errors that it finds in front */
    guint foreign;
} Test;

static void test_clear(Test *t)
{
    run_clear(&t->before);
    g_clear_pointer(&t->w, windowed_free);
    g_clear_pointer(&t->state, g_free);
    g_clear_pointer(&t->qemu_img, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Test, test_clear)

static guint64 number_in(const char *json, const char *name)
{
    g_autofree char *key = g_strdup_printf("\"%s\": ", name);
    const char *at = strstr(json, key);

    return at != NULL ? g_ascii_strtoull(at + strlen(key), NULL, 10) : 0;
}

/* Corruptions and errors that the installed qemu-img finds; G_MAXUINT64: it does not look. */
static guint64 check_foreign(Test *t, const GByteArray *file)
{
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;
    const char *argv[] = { t->qemu_img, "check", "-f", "qcow2", "--output=json", "x", NULL };

    g_file_set_contents("x", (const char *)file->data, file->len, &error);
    g_assert_no_error(error);
    test_spawn(argv, &out, &err);
    if (strstr(out, "\"check-errors\"") == NULL) {
        return G_MAXUINT64;
    }
    return number_in(out, "corruptions") + number_in(out, "check-errors");
}

/* What the guest sees lies where it lay, and holds what it held; so does what a snapshot sees. */
static void look(Test *t, GByteArray *file)
{
    Builder b = { .bytes = file };
    Opened o;

    opened_init(&o, &b, ABI_OPEN_CHECK, 0);
    g_assert_cmpint(o.status, ==, FMT_OK);
    for (guint i = 0; i < t->w->data->len; i++) {
        guint64 want = g_array_index(t->w->data, guint64, i), next;
        struct abi_extent e;
        guint32 n;
        guint8 byte = windowed_byte(i);

        g_assert_cmpint(qcow2_driver.extents(&o.im, i * CLUSTER, CLUSTER, 0, &e, 1, &n, &next), ==,
                        FMT_OK);
        g_assert_cmpuint(e.kind, ==, ABI_EXT_DATA);
        g_assert_cmpuint(e.file_offset, ==, want);
        g_assert_cmpuint(file->data[want], ==, byte);
        g_assert_cmpmem(file->data + want, CLUSTER - 1, file->data + want + 1, CLUSTER - 1);
    }
    if (t->w->snapshots != 0) {
        const guint8 *entry = file->data + be64_load(file->data + QCOW2_H_SNAPSHOTS_OFFSET);
        const guint8 *then = t->w->b->bytes->data;
        guint64 l1 = be64_load(entry);

        g_assert_cmpuint(l1, ==, be64_load(then + t->w->snapshots));
        g_assert_cmpmem(file->data + l1, t->row->options.tables * 8, then + l1,
                        t->row->options.tables * 8);
    }
    opened_clear(&o);
}

static void judge(Test *t, GByteArray *file)
{
    g_auto(Run) now = { 0 }, again = { 0 }, last = { 0 };
    guint64 window = windowed_per_block(t->w);

    look(t, file);
    run(file, 0, window, NULL, &now);
    if ((now.status != FMT_OK && t->before.status == FMT_OK) ||
        now.found.corruptions > t->before.found.corruptions ||
        now.found.check_errors > t->before.found.check_errors) {
        g_test_message("%s: status %d, %u corruptions, %u errors", t->state, now.status,
                       (guint)now.found.corruptions, (guint)now.found.check_errors);
        g_test_fail();
    }
    if (t->qemu_img != NULL && t->foreign < MOST_FOREIGN) {
        t->foreign++;
        guint64 found = check_foreign(t, file);
        if (found > t->foreign_before) {
            g_test_message("%s: qemu-img finds %u, before %u", t->state, (guint)found,
                           (guint)t->foreign_before);
            g_test_fail();
        }
    }
    run(file, BOTH, window, NULL, &again);
    run(again.after, 0, QCOW2_CHECK_WINDOW, NULL, &last);
    if (last.found.leaks != 0) {
        /* counts behind the end of the file, which are seen once it has grown */
        g_autoptr(GByteArray) grown = g_steal_pointer(&again.after);
        run_clear(&last);
        run(grown, BOTH, window, NULL, &again);
        run(again.after, 0, QCOW2_CHECK_WINDOW, NULL, &last);
    }
    look(t, again.after);
}

static void name_state(Test *t, char *name)
{
    g_free(t->state);
    t->state = name;
}

static void prepare(Test *t, const Row *row)
{
    g_auto(Run) sound = { 0 };

    t->row = row;
    t->qemu_img = g_find_program_in_path("qemu-img");
    t->w = windowed_new(&row->options);
    name_state(t, g_strdup("sound"));
    guint64 window = windowed_per_block(t->w);
    g_assert_cmpuint(t->w->used, >, 3 * window);
    run(t->w->b->bytes, 0, window, NULL, &sound);
    g_assert_cmpint(sound.status, ==, FMT_OK);
    g_assert_cmpuint(sound.found.corruptions + sound.found.leaks, ==, 0);
    if (t->qemu_img != NULL) {
        g_assert_cmpuint(check_foreign(t, t->w->b->bytes), ==, 0);
    }
    damage(t->w, row->damage);
    name_state(t, g_strdup("damaged"));
    run(t->w->b->bytes, 0, window, NULL, &t->before);
    if (row->damage != LONG_TABLE && row->damage != LONG_TABLE_ALONE) {
        g_assert_cmpuint(t->before.found.corruptions + t->before.found.check_errors, >, 0);
    } else {
        g_assert_cmpint(t->before.status, !=, FMT_OK);
        t->before.found.corruptions = t->before.found.check_errors = G_MAXUINT64;
    }
    if (t->qemu_img != NULL) {
        t->foreign_before = check_foreign(t, t->w->b->bytes);
    }
}

static void test_kill(gconstpointer data)
{
    g_auto(Test) t = { NULL };
    g_auto(Run) whole = { 0 };

    prepare(&t, data);
    run(t.w->b->bytes, BOTH, windowed_per_block(t.w), NULL, &whole);
    g_assert_cmpint(whole.status, ==, FMT_OK);
    g_autoptr(GArray) done = g_steal_pointer(&journal);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint near_end = done->len > 6 ? done->len - 6 : 0;
    /* from the end, where the new counts are: qemu-img looks at those */
    for (guint i = done->len + 1; i-- > 0;) {
        t.foreign = i == near_end ? MOST_FOREIGN / 2 : t.foreign;
        for (guint loss = 0; loss < LOSSES; loss++) {
            journal = g_array_ref(done);
            g_autoptr(GByteArray) file = file_after(t.w, i, loss);
            g_clear_pointer(&journal, g_array_unref);
            char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, file->data, file->len);

            if (!g_hash_table_add(seen, digest)) {
                continue;
            }
            name_state(&t, g_strdup_printf("after %u of %u changes, loss %u", i, done->len, loss));
            judge(&t, file);
        }
    }
    g_test_message("%u changes, %u states", done->len, g_hash_table_size(seen));
}

static void test_fault(gconstpointer data)
{
    /* a store that is full stays so; a broken place is only one */
    static const struct {
        int code;
        gboolean lasts;
    } kinds[] = { { ENOSPC, TRUE }, { EIO, FALSE } };
    g_auto(Test) t = { NULL };
    gboolean done = FALSE;

    prepare(&t, data);
    t.foreign = MOST_FOREIGN - MOST_FOREIGN_FAULTS;
    for (guint n = 1; !done; n++) {
        for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
            g_auto(Run) r = { 0 };

            fails_at = n;
            fails_with = kinds[k].code;
            lasts = kinds[k].lasts;
            name_state(&t, g_strdup_printf("change %u fails with %s%s", n, g_strerror(fails_with),
                                           lasts ? ", and all that follow" : ""));
            run(t.w->b->bytes, BOTH, windowed_per_block(t.w), NULL, &r);
            done = journal->len < n;
            if (!done) {
                /* not to give clusters back costs nothing */
                if (g_array_index(journal, Change, n - 1).op != ABI_IO_DISCARD || lasts) {
                    g_assert_cmpint(r.status, ==, FMT_E_IO);
                }
                g_assert_cmpint(r.io_errno, ==, fails_with);
            }
            judge(&t, r.after);
        }
    }
}

/* Reads and allocations. */
static void test_starved(gconstpointer data)
{
    g_auto(Test) t = { NULL };
    Faults all = { 0 };

    prepare(&t, data);
    t.foreign = MOST_FOREIGN - MOST_FOREIGN_FAULTS;
    {
        g_auto(Run) whole = { 0 };
        run(t.w->b->bytes, BOTH, windowed_per_block(t.w), &all, &whole);
    }
    for (guint64 i = 0; i < MOST_FAULTS; i++) {
        g_auto(Run) r = { 0 };
        Faults f = i % 2 == 0 ? (Faults){ .read = 1 + all.reads * i / MOST_FAULTS }
                              : (Faults){ .alloc = 1 + all.allocs * i / MOST_FAULTS };

        name_state(&t, g_strdup_printf("operation %u, allocation %u fails", (guint)f.read,
                                       (guint)f.alloc));
        run(t.w->b->bytes, BOTH, windowed_per_block(t.w), &f, &r);
        judge(&t, r.after);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc run;
    } kinds[] = { { "kill", test_kill }, { "fault", test_fault }, { "starved", test_starved } };

    g_setenv("INSTAR_IMG_QEMU_VERSION", "7.2.0", TRUE);
    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
    profile_init(NULL);
    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
        for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
            g_autofree char *path =
                g_strdup_printf("/qcow2/rebuild/%s/%s", kinds[k].name, rows[i].name);

            g_test_add_data_func(path, &rows[i], kinds[k].run);
        }
    }
    return g_test_run();
}
