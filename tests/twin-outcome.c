/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-outcome.h"

#include <string.h>

/* Lines shown of either side, from the first that differs. */
#define SHOWN_LINES 12

struct twin_outcome *twin_outcome_new(void)
{
    struct twin_outcome *outcome = g_new0(struct twin_outcome, 1);

    outcome->observe = g_ptr_array_new_with_free_func((GDestroyNotify)twin_output_free);
    return outcome;
}

void twin_outcome_free(struct twin_outcome *outcome)
{
    g_clear_pointer(&outcome->run, twin_output_free);
    g_ptr_array_unref(outcome->observe);
    g_free(outcome);
}

static struct twin_output *output_as_text(const struct twin_output *output, const char *dir)
{
    const GString *raw[] = { output->out, output->err };
    struct twin_output *text = twin_output_new(output->rc, "", "");
    GString *const clean[] = { text->out, text->err };

    for (guint i = 0; i < G_N_ELEMENTS(raw); i++) {
        g_autofree char *valid = g_utf8_make_valid(raw[i]->str, (gssize)raw[i]->len);

        g_string_assign(clean[i], valid);
        if (dir)
            g_string_replace(clean[i], dir, "@DIR@", 0);
    }
    return text;
}

struct twin_outcome *twin_outcome_as_text(const struct twin_outcome *outcome, const char *dir)
{
    struct twin_outcome *text = twin_outcome_new();

    text->run = output_as_text(outcome->run, dir);
    for (guint i = 0; i < outcome->observe->len; i++)
        g_ptr_array_add(text->observe, output_as_text(g_ptr_array_index(outcome->observe, i), dir));
    return text;
}

char *twin_argv_text(char **argv)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (char **p = argv; *p; p++) {
        g_autofree char *quoted = NULL;
        gboolean plain = **p && strspn(*p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789_+-.=,/:@%") == strlen(*p);

        if (!plain)
            quoted = g_shell_quote(*p);
        g_string_append_printf(line, "%s%s", p == argv ? "" : " ", quoted ? quoted : *p);
    }
    return g_string_free(g_steal_pointer(&line), FALSE);
}

/* Behind the last line's newline g_strsplit() leaves an empty string; it is no line. */
static void show_lines(GString *report, const char *label, char **lines, guint from)
{
    guint n = g_strv_length(lines);
    gboolean ended = n == 0 || *lines[n - 1] == 0;
    guint end = ended && n > 0 ? n - 1 : n;

    if (from >= end)
        g_string_append_printf(report, "    %s nothing\n", label);
    for (guint i = from; i < end && i < from + SHOWN_LINES; i++) {
        g_autofree char *escaped = g_strescape(lines[i], "\"\\\x80\xff");

        g_string_append_printf(report, "    %s %s%s\n", label, escaped,
                               i + 1 < end || ended ? "" : " (no newline)");
    }
    if (from + SHOWN_LINES < end)
        g_string_append_printf(report, "    %s ... and %u more lines\n", label,
                               end - from - SHOWN_LINES);
}

static void compare_texts(GString *report, const char *what, const char *stream,
                          const GString *raw_want, const GString *raw_have, const char *dir,
                          enum twin_text_flags flags)
{
    GString *want = twin_text_normalise(raw_want, dir, flags);
    GString *have = twin_text_normalise(raw_have, dir, flags);

    if (!g_string_equal(want, have)) {
        g_auto(GStrv) want_lines = g_strsplit(want->str, "\n", -1);
        g_auto(GStrv) have_lines = g_strsplit(have->str, "\n", -1);
        guint first = 0;

        while (want_lines[first] && have_lines[first] &&
               g_strcmp0(want_lines[first], have_lines[first]) == 0)
            first++;
        /* All lines the same: it is the newline at the end. */
        if (first > 0 && !want_lines[first] != !have_lines[first] &&
            (!want_lines[first] || !*want_lines[first]) &&
            (!have_lines[first] || !*have_lines[first]))
            first--;
        g_string_append_printf(report, "  %s, %s from line %u:\n", what, stream, first + 1);
        show_lines(report, "want", want_lines, first);
        show_lines(report, "have", have_lines, first);
    }
    g_string_free(want, TRUE);
    g_string_free(have, TRUE);
}

void twin_output_compare(GString *report, const char *what, const struct twin_output *want,
                         const struct twin_output *have, const char *dir,
                         enum twin_text_flags flags)
{
    if (want->rc != have->rc)
        g_string_append_printf(report, "  %s, status: want %d, have %d\n", what, want->rc,
                               have->rc);
    compare_texts(report, what, "stdout", want->out, have->out, dir, flags);
    compare_texts(report, what, "stderr", want->err, have->err, dir, flags);
}

void twin_outcome_compare(GString *report, const struct twin_case *c,
                          const struct twin_outcome *want, const struct twin_outcome *have,
                          const char *dir, enum twin_text_flags flags)
{
    twin_output_compare(report, "run", want->run, have->run, dir, flags);
    for (guint i = 0; i < c->observe->len; i++) {
        const struct twin_command *command = g_ptr_array_index(c->observe, i);

        twin_output_compare(report, command->name, g_ptr_array_index(want->observe, i),
                            g_ptr_array_index(have->observe, i), dir, flags);
    }
}
