/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-text.h"

#include <string.h>

/* Refcount block, L2 table, header and what a file system rounds up, beside the one cluster. */
#define METADATA_SLACK (192 * 1024)

struct rule {
    enum twin_text_flags when; /* only when these are asked for */
    const char *pattern;
    const char *replacement;
};

static const struct rule rules[] = {
    { 0, "(\"actual-size\": )\\d+", "\\1#" },
    { 0, "(disk size: )[0-9.e+]+ ([KMGTPE]i)?B", "\\1#" },
    /* vmdk: random at creation; the parent's follows it, but 2^32-1 says "no parent". */
    { 0, "(\"cid\": )\\d+", "\\1#" },
    { 0, "(\"parent-cid\": )(?!4294967295\\b)\\d+", "\\1#" },
    { 0, "(?m)^( +cid: )\\d+", "\\1#" },
    { 0, "(?m)^( +parent cid: )(?!4294967295\\b)\\d+", "\\1#" },
    /* LUKS: iterations are measured, and the areas' place follows the key's size. */
    { 0, "(iters\"?: )\\d+", "\\1#" },
    { 0, "(\"key-offset\": )\\d+", "\\1#" },
    { 0, "(\"uuid\": \")[0-9a-f-]+", "\\1#" },
    { 0, "(?m)^( +key offset: )\\d+", "\\1#" },
    { 0, "(?m)^( +uuid: )[0-9a-f-]+", "\\1#" },
    { 0, "(Run completed in )\\d+\\.\\d+", "\\1#" },
    /* A node nobody named: its last digits are random. */
    { 0, "#block\\d+", "#block#" },
    { TWIN_TEXT_CLOCKS, "(\"date-n?sec\": )\\d+", "\\1#" },
    { TWIN_TEXT_CLOCKS, "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d", "#" },
    { TWIN_TEXT_HOST_OFFSETS, "(\"offset\": )\\d+", "\\1#" },
    { TWIN_TEXT_HOST_OFFSETS, "(?m)^(0x?[0-9a-f]* +0x?[0-9a-f]+ +)0x?[0-9a-f]+", "\\1#" },
};

static GRegex *compile(const char *pattern)
{
    g_autoptr(GError) error = NULL;
    GRegex *regex = g_regex_new(pattern, G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, &error);

    g_assert_no_error(error);
    return regex;
}

/* Compiled once for the whole program. */
static GRegex *rule_regex(guint i)
{
    static GRegex *compiled[G_N_ELEMENTS(rules)];

    if (!compiled[i])
        compiled[i] = compile(rules[i].pattern);
    return compiled[i];
}

/* A run of progress lines keeps its first and last, if it never goes back. */
static gboolean shorten_progress(const GMatchInfo *match, GString *result, gpointer data)
{
    g_autofree char *run = g_match_info_fetch(match, 0);
    g_auto(GStrv) lines = g_strsplit(run, "\r", -1);
    guint n = g_strv_length(lines) - 1; /* behind the last \r is nothing */
    double before = 0;

    for (guint i = 0; i < n; i++) {
        double now = g_ascii_strtod(strchr(lines[i], '(') + 1, NULL);

        if (now < before) {
            g_string_append(result, run);
            return FALSE;
        }
        before = now;
    }
    g_string_append_printf(result, "%s\r…\r%s\r", lines[0], lines[n - 1]);
    return FALSE;
}

static char *normalise_progress(const char *text)
{
    static GRegex *run;

    if (!run)
        run = compile("(?:    \\(\\d+\\.\\d\\d/100%\\)\\r)+");
    return g_regex_replace_eval(run, text, -1, 0, 0, shorten_progress, NULL, NULL);
}

/*
 * Neighbouring rows of map whose clusters only lie apart in the file become one: the text before
 * and behind start and length is the same.
 */
static char *merge_map_rows(const char *text)
{
    static GRegex *row;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GString) result = g_string_new(NULL);
    g_autofree char *last_rest = NULL;
    guint64 end = 0;
    gboolean first = TRUE;

    if (!row)
        row = compile("^\\[?\\{ \"start\": (\\d+), \"length\": (\\d+), ([^}]*\\})[],]*$");
    for (char **line = lines; *line; line++) {
        g_autoptr(GMatchInfo) match = NULL;
        g_autofree char *rest = NULL;
        guint64 start = 0;
        guint64 length = 0;

        if (g_regex_match(row, *line, 0, &match)) {
            g_autofree char *start_text = g_match_info_fetch(match, 1);
            g_autofree char *length_text = g_match_info_fetch(match, 2);

            start = g_ascii_strtoull(start_text, NULL, 10);
            length = g_ascii_strtoull(length_text, NULL, 10);
            rest = g_match_info_fetch(match, 3);
        }
        if (rest && start == end && g_strcmp0(rest, last_rest) == 0) {
            end += length;
            continue;
        }
        if (last_rest)
            g_string_append_printf(result, " to %" G_GUINT64_FORMAT, end);
        g_string_append_printf(result, "%s", first ? "" : "\n");
        first = FALSE;
        if (rest)
            g_string_append_printf(result, "%s from %" G_GUINT64_FORMAT, rest, start);
        else
            g_string_append(result, *line);
        end = start + length;
        g_free(last_rest);
        last_rest = g_steal_pointer(&rest);
    }
    return g_string_free(g_steal_pointer(&result), FALSE);
}

GString *twin_text_normalise(const GString *text, const char *dir, enum twin_text_flags flags)
{
    if (memchr(text->str, 0, text->len))
        return g_string_new_len(text->str, (gssize)text->len);

    g_autofree char *current = normalise_progress(text->str);
    for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (rules[i].when & ~flags)
            continue;
        char *next = g_regex_replace(rule_regex(i), current, -1, 0, rules[i].replacement, 0, NULL);
        g_free(current);
        current = next;
    }
    if (flags & TWIN_TEXT_HOST_OFFSETS) {
        char *merged = merge_map_rows(current);
        g_free(current);
        current = merged;
    }
    GString *result = g_string_new(current);
    if (dir)
        g_string_replace(result, dir, "@DIR@", 0);
    return result;
}

/* Numbers that follow @key in @text. */
static GArray *numbers_after(const GString *text, const char *key)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(guint64));

    for (const char *p = text->str; (p = strstr(p, key));) {
        p += strlen(key);
        guint64 number = g_ascii_strtoull(p, NULL, 10);
        g_array_append_val(numbers, number);
    }
    return numbers;
}

gboolean twin_text_sizes_agree(const GString *a, const GString *b)
{
    g_autoptr(GArray) sizes_a = numbers_after(a, "\"actual-size\": ");
    g_autoptr(GArray) sizes_b = numbers_after(b, "\"actual-size\": ");
    g_autoptr(GArray) clusters = numbers_after(b, "\"cluster-size\": ");
    guint64 slack = METADATA_SLACK;

    if (sizes_a->len != sizes_b->len)
        return FALSE;
    for (guint i = 0; i < clusters->len; i++)
        slack = MAX(slack, g_array_index(clusters, guint64, i) + METADATA_SLACK);
    for (guint i = 0; i < sizes_a->len; i++) {
        guint64 x = g_array_index(sizes_a, guint64, i);
        guint64 y = g_array_index(sizes_b, guint64, i);

        if ((x > y ? x - y : y - x) > slack)
            return FALSE;
    }
    return TRUE;
}
