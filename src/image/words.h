/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words for what a cell says in numbers: enum fmt_status with its values
 * and its text, as qemu-img of the active profile says it.
 *
 * A table is an array of rows (see status.h for the placeholders), one table a
 * file (words-<area>.c), named in the row of its format (formats.h). Rows of one
 * code stand together; the last one that the profile has is used.
 */
#ifndef INSTAR_IMAGE_WORDS_H
#define INSTAR_IMAGE_WORDS_H

#include <glib.h>
#include "abi/abi.h"
#include "abi/status.h"
#include "profile/profile.h"

typedef struct {
    gint code;         /* enum fmt_status */
    ProfileFact since; /* FACT_ALWAYS, which is 0, or what made versions say it so */
    const char *words; /* {0}..{5}, {0d}, {0x}, {0#}, {0e}.., {s}, {t}, {errno}; "{{" is a brace */
    gint error;        /* errno qemu's function returns with it; 0: EINVAL */
} WordsRow;

typedef struct {
    const WordsRow *rows;
    gsize n_rows;
} WordsTable;

/* A row that ends so is told without a newline behind it: some versions forgot it. */
#define WORDS_NO_NEWLINE "\x03"

/* For words-<area>.c: WORDS_TABLE(words_qcow2_open, open_rows); */
#define WORDS_TABLE(name, array) const WordsTable name = { array, G_N_ELEMENTS(array) }

extern const WordsTable words_general;
extern const WordsTable words_luks;
extern const WordsTable words_qcow2;
extern const WordsTable words_qcow2_create;
extern const WordsTable words_vmdk;

/* Words of a result whose status is negative. Never NULL; a code without a row
 * gives a sentence with the number. Free with g_free. */
char *words_of_result(const struct abi_result *result);
/* The same; file: name of the image, for {file}. */
char *words_of_result_in(const struct abi_result *result, const char *file);
/* The errno that goes with it (positive): the host's if one is recorded. */
gint words_errno(const struct abi_result *result);
/* Words of a message of a check, text being the bytes behind the struct (may be NULL). Free with
 * g_free. */
char *words_of_message(const struct abi_message *message, const void *text, gsize text_length);
/* The same from parts: n_args values, text of any bytes, a positive errno or 0. */
char *words_of(gint code, const guint64 *args, guint n_args, const void *text, gsize text_length,
               gint error);

/* Bytes from an image as text that is safe on a terminal: printable UTF-8 stays,
 * control characters and stray bytes become \xNN. Stops at a zero byte. Free with g_free. */
char *words_printable(const void *bytes, gsize length);

#endif
