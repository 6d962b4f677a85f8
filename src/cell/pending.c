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

const CellBackend cell_process = { .kind = CELL_PROCESS, .start = no_start, .stop = no_stop };
