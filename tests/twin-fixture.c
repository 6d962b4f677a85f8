/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/twin-fixture.h"

#include "tests/testutil.h"
#include "tests/twin-builtin.h"
#include "tests/twin-tree.h"

#include <glib/gstdio.h>
#include <string.h>

/* Far beyond what any case takes; a program that hangs is killed then. */
#define SECONDS_PER_COMMAND 60
/* The same where our check reads what is too much for the real one's. */
#define SECONDS_UNCHECKED 300

#define SETUP_UMASK 022

/*
 * What the real qemu-img says, having made nothing, when it was to measure how many LUKS
 * iterations it can do and the clock of its CPU time did not move meanwhile. Asked again, it does.
 */
#define TRANSIENT "Unable to get accurate CPU usage"
#define MOST_TRIES 50

struct twin_fixture *twin_fixture_new(const struct twin_case *c, const char *parent, guint number,
                                      struct twin_prepared *prepared)
{
    struct twin_fixture *fixture = g_new0(struct twin_fixture, 1);

    fixture->c = c;
    fixture->prepared = prepared;
    fixture->root = g_strdup_printf("%s/%s.%03u", parent, c->bucket, number);
    fixture->work = g_build_filename(fixture->root, "work", NULL);
    fixture->setups[TWIN_REAL] = g_build_filename(fixture->root, "setup", NULL);
    fixture->setups[TWIN_OURS] = g_build_filename(fixture->root, "setup-ours", NULL);
    return fixture;
}

void twin_fixture_clear(struct twin_fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    if (g_getenv("INSTAR_TEST_KEEP") || !g_file_test(fixture->root, G_FILE_TEST_EXISTS))
        return;
    if (!twin_tree_remove(fixture->root, &error))
        g_test_message("%s", error->message);
    fixture->ready[TWIN_REAL] = fixture->ready[TWIN_OURS] = FALSE;
}

void twin_fixture_free(struct twin_fixture *fixture)
{
    twin_fixture_clear(fixture);
    g_free(fixture->root);
    g_free(fixture->work);
    g_free(fixture->setups[TWIN_REAL]);
    g_free(fixture->setups[TWIN_OURS]);
    g_free(fixture->profile_log);
    g_free(fixture);
}

/* Path of a real tool: INSTAR_QEMU_IMG or INSTAR_QEMU_IO, else the one in PATH; NULL if none. */
static const char *real_tool(gboolean is_img)
{
    static char *tools[2];
    const char *given = g_getenv(is_img ? "INSTAR_QEMU_IMG" : "INSTAR_QEMU_IO");

    if (!tools[is_img])
        tools[is_img] =
            given ? g_strdup(given) : g_find_program_in_path(is_img ? "qemu-img" : "qemu-io");
    return tools[is_img];
}

const char *twin_installed_version(void)
{
    static char *version;
    g_autofree char *out = NULL;

    if (version || !real_tool(TRUE) || !real_tool(FALSE))
        return version;
    char *argv[] = { (char *)real_tool(TRUE), (char *)"--version", NULL };
    if (!g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL, &out, NULL, NULL, NULL))
        return NULL;
    g_autoptr(GRegex) regex = g_regex_new("^qemu-img version (\\d+\\.\\d+\\.\\d+)", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (g_regex_match(regex, out, 0, &match))
        version = g_match_info_fetch(match, 1);
    return version;
}

/* @argv with @DIR@ replaced; to be freed. */
static char **expand(const struct twin_fixture *fixture, char **argv)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (char **p = argv; *p; p++) {
        g_autoptr(GString) argument = g_string_new(*p);

        g_string_replace(argument, "@DIR@", fixture->work, 0);
        g_strv_builder_add(builder, argument->str);
    }
    return g_strv_builder_end(builder);
}

static char **environment(const struct twin_fixture *fixture, enum twin_who who,
                          const char *version)
{
    char **envp = g_get_environ();

    envp = g_environ_unsetenv(envp, "INSTAR_IMG_QEMU_VERSION");
    /* Marks in freed memory show faults of ours; of the real one they take a tenth of its time. */
    if (who == TWIN_REAL)
        envp = g_environ_unsetenv(envp, "MALLOC_PERTURB_");
    if (who == TWIN_OURS && fixture->profile_log)
        envp = g_environ_setenv(envp, "INSTAR_IMG_PROFILE_LOG", fixture->profile_log, TRUE);
    if (who == TWIN_OURS)
        envp = g_environ_setenv(envp, "INSTAR_IMG_QEMU_VERSION", version, TRUE);
    envp = g_environ_setenv(envp, "LC_ALL", "C.UTF-8", TRUE);
    envp = g_environ_setenv(envp, "TZ", "UTC", TRUE);
    for (char **p = fixture->c->env; *p; p++) {
        g_auto(GStrv) pair = g_strsplit(*p, "=", 2);

        envp = g_environ_setenv(envp, pair[0], pair[1], TRUE);
    }
    return envp;
}

struct twin_output *twin_fixture_run(const struct twin_fixture *fixture, char **argv,
                                     enum twin_who who, const char *version, guint umask)
{
    gboolean is_img = g_str_equal(argv[0], "qemu-img");
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) expanded = expand(fixture, argv);
    g_auto(GStrv) envp = environment(fixture, who, version);
    struct twin_process process = {
        .path = is_img && who == TWIN_OURS ? test_instar_img() : real_tool(is_img),
        .argv = expanded,
        .dir = fixture->work,
        .envp = envp,
        .umask = umask,
        .seconds = fixture->c->unchecked ? SECONDS_UNCHECKED : SECONDS_PER_COMMAND,
    };
    struct twin_output *output = NULL;

    for (guint tries = 1;; tries++) {
        if (!twin_process_run(&process, &output, &error))
            g_error("%s: %s", process.path, error->message);
        if (who != TWIN_REAL || !strstr(output->err->str, TRANSIENT) || tries == MOST_TRIES)
            return output;
        twin_output_free(output);
    }
}

struct twin_output *twin_fixture_ask(const struct twin_fixture *fixture, const char *const *argv,
                                     enum twin_who who)
{
    return twin_fixture_run(fixture, (char **)argv, who, twin_installed_version(), SETUP_UMASK);
}

void twin_fixture_settle(const struct twin_fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    if (!twin_tree_settle(fixture->work, &error))
        g_test_message("%s", error->message);
}

struct twin_output *twin_fixture_command(const struct twin_fixture *fixture, guint n,
                                         enum twin_who who, const char *version)
{
    const struct twin_case *c = fixture->c;
    const struct twin_command *command = n ? g_ptr_array_index(c->observe, n - 1) : NULL;

    if (n)
        twin_fixture_settle(fixture);
    return twin_fixture_run(fixture, n ? command->argv : c->run, who, version, c->umask);
}

struct twin_outcome *twin_fixture_outcome(const struct twin_fixture *fixture, enum twin_who who,
                                          const char *version)
{
    struct twin_outcome *outcome = twin_outcome_new();

    outcome->run = twin_fixture_command(fixture, 0, who, version);
    for (guint n = 1; n <= fixture->c->observe->len; n++)
        g_ptr_array_add(outcome->observe, twin_fixture_command(fixture, n, who, version));
    return outcome;
}

/* Whether @who is the candidate, @argv makes an image, and it did. */
static gboolean is_made_by_ours(const struct twin_fixture *fixture, char **argv, enum twin_who who)
{
    if (who != TWIN_OURS || g_strcmp0(argv[0], "qemu-img") != 0 ||
        g_strcmp0(argv[1], "create") != 0)
        return FALSE;

    struct twin_output *output =
        twin_fixture_run(fixture, argv, who, twin_installed_version(), SETUP_UMASK);
    gboolean made = output->rc == 0;
    twin_output_free(output);
    return made;
}

static gboolean set_up_command(struct twin_fixture *fixture, char **argv, enum twin_who who,
                               GError **error)
{
    if (twin_builtin_accepts(argv)) {
        g_auto(GStrv) expanded = expand(fixture, argv);

        return twin_builtin_run(fixture->work, expanded, error);
    }
    if (is_made_by_ours(fixture, argv, who))
        return TRUE;
    struct twin_output *output = twin_fixture_run(fixture, argv, TWIN_REAL, NULL, SETUP_UMASK);
    gboolean ok = output->rc == 0;
    if (!ok) {
        g_autofree char *line = twin_argv_text(argv);

        g_set_error(error, G_SPAWN_EXIT_ERROR, output->rc, "set-up '%s' ended with %d: %s", line,
                    output->rc, output->err->str);
    }
    twin_output_free(output);
    return ok;
}

/*
 * Put a beginning of the set-up that was kept into the work directory, and the number of its
 * commands into @n; none is an empty directory and 0.
 */
static gboolean begin(struct twin_fixture *fixture, enum twin_who who, guint *n, GError **error)
{
    const char *kept =
        fixture->prepared ? twin_prepared_find(fixture->prepared, fixture->c, who, n) : NULL;

    if (g_mkdir_with_parents(fixture->root, 0755) != 0)
        return twin_system_error(error, fixture->root);
    if (kept)
        return twin_tree_copy(kept, fixture->work, error);
    *n = 0;
    return g_mkdir(fixture->work, 0755) == 0 || twin_system_error(error, fixture->work);
}

/* Keep what the first @n commands of the set-up made, if other cases want it. */
static gboolean keep(struct twin_fixture *fixture, enum twin_who who, guint n, GError **error)
{
    const char *path =
        fixture->prepared ? twin_prepared_keep(fixture->prepared, fixture->c, who, n) : NULL;

    return !path || twin_tree_copy(fixture->work, path, error);
}

static gboolean set_up(struct twin_fixture *fixture, enum twin_who who, GError **error)
{
    const struct twin_case *c = fixture->c;
    guint done;

    if (!begin(fixture, who, &done, error))
        return FALSE;
    for (guint i = done; i < c->setup->len; i++) {
        const struct twin_command *command = g_ptr_array_index(c->setup, i);

        if (!set_up_command(fixture, command->argv, who, error) ||
            !keep(fixture, who, i + 1, error))
            return FALSE;
    }
    fixture->ready[who] = g_rename(fixture->work, fixture->setups[who]) == 0;
    return fixture->ready[who] || twin_system_error(error, fixture->work);
}

static gboolean lay(struct twin_fixture *fixture, enum twin_who who, GError **error)
{
    if (g_file_test(fixture->work, G_FILE_TEST_EXISTS) && !twin_tree_remove(fixture->work, error))
        return FALSE;
    if (!fixture->ready[who] && !set_up(fixture, who, error))
        return FALSE;
    return twin_tree_copy(fixture->setups[who], fixture->work, error);
}

gboolean twin_fixture_lay(struct twin_fixture *fixture, GError **error)
{
    return lay(fixture, TWIN_REAL, error);
}

gboolean twin_fixture_lay_ours(struct twin_fixture *fixture, GError **error)
{
    return lay(fixture, TWIN_OURS, error);
}
