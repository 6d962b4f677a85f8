/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words that text in qemu's JSON consists of. */
#ifndef INSTAR_IMAGE_JSON_TOKENS_H
#define INSTAR_IMAGE_JSON_TOKENS_H

#include <glib.h>

typedef enum {
    JSON_TOKEN_MARK, /* one of {}[]:, */
    JSON_TOKEN_STRING,
    JSON_TOKEN_INTEGER,
    JSON_TOKEN_REAL,
    JSON_TOKEN_WORD,  /* small letters */
    JSON_TOKEN_STRAY, /* up to and with the byte that fits nowhere, or to the end of the text */
    JSON_TOKEN_END,
} JsonTokenKind;

typedef struct {
    JsonTokenKind kind;
    const char *text; /* in the text it was found in */
    gsize length;     /* bytes; 0: the end */
} JsonToken;

/* The first token at or behind text, a string that ends with a zero byte. */
JsonToken json_token_next(const char *text);

#endif
