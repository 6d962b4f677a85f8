/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON of json: names: /json-dialect/words/<text> and /json-dialect/live/<text>, the latter
 * beside the installed qemu-img.
 */
#include "config.h"

#include <string.h>

#include "image/image.h"
#include "image/json-dialect.h"
#include "tests/testutil.h"

#define PREFIX "Could not parse the JSON options: "
#define ERROR "JSON parse error, "

typedef struct {
    const char *text;
    const char *words; /* of the error, behind PREFIX; NULL: it is taken */
} Row;

/* What qemu-img 7.2.22 says. */
static const Row rows[] = {
    { "{", ERROR "premature EOI" },
    { "{}", NULL },
    { "[", ERROR "premature EOI" },
    { "]", ERROR "expecting value" },
    { "}", ERROR "expecting value" },
    { "{\"a\"", ERROR "premature EOI" },
    { "{\"a\":", ERROR "premature EOI" },
    { "{\"a\":1", ERROR "premature EOI" },
    { "{\"a\":1,", ERROR "premature EOI" },
    { "{\"a\":1,}", ERROR "expecting value" },
    { "{\"a\":1}x", "Expecting at most one JSON value" },
    { "{\"a\":1}}", "Expecting at most one JSON value" },
    { "{\"a\":1}{\"b\":2}", "Expecting at most one JSON value" },
    { "{\"a\":1} ", NULL },
    { "{a:1}", ERROR "invalid keyword 'a'" },
    { "{'a':1}", NULL },
    { "{'a':'b", ERROR "stray ''b'" },
    { "{\"a\":\"b", ERROR "stray '\"b'" },
    { "{\"a\" 1}", ERROR "missing : in object pair" },
    { "{\"a\":1 \"b\":2}", ERROR "expected separator in dict" },
    { "{1:2}", ERROR "key is not a string in object" },
    { "{true:2}", ERROR "key is not a string in object" },
    { "{null:2}", ERROR "key is not a string in object" },
    { "{\"a\":tru}", ERROR "invalid keyword 'tru'" },
    { "{\"a\":nul}", ERROR "invalid keyword 'nul'" },
    { "{\"a\":True}", ERROR "stray 'T'" },
    { "{\"a\":@}", ERROR "stray '@'" },
    { "{\"a\":'\\u12'}", ERROR "\\u12' is not a valid Unicode character" },
    { "{\"a\":\"\\x\"}", ERROR "invalid escape sequence in string" },
    { "{\"a\":\"\\ud800\"}", ERROR "\\ud800 is not a valid Unicode character" },
    { "{\"a\":\"\\ud800\\u0041\"}", ERROR "\\ud800 is not a valid Unicode character" },
    { "{\"a\":\"\\udc00\"}", ERROR "\\udc00 is not a valid Unicode character" },
    { "{\"a\":01}", ERROR "stray '01'" },
    { "{\"a\":-}", ERROR "stray '-}'" },
    { "{\"a\":+1}", ERROR "stray '+'" },
    { "{\"a\":1.}", ERROR "stray '1.}'" },
    { "{\"a\":.5}", ERROR "stray '.'" },
    { "{\"a\":1e}", ERROR "stray '1e}'" },
    { "{\"a\":1e5}", NULL },
    { "{\"a\":1.5}", NULL },
    { "{\"a\":99999999999999999999}", NULL },
    { "{\"a\":9223372036854775808}", NULL },
    { "{\"a\":-9223372036854775809}", NULL },
    { "{\"a\":18446744073709551615}", NULL },
    { "{\"a\":[1,2}", ERROR "expected separator in list" },
    { "{\"a\":[1,2", ERROR "premature EOI" },
    { "{\"a\":[1,]}", ERROR "expecting value" },
    { "{\"a\":[,1]}", ERROR "expecting value" },
    { "{\"a\":[1 2]}", ERROR "expected separator in list" },
    { "{\"a\":[}", ERROR "expecting value" },
    { "{,}", ERROR "expecting value" },
    { "{\"a\":,}", ERROR "expecting value" },
    { "{\"a\":1,,\"b\":1}", ERROR "expecting value" },
    { "[1]", NULL },
    { "1", NULL },
    { "\"x\"", NULL },
    { "null", NULL },
    { "true", NULL },
    { "", "Expecting a JSON value" },
    { " ", "Expecting a JSON value" },
    { "foo", ERROR "invalid keyword 'foo'" },
    { "{\"a\":1]", ERROR "expected separator in dict" },
    { "{\"a\":{\"b\":1}", ERROR "premature EOI" },
    { "{\"a\":1,\"a\":2}", ERROR "duplicate key" },
    { "{\"a\":%}", ERROR "stray '%'" },
    { "%d", ERROR "stray '%'" },
    { "{\"a\":%d}", ERROR "stray '%'" },
    { "{\"a\":%p}", ERROR "stray '%'" },
    { "{\"a\":\"\t\"}", ERROR "stray '\"\t'" },
    { "{\"a\":\"%s\"}", NULL },
    { "{\"a\":b}", ERROR "invalid keyword 'b'" },
    { "{\"a\":\"b\"c}", ERROR "expected separator in dict" },
    { "{\"a\":/*x*/1}", ERROR "stray '/'" },
    { "# c", ERROR "stray '#'" },
    { "{:}", ERROR "expecting value" },
    { "{\"a\"::1}", ERROR "expecting value" },
    { "{\"a\":1;}", ERROR "stray ';'" },
    { "{\"a\":0x10}", ERROR "expected separator in dict" },
    { "{\"a\":1a}", ERROR "expected separator in dict" },
    { "{\"a\":-1a}", ERROR "expected separator in dict" },
    { "{\"a\":nullx}", ERROR "invalid keyword 'nullx'" },
    { "{\"a\":truefalse}", ERROR "invalid keyword 'truefalse'" },
    { "{\"a\":_x}", ERROR "stray '_'" },
    { "{\"a\":Infinity}", ERROR "stray 'I'" },
    { "{\"a\":NaN}", ERROR "stray 'N'" },
    { "{\"a\":\"\\/\"}", NULL },
    { "{\"a\":'\\''}", NULL },
    { "{\"a\":\"\\'\"}", NULL },
    { "{\"a\":'\"'}", NULL },
    { "{\"a\":\"\\u00e9\303\251\"}", NULL },
    { "{\"a\":\"\\ud83d\\ude00\"}", NULL },
    { "\"", ERROR "stray '\"'" },
    { "'", ERROR "stray '''" },
    { "}{", ERROR "expecting value" },
    { "{]", ERROR "expecting value" },
    { "{\"a\":1}]", "Expecting at most one JSON value" },
    { "{\"a\":}", ERROR "expecting value" },
    { "{\"a\":{}", ERROR "premature EOI" },
    { "{\"a\":[]", ERROR "premature EOI" },
    { "{\"a\":[[[", ERROR "premature EOI" },
    { "{\"a\" 1", ERROR "missing : in object pair" },
    { "{\"a\":1 2", ERROR "expected separator in dict" },
    { "{\"a\":1 @", ERROR "stray '@'" },
    { "{\"a\" 1 @}", ERROR "stray '@'" },
    { "{@ 1", ERROR "stray '@'" },
    { "{\"a\":1} @", "Expecting at most one JSON value" },
    { "{\"a\":1} \"x", "Expecting at most one JSON value" },
    { "{\"a\":1} nul", "Expecting at most one JSON value" },
    { "{\"a\":1} 5 @", "Expecting at most one JSON value" },
    { "{\"a\":\"\\x\" @}", ERROR "stray '@'" },
    { "{\"a\":\"\\x\"} @", ERROR "invalid escape sequence in string" },
    { "{\"a\":nul @}", ERROR "stray '@'" },
    { "{\"a\":trueX}", ERROR "stray 'X'" },
    { "{\"a\":true1}", ERROR "expected separator in dict" },
    { "{\"a\":\"\\u12zz\"}", ERROR "\\u12zz is not a valid Unicode character" },
    { "{\"a\":\"\\u12345\"}", NULL },
    { "{\"a\":\"\\uzzzzz\"}", ERROR "\\uzzzz is not a valid Unicode character" },
    { "{\"a\":\"\\u\"}", ERROR "\\u\" is not a valid Unicode character" },
    { "{\"a\":\"\\ud800\\ud800\"}", ERROR "\\ud800 is not a valid Unicode character" },
    { "{\"a\":\"\\ud800x\"}", ERROR "\\ud800 is not a valid Unicode character" },
    { "{\"a\":\"\\ufffe\"}", ERROR "\\ufffe is not a valid Unicode character" },
    { "{\"a\":\"\\uffff\"}", ERROR "\\uffff is not a valid Unicode character" },
    { "{\"a\":\"\\ufdd0\"}", ERROR "\\ufdd0 is not a valid Unicode character" },
    { "{\"a\":\"\\ud83f\\udffe\"}", ERROR "\\ud83f\\udffe is not a valid Unicode character" },
    { "{\"a\":\"\\uD83D\\uDE00\"}", NULL },
    { "{\"a\":\"\\", ERROR "stray '\"\\'" },
    { "{\"a\":\"\\\"", ERROR "stray '\"\\\"'" },
    { "{\"a\":'\\\"'}", NULL },
    { "{\"a\":\"\\b\\f\\n\\r\\t\"}", NULL },
    { "{\"a\":-0}", NULL },
    { "{\"a\":-01}", ERROR "stray '-01'" },
    { "{\"a\":00}", ERROR "stray '00'" },
    { "{\"a\":0.0}", NULL },
    { "{\"a\":0e0}", ERROR "expected separator in dict" },
    { "{\"a\":1e+}", ERROR "stray '1e+}'" },
    { "{\"a\":1e+5}", NULL },
    { "{\"a\":1E5}", NULL },
    { "{\"a\":1.5.5}", ERROR "stray '.'" },
    { "{\"a\":1.5e5.5}", ERROR "stray '.'" },
    { "{\"a\":--1}", ERROR "stray '--'" },
    { "{\"a\":- 1}", ERROR "stray '- '" },
    { "{\"a\":1e", ERROR "stray '1e'" },
    { "{\"a\":1.", ERROR "stray '1.'" },
    { "{\"a\":-", ERROR "stray '-'" },
    { "{\"a\":0", ERROR "premature EOI" },
    { "{\"a\":tr", ERROR "invalid keyword 'tr'" },
    { "tr", ERROR "invalid keyword 'tr'" },
    { "1.", ERROR "stray '1.'" },
    { "-", ERROR "stray '-'" },
    { "@", ERROR "stray '@'" },
    { "[1 2]", ERROR "expected separator in list" },
    { "[1", ERROR "premature EOI" },
    { "[1,", ERROR "premature EOI" },
    { "[1,2] 3", "Expecting at most one JSON value" },
    { "]]", ERROR "expecting value" },
    { "{}{}", "Expecting at most one JSON value" },
    { "{} []", "Expecting at most one JSON value" },
    { "{} 1", "Expecting at most one JSON value" },
    { "{} @", "Expecting at most one JSON value" },
    { "{} \"", "Expecting at most one JSON value" },
    { "1 2", "Expecting at most one JSON value" },
    { "1 @", "Expecting at most one JSON value" },
    { "1 1.", "Expecting at most one JSON value" },
    { "{{}:1}", ERROR "key is not a string in object" },
    { "{[]:1}", ERROR "key is not a string in object" },
    { "{\"a\":1,\"b\"}", ERROR "missing : in object pair" },
    { "{\"a\":1,2}", ERROR "key is not a string in object" },
    { "{\"a\" : , }", ERROR "expecting value" },
    { "{\"a\",1}", ERROR "missing : in object pair" },
    { "{:1}", ERROR "expecting value" },
    { "{[}", ERROR "expecting value" },
    { "[{]", ERROR "expecting value" },
    { "[}", ERROR "expecting value" },
    { "{\"a\":[1,2,{]}", ERROR "expecting value" },
    { "{\"a\":{\"b\":[1}}", ERROR "expected separator in list" },
    { "{\"a\":1:2}", ERROR "expected separator in dict" },
    { "[\"a\":1]", ERROR "expected separator in list" },
    { "{\"a\":1,\"a\":nul}", ERROR "invalid keyword 'nul'" },
    { "{\"a\":1,\"a\" 2}", ERROR "missing : in object pair" },
    { "{\"a\":1,\"a\":2", ERROR "duplicate key" },
    { "{\"a\":1,\"a\"", ERROR "premature EOI" },
    { "{\"a\":1,\"a\":}", ERROR "expecting value" },
    { "{\"a\":{\"b\":1,\"b\":2},\"a\":1}", ERROR "duplicate key" },
    { "{\"a\":[1,2} @", ERROR "stray '@'" },
    { "{\"a\":[1,2}]", ERROR "expected separator in list" },
    { "{\"a\":\"\\ud800\\uzz\"}", ERROR "\\ud800 is not a valid Unicode character" },
    { "{\"a\":\"\\ud800\\u\"}", ERROR "\\ud800 is not a valid Unicode character" },
    { "{\"a\":\"\\ud800\\\"}", ERROR "stray '\"\\ud800\\\"}'" },
    { "{\"a\":\"\\ud800\\n\"}", ERROR "\\ud800 is not a valid Unicode character" },
    { "{\"a\":\"\\udc00\\ud800\"}", ERROR "\\udc00 is not a valid Unicode character" },
    { "{\"a\":\"\\ud8", ERROR "stray '\"\\ud8'" },
    { "{\"a\":\"\\u00\"}x", ERROR "\\u00\" is not a valid Unicode character" },
    { "{\"file\":{}}", NULL },
    { "{\"a\":\"\377\"}", ERROR "stray '\"\377'" },
    { "{\"a\":\"\303(\"}", ERROR "invalid UTF-8 sequence in string" },
    { "{\"a\":\377}", ERROR "stray '\377'" },
    { "{\"a\":\303\251}", ERROR "stray '\303'" },
    { "{\"a\":\"\001\"}", ERROR "stray '\"\001'" },
    { "{\"a\":\001}", ERROR "stray '\001'" },
    { "\357\273\277{}", ERROR "stray '\357'" },
    { "{\"a\":\"\355\240\200\"}", ERROR "invalid UTF-8 sequence in string" },
    { "{\"a\":\"\377", ERROR "stray '\"\377'" },
    { "{\013}", ERROR "stray '\013'" },
    { "{\"a\":\"\357\277\276\"}", ERROR "invalid UTF-8 sequence in string" },
    { "{\"a\":\"\376\"}", ERROR "stray '\"\376'" },
    { "{\"a\":\"\375\"}", ERROR "invalid UTF-8 sequence in string" },
    { "{\"a\":\"\370\"}", ERROR "invalid UTF-8 sequence in string" },
    { "{\"a\":\"\177\"}", NULL },
    { "{\"a\":\"\\\t\"}", ERROR "stray '\"\\\t'" },
    { "{\"a\":\"\\\376\"}", ERROR "stray '\"\\\376'" },
    { "{\"a\":\"\\\303\251\"}", ERROR "invalid escape sequence in string" },
    { "{\"a\":\"\364\220\200\200\"}", ERROR "invalid UTF-8 sequence in string" },
    { "{\"a\":\"\340\200\200\"}", ERROR "invalid UTF-8 sequence in string" },
    { "{\"a\":\"\303\"}", ERROR "invalid UTF-8 sequence in string" },
    { "{\"a\":\"\200\"}", ERROR "invalid UTF-8 sequence in string" },
};

/* The plain JSON that a text becomes. */
static const Row plain_rows[] = {
    { "{'a':'b'}", "{\"a\":\"b\"}" },
    { " { \"a\" : [ 1 , -2 , 1.5e3 , true , false , null ] } ",
      "{\"a\":[1,-2,1.5e3,true,false,null]}" },
    { "'it\\'s'", "\"it's\"" },
    { "'\"'", "\"\\u0022\"" },
    { "\"\\\\\\t\\/\"", "\"\\u005C\\u0009/\"" },
    { "\"\\u00e9\\ud83d\\ude00\\u0041\"", "\"\303\251\360\237\230\200A\"" },
    { "9223372036854775807", "9223372036854775807" },
    { "9223372036854775808", "\"9223372036854775808\"" },
    { "18446744073709551615", "\"18446744073709551615\"" },
    { "18446744073709551616", "18446744073709551616.0" },
    { "-9223372036854775808", "-9223372036854775808" },
    { "-9223372036854775809", "-9223372036854775809.0" },
};

/* Zero bytes cannot be kept: these are refused, unlike by qemu-img. */
static const Row refused_rows[] = {
    { "\"a\\u0000b\"", ERROR "\\u0000 is not a valid Unicode character" },
    { "\"a\300\200b\"", ERROR "invalid UTF-8 sequence in string" },
};

static void test_words(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *plain = json_dialect_to_plain(row->text, &error);

    if (row->words == NULL) {
        g_assert_no_error(error);
        g_assert_nonnull(plain);
        return;
    }
    g_assert_null(plain);
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME);
    g_assert_true(g_str_has_prefix(error->message, PREFIX));
    g_assert_cmpstr(error->message + strlen(PREFIX), ==, row->words);
}

static void test_plain(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *plain = json_dialect_to_plain(row->text, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(plain, ==, row->words);
}

/* At the limit, and one above. */
static void test_depth(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *open = g_strnfill(JSON_DIALECT_DEPTH + 1, '[');
    g_autofree char *close = g_strnfill(JSON_DIALECT_DEPTH + 1, ']');
    g_autofree char *good = g_strconcat(open + 1, close + 1, NULL);
    g_autofree char *bad = g_strconcat(open, close, NULL);
    g_autofree char *plain = json_dialect_to_plain(good, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(plain, ==, good);
    g_assert_null(json_dialect_to_plain(bad, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME);
    g_assert_cmpstr(error->message, ==, PREFIX "JSON nesting depth limit exceeded");
}

static void test_live(gconstpointer data)
{
    const Row *row = data;
    g_autofree char *name = g_strconcat("json:", row->text, NULL);
    char *err[2];
    int status[2];

    if (!g_file_test("bin/qemu-img", G_FILE_TEST_EXISTS)) {
        g_test_skip("no qemu-img here");
        return;
    }
    for (guint i = 0; i < 2; i++) {
        const char *argv[] = { i == 0 ? "qemu-img" : "./bin/qemu-img", "info", name, NULL };

        status[i] = test_spawn(argv, NULL, &err[i]);
    }
    g_assert_cmpstr(err[1], ==, err[0]);
    g_assert_cmpint(status[1], ==, status[0]);
    g_free(err[0]);
    g_free(err[1]);
}

static void add(const char *kind, const Row *row, GTestDataFunc test)
{
    g_autofree char *text =
        g_uri_escape_bytes((const guint8 *)row->text, strlen(row->text), "{}[]:");
    g_autofree char *path = g_strdup_printf("/json-dialect/%s/%s", kind, *text ? text : "nothing");

    g_test_add_data_func(path, row, test);
}

int main(int argc, char **argv)
{
    g_autofree char *img = g_find_program_in_path("qemu-img");

    g_test_init(&argc, &argv, NULL);
    if (img != NULL) {
        test_shell("mkdir bin && ln -s \"$INSTAR_IMG\" bin/qemu-img");
    }
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        add("words", &rows[i], test_words);
        add("live", &rows[i], test_live);
    }
    for (guint i = 0; i < G_N_ELEMENTS(plain_rows); i++) {
        add("plain", &plain_rows[i], test_plain);
    }
    for (guint i = 0; i < G_N_ELEMENTS(refused_rows); i++) {
        add("words", &refused_rows[i], test_words);
    }
    g_test_add_func("/json-dialect/depth", test_depth);
    return g_test_run();
}
