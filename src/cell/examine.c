/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which back ends work here, and what they cost. */
#include "config.h"

#include "cell/internal.h"

#define DOORBELLS 64

static double ms_since(gint64 start)
{
    return (double)(g_get_monotonic_time() - start) / 1e3;
}

void cell_examine(CellKind kind, CellReport *ret_report)
{
    g_autoptr(GError) error = NULL;
    gint64 start = g_get_monotonic_time();
    g_autoptr(Cell) cell = cell_new(kind == CELL_KVM ? &cell_kvm : &cell_process, NULL, &error);

    *ret_report = (CellReport){ .kind = kind, .works = cell != NULL };
    ret_report->start_ms = cell ? ms_since(start) : 0;
    start = g_get_monotonic_time();
    for (guint i = 0; cell && i < DOORBELLS; i++) {
        /* A job without work: nothing is open that could be flushed. */
        CellCall call = { .op = ABI_JOB_FLUSH };
        if (!cell_call(cell, &call, &error)) {
            ret_report->works = FALSE;
            break;
        }
    }
    ret_report->doorbell_us = ret_report->works ? ms_since(start) * 1e3 / DOORBELLS : 0;
    ret_report->why_not = ret_report->works ? NULL : g_strdup(error->message);
}
