/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/trace.h"
#include "image/image.h"

typedef struct {
    char *enable, *events, *file; /* NULL: not given */
} TraceWords;

static void trace_words_clear(TraceWords *words)
{
    g_free(words->enable);
    g_free(words->events);
    g_free(words->file);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TraceWords, trace_words_clear)

/* Turn a pattern on or off. where: "PROGRAM:" and what else stands before the warning. */
static void set_pattern(const char *where, const char *pattern)
{
    if (*pattern == '-') {
        pattern++;
    }
    if (strpbrk(pattern, "*?") == NULL) {
        fprintf(stderr, "%s warning: trace event '%s' does not exist\n", where, pattern);
    }
}

/* One pattern a line; '#' begins a comment. */
static gboolean read_events(const char *path, GError **error)
{
    g_autofree char *content = NULL;
    g_autoptr(GError) reason = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &content, NULL, &reason)) {
        fprintf(stderr, "%s:%s: %s\n", g_get_prgname(), path, g_strerror(errno));
        g_set_error_literal(error, CLI_ERROR, CLI_ERROR_SILENT, "");
        return FALSE;
    }
    lines = g_strsplit(content, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_autofree char *where = g_strdup_printf("%s:%s:%u:", g_get_prgname(), path, i + 1);

        if (lines[i][0] != '\0' && lines[i][0] != '#') {
            set_pattern(where, lines[i]);
        }
    }
    return TRUE;
}

static gboolean open_log(const char *path, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0666);

    if (fd < 0) {
        g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Error opening logfile %s: %s", path,
                    g_strerror(errno));
        return FALSE;
    }
    close(fd);
    return TRUE;
}

/* "[enable=]PATTERN,events=FILE,file=FILE": only the first word may go without its name. */
static gboolean split(const char *text, TraceWords *ret_words, GError **error)
{
    const char *p = text;

    while (*p != '\0') {
        gsize length = strcspn(p, "=,");
        gboolean named = p[length] == '=';
        g_autofree char *name = !named && p == text ? g_strdup("enable") : g_strndup(p, length);
        GString *value = g_string_new(NULL);
        char **slot;

        if (!named && p != text) {
            image_warn("short-form boolean option '%s' deprecated\nPlease use %s=on instead", name,
                       name);
            g_string_append(value, "on");
            p += length;
        } else {
            p += named ? length + 1 : 0;
            for (; *p != '\0' && !(p[0] == ',' && p[1] != ','); p += p[0] == ',' ? 2 : 1) {
                g_string_append_c(value, *p);
            }
        }
        p += *p == ',';
        slot = g_str_equal(name, "enable")   ? &ret_words->enable
               : g_str_equal(name, "events") ? &ret_words->events
               : g_str_equal(name, "file")   ? &ret_words->file
                                             : NULL;
        if (slot == NULL) {
            g_string_free(value, TRUE);
            g_set_error(error, CLI_ERROR, CLI_ERROR_FAILED, "Invalid parameter '%s'", name);
            return FALSE;
        }
        g_free(*slot);
        *slot = g_string_free(value, FALSE);
    }
    return TRUE;
}

gboolean trace_option(const char *words, GError **error)
{
    g_auto(TraceWords) parts = { NULL };
    g_autofree char *where = g_strdup_printf("%s:", g_get_prgname());

    if (!split(words, &parts, error)) {
        return FALSE;
    }
    if (parts.enable != NULL &&
        (g_str_equal(parts.enable, "help") || g_str_equal(parts.enable, "?"))) {
        g_set_error_literal(error, CLI_ERROR, CLI_ERROR_DONE, "");
        return FALSE;
    }
    if (parts.enable != NULL) {
        set_pattern(where, parts.enable);
    }
    return (parts.events == NULL || read_events(parts.events, error)) &&
           (parts.file == NULL || open_log(parts.file, error));
}
