/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Manual pages and shell completion name exactly the options the subcommands have. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "cli/cli.h"
#include "image/formats.h"

static GHashTable *new_set(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static char *source_file(const char *name)
{
    g_autofree char *path = g_build_filename(g_getenv("G_TEST_SRCDIR"), "..", name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

/* "-x" and "--name" of all options of a subcommand. */
static GHashTable *options_of_command(const CliCommand *command, gboolean letters)
{
    GHashTable *set = new_set();

    for (const CliOption *o = command->options; o->arg != CLI_END; o++) {
        g_hash_table_add(set, g_strconcat("--", o->name, NULL));
        for (const char *l = letters ? o->letters : NULL; l != NULL && *l != '\0'; l++)
            g_hash_table_add(set, g_strdup_printf("-%c", *l));
    }
    g_hash_table_add(set, g_strdup("--help"));
    if (letters)
        g_hash_table_add(set, g_strdup("-h"));
    return set;
}

/* The options that items of a page stand for: "=item B<-f>, B<--format> I<FMT>". */
static GHashTable *options_of_page(const char *pod)
{
    g_auto(GStrv) lines = g_strsplit(pod, "\n", -1);
    g_autoptr(GRegex) option = g_regex_new("B<(--?[A-Za-z0-9-]+)=?>", 0, 0, NULL);
    GHashTable *set = new_set();

    for (char **line = lines; *line != NULL; line++) {
        g_autoptr(GMatchInfo) match = NULL;

        if (!g_str_has_prefix(*line, "=item "))
            continue;
        for (g_regex_match(option, *line, 0, &match); g_match_info_matches(match);
             g_match_info_next(match, NULL))
            g_hash_table_add(set, g_match_info_fetch(match, 1));
    }
    return set;
}

/* The words of the line "    NAME) options="..." ;;" of the completion. */
static GHashTable *options_of_completion(const char *completion, const char *name)
{
    g_autofree char *pattern = g_strdup_printf("\\b%s\\) options=\"([^\"]*)\"", name);
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    g_autofree char *words = NULL;
    g_auto(GStrv) options = NULL;
    GHashTable *set = new_set();

    g_assert_true(g_regex_match(regex, completion, 0, &match));
    words = g_match_info_fetch(match, 1);
    options = g_strsplit_set(words, " \n", -1);
    for (char **o = options; *o != NULL; o++) {
        if (**o != '\0')
            g_hash_table_add(set, g_strdup(*o));
    }
    return set;
}

/* Fails the running case for each string of a that is not in b. */
static void assert_all_in(GHashTable *a, GHashTable *b, const char *complaint)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, a);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (!g_hash_table_contains(b, key))
            g_test_fail_printf("%s %s", (const char *)key, complaint);
    }
}

static void test_page(gconstpointer data)
{
    const CliCommand *command = data;
    g_autofree char *name = g_strdup_printf("man/instar-img-%s.pod", command->name);
    g_autofree char *pod = source_file(name);
    g_autoptr(GHashTable) documented = options_of_page(pod);
    g_autoptr(GHashTable) known = options_of_command(command, TRUE);

    assert_all_in(known, documented, "is not in the manual page");
    assert_all_in(documented, known, "is in the manual page, but not an option");
}

static void test_sections(gconstpointer data)
{
    static const char *const sections[] = {
        "NAME",
        "SYNOPSIS",
        "EXAMPLES",
        "DESCRIPTION",
        "OPTIONS",
        "EXIT STATUS",
        "DIFFERENCES FROM QEMU-IMG",
        "SECURITY",
        "SEE ALSO",
    };
    const CliCommand *command = data;
    g_autofree char *name = g_strdup_printf("man/instar-img-%s.pod", command->name);
    g_autofree char *pod = source_file(name);
    const char *at = pod;

    for (guint i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_autofree char *heading = g_strdup_printf("\n=head1 %s\n", sections[i]);
        const char *found = strstr(at, heading);

        if (found == NULL)
            g_test_fail_printf("no section %s, or not in its place", sections[i]);
        else
            at = found;
    }
}

static void test_completion(gconstpointer data)
{
    const CliCommand *command = data;
    g_autofree char *text = source_file("completions/instar-img");
    g_autoptr(GHashTable) completed = options_of_completion(text, command->name);
    g_autoptr(GHashTable) known = options_of_command(command, FALSE);

    assert_all_in(known, completed, "is not completed");
    assert_all_in(completed, known, "is completed, but not an option");
}

/* Is word in text, and no letter, digit or dash beside it? */
static gboolean has_word(const char *text, const char *word)
{
    g_autofree char *safe = g_regex_escape_string(word, -1);
    g_autofree char *pattern = g_strdup_printf("(?<![-\\w])%s(?![-\\w])", safe);

    return g_regex_match_simple(pattern, text, 0, 0);
}

/* The help of a subcommand has all its options, and its synopsis each by one of its names. */
static void test_help(gconstpointer data)
{
    const CliCommand *command = data;
    g_auto(GStrv) envp =
        g_environ_setenv(g_get_environ(), "INSTAR_IMG_QEMU_VERSION", "11.0.0", TRUE);
    char *argv[] = { (char *)g_getenv("INSTAR_IMG"), (char *)command->name, (char *)"--help",
                     NULL };
    g_autoptr(GHashTable) known = options_of_command(command, TRUE);
    g_autoptr(GError) error = NULL;
    g_autofree char *out = NULL;
    GHashTableIter iter;
    gpointer key;
    int status;

    g_assert_nonnull(argv[0]);
    g_assert_true(
        g_spawn_sync(NULL, argv, envp, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, &error));
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    g_hash_table_iter_init(&iter, known);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (!has_word(out, key))
            g_test_fail_printf("%s is not in the help", (const char *)key);
    }
    for (const CliOption *o = command->options; o->arg != CLI_END; o++) {
        g_autofree char *name = g_strconcat("--", o->name, NULL);
        gboolean found = has_word(command->synopsis, name);

        for (const char *l = o->letters; l != NULL && *l != '\0'; l++) {
            char letter[] = { '-', *l, '\0' };

            found = found || has_word(command->synopsis, letter);
        }
        if (!found)
            g_test_fail_printf("%s is not in the synopsis", name);
    }
}

static void test_overview(gconstpointer data)
{
    const CliCommand *command = data;
    g_autofree char *pod = source_file("man/instar-img.pod");
    g_autofree char *item = g_strdup_printf("\n=item B<%s>\n", command->name);
    g_autofree char *link = g_strdup_printf("L<instar-img-%s(1)>", command->name);

    g_assert_nonnull(strstr(pod, item));
    g_assert_nonnull(strstr(pod, link));
}

/* The completion knows the formats that can be made and read here. */
static void test_formats(void)
{
    g_autofree char *text = source_file("completions/instar-img");
    g_autoptr(GRegex) regex = g_regex_new("\\bformats=\"([^\"]*)\"", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GHashTable) completed = new_set();
    g_autoptr(GHashTable) known = new_set();

    g_assert_true(g_regex_match(regex, text, 0, &match));
    g_autofree char *words = g_match_info_fetch(match, 1);
    g_auto(GStrv) names = g_strsplit(words, " ", -1);
    for (char **name = names; *name != NULL; name++)
        g_hash_table_add(completed, g_strdup(*name));
    for (guint i = 0; format_nth(i) != NULL; i++) {
        if (!(format_nth(i)->manners & FORMAT_NO_DRIVER))
            g_hash_table_add(known, g_strdup(format_nth(i)->name));
    }
    assert_all_in(known, completed, "is not completed");
    assert_all_in(completed, known, "is completed, but no format");
}

/* Nothing is described twice in one section of a page. */
static void test_items(gconstpointer data)
{
    g_autofree char *name = g_strdup_printf("man/instar-img%s.pod", (const char *)data);
    g_autofree char *pod = source_file(name);
    g_auto(GStrv) lines = g_strsplit(pod, "\n", -1);
    g_autoptr(GHashTable) items = new_set();

    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "=head"))
            g_hash_table_remove_all(items);
        else if (g_str_has_prefix(*line, "=item ") && !g_hash_table_add(items, g_strdup(*line)))
            g_test_fail_printf("%s: twice in its section", *line);
    }
}

static void add(const char *what, const CliCommand *command, GTestDataFunc function)
{
    g_autofree char *path = g_strdup_printf("/man/%s/%s", what, command->name);

    g_test_add_data_func(path, command, function);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/man/formats", test_formats);
    g_test_add_data_func("/man/items", "", test_items);
    for (const CliCommand *command = cli_commands; command->name != NULL; command++) {
        /* Names that only lead to a refusal have neither options nor a page. */
        if (command->options == NULL)
            continue;
        add("options", command, test_page);
        add("sections", command, test_sections);
        add("completion", command, test_completion);
        add("help", command, test_help);
        add("overview", command, test_overview);
        g_autofree char *path = g_strdup_printf("/man/items/%s", command->name);
        g_test_add_data_func_full(path, g_strconcat("-", command->name, NULL), test_items, g_free);
    }
    return g_test_run();
}
