/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "image/json-tokens.h"

/* A byte that may stand in a string: no control character, none that UTF-8 never has. */
static gboolean is_text(char c)
{
    return (guchar)c >= 0x20 && (guchar)c < 0xFE;
}

static JsonToken token(JsonTokenKind kind, const char *text, gsize length)
{
    return (JsonToken){ kind, text, length };
}

/* What came so far, with the byte that did not fit unless it is the end. */
static JsonToken stray(const char *text, gsize length)
{
    return token(JSON_TOKEN_STRAY, text, length + (text[length] != '\0'));
}

static JsonToken read_string(const char *text)
{
    gsize n = 1;

    while (text[n] != text[0]) {
        if (is_text(text[n]) && text[n] == '\\') {
            n++;
        }
        if (!is_text(text[n])) {
            return stray(text, n);
        }
        n++;
    }
    return token(JSON_TOKEN_STRING, text, n + 1);
}

static gsize digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* No leading zeros; no exponent behind a lone 0 (it would be a token of its own). */
static JsonToken read_number(const char *text)
{
    gsize n = text[0] == '-', whole = digits(text + n), more;
    gboolean real = FALSE, zero = text[n] == '0';

    if (whole == 0) {
        return stray(text, n);
    }
    if (zero && whole > 1) {
        return stray(text, n + 1);
    }
    n += whole;
    if (text[n] == '.') {
        n++;
        more = digits(text + n);
        if (more == 0) {
            return stray(text, n);
        }
        n += more;
        real = TRUE;
    }
    if ((real || !zero) && (text[n] == 'e' || text[n] == 'E')) {
        n++;
        n += text[n] == '+' || text[n] == '-';
        more = digits(text + n);
        if (more == 0) {
            return stray(text, n);
        }
        n += more;
        real = TRUE;
    }
    return token(real ? JSON_TOKEN_REAL : JSON_TOKEN_INTEGER, text, n);
}

JsonToken json_token_next(const char *text)
{
    text += strspn(text, " \t\r\n");
    if (*text == '\0') {
        return token(JSON_TOKEN_END, text, 0);
    }
    if (strchr("{}[]:,", *text) != NULL) {
        return token(JSON_TOKEN_MARK, text, 1);
    }
    if (*text == '"' || *text == '\'') {
        return read_string(text);
    }
    if (*text == '-' || g_ascii_isdigit(*text)) {
        return read_number(text);
    }
    if (g_ascii_islower(*text)) {
        return token(JSON_TOKEN_WORD, text, strspn(text, "abcdefghijklmnopqrstuvwxyz"));
    }
    return stray(text, 0);
}
