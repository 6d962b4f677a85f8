/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-asked.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

struct question {
    guint since, until; /* major * 10000 + minor * 100 + micro; until 0: for ever */
};

struct twin_asked {
    GArray *questions; /* of struct question */
};

/* Add one line; FALSE if it is none that can be relied on. */
static gboolean take_line(struct twin_asked *asked, const char *line, guint *runs)
{
    struct question question;
    int end = 0;

    if (g_str_equal(line, "run")) {
        (*runs)++;
        return TRUE;
    }
    if (sscanf(line, "%u %u%n", &question.since, &question.until, &end) != 2 || line[end])
        return FALSE;
    g_array_append_val(asked->questions, question);
    return TRUE;
}

struct twin_asked *twin_asked_take(const char *path, guint runs)
{
    struct twin_asked *asked = g_new0(struct twin_asked, 1);
    g_autofree char *text = NULL;
    gboolean there = g_file_get_contents(path, &text, NULL, NULL);
    gboolean whole = there ? g_str_has_suffix(text, "\n") : runs == 0;
    guint found = 0;

    asked->questions = g_array_new(FALSE, FALSE, sizeof(struct question));
    (void)g_remove(path);
    if (whole && there) {
        text[strlen(text) - 1] = 0;
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line && whole; line++)
            whole = take_line(asked, *line, &found);
    }
    if (whole && found == runs)
        return asked;
    twin_asked_free(asked);
    return NULL;
}

void twin_asked_free(struct twin_asked *asked)
{
    g_array_unref(asked->questions);
    g_free(asked);
}

void twin_asked_add(struct twin_asked *asked, const struct twin_asked *more)
{
    g_array_append_vals(asked->questions, more->questions->data, more->questions->len);
}

static guint number(const char *version)
{
    guint part[3] = { 0, 0, 0 };

    sscanf(version, "%u.%u.%u", &part[0], &part[1], &part[2]);
    return part[0] * 10000 + part[1] * 100 + part[2];
}

static gboolean answer(const struct question *question, guint version)
{
    return version >= question->since && (!question->until || version < question->until);
}

gboolean twin_asked_alike(const struct twin_asked *asked, const char *a, const char *b)
{
    for (guint i = 0; i < asked->questions->len; i++) {
        const struct question *question = &g_array_index(asked->questions, struct question, i);

        if (answer(question, number(a)) != answer(question, number(b)))
            return FALSE;
    }
    return TRUE;
}
