/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "image/tell.h"
#include "image/words.h"

void image_tell(const struct props_item *item)
{
    struct abi_message message;
    g_autofree char *words = NULL;
    const char *newline = "\n";

    memcpy(&message, item->value, sizeof message);
    words = words_of_message(&message, item->value + sizeof message,
                             item->value_length - sizeof message);
    if (g_str_has_suffix(words, WORDS_NO_NEWLINE)) {
        words[strlen(words) - strlen(WORDS_NO_NEWLINE)] = '\0';
        newline = "";
    }
    /* stdio, as g_printerr() would rewrite bytes that are not UTF-8. */
    switch (message.stream) {
    case ABI_STREAM_OUT:
        printf("%s%s", words, newline);
        break;
    case ABI_STREAM_REPORT:
        fprintf(stderr, "%s: %s%s", g_get_prgname(), words, newline);
        break;
    default:
        fprintf(stderr, "%s%s", words, newline);
        break;
    }
}

gboolean image_tell_all(const guint8 *props, gsize length)
{
    struct props_reader reader = { .base = props, .size = (guint32)length };
    struct props_item item;
    int more = length <= G_MAXUINT32 ? 1 : -1;

    while (more > 0 && (more = props_next(&reader, &item)) > 0) {
        if (item.type == ABI_PROP_MESSAGE) {
            image_tell(&item);
        }
    }
    return more == 0;
}
