/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "image/words.h"
#include "profile/profile.h"
#include "render/human.h"
#include "render/info.h"

/* A string from an image as it may go to a terminal; "" for none. Free with g_free. */
static char *printable(const Value *object, const char *key)
{
    const Value *value = value_find(object, key);
    const char *text = value != NULL ? value_get_string(value) : "";

    return words_printable(text, strlen(text));
}

static guint64 number(const Value *object, const char *key)
{
    const Value *value = value_find(object, key);

    return value != NULL ? value_get_uint(value) : 0;
}

/* Columns of the snapshot table: the newer ones never run into each other. */
typedef struct {
    const char *head, *row, *clock, *no_icount;
} SnapshotLayout;

static const SnapshotLayout narrow = {
    "ID        TAG               VM SIZE                DATE     VM CLOCK     ICOUNT\n",
    "%-9s %-16s %8s%20s%13s%11s\n", "%02u:%02u:%02u.%03u", ""
};
static const SnapshotLayout wide = {
    "ID      TAG               VM_SIZE                DATE        VM_CLOCK     ICOUNT\n",
    "%-7s %-16s %8s %19s %15s %10s\n", "%04u:%02u:%02u.%03u", "--"
};

static void append_snapshot(GString *out, const Value *snapshot, const SnapshotLayout *layout)
{
    g_autofree char *id = printable(snapshot, "id"), *name = printable(snapshot, "name");
    g_autofree char *size = human_size(number(snapshot, "vm-state-size"));
    g_autoptr(GDateTime) utc =
        g_date_time_new_from_unix_local((gint64)number(snapshot, "date-sec"));
    g_autofree char *date = utc != NULL ? g_date_time_format(utc, "%Y-%m-%d %H:%M:%S") : NULL;
    guint64 seconds = number(snapshot, "vm-clock-sec");
    g_autofree char *clock = g_strdup_printf(layout->clock, (guint)(seconds / 3600),
                                             (guint)(seconds / 60 % 60), (guint)(seconds % 60),
                                             (guint)(number(snapshot, "vm-clock-nsec") / 1000000));
    g_autofree char *icount =
        value_find(snapshot, "icount") != NULL
            ? g_strdup_printf("%" G_GINT64_FORMAT, (gint64)number(snapshot, "icount"))
            : g_strdup(layout->no_icount);

    g_string_append_printf(out, layout->row, id, name, size, date != NULL ? date : "", clock,
                           icount);
}

void info_append_snapshots(GString *out, const Value *snapshots)
{
    const SnapshotLayout *layout = profile_has(FACT_SNAPSHOT_COLUMNS) ? &wide : &narrow;

    g_string_append(out, layout->head);
    for (guint i = 0; i < value_n_members(snapshots); i++) {
        append_snapshot(out, value_member(snapshots, i)->value, layout);
    }
}

static void append_sizes(GString *out, const Value *info, guint indent, const char *length_word)
{
    guint64 bytes = number(info, "virtual-size");
    g_autofree char *length = human_size(bytes);
    g_autofree char *disk = value_find(info, "actual-size") != NULL
                                ? human_size(number(info, "actual-size"))
                                : g_strdup("unavailable");

    g_string_append_printf(out, "%*s%s: %s (%" G_GUINT64_FORMAT " bytes)\n", (int)indent, "",
                           length_word, length, bytes);
    g_string_append_printf(out, "%*sdisk size: %s\n", (int)indent, "", disk);
}

static void append_backing(GString *out, const Value *info)
{
    g_autofree char *name = printable(info, "backing-filename");
    g_autofree char *full = printable(info, "full-backing-filename");
    g_autofree char *format = printable(info, "backing-filename-format");

    if (value_find(info, "backing-filename") == NULL) {
        return;
    }
    g_string_append_printf(out, "backing file: %s", name);
    if (value_find(info, "full-backing-filename") == NULL) {
        g_string_append(out, " (cannot determine actual path)");
    } else if (!g_str_equal(name, full)) {
        g_string_append_printf(out, " (actual path: %s)", full);
    }
    g_string_append_c(out, '\n');
    if (*format != '\0') {
        g_string_append_printf(out, "backing file format: %s\n", format);
    }
}

static void append_specific(GString *out, const Value *info, guint indent)
{
    const Value *specific = value_find(info, "format-specific");
    const Value *data = specific != NULL ? value_find(specific, "data") : NULL;

    if (data != NULL && value_n_members(data) > 0) {
        g_string_append_printf(out, "%*sFormat specific information:\n", (int)indent, "");
        human_append_tree(out, data, indent / 4 + 1);
    }
}

static void append_children(GString *out, const Value *info, gboolean named_by_image)
{
    const Value *children = value_find(info, "children");

    for (guint i = 0; children != NULL && i < value_n_members(children); i++) {
        const Value *child = value_member(children, i)->value;
        const Value *node = value_find(child, "info");
        const char *name = value_get_string(value_find(child, "name"));
        g_autofree char *safe_name = printable(node, "filename");

        g_string_append_printf(out, "Child node '/%s':\n    filename: %s\n    protocol type: %s\n",
                               name,
                               named_by_image || !g_str_equal(name, "file")
                                   ? safe_name
                                   : value_get_string(value_find(node, "filename")),
                               value_get_string(value_find(node, "format")));
        append_sizes(out, node, 4, "file length");
        append_specific(out, node, 4);
    }
}

void info_print(const Value *info, gboolean named_by_image)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *safe_name = printable(info, "filename");
    const Value *dirty = value_find(info, "dirty-flag");

    g_string_append_printf(out, "image: %s\nfile format: %s\n",
                           named_by_image ? safe_name
                                          : value_get_string(value_find(info, "filename")),
                           value_get_string(value_find(info, "format")));
    append_sizes(out, info, 0, "virtual size");
    if (value_find(info, "encrypted") != NULL) {
        g_string_append(out, "encrypted: yes\n");
    }
    if (value_find(info, "cluster-size") != NULL) {
        g_string_append_printf(out, "cluster_size: %" G_GUINT64_FORMAT "\n",
                               number(info, "cluster-size"));
    }
    if (value_get_bool(dirty)) {
        g_string_append(out, "cleanly shut down: no\n");
    }
    append_backing(out, info);
    if (value_find(info, "snapshots") != NULL) {
        g_string_append(out, "Snapshot list:\n");
        info_append_snapshots(out, value_find(info, "snapshots"));
    }
    append_specific(out, info, 0);
    append_children(out, info, named_by_image);
    fputs(out->str, stdout);
}
