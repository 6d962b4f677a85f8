/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the case tables and the recordings fit each other, in both directions. */
#pragma once

#include <glib.h>

/*
 * Compare DATA/cases with DATA/expected-outputs, where DATA is @data, and append one line to
 * @complaints (array of strings) for each
 *
 *   case without a recording,
 *   recording without a case,
 *   version that a case lacks and another one of its kind has. There are two kinds: the tables
 *   BUCKET.json, and the tables BUCKET-TOPIC.json.
 *
 * FALSE with @error set if a file cannot be read or breaks its schema.
 */
gboolean twin_audit(const char *data, GPtrArray *complaints, GError **error);
