/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "image/image.h"
#include "image/json-dialect.h"
#include "image/json-tokens.h"
#include "image/options.h"

/* A value is judged when its brackets are balanced, and not before: a byte that fits nowhere is
 * told of first, wherever it stands. */
typedef struct {
    const JsonToken *next, *end; /* what is left of the value; the token at end says END */
    GString *out;
    GError **error;
} Reader;

G_GNUC_PRINTF(2, 3)
static gboolean fail(GError **error, const char *format, ...)
{
    va_list args;
    g_autofree char *words = NULL;

    va_start(args, format);
    words = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Could not parse the JSON options: %s",
                words);
    return FALSE;
}

#define FAIL(error, format, ...) fail(error, "JSON parse error, " format __VA_OPT__(, ) __VA_ARGS__)

/* ---- strings -------------------------------------------------------------------------------- */

/* Four hexadecimal digits behind "\u"; -1 where they are not. */
static gint32 read_unit(const char *escape)
{
    gint32 unit = 0;

    for (guint i = 2; i < 6; i++) {
        if (!g_ascii_isxdigit(escape[i])) {
            return -1;
        }
        unit = unit << 4 | g_ascii_xdigit_value(escape[i]);
    }
    return unit;
}

/* The character that a \uXXXX at *p stands for, or two of them; *p moves behind. It is shown in
 * errors as far as the token goes. 0 cannot be kept in a string, and is refused like those that
 * are no characters. */
static gboolean add_unit(Reader *r, const char **p, const char *end, GString *text)
{
    gint32 code = read_unit(*p), low = -1;
    gsize length = 6;

    if (code >= 0xD800 && code < 0xDC00 && (*p)[6] == '\\' && (*p)[7] == 'u') {
        low = read_unit(*p + 6);
    }
    if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF));
        length = 12;
    }
    if (code <= 0 || (code >= 0xD800 && code < 0xE000) || (code >= 0xFDD0 && code <= 0xFDEF) ||
        (code & 0xFFFE) == 0xFFFE) {
        return FAIL(r->error, "%.*s is not a valid Unicode character",
                    (int)MIN((gssize)length, end - *p), *p);
    }
    g_string_append_unichar(text, (gunichar)code);
    *p += length;
    return TRUE;
}

/* The bytes a string token stands for. */
static gboolean decode(Reader *r, const JsonToken *t, GString *text)
{
    static const char letters[] = "\"'\\/bfnrt", meant[] = "\"'\\/\b\f\n\r\t";
    const char *end = t->text + t->length;

    for (const char *p = t->text + 1; p < end - 1;) {
        if (*p != '\\') {
            const char *before = p;

            if (options_code_point(&p) <= 0) {
                return FAIL(r->error, "invalid UTF-8 sequence in string");
            }
            g_string_append_len(text, before, p - before);
        } else if (p[1] == 'u') {
            if (!add_unit(r, &p, end, text)) {
                return FALSE;
            }
        } else {
            const char *letter = strchr(letters, p[1]);

            if (letter == NULL) {
                return FAIL(r->error, "invalid escape sequence in string");
            }
            g_string_append_c(text, meant[letter - letters]);
            p += 2;
        }
    }
    return TRUE;
}

/* ---- values --------------------------------------------------------------------------------- */

static void put_string(GString *out, const GString *text)
{
    g_string_append_c(out, '"');
    for (gsize i = 0; i < text->len; i++) {
        char c = text->str[i];

        if (c == '"' || c == '\\' || (guchar)c < 0x20) {
            g_string_append_printf(out, "\\u%04X", c);
        } else {
            g_string_append_c(out, c);
        }
    }
    g_string_append_c(out, '"');
}

static gboolean read_string(Reader *r)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (!decode(r, r->next, text)) {
        return FALSE;
    }
    put_string(r->out, text);
    return TRUE;
}

static void put_integer(GString *out, const JsonToken *t)
{
    g_autofree char *digits = g_strndup(t->text, t->length);

    if (g_ascii_string_to_signed(digits, 10, G_MININT64, G_MAXINT64, NULL, NULL)) {
        g_string_append(out, digits);
    } else if (g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT64, NULL, NULL)) {
        g_string_append_printf(out, "\"%s\"", digits);
    } else {
        g_string_append_printf(out, "%s.0", digits);
    }
}

static gboolean read_value(Reader *r);

static gboolean is_mark(const JsonToken *t, char mark)
{
    return t->kind == JSON_TOKEN_MARK && *t->text == mark;
}

static gboolean at_end(Reader *r)
{
    return r->next == r->end && !FAIL(r->error, "premature EOI");
}

/* The mark must be next. */
static gboolean want(Reader *r, char mark, const char *words)
{
    if (at_end(r)) {
        return FALSE;
    }
    if (!is_mark(r->next, mark)) {
        return FAIL(r->error, "%s", words);
    }
    g_string_append_c(r->out, mark);
    r->next++;
    return TRUE;
}

static gboolean read_pair(Reader *r, GHashTable *keys)
{
    const JsonToken *key = r->next;
    gsize before = r->out->len, behind;

    if (!read_value(r)) {
        return FALSE;
    }
    if (key->kind != JSON_TOKEN_STRING) {
        return FAIL(r->error, "key is not a string in object");
    }
    behind = r->out->len;
    if (!want(r, ':', "missing : in object pair") || !read_value(r)) {
        return FALSE;
    }
    if (!g_hash_table_add(keys, g_strndup(r->out->str + before, behind - before))) {
        return FAIL(r->error, "duplicate key");
    }
    return TRUE;
}

/* From the opening bracket to the closing one. keys: those seen of an object; NULL: an array. */
static gboolean read_members(Reader *r, GHashTable *keys)
{
    const char *words = keys ? "expected separator in dict" : "expected separator in list";
    gboolean first = TRUE;

    g_string_append_c(r->out, *r->next++->text);
    while (!at_end(r)) {
        if (is_mark(r->next, keys ? '}' : ']')) {
            g_string_append_c(r->out, *r->next++->text);
            return TRUE;
        }
        if ((!first && !want(r, ',', words)) || !(keys ? read_pair(r, keys) : read_value(r))) {
            return FALSE;
        }
        first = FALSE;
    }
    return FALSE;
}

static gboolean read_mark(Reader *r)
{
    g_autoptr(GHashTable) keys = NULL;

    if (is_mark(r->next, '{')) {
        keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    } else if (!is_mark(r->next, '[')) {
        return FAIL(r->error, "expecting value");
    }
    return read_members(r, keys);
}

static gboolean read_word(Reader *r)
{
    static const char *const words[] = { "true", "false", "null", NULL };
    g_autofree char *word = g_strndup(r->next->text, r->next->length);

    if (!g_strv_contains(words, word)) {
        return FAIL(r->error, "invalid keyword '%s'", word);
    }
    g_string_append(r->out, word);
    return TRUE;
}

static gboolean read_value(Reader *r)
{
    gboolean good = TRUE;

    if (at_end(r)) {
        return FALSE;
    }
    switch (r->next->kind) {
    case JSON_TOKEN_MARK:
        return read_mark(r);
    case JSON_TOKEN_WORD:
        good = read_word(r);
        break;
    case JSON_TOKEN_STRING:
        good = read_string(r);
        break;
    case JSON_TOKEN_INTEGER:
        put_integer(r->out, r->next);
        break;
    default: /* JSON_TOKEN_REAL: nothing else gets here */
        g_string_append_len(r->out, r->next->text, (gssize)r->next->length);
        break;
    }
    r->next++;
    return good;
}

/* ---- the text ------------------------------------------------------------------------------- */

/* The tokens up to where the brackets are balanced, or one kind is closed more often than opened, or
 * the text ends; *text moves behind them. */
static gboolean collect(GArray *tokens, const char **text, GError **error)
{
    gint braces = 0, brackets = 0;

    do {
        JsonToken t = json_token_next(*text);

        if (t.kind == JSON_TOKEN_END) {
            break;
        }
        if (t.kind == JSON_TOKEN_STRAY) {
            return FAIL(error, "stray '%.*s'", (int)t.length, t.text);
        }
        braces += is_mark(&t, '{') - is_mark(&t, '}');
        brackets += is_mark(&t, '[') - is_mark(&t, ']');
        if (braces + brackets > (gint)JSON_DIALECT_DEPTH) {
            return fail(error, "JSON nesting depth limit exceeded");
        }
        g_array_append_val(tokens, t);
        *text = t.text + t.length;
    } while (braces >= 0 && brackets >= 0 && braces + brackets > 0);
    return TRUE;
}

char *json_dialect_to_plain(const char *text, GError **error)
{
    g_autoptr(GArray) tokens = g_array_new(TRUE, TRUE, sizeof(JsonToken));
    g_autoptr(GString) out = g_string_new(NULL);

    if (!collect(tokens, &text, error)) {
        return NULL;
    }
    const JsonToken *first = (const JsonToken *)(gpointer)tokens->data;
    Reader r = { first, first + tokens->len, out, error };

    if (tokens->len == 0) {
        fail(error, "Expecting a JSON value");
        return NULL;
    }
    if (!read_value(&r)) {
        return NULL;
    }
    if (json_token_next(text).kind != JSON_TOKEN_END) {
        fail(error, "Expecting at most one JSON value");
        return NULL;
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}
