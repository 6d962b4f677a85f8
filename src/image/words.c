/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "image/formats.h"
#include "profile/profile.h"

/* The last row of code that the profile has; NULL if there is none. */
static const WordsRow *row_of(const WordsTable *table, gint code)
{
    const WordsRow *found = NULL;

    for (gsize i = 0; i < table->n_rows; i++) {
        const WordsRow *row = &table->rows[i];

        if (row->code == code && profile_has(row->since)) {
            found = row;
        }
    }
    return found;
}

/* A code stands in one table only, general or of one format. */
static const WordsRow *find_row(gint code)
{
    const WordsRow *found = row_of(&words_general, code);
    const ImageFormat *format;

    for (guint f = 0; found == NULL && (format = format_nth(f)) != NULL; f++) {
        for (guint t = 0; found == NULL && t < FORMAT_MAX_WORDS && format->words[t] != NULL; t++) {
            found = row_of(format->words[t], code);
        }
    }
    return found;
}

static gint row_errno(const WordsRow *row, gint error)
{
    if (error > 0) {
        return error;
    }
    return row != NULL && row->error != 0 ? row->error : EINVAL;
}

char *words_printable(const void *bytes, gsize length)
{
    const char *p = bytes;
    const char *end = memchr(p, '\0', length);
    GString *out = g_string_sized_new(length + 1);

    if (end == NULL) {
        end = p + length;
    }
    while (p < end) {
        gunichar c = g_utf8_get_char_validated(p, end - p);
        const char *next = c < 0x110000 ? g_utf8_next_char(p) : p + 1;

        if (c < 0x110000 && !g_unichar_iscntrl(c) && g_unichar_type(c) != G_UNICODE_FORMAT) {
            g_string_append_len(out, p, next - p);
        } else {
            for (; p < next; p++) {
                g_string_append_printf(out, "\\x%02x", (guchar)*p);
            }
        }
        p = next;
    }
    return g_string_free(out, FALSE);
}

/* The two parts of a text, made safe. */
typedef struct {
    char *first;      /* {s} */
    char *second;     /* {t}: behind the first zero byte */
    const char *file; /* {file} */
} Texts;

static Texts texts_of(const void *text, gsize length)
{
    const char *zero = length > 0 ? memchr(text, '\0', length) : NULL;
    gsize after = zero != NULL ? (gsize)(zero - (const char *)text) + 1 : length;

    return (Texts){
        .first = words_printable(text != NULL ? text : "", length),
        .second = words_printable(after < length ? (const char *)text + after : "", length - after),
    };
}

/* One placeholder, without its braces. FALSE if it is none. */
static gboolean expand(GString *out, const char *name, gsize length, const guint64 *args,
                       guint n_args, const Texts *texts, gint error)
{
    if (length == 1 && (*name == 's' || *name == 't')) {
        g_string_append(out, *name == 's' ? texts->first : texts->second);
        return TRUE;
    }
    if (length == 4 && strncmp(name, "file", 4) == 0) {
        g_string_append(out, texts->file);
        return TRUE;
    }
    if (length == 5 && strncmp(name, "errno", 5) == 0) {
        g_string_append(out, g_strerror(error));
        return TRUE;
    }
    if (length >= 1 && length <= 2 && g_ascii_isdigit(*name)) {
        guint index = (guint)(*name - '0');
        guint64 value = index < n_args ? args[index] : 0;

        switch (length == 2 ? name[1] : 'u') {
        case 'u':
            g_string_append_printf(out, "%" G_GUINT64_FORMAT, value);
            return TRUE;
        case 'd':
            g_string_append_printf(out, "%" G_GINT64_FORMAT, (gint64)value);
            return TRUE;
        case 'x':
            g_string_append_printf(out, "%" G_GINT64_MODIFIER "x", value);
            return TRUE;
        case 'e':
            g_string_append(out, g_strerror((gint)value));
            return TRUE;
        case '#':
            g_string_append_printf(out, "%#" G_GINT64_MODIFIER "x", value);
            return TRUE;
        default:
            return FALSE;
        }
    }
    return FALSE;
}

static char *make(gint code, const guint64 *args, guint n_args, const void *text, gsize text_length,
                  gint error, const char *file)
{
    const WordsRow *row = find_row(code);
    GString *out = g_string_new(NULL);
    Texts texts;

    if (row == NULL) {
        g_string_printf(out, "Unknown failure %d of the format driver", code);
        return g_string_free(out, FALSE);
    }
    error = row_errno(row, error);
    texts = texts_of(text, text_length);
    texts.file = file;
    for (const char *p = row->words; *p != '\0'; p++) {
        const char *close = *p == '{' ? strchr(p, '}') : NULL;

        if (p[0] == '{' && p[1] == '{') {
            g_string_append_c(out, '{');
            p++;
        } else if (close != NULL &&
                   expand(out, p + 1, (gsize)(close - p - 1), args, n_args, &texts, error)) {
            p = close;
        } else {
            g_string_append_c(out, *p);
        }
    }
    g_free(texts.first);
    g_free(texts.second);
    return g_string_free(out, FALSE);
}

char *words_of(gint code, const guint64 *args, guint n_args, const void *text, gsize text_length,
               gint error)
{
    return make(code, args, n_args, text, text_length, error, "");
}

char *words_of_result_in(const struct abi_result *result, const char *file)
{
    return make(result->status, result->err_arg, G_N_ELEMENTS(result->err_arg), result->text,
                MIN(result->text_length, ABI_ERROR_TEXT), (gint)result->io_errno, file);
}

char *words_of_result(const struct abi_result *result)
{
    return words_of_result_in(result, "");
}

gint words_errno(const struct abi_result *result)
{
    return row_errno(find_row(result->status), (gint)result->io_errno);
}

char *words_of_message(const struct abi_message *message, const void *text, gsize text_length)
{
    return words_of(message->code, message->arg, G_N_ELEMENTS(message->arg), text, text_length, 0);
}
