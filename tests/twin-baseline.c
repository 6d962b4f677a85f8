/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the candidate does under each version, done once for all that it cannot tell apart. */
#include "config.h"

#include "tests/twin-modes.h"

#include "tests/twin-asked.h"

/* What one command of the case said under one version. */
struct answer {
    guint n; /* as of twin_fixture_command() */
    char *version;
    const struct answer *after; /* of an observation: the run whose files it looks at */
    struct twin_asked *asked;   /* NULL: nobody knows, so it is of this version only */
    struct twin_output *output;
};

struct twin_baselines {
    GPtrArray *answers;
    const struct answer *laid; /* the run whose files are in the work directory */
};

static void answer_free(struct answer *answer)
{
    g_free(answer->version);
    g_clear_pointer(&answer->asked, twin_asked_free);
    twin_output_free(answer->output);
    g_free(answer);
}

struct twin_baselines *twin_baselines_new(void)
{
    struct twin_baselines *baselines = g_new0(struct twin_baselines, 1);

    baselines->answers = g_ptr_array_new_with_free_func((GDestroyNotify)answer_free);
    return baselines;
}

void twin_baselines_free(struct twin_baselines *baselines)
{
    g_ptr_array_unref(baselines->answers);
    g_free(baselines);
}

static struct answer *find(const struct twin_baselines *baselines, guint n,
                           const struct answer *after, const char *version)
{
    for (guint i = 0; i < baselines->answers->len; i++) {
        struct answer *answer = g_ptr_array_index(baselines->answers, i);

        if (answer->n == n && answer->after == after && answer->asked &&
            twin_asked_alike(answer->asked, answer->version, version))
            return answer;
    }
    return NULL;
}

static struct answer *do_command(struct twin_fixture *fixture, struct twin_baselines *baselines,
                                 guint n, const struct answer *after, const char *version)
{
    const struct twin_command *command = n ? g_ptr_array_index(fixture->c->observe, n - 1) : NULL;
    char **argv = n ? command->argv : fixture->c->run;
    struct answer *answer = g_new0(struct answer, 1);

    answer->n = n;
    answer->version = g_strdup(version);
    answer->after = after;
    if (!g_getenv("INSTAR_TWIN_EACH"))
        fixture->profile_log = g_build_filename(fixture->root, "asked", NULL);
    answer->output = twin_fixture_command(fixture, n, TWIN_OURS, version);
    if (fixture->profile_log)
        answer->asked =
            twin_asked_take(fixture->profile_log, g_str_equal(argv[0], "qemu-img") ? 1 : 0);
    g_clear_pointer(&fixture->profile_log, g_free);
    g_ptr_array_add(baselines->answers, answer);
    return answer;
}

static void add(struct twin_outcome *outcome, const struct answer *answer)
{
    struct twin_output *output = twin_output_copy(answer->output);

    if (answer->n)
        g_ptr_array_add(outcome->observe, output);
    else
        outcome->run = output;
}

/* From what was done before, and questions that can still be asked; NULL if that does not do. */
static struct twin_outcome *known(struct twin_fixture *fixture, struct twin_baselines *baselines,
                                  const char *version)
{
    const struct answer *run = find(baselines, 0, NULL, version);
    struct twin_outcome *outcome = run ? twin_outcome_new() : NULL;

    if (!run)
        return NULL;
    add(outcome, run);
    for (guint n = 1; n <= fixture->c->observe->len; n++) {
        const struct answer *answer = find(baselines, n, run, version);

        if (!answer && baselines->laid != run) {
            twin_outcome_free(outcome);
            return NULL;
        }
        add(outcome, answer ? answer : do_command(fixture, baselines, n, run, version));
    }
    return outcome;
}

/* From the first of its set-up on. An observation that may change what the next one sees belongs to
 * the run: what it asks, the run has asked. */
static struct twin_outcome *anew(struct twin_fixture *fixture, struct twin_baselines *baselines,
                                 const char *version, GError **error)
{
    const GPtrArray *observe = fixture->c->observe;
    gboolean looks = TRUE;

    if (!twin_fixture_lay_ours(fixture, error))
        return NULL;
    struct twin_outcome *outcome = twin_outcome_new();
    struct answer *run = do_command(fixture, baselines, 0, NULL, version);
    baselines->laid = run;
    add(outcome, run);
    for (guint i = 0; i < observe->len; i++)
        looks = looks && twin_command_only_looks(g_ptr_array_index(observe, i));
    for (guint n = 1; n <= observe->len; n++) {
        struct answer *answer = do_command(fixture, baselines, n, run, version);

        add(outcome, answer);
        if (!looks && run->asked && answer->asked)
            twin_asked_add(run->asked, answer->asked);
        else if (!looks)
            g_clear_pointer(&run->asked, twin_asked_free);
    }
    return outcome;
}

gboolean twin_baseline(struct twin_fixture *fixture, const struct twin_pair *pair,
                       struct twin_baselines *baselines, const char *version,
                       const struct twin_outcome *recorded, GString *report, GError **error)
{
    struct twin_outcome *ours = NULL;

    if (pair) {
        twin_recorded_compare(report, fixture->c, recorded, pair->sides[TWIN_OURS].outcome,
                              fixture->work);
        return TRUE;
    }
    ours = known(fixture, baselines, version);
    if (!ours)
        ours = anew(fixture, baselines, version, error);
    if (!ours)
        return FALSE;
    twin_recorded_compare(report, fixture->c, recorded, ours, fixture->work);
    twin_outcome_free(ours);
    return TRUE;
}
