/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creation options and sizes: rows are what qemu-img 7.2.22 said to the same words. */
#include "config.h"

#include "abi/props.h"
#include "cli/create-options.h"
#include "cli/size.h"

#define DEFAULTS(size)                                                                             \
    "cluster_size=65536 extended_l2=off compression_type=zlib size=" size                          \
    " lazy_refcounts=off refcount_bits=16"
#define SIZE_EXPECTED(name)                                                                        \
    "Parameter '" name "' expects a non-negative number below 2^64\n"                              \
    "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"                 \
    "and exabytes, respectively."

typedef struct {
    const char *name, *format, *words; /* words: "-o"s, apart by newlines */
    const char *line;                  /* the "Formatting" line; NULL: an error */
    const char *error;
} OptionRow;

static const OptionRow option_rows[] = {
    { "size", "qcow2", "size=1M", DEFAULTS("1048576"), NULL },
    { "raw", "raw", "size=1k", "size=1024", NULL },
    { "raw-file", "raw", "size=1k,nocow=on,preallocation=full",
      "size=1024 nocow=on preallocation=full", NULL },
    { "last-wins", "qcow2", "size=1M,size=2M", DEFAULTS("2097152"), NULL },
    { "repeated", "qcow2", "size=1M\nsize=2M\nlazy_refcounts",
      "cluster_size=65536 extended_l2=off compression_type=zlib size=2097152 lazy_refcounts=on "
      "refcount_bits=16",
      NULL },
    { "order", "qcow2",
      "refcount_bits=0x10,lazy_refcounts=yes,data_file_raw,data_file=d,backing_fmt=raw,"
      "backing_file=b,compat=1.1,size=5,compression_type=zstd,preallocation=off,extended_l2=on,"
      "cluster_size=4k,encrypt.format=luks,nocow=off",
      "encrypt.format=luks cluster_size=4096 extended_l2=on preallocation=off "
      "compression_type=zstd size=5 compat=1.1 backing_file=b backing_fmt=raw data_file=d "
      "data_file_raw=on lazy_refcounts=yes refcount_bits=16 nocow=off",
      NULL },
    { "negated", "qcow2", "size=1M,nolazy_refcounts", DEFAULTS("1048576"), NULL },
    { "id", "qcow2", "id=foo,size=1M,id", DEFAULTS("1048576"), NULL },
    { "doubled-comma", "raw", "preallocation=a,,b,size=1", "size=1 preallocation=a,,b", NULL },
    { "equals", "raw", "preallocation==a=b,size=1", "size=1 preallocation==a=b", NULL },
    { "bool-words", "qcow2", "lazy_refcounts=false,extended_l2=y,size=1M",
      "cluster_size=65536 extended_l2=y compression_type=zlib size=1048576 lazy_refcounts=false "
      "refcount_bits=16",
      NULL },
    { "signed-size", "qcow2", "cluster_size=8E,size=0",
      "cluster_size=-9223372036854775808 extended_l2=off compression_type=zlib size=0 "
      "lazy_refcounts=off refcount_bits=16",
      NULL },
    { "negative-number", "qcow2", "refcount_bits=-1,size=0",
      "cluster_size=65536 extended_l2=off compression_type=zlib size=0 lazy_refcounts=off "
      "refcount_bits=-1",
      NULL },
    { "octal", "qcow2", "refcount_bits=010,size=0",
      "cluster_size=65536 extended_l2=off compression_type=zlib size=0 lazy_refcounts=off "
      "refcount_bits=8",
      NULL },
    { "unknown", "qcow2", "nonsense=1", NULL, "Invalid parameter 'nonsense'" },
    { "unknown-lone", "qcow2", "nonsense", NULL, "Invalid parameter 'nsense'" },
    { "unknown-no", "qcow2", "no", NULL, "Invalid parameter ''" },
    { "unknown-nocow", "qcow2", "nocow", NULL, "Invalid parameter 'cow'" },
    { "unknown-space", "qcow2", " size=1", NULL, "Invalid parameter ' size'" },
    { "unknown-case", "qcow2", "Size=1", NULL, "Invalid parameter 'Size'" },
    { "raw-cluster", "raw", "cluster_size=4k", NULL, "Invalid parameter 'cluster_size'" },
    { "empty-name", "qcow2", "=3", NULL, "Invalid parameter ''" },
    { "comma-ends-name", "qcow2", "lazy_refcounts,,size=1M", NULL, "Invalid parameter ''" },
    { "first-error", "qcow2", "a=b,=c", NULL, "Invalid parameter 'a'" },
    { "help-value", "qcow2", "help=on", NULL, "Invalid parameter 'help'" },
    { "bad-bool", "qcow2", "lazy_refcounts=maybe", NULL,
      "Parameter 'lazy_refcounts' expects 'on' or 'off'" },
    { "bad-bool-case", "qcow2", "lazy_refcounts=ON", NULL,
      "Parameter 'lazy_refcounts' expects 'on' or 'off'" },
    { "bad-bool-empty", "qcow2", "lazy_refcounts=", NULL,
      "Parameter 'lazy_refcounts' expects 'on' or 'off'" },
    { "bad-size", "qcow2", "cluster_size=1x", NULL, SIZE_EXPECTED("cluster_size") },
    { "bad-size-minus", "qcow2", "cluster_size=-1", NULL, SIZE_EXPECTED("cluster_size") },
    { "bad-size-lone", "qcow2", "cluster_size", NULL, SIZE_EXPECTED("cluster_size") },
    { "bad-size-comma", "qcow2", "size=1M,,", NULL, SIZE_EXPECTED("size") },
    { "large-size", "qcow2", "cluster_size=16E", NULL,
      "Value '16E' is out of range for parameter 'cluster_size'" },
    { "bad-number", "qcow2", "refcount_bits=16k", NULL,
      "Parameter 'refcount_bits' expects a number" },
    { "large-number", "qcow2", "refcount_bits=18446744073709551616", NULL,
      "Value '18446744073709551616' is too large for parameter 'refcount_bits'" },
    { "list-empty", "qcow2", "", NULL, "Invalid option list: " },
    { "list-comma", "qcow2", ",", NULL, "Invalid option list: ," },
    { "list-comma-first", "qcow2", ",a=b", NULL, "Invalid option list: ,a=b" },
    { "list-comma-last", "qcow2", "size=1\na=b,,,", NULL, "Invalid option list: a=b,,," },
    { "unknown-format", "nope", "size=1", NULL, "Unknown file format 'nope'" },
};

/* All "-o"s of a row joined; FALSE with the error of the first that is no list. */
static gboolean join(const OptionRow *row, GString **ret_joined, GError **error)
{
    g_auto(GStrv) values = g_strsplit(row->words, "\n", -1);
    CliOption option = { .target = ret_joined };

    if (values[0] == NULL)
        return create_options_accumulate(&option, "", error);
    for (char **value = values; *value != NULL; value++) {
        if (!create_options_accumulate(&option, *value, error))
            return FALSE;
    }
    return TRUE;
}

static void test_options(gconstpointer data)
{
    const OptionRow *row = data;
    GString *joined = NULL;
    g_autoptr(CreateOptions) options = NULL;
    g_autoptr(GError) error = NULL;

    if (join(row, &joined, &error) &&
        (options = create_options_new(row->format, "t", &error)) != NULL &&
        create_options_parse(options, joined->str, &error)) {
        g_autofree char *line = create_options_line(options);

        g_assert_cmpstr(line, ==, row->line);
    } else {
        g_assert_null(row->line);
        g_assert_cmpstr(error->message, ==, row->error);
    }
    if (joined != NULL)
        g_string_free(joined, TRUE);
}

static void test_props(void)
{
    g_autoptr(CreateOptions) options = create_options_new("qcow2", "t", NULL);
    g_autoptr(GBytes) props = NULL;
    g_autoptr(GString) got = g_string_new(NULL);
    struct props_reader reader = { 0 };
    struct props_item item;
    gsize size;

    g_assert_true(create_options_parse(
        options, "size=1M,data_file=a,,b,nolazy_refcounts,refcount_bits=64,nocow=on", NULL));
    props = create_options_props(options);
    reader.base = g_bytes_get_data(props, &size);
    reader.size = (guint32)size;
    while (props_next(&reader, &item) > 0) {
        g_string_append_printf(got, "%.*s:%d", (int)item.key_length, item.key, item.type);
        if (item.type == ABI_PROP_STRING)
            g_string_append_printf(got, "=%.*s ", (int)item.value_length, item.value);
        else
            g_string_append_printf(got, "=%" G_GUINT64_FORMAT " ", item.number);
    }
    g_assert_cmpstr(got->str, ==,
                    "cluster_size:1=65536 extended_l2:3=0 compression_type:4=zlib "
                    "data_file:4=a,b lazy_refcounts:3=0 refcount_bits:1=64 nocow:3=1 ");
    g_assert_cmpuint(create_options_get_number(options, "size"), ==, 1048576);
}

typedef struct {
    const char *words;
    gboolean help;
} HelpRow;

static const HelpRow help_rows[] = {
    { "help", TRUE },
    { "?", TRUE },
    { "size=1k,help", TRUE },
    { "help,foo=bar", TRUE },
    { "help,,foo", TRUE },
    { "a=,help", TRUE },
    { "data_file=a,,,help", TRUE },
    { "help=on", FALSE },
    { "foo=help", FALSE },
    { "nohelp", FALSE },
    { "a=b,,help", FALSE },
    { "foo?", FALSE },
};

static void test_help(gconstpointer data)
{
    const HelpRow *row = data;

    g_assert_cmpint(create_options_want_help(row->words), ==, row->help);
}

typedef struct {
    const char *text;
    SizeVerdict verdict;
    guint64 bytes;
} SizeRow;

static const SizeRow size_rows[] = {
    { "0", SIZE_OK, 0 },
    { "1", SIZE_OK, 1 },
    { "+1", SIZE_OK, 1 },
    { " 1", SIZE_OK, 1 },
    { "010", SIZE_OK, 10 },
    { "07k", SIZE_OK, 7168 },
    { "1b", SIZE_OK, 1 },
    { "1B", SIZE_OK, 1 },
    { "1k", SIZE_OK, 1024 },
    { "1K", SIZE_OK, 1024 },
    { "1m", SIZE_OK, 1048576 },
    { "1G", SIZE_OK, 1073741824 },
    { "1T", SIZE_OK, 1099511627776 },
    { "1P", SIZE_OK, 1125899906842624 },
    { "8E", SIZE_OK, 9223372036854775808u },
    { "7.9E", SIZE_OK, 9108079886394091136u },
    { "1.5k", SIZE_OK, 1536 },
    { "0.1k", SIZE_OK, 102 },
    { "1.0004k", SIZE_OK, 1024 },
    { "1.0005k", SIZE_OK, 1025 },
    { "3.9995k", SIZE_OK, 4095 },
    { "3.9999k", SIZE_OK, 4096 },
    { "0.00048828125k", SIZE_OK, 1 },
    { "7.99999999999999E", SIZE_OK, 9223372036854764288u },
    { "1.k", SIZE_OK, 1024 },
    { "1.0", SIZE_OK, 1 },
    { "1.9999999999999999999k", SIZE_OK, 1024 },
    { "0x10", SIZE_OK, 16 },
    { "0x1b", SIZE_OK, 27 },
    { "18446744073709551615", SIZE_OK, G_MAXUINT64 },
    { "18446744073709551616", SIZE_TOO_LARGE, 0 },
    { "16E", SIZE_TOO_LARGE, 0 },
    { "99999999999999999999", SIZE_TOO_LARGE, 0 },
    { "", SIZE_INVALID, 0 },
    { "k", SIZE_INVALID, 0 },
    { "-1", SIZE_INVALID, 0 },
    { "-0", SIZE_INVALID, 0 },
    { "1.5", SIZE_INVALID, 0 },
    { "1.5b", SIZE_INVALID, 0 },
    { ".5k", SIZE_INVALID, 0 },
    { "1.5.2k", SIZE_INVALID, 0 },
    { "1kk", SIZE_INVALID, 0 },
    { "1 ", SIZE_INVALID, 0 },
    { "1x", SIZE_INVALID, 0 },
    { "1e3", SIZE_INVALID, 0 },
    { "1e3k", SIZE_INVALID, 0 },
    { "inf", SIZE_INVALID, 0 },
    { "0x", SIZE_INVALID, 0 },
    { "0x.8", SIZE_INVALID, 0 },
    { "1d", SIZE_INVALID, 0 },
};

static void test_size(gconstpointer data)
{
    const SizeRow *row = data;
    guint64 bytes = 0;

    g_assert_cmpint(size_parse(row->text, &bytes), ==, row->verdict);
    g_assert_cmpuint(bytes, ==, row->bytes);
}

#define ADD_ROWS(what, rows, function, member)                                                     \
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {                                               \
        g_autofree char *path = g_strdup_printf("/cli/" what "/%u-%s", i, rows[i].member);         \
        g_test_add_data_func(path, &rows[i], function);                                            \
    }

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD_ROWS("create-options", option_rows, test_options, name)
    ADD_ROWS("options-help", help_rows, test_help, words)
    ADD_ROWS("size", size_rows, test_size, text)
    g_test_add_func("/cli/create-options-props", test_props);
    return g_test_run();
}
