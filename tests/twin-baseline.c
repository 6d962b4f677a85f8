/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-modes.h"

#include "tests/twin-asked.h"

struct done {
    char *version;
    struct twin_asked *asked; /* NULL: nobody knows, so it is of this version only */
    struct twin_outcome *outcome;
};

struct twin_baselines {
    GPtrArray *done; /* of struct done */
};

static void done_free(struct done *done)
{
    g_free(done->version);
    g_clear_pointer(&done->asked, twin_asked_free);
    g_clear_pointer(&done->outcome, twin_outcome_free);
    g_free(done);
}

struct twin_baselines *twin_baselines_new(void)
{
    struct twin_baselines *baselines = g_new0(struct twin_baselines, 1);

    baselines->done = g_ptr_array_new_with_free_func((GDestroyNotify)done_free);
    return baselines;
}

void twin_baselines_free(struct twin_baselines *baselines)
{
    g_ptr_array_unref(baselines->done);
    g_free(baselines);
}

/* How many times the case starts the candidate. */
static guint count_runs(const struct twin_case *c)
{
    guint n = g_str_equal(c->run[0], "qemu-img");

    for (guint i = 0; i < c->observe->len; i++) {
        const struct twin_command *command = g_ptr_array_index(c->observe, i);

        n += g_str_equal(command->argv[0], "qemu-img");
    }
    return n;
}

static struct done *find(const struct twin_baselines *baselines, const char *version)
{
    for (guint i = 0; i < baselines->done->len; i++) {
        struct done *done = g_ptr_array_index(baselines->done, i);

        if (done->asked && twin_asked_alike(done->asked, done->version, version))
            return done;
    }
    return NULL;
}

static struct done *run(struct twin_fixture *fixture, struct twin_baselines *baselines,
                        const char *version, GError **error)
{
    if (!twin_fixture_lay_ours(fixture, error))
        return NULL;

    struct done *done = g_new0(struct done, 1);
    g_ptr_array_add(baselines->done, done);
    done->version = g_strdup(version);
    if (!g_getenv("INSTAR_TWIN_EACH"))
        fixture->profile_log = g_build_filename(fixture->root, "asked", NULL);
    done->outcome = twin_fixture_outcome(fixture, TWIN_OURS, version);
    if (fixture->profile_log)
        done->asked = twin_asked_take(fixture->profile_log, count_runs(fixture->c));
    g_clear_pointer(&fixture->profile_log, g_free);
    return done;
}

gboolean twin_baseline(struct twin_fixture *fixture, const struct twin_pair *pair,
                       struct twin_baselines *baselines, const char *version,
                       const struct twin_outcome *recorded, GString *report, GError **error)
{
    const struct twin_outcome *ours = pair ? pair->sides[TWIN_OURS].outcome : NULL;

    if (!ours) {
        struct done *done = find(baselines, version);

        if (!done)
            done = run(fixture, baselines, version, error);
        if (!done)
            return FALSE;
        ours = done->outcome;
    }
    twin_recorded_compare(report, fixture->c, recorded, ours, fixture->work);
    return TRUE;
}
