/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cell/internal.h"

static gboolean no_start(Cell *cell, GError **error)
{
    g_set_error(error, CELL_ERROR, CELL_ERROR_START, "This back end is in the next commit");
    return FALSE;
}

static void no_stop(Cell *cell)
{
}

const CellBackend cell_kvm = { .kind = CELL_KVM, .start = no_start, .stop = no_stop };
const CellBackend cell_process = { .kind = CELL_PROCESS, .start = no_start, .stop = no_stop };

void cell_examine(CellKind kind, CellReport *ret_report)
{
    *ret_report = (CellReport){ .kind = kind, .why_not = g_strdup("This back end is in the next commit") };
}
