/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The round trip: what the candidate and the installed qemu-img left behind, beside each other. */
#include "config.h"

#include "tests/twin-modes.h"

#include "tests/twin-digest.h"
#include "tests/twin-reading.h"
#include "tests/twin-tree.h"

#include <glib/gstdio.h>
#include <string.h>

static void compare_readings(GString *report, const char *name, const char *words,
                             const struct twin_reading *want, const struct twin_reading *have,
                             const struct twin_fixture *fixture, enum twin_text_flags flags)
{
    const struct {
        const char *question;
        const struct twin_output *want;
        const struct twin_output *have;
    } rows[] = {
        { "info", want->info, have->info },
        { "map", want->map, have->map },
        { "check", fixture->c->unchecked ? NULL : want->check,
          fixture->c->unchecked ? NULL : have->check },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *what = g_strdup_printf("%s of %s %s", rows[i].question, name, words);

        if (rows[i].want && rows[i].have)
            twin_output_compare(report, what, rows[i].want, rows[i].have, fixture->work, flags);
        else if (rows[i].want || rows[i].have)
            g_string_append_printf(report, "  %s: only on one side\n", what);
    }
    if (!twin_text_sizes_agree(want->info->out, have->info->out))
        g_string_append_printf(report, "  info of %s %s: sizes on disk too far apart:\n%s%s", name,
                               words, want->info->out->str, have->info->out->str);
}

/* By how many bytes two files that read as @reading may differ in length. */
static guint64 length_slack(const struct twin_reading *reading)
{
    /* Compressed clusters are as long as the codec makes them, and so is then the file. */
    if (reading && reading->check && strstr(reading->check->out->str, "\"compressed-clusters\""))
        return G_MAXUINT64;
    /* A VMDK descriptor names its random content id without leading zeros. */
    if (reading && g_strcmp0(reading->format, "vmdk") == 0)
        return 7;
    return 0;
}

/* Both left the same files. TRUE if the lists match one to one. */
static gboolean compare_lists(GString *report, const struct twin_pair *pair)
{
    const GPtrArray *real = pair->sides[TWIN_REAL].files;
    const GPtrArray *ours = pair->sides[TWIN_OURS].files;

    for (guint i = 0; i < MAX(real->len, ours->len); i++) {
        const struct twin_file *want = i < real->len ? g_ptr_array_index(real, i) : NULL;
        const struct twin_file *have = i < ours->len ? g_ptr_array_index(ours, i) : NULL;

        if (!want || !have || !g_str_equal(want->name, have->name)) {
            g_string_append_printf(report, "  files left: want %s, have %s\n",
                                   want ? want->name : "no more", have ? have->name : "no more");
            return FALSE;
        }
        if (want->mode != have->mode)
            g_string_append_printf(report, "  file %s: want mode %o, have %o\n", want->name,
                                   want->mode, have->mode);
        if (want->changed != have->changed)
            g_string_append_printf(report, "  file %s: want it %s, have it %s\n", want->name,
                                   want->changed ? "written" : "untouched",
                                   have->changed ? "written" : "untouched");
    }
    return TRUE;
}

static void compare_lengths(GString *report, const struct twin_pair *pair, guint i,
                            const struct twin_reading *reading)
{
    const struct twin_file *want = g_ptr_array_index(pair->sides[TWIN_REAL].files, i);
    const struct twin_file *have = g_ptr_array_index(pair->sides[TWIN_OURS].files, i);

    if (MAX(want->size, have->size) - MIN(want->size, have->size) > length_slack(reading))
        g_string_append_printf(
            report, "  file %s: want %" G_GUINT64_FORMAT " bytes, have %" G_GUINT64_FORMAT "\n",
            want->name, want->size, have->size);
}

typedef char *(*digest_func)(const char *path, GError **error);

/* Whether @digest says the same of both sides' file @name: 1, or 0; -1 with @error set. */
static int is_alike(const struct twin_pair *pair, const char *name, digest_func digest,
                    GError **error)
{
    g_autofree char *real = twin_pair_path(pair, TWIN_REAL, name);
    g_autofree char *ours = twin_pair_path(pair, TWIN_OURS, name);
    g_autofree char *of_real = digest(real, error);
    g_autofree char *of_ours = of_real ? digest(ours, error) : NULL;

    return !of_ours ? -1 : g_str_equal(of_real, of_ours);
}

/* Digest of what a guest sees in @name of @who; "" if the real one says it cannot be read. */
static char *content_digest(struct twin_pair *pair, enum twin_who who, const char *name,
                            const char *format, GError **error)
{
    const char *argv[] = { "qemu-img", "convert", "-f",         format, "-O",
                           "raw",      name,      "../content", NULL };

    if (g_str_equal(format, "raw")) {
        g_autofree char *path = twin_pair_path(pair, who, name);

        return twin_digest_file(path, error);
    }
    if (!twin_pair_place(pair, who, error))
        return NULL;
    g_autofree char *content = g_build_filename(pair->fixture->root, "content", NULL);
    struct twin_output *said = twin_fixture_ask(pair->fixture, argv, TWIN_REAL);
    char *digest = said->rc == 0 ? twin_digest_file(content, error) : g_strdup("");
    twin_output_free(said);
    (void)g_remove(content);
    return digest;
}

static gboolean compare_contents(GString *report, struct twin_pair *pair, const char *name,
                                 const char *format, GError **error)
{
    g_autofree char *ours = content_digest(pair, TWIN_OURS, name, format, error);
    g_autofree char *real = ours ? content_digest(pair, TWIN_REAL, name, format, error) : NULL;

    if (!real)
        return FALSE;
    if (!g_str_equal(real, ours))
        g_string_append_printf(report, "  contents of %s: want SHA-256 %s, have %s\n", name,
                               *real ? real : "of nothing", *ours ? ours : "of nothing");
    return TRUE;
}

/* The candidate compares both sides' images; the real one's directory is placed. */
static void let_ours_compare(GString *report, const struct twin_pair *pair, const char *name,
                             const char *format)
{
    g_autofree char *other = g_build_filename("..", "ours", name, NULL);
    const char *argv[] = { "qemu-img", "compare", "-f", format, "-F", format, name, other, NULL };
    struct twin_output *same = twin_output_new(0, "Images are identical.\n", "");
    struct twin_output *says = twin_fixture_ask(pair->fixture, argv, TWIN_OURS);

    twin_output_compare(report, "contents (ours compares)", same, says, NULL, TWIN_TEXT_PLAIN);
    twin_output_free(same);
    twin_output_free(says);
}

/* Ours checks both results of a case that is too much for the real one; @on_real is what it said of
 * the real one's. */
static gboolean compare_checks(GString *report, struct twin_pair *pair, const char *name,
                               const struct twin_reading *on_real, enum twin_text_flags flags,
                               GError **error)
{
    if (!on_real->check)
        return TRUE;
    if (!twin_pair_place(pair, TWIN_OURS, error))
        return FALSE;
    struct twin_reading *on_ours = twin_reading_new(pair, name, TWIN_OURS);
    g_autofree char *what = g_strdup_printf("check of %s (ours checks both)", name);

    twin_output_compare(report, what, on_real->check, on_ours->check, pair->fixture->work, flags);
    twin_reading_free(on_ours);
    return TRUE;
}

/* One file that both have written. @bytes and @layout: whether they are the same. */
static gboolean compare_written(GString *report, struct twin_pair *pair, guint i, gboolean bytes,
                                gboolean layout, GError **error)
{
    const struct twin_fixture *fixture = pair->fixture;
    const struct twin_file *file = g_ptr_array_index(pair->sides[TWIN_REAL].files, i);
    enum twin_text_flags flags = twin_live_flags(fixture->c);

    if (!twin_pair_place(pair, TWIN_REAL, error))
        return FALSE;
    struct twin_reading *real = twin_reading_new(pair, file->name, TWIN_REAL);
    struct twin_reading *by_ours = twin_reading_new(pair, file->name, TWIN_OURS);
    gboolean walkable = real->map && real->map->rc == 0;
    gboolean ok = TRUE;

    compare_lengths(report, pair, i, real->check ? real : by_ours);
    compare_readings(report, file->name, "(ours reads the real one's)", real, by_ours, fixture,
                     flags);
    if (walkable)
        let_ours_compare(report, pair, file->name, real->format);
    if (walkable && !bytes)
        ok = compare_contents(report, pair, file->name, real->format, error);
    if (ok && !(bytes && layout) && (ok = twin_pair_place(pair, TWIN_OURS, error))) {
        struct twin_reading *on_ours = twin_reading_new(pair, file->name, TWIN_REAL);

        compare_readings(report, file->name, "(the real one reads ours)", real, on_ours, fixture,
                         flags);
        twin_reading_free(on_ours);
    }
    if (ok && fixture->c->unchecked)
        ok = compare_checks(report, pair, file->name, by_ours, flags, error);
    twin_reading_free(real);
    twin_reading_free(by_ours);
    return ok;
}

gboolean twin_round_trip(struct twin_pair *pair, GString *report, GError **error)
{
    const struct twin_side *real = &pair->sides[TWIN_REAL];
    const struct twin_side *ours = &pair->sides[TWIN_OURS];

    if (!g_str_equal(real->began, ours->began))
        g_string_append_printf(report, "  they began with other files:\n%s%s", real->began,
                               ours->began);
    if (!compare_lists(report, pair))
        return TRUE;
    for (guint i = 0; i < real->files->len; i++) {
        const struct twin_file *want = g_ptr_array_index(real->files, i);
        const struct twin_file *have = g_ptr_array_index(ours->files, i);

        if (!want->changed || !have->changed)
            continue;
        int bytes = is_alike(pair, want->name, twin_digest_file, error);
        int layout = bytes < 0 ? -1 : is_alike(pair, want->name, twin_digest_layout, error);
        if (layout < 0 || !compare_written(report, pair, i, bytes, layout, error))
            return FALSE;
    }
    return TRUE;
}
