/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-reading.h"

#include "tests/twin-json.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

/* Beyond this virtual size walking through an image takes minutes: no map and no comparison. */
#define WALKABLE (G_GUINT64_CONSTANT(64) << 30)

/*
 * Which of the observations of @c is @argv; -1: none, or it came before something that might have
 * changed the answer.
 */
static int observed_as(const struct twin_case *c, const char *const *argv)
{
    int found = -1;

    for (guint i = 0; i < c->observe->len; i++) {
        const struct twin_command *command = g_ptr_array_index(c->observe, i);

        if (!twin_command_only_looks(command))
            return -1;
        if (g_strv_equal((const char *const *)command->argv, argv))
            found = (int)i;
    }
    return found;
}

static struct twin_output *ask(const struct twin_pair *pair, enum twin_who who,
                               const char *const *argv)
{
    const struct twin_side *side = &pair->sides[who];
    int n = pair->placed == side ? observed_as(pair->fixture->c, argv) : -1;

    if (n >= 0)
        return twin_output_copy(g_ptr_array_index(side->outcome->observe, (guint)n));
    if (g_str_equal(argv[1], "map"))
        twin_fixture_settle(pair->fixture);
    return twin_fixture_ask(pair->fixture, argv, who);
}

/* @question of @name, told its @format unless the case itself asks without, and @may_be_observed. */
static struct twin_output *ask_json(const struct twin_pair *pair, enum twin_who who,
                                    const char *question, const char *name, const char *format,
                                    gboolean may_be_observed)
{
    const char *plain[] = { "qemu-img", question, "--output=json", name, NULL };
    const char *told[] = { "qemu-img", question, "--output=json", "-f", format, name, NULL };
    gboolean is_observed = may_be_observed && observed_as(pair->fixture->c, plain) >= 0;

    return ask(pair, who, is_observed ? plain : told);
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

struct twin_reading *twin_reading_new(const struct twin_pair *pair, const char *name,
                                      enum twin_who who)
{
    struct twin_reading *reading = g_new0(struct twin_reading, 1);
    const struct twin_fixture *fixture = pair->fixture;
    gboolean as_probed = TRUE;
    guint64 size = 0;

    reading->info =
        ask(pair, who, (const char *[]){ "qemu-img", "info", "--output=json", name, NULL });
    reading->format = probed_format(reading->info, &size);
    if (!reading->format)
        return reading;
    if (g_str_equal(reading->format, "raw") && has_vpc_footer(fixture, name)) {
        g_free(reading->format);
        reading->format = g_strdup("vpc");
        as_probed = FALSE;
    }
    if (size <= WALKABLE)
        reading->map = ask_json(pair, who, "map", name, reading->format, as_probed);
    if (who == TWIN_OURS || !fixture->c->unchecked)
        reading->check = ask_json(pair, who, "check", name, reading->format, as_probed);
    return reading;
}

void twin_reading_free(struct twin_reading *reading)
{
    g_free(reading->format);
    g_clear_pointer(&reading->info, twin_output_free);
    g_clear_pointer(&reading->map, twin_output_free);
    g_clear_pointer(&reading->check, twin_output_free);
    g_free(reading);
}
