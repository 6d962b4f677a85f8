/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The round trip: what the candidate and the installed qemu-img left behind, beside each other. */
#include "config.h"

#include "tests/twin-modes.h"

#include "tests/twin-digest.h"
#include "tests/twin-json.h"
#include "tests/twin-tree.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Beyond this virtual size walking through an image takes minutes: no map and no comparison. */
#define WALKABLE (G_GUINT64_CONSTANT(64) << 30)

/* How a result file reads. Elements are NULL where the question makes no sense for it. */
struct reading {
    char *format; /* as info probed it; NULL if it did not open */
    struct twin_output *info;
    struct twin_output *map;
    struct twin_output *check;
};

static void reading_free(struct reading *reading)
{
    if (!reading)
        return;
    g_free(reading->format);
    g_clear_pointer(&reading->info, twin_output_free);
    g_clear_pointer(&reading->map, twin_output_free);
    g_clear_pointer(&reading->check, twin_output_free);
    g_free(reading);
}

static struct twin_output *ask(const struct twin_fixture *fixture, enum twin_who who,
                               const char *const *argv)
{
    return twin_fixture_run(fixture, (char **)argv, who, twin_installed_version(), 022);
}

/* "format" and "virtual-size" of info's JSON. NULL without touching @ret_size if it has none. */
static char *probed_format(const struct twin_output *info, guint64 *ret_size)
{
    g_autoptr(JsonParser) parser = json_parser_new();

    if (info->rc != 0 || !json_parser_load_from_data(parser, info->out->str, -1, NULL))
        return NULL;
    JsonNode *root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root))
        return NULL;
    *ret_size = (guint64)json_object_get_int_member_with_default(json_node_get_object(root),
                                                                 "virtual-size", 0);
    return g_strdup(twin_json_string(json_node_get_object(root), "format"));
}

/* A fixed VHD has no header, so it probes as raw, but its last sector is a footer. */
static gboolean has_vpc_footer(const struct twin_fixture *fixture, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->work, name, NULL);
    char start[8] = "";
    FILE *file = g_fopen(path, "re");

    if (!file)
        return FALSE;
    if (fseek(file, -512, SEEK_END) != 0 || fread(start, sizeof start, 1, file) != 1)
        start[0] = 0;
    fclose(file);
    return memcmp(start, "conectix", sizeof start) == 0;
}

static struct reading *read_file(const struct twin_fixture *fixture, const char *name,
                                 enum twin_who who)
{
    struct reading *reading = g_new0(struct reading, 1);
    guint64 size = 0;

    reading->info =
        ask(fixture, who, (const char *[]){ "qemu-img", "info", "--output=json", name, NULL });
    reading->format = probed_format(reading->info, &size);
    if (!reading->format)
        return reading;
    if (g_str_equal(reading->format, "raw") && has_vpc_footer(fixture, name)) {
        g_free(reading->format);
        reading->format = g_strdup("vpc");
    }
    twin_fixture_settle(fixture);
    if (size <= WALKABLE)
        reading->map = ask(fixture, who,
                           (const char *[]){ "qemu-img", "map", "--output=json", "-f",
                                             reading->format, name, NULL });
    if (who == TWIN_OURS || !fixture->c->unchecked)
        reading->check = ask(fixture, who,
                             (const char *[]){ "qemu-img", "check", "--output=json", "-f",
                                               reading->format, name, NULL });
    return reading;
}

static void compare_readings(GString *report, const char *name, const char *words,
                             const struct reading *want, const struct reading *have,
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
static guint64 length_slack(const struct reading *reading)
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
                            const struct reading *reading)
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
    if (g_str_equal(format, "raw")) {
        g_autofree char *path = twin_pair_path(pair, who, name);

        return twin_digest_file(path, error);
    }
    if (!twin_pair_place(pair, who, error))
        return NULL;
    g_autofree char *content = g_build_filename(pair->fixture->root, "content", NULL);
    struct twin_output *said = ask(pair->fixture, TWIN_REAL,
                                   (const char *[]){ "qemu-img", "convert", "-f", format, "-O",
                                                     "raw", name, "../content", NULL });
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
    struct twin_output *says = ask(pair->fixture, TWIN_OURS, argv);

    twin_output_compare(report, "contents (ours compares)", same, says, NULL, TWIN_TEXT_PLAIN);
    twin_output_free(same);
    twin_output_free(says);
}

/* Ours checks both results of a case that is too much for the real one; @on_real is what it said of
 * the real one's. */
static gboolean compare_checks(GString *report, struct twin_pair *pair, const char *name,
                               const struct reading *on_real, enum twin_text_flags flags,
                               GError **error)
{
    if (!on_real->check)
        return TRUE;
    if (!twin_pair_place(pair, TWIN_OURS, error))
        return FALSE;
    struct reading *on_ours = read_file(pair->fixture, name, TWIN_OURS);
    g_autofree char *what = g_strdup_printf("check of %s (ours checks both)", name);

    twin_output_compare(report, what, on_real->check, on_ours->check, pair->fixture->work, flags);
    reading_free(on_ours);
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
    struct reading *real = read_file(fixture, file->name, TWIN_REAL);
    struct reading *by_ours = read_file(fixture, file->name, TWIN_OURS);
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
        struct reading *on_ours = read_file(fixture, file->name, TWIN_REAL);

        compare_readings(report, file->name, "(the real one reads ours)", real, on_ours, fixture,
                         flags);
        reading_free(on_ours);
    }
    if (ok && fixture->c->unchecked)
        ok = compare_checks(report, pair, file->name, by_ours, flags, error);
    reading_free(real);
    reading_free(by_ours);
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
