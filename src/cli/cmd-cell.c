/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cell, which qemu-img does not have: the man page and shell completion follow this table. */
#include "config.h"

#include <stdio.h>

#include "cell/cell.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "render/json.h"

static struct {
    CliOutput output;
} opt;

const CliOption cmd_cell_options[] = {
    COMMON_OUTPUT(&opt.output),
    { CLI_END },
};

static const struct {
    CellKind kind;
    const char *name;
} kinds[] = {
    { CELL_KVM, "kvm" },
    { CELL_PROCESS, "process" },
};

/* Cells are of this kind, as --cell or INSTAR_IMG_CELL chose; NULL: they cannot be had. */
static const char *name_in_use(GError **error)
{
    g_autoptr(Cell) cell = cell_start(NULL, error);

    for (gsize i = 0; cell != NULL && i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].kind == cell_kind(cell)) {
            return kinds[i].name;
        }
    }
    return NULL;
}

static void print_human(const CellReport *reports, const char *in_use)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (reports[i].works) {
            printf("%s: works (start %.2f ms, doorbell %.1f us)\n", kinds[i].name,
                   reports[i].start_ms, reports[i].doorbell_us);
        } else {
            printf("%s: does not work (%s)\n", kinds[i].name, reports[i].why_not);
        }
    }
    if (in_use != NULL) {
        printf("in use: %s\n", in_use);
    }
}

static void print_json(const CellReport *reports, const char *in_use)
{
    g_autoptr(Value) object = value_object();
    Value *list = value_list();

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        Value *kind = value_object();

        value_add_string(kind, "kind", kinds[i].name, -1);
        value_add_bool(kind, "works", reports[i].works);
        if (reports[i].works) {
            value_add_uint(kind, "start-ns", (guint64)(reports[i].start_ms * 1e6));
            value_add_uint(kind, "doorbell-ns", (guint64)(reports[i].doorbell_us * 1e3));
        } else {
            value_add_string(kind, "why-not", reports[i].why_not, -1);
        }
        value_add(list, NULL, kind);
    }
    value_add(object, "cells", list);
    if (in_use != NULL) {
        value_add_string(object, "in-use", in_use, -1);
    }
    json_print(object);
}

int cmd_cell(const CliCommand *self, int n_args, char **args)
{
    g_autoptr(GError) error = NULL;
    CellReport reports[G_N_ELEMENTS(kinds)];

    if (n_args != 0) {
        return cli_usage_error(self, "Expecting no arguments");
    }
    if (!cli_output_valid(opt.output, &error)) {
        return cli_fail(self, g_steal_pointer(&error));
    }
    /* Measured before a cell is started for its name: a machine that was kept starts faster. */
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        cell_examine(kinds[i].kind, &reports[i]);
    }
    const char *in_use = name_in_use(&error);
    (opt.output == CLI_JSON ? print_json : print_human)(reports, in_use);
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_free(reports[i].why_not);
    }
    return in_use != NULL ? 0 : cli_fail(self, g_steal_pointer(&error));
}
