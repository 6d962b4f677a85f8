/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Subcommands of qemu-img that this build leaves out. A call without arguments is the usage error
 * it is with qemu-img; anything else is refused in one line, before a file is touched.
 */
#include "config.h"

#include "cli/commands.h"
#include "profile/profile.h"

typedef struct {
    const char *name;
    const char *without_arguments;
    const char *since_10_1; /* NULL: the same words */
    gboolean hint;          /* "Try ... --help" follows */
} LaterWords;

static const LaterWords later_words[] = {
    { "amend", "Must specify options (-o)", NULL, TRUE },
};

int cmd_later(const CliCommand *self, int n_args, char **args)
{
    for (gsize i = 0; n_args == 0 && i < G_N_ELEMENTS(later_words); i++) {
        const LaterWords *w = &later_words[i];
        const char *words = w->without_arguments;

        if (!g_str_equal(w->name, self->name)) {
            continue;
        }
        if (w->since_10_1 != NULL && profile_has(FACT_HELP_PER_COMMAND)) {
            words = w->since_10_1;
        }
        if (w->hint) {
            return cli_usage_error(self, "%s", words);
        }
        cli_error("%s", words);
        return 1;
    }
    cli_error("The command '%s' is not part of this build of %s", self->name, PACKAGE_NAME);
    return 1;
}
