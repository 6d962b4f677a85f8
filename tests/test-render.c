/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Value trees, JSON text and human text, against what qemu-img printed. */
#include "config.h"

#include "abi/props.h"

#include "image/options.h"
#include "profile/profile.h"
#include "render/human.h"
#include "render/info.h"
#include "render/json.h"

typedef struct {
    const char *name, *bytes, *json;
} StringRow;

/* Recorded from file names given to qemu-img 7.2.22 info --output=json. */
static const StringRow strings[] = {
    { "plain", "t.qcow2", "\"t.qcow2\"" },
    { "delete", "a\x7f", "\"a\\u007F\"" },
    { "controls", "\x01\b\t\n\v\f\r\x1f", "\"\\u0001\\b\\t\\n\\u000B\\f\\r\\u001F\"" },
    { "quotes", "a\"b\\c/<&", "\"a\\\"b\\\\c/<&\"" },
    { "two-bytes", "\xc3\xa9", "\"\\u00E9\"" },
    { "pair", "\xf0\x9f\x98\x80\x80", "\"\\uD83D\\uDE00\\uFFFD\"" },
    { "stray", "\xbf\xbf", "\"\\uFFFD\\uFFFD\"" },
    { "long-zero", "\xc0\x80", "\"\\u0000\"" },
    { "overlong-2", "\xc1\xbf", "\"\\uFFFD\"" },
    { "overlong-3", "\xe0\x80\x80", "\"\\uFFFD\"" },
    { "overlong-4", "\xf0\x80\x80\x80", "\"\\uFFFD\"" },
    { "cut-2", "\xc2x", "\"\\uFFFDx\"" },
    { "cut-3", "\xe2\x82x", "\"\\uFFFDx\"" },
    { "cut-4", "\xf0\x9fx", "\"\\uFFFDx\"" },
    { "cut-twice", "\xc2\xc2\x80", "\"\\uFFFD\\u0080\"" },
    { "cut-by-ascii", "\xe2(\xa1", "\"\\uFFFD(\\uFFFD\"" },
    { "surrogates", "\xed\xa0\xbd\xed\xb8\x80", "\"\\uFFFD\\uFFFD\"" },
    { "noncharacter", "\xef\xbf\xbe", "\"\\uFFFD\"" },
    { "noncharacter-block", "\xef\xb7\x90", "\"\\uFFFD\"" },
    { "noncharacter-plane", "\xf0\x9f\xbf\xbe", "\"\\uFFFD\"" },
    { "too-high", "\xf4\x90\x80\x80", "\"\\uFFFD\"" },
    { "five-bytes", "\xf8\x88\x80\x80\x80", "\"\\uFFFD\"" },
    { "six-bytes", "\xfc\x84\x80\x80\x80\x80", "\"\\uFFFD\"" },
    { "five-cut", "\xf8\x88\x80", "\"\\uFFFD\"" },
    { "never", "\xfe\xff", "\"\\uFFFD\\uFFFD\"" },
};

static void test_string(gconstpointer data)
{
    const StringRow *row = data;
    g_autoptr(GString) out = g_string_new(NULL);

    options_print_string(out, row->bytes);
    g_assert_cmpstr(out->str, ==, row->json);
}

typedef struct {
    const char *name, *keys; /* in the order of a recording */
} OrderRow;

static const OrderRow orders[] = {
    { "info", "backing-filename-format snapshots virtual-size filename cluster-size format "
              "actual-size format-specific full-backing-filename backing-filename dirty-flag" },
    { "info-children", "children backing-filename-format virtual-size filename format dirty-flag" },
    { "snapshot", "icount vm-clock-nsec name date-sec date-nsec vm-clock-sec id vm-state-size" },
    { "qcow2", "compat compression-type lazy-refcounts bitmaps refcount-bits data-file "
               "data-file-raw corrupt extended-l2" },
    { "check", "image-end-offset total-clusters corruptions check-errors leaks "
               "allocated-clusters filename format fragmented-clusters" },
    { "bitmap", "flags name granularity" },
};

/* Keys in any order come out in qemu's; of two in one bucket the one added last is first, so here
 * they are added last first. */
static void test_order(gconstpointer data)
{
    const OrderRow *row = data;
    g_auto(GStrv) keys = g_strsplit(row->keys, " ", -1);
    g_autoptr(Value) object = value_object();
    g_autoptr(GString) got = g_string_new(NULL);
    g_autoptr(GPtrArray) order = NULL;

    for (guint i = g_strv_length(keys); i > 0; i--)
        value_add_bool(object, keys[i - 1], TRUE);
    order = value_order(object);
    for (guint i = 0; i < order->len; i++)
        g_string_append_printf(got, "%s%s", i > 0 ? " " : "",
                               ((const ValueMember *)g_ptr_array_index(order, i))->key);
    g_assert_cmpstr(got->str, ==, row->keys);
}

static Value *sample(void)
{
    Value *root = value_object(), *list = value_list(), *entry = value_object();

    value_add_string(root, "name", "bm0-rest", 3);
    value_add_uint(root, "granularity", G_MAXUINT64);
    value_add(root, "flags", list);
    value_add_string(list, NULL, "auto", -1);
    value_add(list, NULL, entry);
    value_add_int(entry, "data-file", -1);
    value_add(root, "data", value_object());
    value_add(root, "children", value_list());
    return root;
}

static void test_json_layout(void)
{
    g_autoptr(Value) value = sample();
    g_autoptr(GString) out = g_string_new(NULL);

    json_append(out, value);
    g_assert_cmpstr(out->str, ==,
                    "{\n"
                    "    \"flags\": [\n"
                    "        \"auto\",\n"
                    "        {\n"
                    "            \"data-file\": -1\n"
                    "        }\n"
                    "    ],\n"
                    "    \"name\": \"bm0\",\n"
                    "    \"children\": [\n"
                    "    ],\n"
                    "    \"granularity\": 18446744073709551615,\n"
                    "    \"data\": {\n"
                    "    }\n"
                    "}");
}

static void test_human_tree(void)
{
    g_autoptr(Value) value = sample();
    g_autoptr(GString) out = g_string_new(NULL);

    value_add_string(value, "compat", "1\x1b[31m\xc3\xa9\n", -1);
    human_append_tree(out, value, 1);
    g_assert_cmpstr(out->str, ==,
                    "    compat: 1\\x1b[31m\xc3\xa9\\x0a\n"
                    "    flags:\n"
                    "        [0]: auto\n"
                    "        [1]:\n"
                    "            data file: -1\n"
                    "    name: bm0\n"
                    "    children:\n"
                    "    granularity: 18446744073709551615\n"
                    "    data:\n");
}

typedef struct {
    guint64 bytes;
    const char *text;
} SizeRow;

/* From qemu-img 7.2.22 info. */
static const SizeRow sizes[] = {
    { 0, "0 B" },
    { 512, "512 B" },
    { 1024, "1 KiB" },
    { 197120, "192 KiB" },
    { 524800, "512 KiB" },
    { 1000448, "977 KiB" },
    { 1024000, "0.977 MiB" },
    { 1376256, "1.31 MiB" },
    { 104857600, "100 MiB" },
    { 1047527424, "999 MiB" },
    { 1073741824, "1 GiB" },
    { 123456789504, "115 GiB" },
    { 1099511627776, "1 TiB" },
    { G_MAXUINT64, "16 EiB" },
};

static void test_size(gconstpointer data)
{
    const SizeRow *row = data;
    g_autofree char *text = human_size(row->bytes);

    g_assert_cmpstr(text, ==, row->text);
}

static void add_snapshot(Value *list, const char *id, const char *name, guint64 size,
                         guint64 seconds, gboolean icount)
{
    Value *snapshot = value_object();

    value_add_string(snapshot, "id", id, -1);
    value_add_string(snapshot, "name", name, -1);
    value_add_uint(snapshot, "vm-state-size", size);
    value_add_uint(snapshot, "date-sec", 1795461605);
    value_add_uint(snapshot, "date-nsec", 102184000);
    value_add_uint(snapshot, "vm-clock-sec", seconds);
    value_add_uint(snapshot, "vm-clock-nsec", 789000000);
    if (icount)
        value_add_uint(snapshot, "icount", 123456789012345);
    value_add(list, NULL, snapshot);
}

typedef struct {
    const char *profile, *text;
} TableRow;

static const TableRow tables[] = {
    { "7.2.22",
      "ID        TAG               VM SIZE                DATE     VM CLOCK     ICOUNT\n"
      "1         one                   0 B 2026-11-23 19:20:05 00:00:00.789           \n"
      "2         01234567890123456      0 B 2026-11-23 19:20:05123:45:06.789123456789012345\n"
      "1234567890123 esc\\x1b[31m         5 TiB 2026-11-23 19:20:05 00:00:19.789           \n" },
    { "9.0.0",
      "ID      TAG               VM_SIZE                DATE        VM_CLOCK     ICOUNT\n"
      "1       one                   0 B 2026-11-23 19:20:05  0000:00:00.789         --\n"
      "2       01234567890123456      0 B 2026-11-23 19:20:05  0123:45:06.789 123456789012345\n"
      "1234567890123 esc\\x1b[31m         5 TiB 2026-11-23 19:20:05  0000:00:19.789         --\n" },
};

static void test_snapshots(gconstpointer data)
{
    const TableRow *row = data;
    g_autoptr(Value) list = value_list();
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    g_setenv("TZ", "UTC", TRUE);
    g_setenv("INSTAR_IMG_QEMU_VERSION", row->profile, TRUE);
    profile_init(&error);
    g_assert_no_error(error);
    add_snapshot(list, "1", "one", 0, 0, FALSE);
    add_snapshot(list, "2", "01234567890123456", 0, 445506, TRUE);
    add_snapshot(list, "1234567890123", "esc\x1b[31m", 5497558138880, 19, FALSE);
    info_append_snapshots(out, list);
    g_assert_cmpstr(out->str, ==, row->text);
}

static void test_props(void)
{
    guint8 room[512];
    struct props_writer writer = { room, sizeof room, 0, FALSE };
    g_autoptr(Value) value = value_object();
    g_autoptr(GBytes) whole = NULL;
    g_autoptr(GString) out = g_string_new(NULL);

    props_u64(&writer, "data", 7);
    props_list(&writer, "flags");
    props_bytes(&writer, NULL, "in-use\0hidden", 13);
    props_object(&writer, NULL);
    props_bool(&writer, "corrupt", true);
    props_end(&writer);
    props_end(&writer);
    props_i64(&writer, "compat", -2);
    g_assert_false(writer.full);

    whole = g_bytes_new(room, writer.used);
    g_assert_true(value_add_props(value, whole));
    human_append_tree(out, value, 0);
    g_assert_cmpstr(out->str, ==,
                    "compat: -2\nflags:\n    [0]: in-use\n    [1]:\n        corrupt: true\n"
                    "data: 7\n");
    for (guint32 length = 1; length < writer.used; length++) {
        g_autoptr(Value) broken = value_object();
        g_autoptr(GBytes) part = g_bytes_new(room, length);

        /* Cut between two records of the top level it is a stream still. */
        if (!value_add_props(broken, part))
            g_assert_cmpuint(value_n_members(broken), <=, 3);
        else
            g_assert_cmpuint(length % 8, ==, 0);
    }
}

#define ADD_ROWS(what, rows, function, member)                                                     \
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {                                               \
        g_autofree char *path = g_strdup_printf("/render/" what "/%s", rows[i].member);            \
        g_test_add_data_func(path, &rows[i], function);                                            \
    }

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD_ROWS("json-string", strings, test_string, name)
    ADD_ROWS("order", orders, test_order, name)
    ADD_ROWS("size", sizes, test_size, text)
    ADD_ROWS("snapshots", tables, test_snapshots, profile)
    g_test_add_func("/render/json-layout", test_json_layout);
    g_test_add_func("/render/human-tree", test_human_tree);
    g_test_add_func("/render/props", test_props);
    return g_test_run();
}
