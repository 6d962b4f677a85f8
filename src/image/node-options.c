/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that nodes of every driver have. */
#include "config.h"

#include <string.h>

#include "image/image-private.h"
#include "image/words.h"

static gboolean fail(GError **error, const char *words)
{
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_NAME, words);
    return FALSE;
}

static gboolean valid_node_name(const char *name)
{
    return g_ascii_isalpha(*name) && strlen(name) <= 31 &&
           strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-._") == strlen(name);
}

static gboolean take_node_name(ImageOptions *options, GError **error)
{
    g_autofree char *name = options_take_string(options, "node-name");

    if (name != NULL && !valid_node_name(name)) {
        g_autofree char *safe = words_printable(name, strlen(name));

        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "Invalid node-name: '%s'", safe);
        return FALSE;
    }
    return TRUE;
}

static gboolean take_discard(ImageOptions *options, NodeOptions *node, GError **error)
{
    static const char *const ignore[] = { "ignore", "off", NULL };
    static const char *const unmap[] = { "unmap", "on", NULL };
    g_autofree char *word = options_take_string(options, "discard");

    if (word == NULL) {
        return TRUE;
    }
    if (!g_strv_contains(ignore, word) && !g_strv_contains(unmap, word)) {
        return fail(error, "Invalid discard option");
    }
    node->unmap = g_strv_contains(unmap, word);
    return TRUE;
}

/* Checked only: the copier looks for zeros itself. */
static gboolean take_detect_zeroes(ImageOptions *options, const NodeOptions *node, GError **error)
{
    static const char *const words[] = { "off", "on", "unmap", NULL };
    g_autofree char *word = options_take_string(options, "detect-zeroes");

    if (word != NULL && !g_strv_contains(words, word)) {
        g_autofree char *safe = words_printable(word, strlen(word));

        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME, "invalid parameter value: %s", safe);
        return FALSE;
    }
    if (g_strcmp0(word, "unmap") == 0 && !node->unmap) {
        return fail(error, "setting detect-zeroes to unmap is not allowed without setting "
                           "discard operation to unmap");
    }
    return TRUE;
}

static void set_flag(IoFlags *flags, IoFlags bit, gboolean on)
{
    *flags = on ? *flags | bit : *flags & ~bit;
}

/* Switches, which a node also hands on to the one below it. */
static const char *const switches[] = { "cache.direct",   "cache.no-flush", "read-only",
                                        "auto-read-only", "force-share",    NULL };

void node_options_hand_down(const ImageOptions *options, ImageOptions *below)
{
    for (guint i = 0; switches[i] != NULL; i++) {
        const Option *option = options_get(options, switches[i]);

        if (option != NULL && options_get(below, switches[i]) == NULL) {
            options_set(below, option);
        }
    }
}

/* In the order of the dictionary, for the first that is wrong to be told. */
static gboolean take_switches(ImageOptions *options, NodeOptions *node, gboolean *ret_told_off,
                              GError **error)
{
    gboolean direct = (node->io & IO_NO_CACHE) != 0, no_flush = (node->io & IO_NO_FLUSH) != 0;
    gboolean auto_read_only = FALSE, told = options_get(options, "read-only") != NULL;
    gboolean *const values[] = { &direct, &no_flush, &node->read_only, &auto_read_only,
                                 &node->force_share };

    for (guint i = 0; i < options_count(options); i++) {
        const char *key = options_nth(options, i)->key;

        for (guint s = 0; switches[s] != NULL; s++) {
            if (g_str_equal(key, switches[s])) {
                if (!options_take_bool(options, switches[s], values[s], error)) {
                    return FALSE;
                }
                i--; /* it is gone */
                break;
            }
        }
    }
    *ret_told_off = told && !node->read_only;
    set_flag(&node->io, IO_NO_CACHE, direct);
    set_flag(&node->io, IO_NO_FLUSH, no_flush);
    return TRUE;
}

gboolean node_options_take(ImageOptions *options, NodeOptions *node, gboolean writing,
                           gboolean needs_filename, GError **error)
{
    gboolean told_off;

    if (!take_switches(options, node, &told_off, error)) {
        return FALSE;
    }
    /* read-only=off asks for writing, also where nothing is to be written */
    if (node->force_share && (writing ? !node->read_only : told_off)) {
        return fail(error, "force-share=on can only be used with read-only images");
    }
    if (needs_filename) {
        const char *name = options_get_string(options, "filename");

        if (name == NULL || *name == '\0') {
            return fail(error, "The 'file' block driver requires a file name");
        }
    }
    return take_discard(options, node, error) && take_detect_zeroes(options, node, error) &&
           take_node_name(options, error);
}

gboolean node_options_done(const ImageOptions *options, const char *driver, gboolean protocol,
                           GError **error)
{
    if (options_count(options) == 0) {
        return TRUE;
    }
    const char *key = options_nth(options, 0)->key;
    g_autofree char *safe = words_printable(key, strlen(key));

    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_NAME,
                protocol ? "Block protocol '%s' doesn't support the option '%s'"
                         : "Block format '%s' does not support the option '%s'",
                driver, safe);
    return FALSE;
}
