/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live mode. Ours works in the work directory first, and what it left is moved beside it
 * ("ours/"); then the real one works in a fresh copy under the same path.
 */
#include "config.h"

#include "tests/twin-modes.h"

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

/* What one side left behind. */
struct side {
    struct twin_outcome *outcome;
    GPtrArray *files;    /* of struct twin_file */
    GPtrArray *readings; /* of struct reading, by the real qemu-img; NULL for unchanged files */
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

static void side_clear(struct side *side)
{
    g_clear_pointer(&side->outcome, twin_outcome_free);
    g_clear_pointer(&side->files, g_ptr_array_unref);
    g_clear_pointer(&side->readings, g_ptr_array_unref);
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
        { "check", want->check, have->check },
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

static gboolean side_run(struct side *side, struct twin_fixture *fixture, enum twin_who who,
                         GError **error)
{
    if (!twin_fixture_lay(fixture, error))
        return FALSE;
    side->outcome = twin_fixture_outcome(fixture, who, twin_installed_version());
    side->files = twin_tree_list(fixture->work, error);
    if (!side->files)
        return FALSE;
    side->readings = g_ptr_array_new_with_free_func((GDestroyNotify)reading_free);
    for (guint i = 0; i < side->files->len; i++) {
        const struct twin_file *file = g_ptr_array_index(side->files, i);

        g_ptr_array_add(side->readings,
                        file->changed ? read_file(fixture, file->name, TWIN_REAL) : NULL);
    }
    return TRUE;
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
static gboolean compare_files(GString *report, const struct side *real, const struct side *ours)
{
    for (guint i = 0; i < MAX(real->files->len, ours->files->len); i++) {
        const struct twin_file *want =
            i < real->files->len ? g_ptr_array_index(real->files, i) : NULL;
        const struct twin_file *have =
            i < ours->files->len ? g_ptr_array_index(ours->files, i) : NULL;

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
        if (MAX(want->size, have->size) - MIN(want->size, have->size) >
            length_slack(g_ptr_array_index(real->readings, i)))
            g_string_append_printf(
                report, "  file %s: want %" G_GUINT64_FORMAT " bytes, have %" G_GUINT64_FORMAT "\n",
                want->name, want->size, have->size);
    }
    return TRUE;
}

/* Ours reads what the real one made, and both say that the contents are the same. */
static void cross_read(GString *report, const struct twin_fixture *fixture, const char *name,
                       const struct reading *real, const struct reading *on_ours,
                       enum twin_text_flags flags)
{
    struct reading *by_ours = read_file(fixture, name, TWIN_OURS);

    compare_readings(report, name, "(the real one reads ours)", real, on_ours, fixture, flags);
    compare_readings(report, name, "(ours reads the real one's)", real, by_ours, fixture, flags);
    if (real->map && real->map->rc == 0) {
        g_autofree char *other = g_build_filename("..", "ours", name, NULL);
        const char *argv[] = { "qemu-img",   "compare", "-f",  real->format, "-F",
                               real->format, name,      other, NULL };
        struct twin_output *same = twin_output_new(0, "Images are identical.\n", "");
        struct twin_output *says_real = ask(fixture, TWIN_REAL, argv);
        struct twin_output *says_ours = ask(fixture, TWIN_OURS, argv);

        twin_output_compare(report, "contents (the real one compares)", same, says_real, NULL, 0);
        twin_output_compare(report, "contents (ours compares)", same, says_ours, NULL, 0);
        twin_output_free(same);
        twin_output_free(says_real);
        twin_output_free(says_ours);
    }
    reading_free(by_ours);
}

static enum twin_text_flags flags_of(const struct twin_case *c)
{
    return g_str_equal(c->bucket, "snapshot") ? TWIN_TEXT_CLOCKS
           : g_str_equal(c->bucket, "commit") ? TWIN_TEXT_HOST_OFFSETS
                                              : TWIN_TEXT_PLAIN;
}

static void compare_sides(GString *report, const struct twin_fixture *fixture,
                          const struct side *real, const struct side *ours)
{
    enum twin_text_flags flags = flags_of(fixture->c);

    twin_outcome_compare(report, fixture->c, real->outcome, ours->outcome, fixture->work, flags);
    if (!compare_files(report, real, ours))
        return;
    for (guint i = 0; i < real->files->len; i++) {
        const struct twin_file *file = g_ptr_array_index(real->files, i);
        const struct reading *on_real = g_ptr_array_index(real->readings, i);
        const struct reading *on_ours = g_ptr_array_index(ours->readings, i);

        if (on_real && on_ours)
            cross_read(report, fixture, file->name, on_real, on_ours, flags);
    }
}

gboolean twin_live(struct twin_fixture *fixture, GString *report, GError **error)
{
    g_autofree char *beside = g_build_filename(fixture->root, "ours", NULL);
    struct side ours = { 0 };
    struct side real = { 0 };
    gboolean ok = side_run(&ours, fixture, TWIN_OURS, error);

    if (ok && g_rename(fixture->work, beside) != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot rename to %s", beside);
        ok = FALSE;
    }
    ok = ok && side_run(&real, fixture, TWIN_REAL, error);
    if (ok)
        compare_sides(report, fixture, &real, &ours);
    if (ok && !g_getenv("INSTAR_TEST_KEEP"))
        ok = twin_tree_remove(beside, error);
    side_clear(&ours);
    side_clear(&real);
    return ok;
}
