/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line from outside: getopt's manners, usage errors, what goes before a subcommand.
 * Rows without a profile other than 7.2.22 are what the real 7.2.22 answers. */
#include "config.h"

#include <sys/wait.h>

#include "tests/testutil.h"

#define OLD "7.2.22"
#define NEW "10.1.0"
#define TRY "Try 'qemu-img --help' for more information\n"
#define ENOENT_ERROR(name)                                                                         \
    "qemu-img: Could not open '" name "': Could not open '" name "': No such file or directory\n"

typedef struct {
    const char *name, *profile;
    const char *words; /* apart by spaces; an apostrophe stands for an empty word */
    int status;
    const char *errors; /* all of stderr */
} CliRow;

static const CliRow rows[] = {
    { "none", OLD, NULL, 1, "qemu-img: Not enough arguments\n" TRY },
    { "unknown-command", OLD, "frobnicate", 1, "qemu-img: Command not found: frobnicate\n" TRY },
    { "unknown-command-help", OLD, "frobnicate -h", 1,
      "qemu-img: Command not found: frobnicate\n" TRY },
    { "global-letter", OLD, "-Z info x", 1, "qemu-img: unrecognized option '-Z'\n" TRY },
    { "global-long", OLD, "--foo info x", 1, "qemu-img: unrecognized option '--foo'\n" TRY },
    { "global-missing", OLD, "-T", 1, "qemu-img: missing argument for option '-T'\n" TRY },
    { "global-dashes", OLD, "-- info", 1, "qemu-img: Expecting one image file name\n" TRY },
    { "version-first", OLD, "-VT x", 0, "" },
    { "no-command", OLD, "-T '", 0, "" },
    { "trace-unknown", OLD, "-T foo info", 1,
      "qemu-img: warning: trace event 'foo' does not exist\n"
      "qemu-img: Expecting one image file name\n" TRY },
    { "trace-glob", OLD, "-T fo* info", 1, "qemu-img: Expecting one image file name\n" TRY },
    { "trace-bad-word", OLD, "-T file=xx,foo=bar info x", 1,
      "qemu-img: Invalid parameter 'foo'\n" },
    { "trace-short-form", OLD, "-T a,b info x", 1,
      "qemu-img: warning: short-form boolean option 'b' deprecated\nPlease use b=on instead\n"
      "qemu-img: Invalid parameter 'b'\n" },
    { "trace-events", OLD, "-T events=nonexistent info x", 1,
      "qemu-img:nonexistent: No such file or directory\n" },
    { "trace-file", OLD, "-T file=/nonexistent/x info x", 1,
      "qemu-img: Error opening logfile /nonexistent/x: No such file or directory\n" },
    { "bad-cell", OLD, "--cell=none info x", 1, NULL },

    { "letter", OLD, "info -Z", 1, "qemu-img: unrecognized option '-Z'\n" TRY },
    { "letter-inside", OLD, "info -UZx y", 1, "qemu-img: unrecognized option 'info'\n" TRY },
    { "letter-inside-last", OLD, "info -UZ y", 1, "qemu-img: unrecognized option '-UZ'\n" TRY },
    { "long", OLD, "info --foo x", 1, "qemu-img: unrecognized option '--foo'\n" TRY },
    { "long-ambiguous", OLD, "info --o x", 1, "qemu-img: unrecognized option '--o'\n" TRY },
    { "long-no-value", OLD, "info --help=3", 1, "qemu-img: unrecognized option '--help=3'\n" TRY },
    { "missing", OLD, "info -f", 1, "qemu-img: missing argument for option '-f'\n" TRY },
    { "missing-long", OLD, "info x --out", 1,
      "qemu-img: missing argument for option '--out'\n" TRY },
    { "prefix", OLD, "info --ou json --ba x", 1, ENOENT_ERROR("x") },
    { "glued", OLD, "info -fqcow2 x", 1, ENOENT_ERROR("x") },
    { "equals", OLD, "info --output=json x", 1, ENOENT_ERROR("x") },
    { "permuted", OLD, "info x -f raw --output json -U", 1, ENOENT_ERROR("x") },
    { "dashes", OLD, "info -- -x", 1, ENOENT_ERROR("-x") },
    { "dash", OLD, "info -", 1, ENOENT_ERROR("-") },
    { "newer-name", OLD, "check --quiet --cache=none x", 1, ENOENT_ERROR("x") },
    { "help-before-error", OLD, "info -h -Z", 0, "" },
    { "error-before-help", OLD, "info -Z -h", 1, "qemu-img: unrecognized option '-Z'\n" TRY },
    { "letter-10.1", NEW, "create -Z t 1M", 1,
      "qemu-img create: invalid option -- 'Z'\n"
      "Try 'qemu-img create --help' for more information\n" },
    { "negative-10.1", NEW, "create -f qcow2 t -1", 1,
      "qemu-img create: invalid option -- '1'\n"
      "Try 'qemu-img create --help' for more information\n" },
    { "long-10.1", NEW, "info --foo x", 1,
      "qemu-img info: unrecognized option '--foo'\n"
      "Try 'qemu-img info --help' for more information\n" },
    { "missing-10.1", NEW, "info -f", 1,
      "qemu-img info: option requires an argument -- 'f'\n"
      "Try 'qemu-img info --help' for more information\n" },

    { "info-none", OLD, "info", 1, "qemu-img: Expecting one image file name\n" TRY },
    { "info-two", OLD, "info a b", 1, "qemu-img: Expecting one image file name\n" TRY },
    { "info-output", OLD, "info --output=xml x", 1,
      "qemu-img: --output must be used with human or json as argument.\n" },
    { "info-output-count", OLD, "info --output=xml", 1,
      "qemu-img: Expecting one image file name\n" TRY },
    { "info-output-10.1", NEW, "info --output=xml", 1,
      "qemu-img: --output expects 'human' or 'json', not 'xml'\n"
      "Try 'qemu-img info --help' for more information\n" },
    { "info-both", OLD, "info --image-opts -f raw x", 1,
      "qemu-img: --image-opts and --format are mutually exclusive\n" },
    { "check-none", OLD, "check", 1, "qemu-img: Expecting one image file name\n" TRY },
    { "check-repair", OLD, "check -r zz x", 1,
      "qemu-img: Unknown option value for -r (expecting 'leaks' or 'all'): zz\n" TRY },
    { "check-repair-10.1", NEW, "check -r zz x", 1,
      "qemu-img: --repair (-r) expects 'leaks' or 'all', not 'zz'\n"
      "Try 'qemu-img check --help' for more information\n" },
    { "check-cache", OLD, "check -T foo x", 1, "qemu-img: Invalid source cache option: foo\n" },
    { "create-none", OLD, "create -f qcow2", 1, "qemu-img: Expecting image file name\n" TRY },
    { "create-extra", OLD, "create -f qcow2 t 1M zzz", 1,
      "qemu-img: Unexpected argument: zzz\n" TRY },
    { "create-size", OLD, "create t 1X zzz", 1,
      "qemu-img: Invalid image size specified. You may use k, M, G, T, P or E suffixes for\n"
      "qemu-img: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.\n" },
    { "create-size-10.1", NEW, "create t 1X", 1, "qemu-img: Invalid image size specified: '1X'\n" },
    { "create-size-large", OLD, "create t 8E", 1,
      "qemu-img: Invalid image size specified. Must be between 0 and 9223372036854775807.\n" },
    { "create-list", OLD, "create -o a,,, t 1M", 1, "qemu-img: Invalid option list: a,,,\n" },
    { "create-format", OLD, "create -f nope t 1M", 1, "qemu-img: t: Unknown file format 'nope'\n" },
    { "create-no-size", OLD, "create -f qcow2 t", 1,
      "qemu-img: t: Image creation needs a size parameter\n" },
    { "create-two-sizes", OLD, "create -f qcow2 -o size=1k t 1M", 1,
      "qemu-img: t: The image size must be specified only once\n" },
    { "create-backing-raw", OLD, "create -b nope -F qcow2 t 1M", 1,
      "qemu-img: t: Backing file not supported for file format 'raw'\n" },
    { "create-backing-self", OLD, "create -f qcow2 -b t -F qcow2 t 1M", 1,
      "qemu-img: t: Error: Trying to create an image with the same filename as the backing "
      "file\n" },
    { "create-backing-empty", OLD, "create -f qcow2 -b ' t 1M", 1,
      "qemu-img: t: Expected backing file name, got empty string\n" },
    { "create-backing-missing", OLD, "create -f qcow2 -b nope -F qcow2 t 1M", 1,
      "qemu-img: t: Could not open 'nope': No such file or directory\n"
      "Could not open backing image.\n" },
    { "create-unsafe-no-format", OLD, "create -f qcow2 -u -b nope t 1M", 1,
      "qemu-img: t: Backing file specified without backing format\n" },

    { "object-type", OLD, "info --object foo,id=a x", 1,
      "qemu-img: Parameter 'qom-type' does not accept value 'foo'\n" },
    { "object-empty", OLD, "info --object ' x", 1, "qemu-img: Parameter 'qom-type' is missing\n" },
    { "object-no-id", OLD, "info --object secret,data=x x", 1,
      "qemu-img: Parameter 'id' is missing\n" },
    { "object-no-data", OLD, "info --object secret,id=a x", 1,
      "qemu-img: Either 'file' or 'data' must be provided\n" },
    { "object-both", OLD, "info --object secret,id=a,data=x,file=y x", 1,
      "qemu-img: 'file' and 'data' are mutually exclusive\n" },
    { "object-member", OLD, "info --object secret,id=a,data=b,foo=c x", 1,
      "qemu-img: Parameter 'foo' is unexpected\n" },
    { "object-id", OLD, "info --object secret,id=1a,data=x x", 1,
      "qemu-img: Parameter 'id' expects an identifier\n"
      "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.\n" },
    { "object-format", OLD, "info --object secret,id=a,data=x,format=basz x", 1,
      "qemu-img: Parameter 'format' does not accept value 'basz'\n" },
    { "object-twice", OLD, "info --object secret,id=a,data=b --object secret,id=a,data=c x", 1,
      "qemu-img: attempt to add duplicate property 'a' to object (type 'container')\n" },
    { "object-lone", OLD, "info --object secret,id=a,data x", 1,
      "qemu-img: Expected '=' after parameter 'data'\n" },
    { "object-good", OLD, "info --object secret,id=a,data=b=c,,d x", 1, ENOENT_ERROR("x") },
    { "object-json", OLD, "info --object {\"qom-type\":\"secret\",\"id\":\"a\",\"data\":\"x\"} x",
      1, ENOENT_ERROR("x") },
    { "object-before-count", OLD, "check --object secret,id=b", 1,
      "qemu-img: Either 'file' or 'data' must be provided\n" },

    { "commit-none", OLD, "commit", 1, "qemu-img: Expecting one image file name\n" TRY },
    { "resize-none-10.1", NEW, "resize", 1,
      "qemu-img: Expecting image file name and size\n"
      "Try 'qemu-img resize --help' for more information\n" },
    { "dd-none", OLD, "dd", 1, "qemu-img: Must specify both input and output files\n" },
    { "commit-two", OLD, "commit x y", 1, "qemu-img: Expecting one image file name\n" TRY },
    { "commit-cache", OLD, "commit -t fast x", 1, "qemu-img: Invalid cache option: fast\n" },
    { "rebase-none", OLD, "rebase", 1, "qemu-img: Expecting one image file name\n" TRY },
    { "rebase-no-backing", OLD, "rebase x", 1,
      "qemu-img: Must specify backing file (-b) or use unsafe mode (-u)\n" TRY },
    { "rebase-cache", OLD, "rebase -t fast -b y x", 1, "qemu-img: Invalid cache option: fast\n" },
    { "rebase-source-cache", OLD, "rebase -T fast -b y x", 1,
      "qemu-img: Invalid source cache option: fast\n" },
    { "commit-help", OLD, "commit -h", 0, "" },
};

typedef struct {
    char *out, *errors;
    int status;
} Outcome;

static void outcome_clear(Outcome *outcome)
{
    g_free(outcome->out);
    g_free(outcome->errors);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Outcome, outcome_clear)

/* Run the program under another name. words: as in CliRow. */
static void run(const char *name, const char *profile, const char *words, Outcome *ret_outcome)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "INSTAR_IMG_QEMU_VERSION", profile, TRUE);
    g_auto(GStrv) split = words != NULL ? g_strsplit(words, " ", -1) : NULL;
    g_autoptr(GError) error = NULL;
    int wait_status;

    g_ptr_array_add(argv, g_strdup(test_instar_img()));
    g_ptr_array_add(argv, g_strdup(name));
    for (char **word = split; word != NULL && *word != NULL; word++)
        g_ptr_array_add(argv, g_strdup(g_str_equal(*word, "'") ? "" : *word));
    g_ptr_array_add(argv, NULL);
    g_spawn_sync(NULL, (char **)argv->pdata, env, G_SPAWN_FILE_AND_ARGV_ZERO, NULL, NULL,
                 &ret_outcome->out, &ret_outcome->errors, &wait_status, &error);
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(wait_status));
    ret_outcome->status = WEXITSTATUS(wait_status);
}

static void test_row(gconstpointer data)
{
    const CliRow *row = data;
    g_auto(Outcome) outcome = { NULL };

    run("qemu-img", row->profile, row->words, &outcome);
    if (row->errors != NULL)
        g_assert_cmpstr(outcome.errors, ==, row->errors);
    g_assert_cmpint(outcome.status, ==, row->status);
    if (row->status != 0)
        g_assert_cmpstr(outcome.out, ==, "");
}

typedef struct {
    const char *name, *shown;
} NameRow;

static const NameRow names[] = {
    { "qemu-img", "qemu-img" },
    { "/usr/bin/qemu-img", "qemu-img" },
    { "./foo", "foo" },
    { "a/b/c", "c" },
    { "", "" },
};

static void test_name(gconstpointer data)
{
    const NameRow *row = data;
    g_autofree char *errors = g_strdup_printf("%s: Not enough arguments\n" TRY, row->shown);
    g_auto(Outcome) outcome = { NULL };

    run(row->name, OLD, NULL, &outcome);
    g_assert_cmpstr(outcome.errors, ==, errors);
}

/* Words that callers look for in --help. */
static const char *const vocabulary[] = {
    "\\binfo\\b.*-U\\b",
    "--target-is-zero",
    "Supported\\sformats:[a-zA-Z0-9-_\\s]*?\\bluks\\b",
    "Supported image formats:.* qcow2\\b",
    "commit \\[--object",
    "--object",
    "--image-opts",
    "(?m)^  info - Display information",
    "--skip-broken-bitmaps",
    "(?m)^  create .*\\[-u\\]",
};

static void test_vocabulary(gconstpointer data)
{
    const char *pattern = data;
    static const char *const profiles[] = { OLD, "11.0.0" };

    for (guint i = 0; i < G_N_ELEMENTS(profiles); i++) {
        g_auto(Outcome) outcome = { NULL };

        run("qemu-img", profiles[i], "--help", &outcome);
        g_assert_cmpint(outcome.status, ==, 0);
        g_assert_cmpstr(outcome.errors, ==, "");
        g_assert_true(g_regex_match_simple(pattern, outcome.out, 0, 0));
    }
}

static void test_version(void)
{
    static const char *const profiles[] = { OLD, NEW, "6.0.0" };

    for (guint i = 0; i < G_N_ELEMENTS(profiles); i++) {
        g_autofree char *first = g_strdup_printf("qemu-img version %s\n", profiles[i]);
        g_auto(Outcome) outcome = { NULL };

        run("qemu-img", profiles[i], "--version", &outcome);
        g_assert_true(g_str_has_prefix(outcome.out, first));
        g_assert_cmpstr(outcome.errors, ==, "");
        g_assert_cmpint(outcome.status, ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/cli/run/%s", rows[i].name);

        g_test_add_data_func(path, &rows[i], test_row);
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("/cli/name/%u", i);

        g_test_add_data_func(path, &names[i], test_name);
    }
    for (guint i = 0; i < G_N_ELEMENTS(vocabulary); i++) {
        g_autofree char *path = g_strdup_printf("/cli/vocabulary/%u", i);

        g_test_add_data_func(path, vocabulary[i], test_vocabulary);
    }
    g_test_add_func("/cli/version", test_version);
    return g_test_run();
}
