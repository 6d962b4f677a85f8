/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-unit.h"

static void entry_free(struct twin_entry *entry)
{
    g_free(entry->version);
    g_free(entry->reason);
    g_string_free(entry->report, TRUE);
    g_free(entry);
}

struct twin_unit *twin_unit_new(const struct twin_case *c, const char *parent, guint number,
                                struct twin_prepared *prepared)
{
    struct twin_unit *unit = g_new0(struct twin_unit, 1);

    unit->fixture = twin_fixture_new(c, parent, number, prepared);
    unit->entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    return unit;
}

void twin_unit_free(struct twin_unit *unit)
{
    g_clear_pointer(&unit->fixture, twin_fixture_free);
    g_clear_pointer(&unit->recordings, g_ptr_array_unref);
    g_clear_pointer(&unit->entries, g_ptr_array_unref);
    g_free(unit);
}

struct twin_entry *twin_unit_add(struct twin_unit *unit, enum twin_mode mode, const char *version,
                                 const struct twin_recording *recorded, const char *reason)
{
    struct twin_entry *entry = g_new0(struct twin_entry, 1);

    entry->unit = unit;
    entry->mode = mode;
    entry->recorded = recorded;
    entry->version = g_strdup(version);
    entry->reason = g_strdup(reason);
    entry->report = g_string_new(NULL);
    g_ptr_array_add(unit->entries, entry);
    return entry;
}

/* Whether the two programs have to work side by side for @entry. */
static gboolean needs_pair(const struct twin_entry *entry)
{
    return entry->mode == TWIN_LIVE || entry->mode == TWIN_ROUND_TRIP ||
           (entry->mode == TWIN_BASELINE && g_str_equal(entry->version, twin_installed_version()));
}

static void put_drift(struct twin_entry *entry, const struct twin_pair *pair, GError **error)
{
    struct twin_fixture *fixture = entry->unit->fixture;

    if (entry->recorded)
        twin_drift(fixture, pair, entry->recorded, entry->report, error);
    else
        g_string_append_printf(entry->report,
                               "  no recording of %s, which is installed: make record "
                               "RECORD_ARGS=--case='%s'\n",
                               twin_installed_version(), fixture->c->id);
}

static void put_entry(struct twin_entry *entry, struct twin_pair *pair,
                      struct twin_baselines *baselines, const GError *pair_error)
{
    struct twin_fixture *fixture = entry->unit->fixture;
    g_autoptr(GError) error = NULL;

    if (needs_pair(entry) && !pair)
        error = g_error_copy(pair_error);
    else if (entry->mode == TWIN_LIVE)
        twin_live(pair, entry->report);
    else if (entry->mode == TWIN_ROUND_TRIP)
        twin_round_trip(pair, entry->report, &error);
    else if (entry->mode == TWIN_DRIFT)
        put_drift(entry, pair, &error);
    else
        twin_baseline(fixture, needs_pair(entry) ? pair : NULL, baselines, entry->version,
                      entry->recorded->outcome, entry->report, &error);
    if (error)
        g_string_append_printf(entry->report, "  %s\n", error->message);
}

void twin_unit_put(struct twin_unit *unit)
{
    struct twin_pair *pair = NULL;
    g_autoptr(GError) error = NULL;

    if (unit->done)
        return;
    for (guint i = 0; i < unit->entries->len && !pair && !error; i++) {
        const struct twin_entry *entry = g_ptr_array_index(unit->entries, i);

        if (!entry->reason && needs_pair(entry))
            pair = twin_pair_run(unit->fixture, &error);
    }
    struct twin_baselines *baselines = twin_baselines_new();
    /* In their order: a baseline that lays the work directory anew comes last. */
    for (guint i = 0; i < unit->entries->len; i++) {
        struct twin_entry *entry = g_ptr_array_index(unit->entries, i);

        if (!entry->reason)
            put_entry(entry, pair, baselines, error);
    }
    twin_baselines_free(baselines);
    g_clear_pointer(&pair, twin_pair_free);
    twin_fixture_clear(unit->fixture);
    unit->done = TRUE;
}
