/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk images whose header, text and tables lie: each limit at the limit and one above. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "profile/profile.h"
#include "tests/testutil.h"
#include "tests/vmdk-disk.h"

#define GRAIN (64u << 10)
#define SIZE (40u * 1024 * 1024) /* two tables */

/* Of what qemu-img makes for that size. */
#define RGD 10752u
#define GD (30u * 512)
#define GT (31u * 512)

static const struct header_row {
    const char *name;
    guint offset, width; /* bytes of a number in the header */
    guint64 value;
    const char *words; /* NULL: it opens */
} header_rows[] = {
    { "version-3", 4, 4, 3, NULL },
    { "version-4", 4, 4, 4, "Unsupported VMDK version 4" },
    { "no-flags", 8, 4, 0, NULL },
    { "capacity-1", 12, 8, 1, NULL },
    { "capacity-0", 12, 8, 0, "Unsupported image type 'monolithicSparse'" },
    { "capacity-most", 12, 8, VMDK_MAX_CAPACITY, "L1 size too big" },
    { "capacity-above", 12, 8, VMDK_MAX_CAPACITY + 1,
      "Could not refresh total sector count: File too large" },
    { "tables-most", 12, 8, (guint64)VMDK_MAX_TABLES << 16, NULL },
    { "tables-above", 12, 8, ((guint64)VMDK_MAX_TABLES << 16) + 1, "L1 size too big" },
    { "grain-0", 20, 8, 0, "L1 entry size is invalid" },
    { "grain-1", 20, 8, 1, NULL },
    { "grain-odd", 20, 8, 127, "Invalid granularity, image may be corrupt" },
    { "grain-2M", 20, 8, 4096, NULL },
    { "grain-4M", 20, 8, 8192, "Invalid granularity, image may be corrupt" },
    { "grain-above", 20, 8, 0x200001, "Invalid granularity, image may be corrupt" },
    { "grain-wide", 20, 8, G_MAXUINT64, "Invalid granularity, image may be corrupt" },
    { "grain-wraps", 20, 8, (guint64)1 << 63, "L1 entry size is invalid" },
    { "entries-0", 44, 4, 0, "L1 entry size is invalid" },
    { "entries-1", 44, 4, 1, NULL },
    { "entries-513", 44, 4, 513, "L2 table size too big" },
    { "entries-most", 44, 4, G_MAXUINT32, "L2 table size too big" },
    { "redundant-far", 48, 8, G_MAXUINT64,
      "Could not read l1 backup table from extent 'disk.vmdk': Input/output error" },
    { "directory-at-end", 56, 8, G_MAXUINT64, "Invalid footer" },
    { "directory-far", 56, 8, G_MAXUINT64 - 1,
      "Could not read l1 table from extent 'disk.vmdk': Input/output error" },
    { "directory-behind", 56, 8, 1 << 30, NULL },
    { "overhead-far", 64, 8, G_MAXUINT64, "File truncated, expecting at least -512 bytes" },
    { "overhead-at-end", 64, 8, 128, NULL },
    { "overhead-behind", 64, 8, 129, "File truncated, expecting at least 66048 bytes" },
    { "deflate", 77, 2, 1, "Unsupported image type 'streamOptimized'" },
};

static void test_header(gconstpointer data)
{
    const struct header_row *row = data;
    guint64 value = GUINT64_TO_LE(row->value);
    Disk disk;

    disk_make(&disk, "", SIZE);
    disk_poke(&disk, row->offset, &value, row->width);
    gboolean ok = disk_open(&disk, 0);
    g_assert_cmpint(ok, ==, row->words == NULL);
    if (ok) {
        struct abi_extent e[4];
        guint32 count;
        guint64 next;

        g_assert_cmpint(vmdk_driver.extents(&disk.im, 0, G_MAXINT64, 0, e, 4, &count, &next), ==,
                        FMT_OK);
        g_assert_cmpuint(count, >, 0);
    } else {
        g_autofree char *words = disk_words(&disk);
        g_assert_cmpstr(words, ==, row->words);
    }
    disk_clear(&disk);
}

static const struct text_row {
    const char *name, *text;
    guint32 id, parent_id;
    const char *parent; /* NULL: refused */
} text_rows[] = {
    { "plain", "CID=12\nparentCID=ffffffff\n", 0x12, 0xffffffff, "" },
    { "no-id", "parentCID=33\n", 0x33, 0x33, "" },
    { "no-parent-id", "CID=33\n", 0, 0, NULL },
    { "other-byte", "CID:12\nparentCID 5\n", 0x12, 5, "" },
    { "no-number", "CID=zz\nparentCID=1\n", 0, 0, NULL },
    { "sign", "CID=-1\nparentCID=+0x1F\n", 0xffffffff, 0x1f, "" },
    { "0x-alone", "CID=0x\nparentCID=0xg\n", 0, 0, "" },
    { "blanks", "CID= \t\n12\nparentCID=1\n", 0x12, 1, "" },
    { "long", "CID=123456789abc\nparentCID=10000000000000000\n", 0x56789abc, 0xffffffff, "" },
    { "parent", "CID=1\nparentCID=2\nparentFileNameHint=\"a b.vmdk\"\n", 1, 2, "a b.vmdk" },
    { "parent-empty", "CID=1\nparentCID=2\nparentFileNameHint=\"\"\n", 1, 2, "" },
    { "parent-open", "CID=1\nparentCID=2\nparentFileNameHint=\"abc", 0, 0, NULL },
    { "parent-at-end", "CID=1\nparentCID=2\nparentFileNameHint", 0, 0, NULL },
    { "empty", "", 0, 0, NULL },
};

static void test_text(gconstpointer data)
{
    const struct text_row *row = data;
    g_autofree char *bytes = g_malloc0(VMDK_TEXT_SIZE);
    Disk disk;

    memcpy(bytes, row->text, strlen(row->text));
    disk_make(&disk, "", SIZE);
    disk_poke(&disk, VMDK_TEXT_OFFSET, bytes, VMDK_TEXT_SIZE);
    gboolean ok = disk_open(&disk, ABI_OPEN_WRITE);
    g_assert_cmpint(ok, ==, row->parent != NULL);
    if (ok) {
        const struct vmdk_state *st = disk.im.state;

        g_assert_cmphex(st->id, ==, row->id);
        g_assert_cmphex(st->parent_id, ==, row->parent_id);
        g_assert_cmpmem(st->parent.bytes, st->parent.length, row->parent, strlen(row->parent));
    } else {
        g_autofree char *words = disk_words(&disk);
        g_assert_cmpstr(words, ==, "Could not open 'disk.vmdk': Invalid argument");
    }
    disk_clear(&disk);
}

/* The name may have 4095 bytes; the text has no zero behind it. */
static void test_text_full(void)
{
    for (guint length = VMDK_MAX_NAME; length <= VMDK_MAX_NAME + 1; length++) {
        static const char head[] = "CID=1\nparentCID=2\nparentFileNameHint=\"";
        g_autofree char *bytes = g_malloc(VMDK_TEXT_SIZE);
        Disk disk;

        memset(bytes, 'x', VMDK_TEXT_SIZE);
        memcpy(bytes, head, strlen(head));
        bytes[strlen(head) + length] = '"';
        disk_make(&disk, "", SIZE);
        disk_poke(&disk, VMDK_TEXT_OFFSET, bytes, VMDK_TEXT_SIZE);
        g_assert_cmpint(disk_open(&disk, ABI_OPEN_WRITE), ==, length == VMDK_MAX_NAME);
        if (disk.open) {
            /* a new id of eight digits has no room: nothing is written */
            g_assert_false(disk_write(&disk, 0, 512, 1));
            g_assert_cmpuint(mem_env_result(disk.mem)->io_errno, ==, EINVAL);
        }
        disk_clear(&disk);
    }
}

static void test_new_id(void)
{
    static const struct {
        const char *text, *after; /* NULL: there is no place */
    } rows[] = {
        { "a\nCID=1\nb", "a\nCID=0000beef\nb" },
        { "CID=123456789a\nb", "CID=0000beef\nb" },
        { "CID=", "CID=0000beef" },
        { "parentCID=1\nCID=2", NULL },
        { "nothing", NULL },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        char bytes[64] = { 0 };
        gboolean ok;

        memcpy(bytes, rows[i].text, strlen(rows[i].text));
        ok = vmdk_text_set_id(bytes, sizeof bytes, 0xbeef);
        g_assert_cmpint(ok, ==, rows[i].after != NULL);
        g_assert_cmpstr(bytes, ==, ok ? rows[i].after : rows[i].text);
    }
}

/* Entries that lead where no grain or table can be: read as bytes or zeros, never written to. */
static const struct table_row {
    const char *name;
    guint offset; /* of a number of 32 bits in the file */
    guint32 value;
    gboolean writable;
} table_rows[] = {
    { "no-table", GD, 0, FALSE },
    { "table-over-header", GD, 1, FALSE },
    { "table-over-text", GD, 20, FALSE },
    { "table-behind-end", GD, 127, FALSE }, /* 2 KiB, and one sector of it is there */
    { "table-far", GD, G_MAXUINT32, FALSE },
    { "copy-none", RGD, 0, FALSE },
    { "copy-over-header", RGD, 1, FALSE },
    { "copy-far", RGD, G_MAXUINT32, FALSE },
    { "grain-over-header", GT, 1, FALSE },
    { "grain-over-tables", GT, 127, FALSE },
    { "grain-behind-end", GT, 128, FALSE },
    { "grain-far", GT, G_MAXUINT32, FALSE },
    { "as-it-was", GT, 0, TRUE },
};

static void test_tables(gconstpointer data)
{
    const struct table_row *row = data;
    guint32 value = GUINT32_TO_LE(row->value);
    g_autoptr(GBytes) before = NULL, after = NULL;
    g_autofree guint8 *bytes = g_malloc(GRAIN);
    Disk disk;

    disk_make(&disk, "", SIZE);
    disk_poke(&disk, row->offset, &value, sizeof value);
    before = mem_env_bytes(disk.mem, 0);
    g_assert_true(disk_open(&disk, ABI_OPEN_WRITE));
    g_assert_true(disk_read(&disk, 0, bytes, GRAIN));
    g_assert_cmpint(disk_write(&disk, 512, 512, 1), ==, row->writable);
    /* the other table is sound */
    g_assert_true(disk_write(&disk, SIZE - 1024, 512, 2));
    g_assert_true(disk_close(&disk));
    after = mem_env_bytes(disk.mem, 0);
    /* the header, and the tables that cannot be written */
    g_assert_cmpmem(g_bytes_get_data(before, NULL), 512, g_bytes_get_data(after, NULL), 512);
    if (!row->writable) {
        g_assert_cmpmem((const guint8 *)g_bytes_get_data(before, NULL) + RGD, 22 * 512 + 2048 - RGD,
                        (const guint8 *)g_bytes_get_data(after, NULL) + RGD, 22 * 512 + 2048 - RGD);
    }
    disk_clear(&disk);
}

/* Random writes against what must be shown, through closing and opening. */
static void test_random(gconstpointer options)
{
    const guint64 size = 40 * GRAIN + 7 * 512;
    Disk disk;

    disk_make(&disk, options, size);
    for (guint round = 0; round < 20; round++) {
        g_assert_true(disk_open(&disk, ABI_OPEN_WRITE));
        for (guint i = 0; i < 10; i++) {
            guint64 start = (guint64)g_test_rand_int_range(0, (gint32)(size / 512)) * 512;
            guint64 length = (guint64)g_test_rand_int_range(1, 6 * 128) * 512;

            length = MIN(length, size - start);
            if (g_test_rand_bit()) {
                g_assert_true(disk_write(&disk, start, length, (guint8)g_test_rand_int()));
            } else {
                g_assert_true(disk_zero(&disk, start, length));
            }
        }
        disk_verify(&disk);
        g_assert_true(disk_close(&disk));
        g_assert_true(disk_open(&disk, 0));
        disk_verify(&disk);
        disk_drop(&disk);
    }
    /* the copies of the tables say the same */
    g_autoptr(GBytes) file = mem_env_bytes(disk.mem, 0);
    const guint8 *bytes = g_bytes_get_data(file, NULL);
    g_assert_cmpmem(bytes + 22 * 512, 2048, bytes + 27 * 512, 2048);
    disk_clear(&disk);
}

/* Two writers of one grain: the second needs no grain of its own, and an aborted step is no loss of
 * what was there. */
static void test_pending(void)
{
    struct abi_extent q[2] = { { .length = 4096, .kind = ABI_EXT_DATA },
                               { .guest_offset = 8192, .length = 4096, .kind = ABI_EXT_DATA } };
    struct abi_extent steps[8];
    guint32 count, taken;
    Disk disk;

    disk_make(&disk, "", SIZE);
    g_assert_true(disk_open(&disk, ABI_OPEN_WRITE));
    g_assert_cmpint(vmdk_driver.write(&disk.im, q, 2, steps, 8, &count, &taken), ==, FMT_OK);
    /* the grain is stored whole */
    g_assert_cmpuint(count, ==, 3);
    g_assert_cmpuint(taken, ==, 2);
    g_assert_cmpuint(steps[1].kind, ==, ABI_EXT_FILL_ZERO);
    g_assert_cmpuint(steps[0].length + steps[1].length, ==, 65536);
    g_assert_cmpuint(steps[2].file_offset, ==, steps[0].file_offset + 8192);
    /* not shown before all are linked */
    steps[0].kind = steps[1].kind = ABI_EXT_LINK;
    g_assert_cmpint(vmdk_driver.write(&disk.im, steps, 2, NULL, 0, &count, &taken), ==, FMT_OK);
    disk_verify(&disk);
    steps[2].kind = ABI_EXT_ABORT;
    g_assert_cmpint(vmdk_driver.write(&disk.im, steps + 2, 1, NULL, 0, &count, &taken), ==, FMT_OK);
    disk_verify(&disk);
    g_assert_true(disk_write(&disk, 0, 4096, 7));
    disk_verify(&disk);
    g_assert_true(disk_close(&disk));
    disk_clear(&disk);
}

/* What cannot be asked. */
static void test_refusals(void)
{
    static const struct {
        struct abi_extent question;
        int status;
    } rows[] = {
        { { .kind = ABI_EXT_DATA }, FMT_E_BAD_JOB },
        { { .kind = ABI_EXT_DATA, .guest_offset = SIZE, .length = 512 }, FMT_E_BAD_JOB },
        { { .kind = ABI_EXT_DATA, .guest_offset = G_MAXUINT64, .length = 2 }, FMT_E_BAD_JOB },
        { { .kind = ABI_EXT_COOKED, .length = GRAIN, .stored_length = 9 }, FMT_E_UNSUPPORTED },
        { { .kind = ABI_EXT_FILL_OLD, .length = 512 }, FMT_E_BAD_JOB },
    };
    struct abi_extent steps[8];
    guint32 count, taken;
    Disk disk;

    disk_make(&disk, "", SIZE);
    g_assert_true(disk_open(&disk, ABI_OPEN_WRITE));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpint(vmdk_driver.write(&disk.im, &rows[i].question, 1, steps, 8, &count, &taken),
                        ==, rows[i].status);
    }
    disk_drop(&disk);
    g_assert_true(disk_open(&disk, 0));
    g_assert_false(disk_write(&disk, 0, 512, 1));
    g_assert_cmpint(disk.status, ==, FMT_E_READ_ONLY);
    disk_drop(&disk);
    disk_poke(&disk, 4, "\3", 1);
    g_assert_false(disk_open(&disk, ABI_OPEN_WRITE));
    g_autofree char *words = disk_words(&disk);
    g_assert_cmpstr(words, ==, "VMDK version 3 must be read only");
    disk_clear(&disk);
}

/* An entry holds 32 bits of sectors. */
static void test_file_full(void)
{
    struct abi_extent q = { .length = GRAIN, .kind = ABI_EXT_DATA }, steps[8];
    const guint64 most = (guint64)G_MAXUINT32 * 512 / GRAIN * GRAIN;
    guint32 count, taken;
    Disk disk;

    disk_make(&disk, "", SIZE);
    g_assert_true(disk_open(&disk, ABI_OPEN_WRITE));
    g_assert_true(disk_write(&disk, 5 * GRAIN, 512, 1));
    struct vmdk_state *st = disk.im.state;
    st->writer->end = most;
    g_assert_cmpint(vmdk_driver.write(&disk.im, &q, 1, steps, 8, &count, &taken), ==, FMT_OK);
    q.guest_offset = GRAIN;
    g_assert_cmpint(vmdk_driver.write(&disk.im, &q, 1, steps, 8, &count, &taken), ==, FMT_E_IO);
    g_assert_cmpuint(mem_env_result(disk.mem)->io_errno, ==, EINVAL);
    disk_clear(&disk);
}

/* A footer stands for the header. */
static void test_footer(void)
{
    guint8 footer[3 * 512] = { 0 };
    guint64 at_end = G_MAXUINT64;
    g_autoptr(GBytes) file = NULL;
    gsize size;
    Disk disk;

    disk_make(&disk, "", SIZE);
    file = mem_env_bytes(disk.mem, 0);
    memcpy(footer + 512, g_bytes_get_data(file, &size), 512);
    footer[12] = 3;
    disk_poke(&disk, 56, &at_end, sizeof at_end);
    disk_poke(&disk, size, footer, sizeof footer);
    g_assert_true(disk_open(&disk, 0));
    disk_verify(&disk);
    disk_drop(&disk);
    /* one that leads to the end again */
    disk_poke(&disk, size + 512 + 56, &at_end, sizeof at_end);
    g_assert_false(disk_open(&disk, 0));
    g_assert_cmpint(disk.status, ==, VMDK_E_FOOTER);
    disk_clear(&disk);
}

int main(int argc, char **argv)
{
    static const char *const options[] = { "plain", "zeroed_grain", "backing",
                                           "zeroed_grain,backing" };

    g_test_init(&argc, &argv, NULL);
    test_heap_of_huge_pages();
    g_assert_true(profile_init(NULL));
    for (guint i = 0; i < G_N_ELEMENTS(header_rows); i++) {
        g_autofree char *path = g_strdup_printf("/vmdk/header/%s", header_rows[i].name);
        g_test_add_data_func(path, &header_rows[i], test_header);
    }
    for (guint i = 0; i < G_N_ELEMENTS(text_rows); i++) {
        g_autofree char *path = g_strdup_printf("/vmdk/text/%s", text_rows[i].name);
        g_test_add_data_func(path, &text_rows[i], test_text);
    }
    for (guint i = 0; i < G_N_ELEMENTS(table_rows); i++) {
        g_autofree char *path = g_strdup_printf("/vmdk/tables/%s", table_rows[i].name);
        g_test_add_data_func(path, &table_rows[i], test_tables);
    }
    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autofree char *path = g_strdup_printf("/vmdk/random/%s", options[i]);
        g_test_add_data_func(path, options[i], test_random);
    }
    g_test_add_func("/vmdk/text/full", test_text_full);
    g_test_add_func("/vmdk/text/new-id", test_new_id);
    g_test_add_func("/vmdk/pending", test_pending);
    g_test_add_func("/vmdk/refusals", test_refusals);
    g_test_add_func("/vmdk/file-full", test_file_full);
    g_test_add_func("/vmdk/footer", test_footer);
    return g_test_run();
}
