/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/twin-tree.h"

static gboolean parse_number(const char *text, guint64 max, guint64 *ret, GError **error)
{
    int base = g_str_has_prefix(text, "0x") ? 16 : 10;

    return g_ascii_string_to_unsigned(base == 16 ? text + 2 : text, base, 0, max, ret, error);
}

static gboolean make_file(char **args, GError **error)
{
    return g_file_set_contents_full(args[0], args[1], -1, G_FILE_SET_CONTENTS_NONE, 0644, error);
}

static gboolean make_random(char **args, GError **error)
{
    guint64 size;
    guint64 seed;

    if (!parse_number(args[1], 64 << 20, &size, error) ||
        !parse_number(args[2], G_MAXUINT32, &seed, error))
        return FALSE;

    g_autoptr(GByteArray) bytes = g_byte_array_sized_new((guint)size + 4);
    GRand *source = g_rand_new_with_seed((guint32)seed);
    while (bytes->len < size) {
        guint32 word = GUINT32_TO_LE(g_rand_int(source));

        g_byte_array_append(bytes, (const guint8 *)&word, sizeof word);
    }
    g_rand_free(source);
    return g_file_set_contents_full(args[0], (const char *)bytes->data, (gssize)size,
                                    G_FILE_SET_CONTENTS_NONE, 0644, error);
}

static gboolean make_dir(char **args, GError **error)
{
    return g_mkdir(args[0], 0755) == 0 || twin_system_error(error, args[0]);
}

static gboolean make_link(char **args, GError **error)
{
    return symlink(args[0], args[1]) == 0 || twin_system_error(error, args[1]);
}

static gboolean make_fifo(char **args, GError **error)
{
    return mkfifo(args[0], 0644) == 0 || twin_system_error(error, args[0]);
}

static gboolean copy_file(char **args, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;

    return g_file_get_contents(args[0], &text, &length, error) &&
           g_file_set_contents_full(args[1], text, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0644,
                                    error);
}

static gboolean rename_file(char **args, GError **error)
{
    return g_rename(args[0], args[1]) == 0 || twin_system_error(error, args[0]);
}

static gboolean remove_file(char **args, GError **error)
{
    return g_remove(args[0]) == 0 || twin_system_error(error, args[0]);
}

static gboolean set_mode(char **args, GError **error)
{
    guint64 mode;

    if (!g_ascii_string_to_unsigned(args[0], 8, 0, 07777, &mode, error))
        return FALSE;
    return g_chmod(args[1], (int)mode) == 0 || twin_system_error(error, args[1]);
}

static gboolean set_size(char **args, GError **error)
{
    guint64 size;

    if (!parse_number(args[1], G_MAXINT64, &size, error))
        return FALSE;
    return truncate(args[0], (off_t)size) == 0 || twin_system_error(error, args[0]);
}

static GByteArray *parse_hex(const char *text, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    g_autofree char *digits = g_strjoinv("", words);

    for (const char *p = digits; *p; p += 2) {
        if (!g_ascii_isxdigit(p[0]) || !g_ascii_isxdigit(p[1])) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "'%s': not pairs of hex digits",
                        text);
            return NULL;
        }
        guint8 byte = (guint8)(g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
        g_byte_array_append(bytes, &byte, 1);
    }
    return g_steal_pointer(&bytes);
}

static gboolean write_repeated(const char *name, const char *where, guint64 times, const char *hex,
                               GError **error)
{
    guint64 offset;
    g_autoptr(GByteArray) bytes = parse_hex(hex, error);

    if (!bytes || !parse_number(where, G_MAXINT64 / 2, &offset, error))
        return FALSE;
    int fd = g_open(name, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return twin_system_error(error, name);
    for (guint64 i = 0; i < times; i++) {
        if (pwrite(fd, bytes->data, bytes->len, (off_t)(offset + i * bytes->len)) !=
            (ssize_t)bytes->len) {
            twin_system_error(error, name);
            close(fd);
            return FALSE;
        }
    }
    return close(fd) == 0 || twin_system_error(error, name);
}

static gboolean poke(char **args, GError **error)
{
    return write_repeated(args[0], args[1], 1, args[2], error);
}

static gboolean repeat(char **args, GError **error)
{
    guint64 times;

    return parse_number(args[2], 1 << 20, &times, error) &&
           write_repeated(args[0], args[1], times, args[3], error);
}

/* Which of its arguments name files in the case's directory: bit n for the n-th, from 1. */
#define NAME(n) (1u << (n))

static const struct {
    const char *name;
    guint n_args;
    guint names;
    gboolean (*run)(char **args, GError **error);
} builtins[] = {
    { "make-file", 2, NAME(1), make_file },
    { "make-random", 3, NAME(1), make_random },
    { "make-dir", 1, NAME(1), make_dir },
    { "make-link", 2, NAME(2), make_link },
    { "make-fifo", 1, NAME(1), make_fifo },
    { "copy", 2, NAME(1) | NAME(2), copy_file },
    { "rename", 2, NAME(1) | NAME(2), rename_file },
    { "remove", 1, NAME(1), remove_file },
    { "set-mode", 2, NAME(2), set_mode },
    { "set-size", 2, NAME(1), set_size },
    { "poke", 3, NAME(1), poke },
    { "repeat", 4, NAME(1), repeat },
};

gboolean twin_builtin_is_name(const char *command, guint n)
{
    for (guint i = 0; i < G_N_ELEMENTS(builtins); i++)
        if (g_str_equal(command, builtins[i].name))
            return (builtins[i].names & NAME(n)) != 0;
    return FALSE;
}

gboolean twin_builtin_accepts(char **argv)
{
    for (guint i = 0; i < G_N_ELEMENTS(builtins); i++)
        if (g_str_equal(argv[0], builtins[i].name))
            return g_strv_length(argv) == builtins[i].n_args + 1;
    return FALSE;
}

gboolean twin_builtin_run(const char *dir, char **argv, GError **error)
{
    g_autofree char *before = g_get_current_dir();
    gboolean ok = FALSE;

    if (g_chdir(dir) != 0)
        return twin_system_error(error, dir);
    for (guint i = 0; i < G_N_ELEMENTS(builtins); i++)
        if (g_str_equal(argv[0], builtins[i].name))
            ok = builtins[i].run(argv + 1, error);
    if (g_chdir(before) != 0)
        g_error("cannot go back to %s", before);
    return ok;
}
