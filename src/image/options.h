/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options of a node, as a flat list of dotted keys with typed values:
 * "file.filename" = "x", "offset" = 512. It comes from json: names (options-json.c),
 * from --image-opts (options-keyval.c), or is made from a plain name.
 *
 * Opening takes what it understands; what is left is an unknown option.
 */
#ifndef INSTAR_IMAGE_OPTIONS_H
#define INSTAR_IMAGE_OPTIONS_H

#include <glib.h>

typedef enum {
    OPTION_STRING,
    OPTION_INT,    /* number */
    OPTION_DOUBLE, /* real */
    OPTION_BOOL,   /* number: 0 or 1 */
    OPTION_NULL,
    OPTION_EMPTY, /* string: "{}" or "[]", an object or an array that holds nothing */
} OptionType;

typedef struct {
    char *key;
    OptionType type;
    char *string; /* STRING, EMPTY */
    gint64 number;
    double real;
} Option;

typedef struct ImageOptions ImageOptions;

ImageOptions *options_new(void);
ImageOptions *options_copy(const ImageOptions *options);
void options_free(ImageOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImageOptions, options_free)

guint options_count(const ImageOptions *options);
/* The i-th one in the order in which qemu walks its dictionaries (and prints
 * objects); borrowed. */
const Option *options_nth(const ImageOptions *options, guint i);
/* Borrowed; NULL if there is none. */
const Option *options_get(const ImageOptions *options, const char *key);
/* Value of a string option; NULL if there is none or it is no string. */
const char *options_get_string(const ImageOptions *options, const char *key);
/* Is there a key "prefix.something"? */
gboolean options_has_prefix(const ImageOptions *options, const char *prefix);

/* Set, replacing. */
void options_set(ImageOptions *options, const Option *value);
void options_set_string(ImageOptions *options, const char *key, const char *value);
void options_set_null(ImageOptions *options, const char *key);
gboolean options_remove(ImageOptions *options, const char *key);
/* Move all "prefix.x" out, as "x", into a list of their own. Never NULL. */
ImageOptions *options_take_prefix(ImageOptions *options, const char *prefix);

/* From the text behind "json:". Errors in qemu's words. */
ImageOptions *options_from_json(const char *text, GError **error);
/* How "key=value,..." is read. */
typedef struct {
    const char *implied;      /* key of a first word that is no pair; NULL: a flag as all others */
    const char *const *known; /* the keys there are, NULL-ended; NULL: any */
} KeyvalRules;
/* From text such as that of "--image-opts". *ret_warnings gets words of warnings, NULL-ended, also
 * when it fails; free with g_strfreev. IMAGE_ERROR_HELP: known keys are asked for. */
ImageOptions *options_from_keyval(const char *text, const KeyvalRules *rules, char ***ret_warnings,
                                  GError **error);

/* A value as qemu prints it in JSON on one line. */
void options_print_value(GString *out, const Option *value);
/* The code point at *text, which moves on; -1 for a sequence that is none. qemu reads sequences of up
 * to six bytes before it judges them, and takes C0 80 for zero. */
gint32 options_code_point(const char **text);
/* Text in quotes. All but printable ASCII is \uXXXX; each sequence that is not UTF-8, is overlong, a
 * surrogate or a noncharacter is one \uFFFD. */
void options_print_string(GString *out, const char *text);
/* The line of a text for a json: name: "key": "text", and a newline. */
void options_print_text(GString *out, const char *key, const char *text);
/* The place of a key in qemu's dictionaries: they are walked by ascending bucket. */
guint options_bucket(const char *key);

/* ---- typed values: FALSE and an error in qemu's words if the value does not fit ---- */

/* Take key out. *ret_value stays as it is when there is no such key. */
gboolean options_take_bool(ImageOptions *options, const char *key, gboolean *ret_value,
                           GError **error);
/* "1k" and plain numbers, in bytes. *ret_given may be NULL. */
gboolean options_take_size(ImageOptions *options, const char *key, guint64 *ret_value,
                           gboolean *ret_given, GError **error);
/* Plain numbers. */
gboolean options_take_number(ImageOptions *options, const char *key, guint64 *ret_value,
                             GError **error);
/* String or whatever else, as a string; NULL when there is none. Free with g_free. */
char *options_take_string(ImageOptions *options, const char *key);

#endif
