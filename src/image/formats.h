/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host program knows of a format beside its driver: one row a format,
 * in image/format-<name>.c, listed in image/formats.c. Code that serves all
 * formats asks the row (before there is an image), or the facts its driver told
 * (once it is open), never which format it is.
 */
#ifndef INSTAR_IMAGE_FORMATS_H
#define INSTAR_IMAGE_FORMATS_H

#include <glib.h>
#include "format/options.h"
#include "image/options.h"
#include "image/words.h"
#include "profile/profile.h"

struct Image;
/* image/creation.h */
typedef struct ImageCreation ImageCreation;

typedef enum {
    /* What qemu-img does for a format before there is a file. */
    FORMAT_JUDGES_FIRST = 1 << 0,   /* options are judged before a file is touched */
    FORMAT_ASKS_BACKING = 1 << 1,   /* the backing file is opened for its content id */
    FORMAT_STORE_PREALLOC = 1 << 2, /* "preallocation" is the file's own */
    FORMAT_PLAIN_ONLY = 1 << 3,     /* never compressed: refused before a file is touched */
    FORMAT_MADE_THERE = 1 << 4,     /* qemu-img makes such images, this program does not */
    /* Nothing but encryption: without its secret nothing of it is looked at. */
    FORMAT_IS_CIPHER = 1 << 5,
    FORMAT_NO_DRIVER = 1 << 6, /* only told from others */
} FormatManners;

#define FORMAT_MAX_WORDS 2u

typedef struct {
    const char *name; /* qemu's */
    guint32 number;   /* enum abi_format */
    FormatManners manners;
    /* Options of new images, and those that can be given another value; NULL: none are. */
    const struct fmt_option_table *create_options, *amend_options;
    /* For what its driver says in numbers; NULL behind the last. */
    const WordsTable *words[FORMAT_MAX_WORDS];
    /* Before the names of the options of encryption; NULL: never encrypted. */
    const char *secret_prefix;
    ProfileFact dirty_shown; /* info tells of an image that was not closed; 0: always */
    /* Options of a new image that the host judges before all else: names of drivers and ciphers.
     * NULL: none. */
    gboolean (*judge_creation)(const ImageCreation *creation, GError **error);
    /* The options of an opened node that only this format has, checked and taken. Those that belong
     * into a json: name are added to strong, those of a data file go to *ret_data (else untouched).
     * NULL: it has none. */
    gboolean (*take_options)(struct Image *img, ImageOptions *options, GString *strong,
                             ImageOptions **ret_data, GError **error);
} ImageFormat;

extern const ImageFormat format_raw, format_qcow2, format_luks, format_vmdk;

/* By qemu's name, NULL if it is no format's that can be opened. */
const ImageFormat *format_by_name(const char *name);
/* By enum abi_format; raw for what is not there. */
const ImageFormat *format_by_number(guint32 number);
/* One after the other, NULL behind the last. */
const ImageFormat *format_nth(guint i);
/* Would qemu-img make images of this kind, where this program cannot? Other drivers than formats
 * included. */
gboolean format_made_there(const char *driver);

#endif
