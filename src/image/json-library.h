/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json-glib, loaded when the first JSON text is to be read and not before: with
 * what it needs (GObject, GIO and six more libraries) it would take longer to
 * link than an info of an image takes in all, and few command lines hold JSON.
 */
#ifndef INSTAR_JSON_LIBRARY_H
#define INSTAR_JSON_LIBRARY_H

#include <json-glib/json-glib.h>

/* Needed once before any other function of json-glib; more often does no harm. FALSE, with a
 * message (IMAGE_ERROR_UNSUPPORTED), if the library is not installed. */
gboolean json_library_load(GError **error);

#endif
