/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of the whole program. */
#include "config.h"

#include <stdatomic.h>
#include <stdio.h>

#include "cell/internal.h"

static struct {
    atomic_uint_least64_t cells, cpus, doorbells, arena_peak;
} counters;

void cell_count_cell(void)
{
    atomic_fetch_add_explicit(&counters.cells, 1, memory_order_relaxed);
}

void cell_count_cpu(void)
{
    atomic_fetch_add_explicit(&counters.cpus, 1, memory_order_relaxed);
}

void cell_count_doorbell(void)
{
    atomic_fetch_add_explicit(&counters.doorbells, 1, memory_order_relaxed);
}

void cell_count_arena(guint64 peak)
{
    guint64 seen = atomic_load_explicit(&counters.arena_peak, memory_order_relaxed);

    while (peak > seen &&
           !atomic_compare_exchange_weak_explicit(&counters.arena_peak, &seen, peak,
                                                  memory_order_relaxed, memory_order_relaxed)) {}
}

void cell_stats(CellStats *ret_stats)
{
    *ret_stats = (CellStats){
        .cells = atomic_load(&counters.cells),
        .cpus = atomic_load(&counters.cpus),
        .doorbells = atomic_load(&counters.doorbells),
        .arena_peak = atomic_load(&counters.arena_peak),
    };
    io_stats(&ret_stats->bytes_read, &ret_stats->bytes_written);
}

void cell_print_stats(void)
{
    CellStats s;

    if (g_strcmp0(g_getenv("INSTAR_IMG_STATS"), "1")) {
        return;
    }
    cell_stats(&s);
    fprintf(stderr,
            "cells: %" G_GUINT64_FORMAT "\ncpus: %" G_GUINT64_FORMAT
            "\ndoorbells: %" G_GUINT64_FORMAT "\nbytes read: %" G_GUINT64_FORMAT
            "\nbytes written: %" G_GUINT64_FORMAT "\narena peak: %" G_GUINT64_FORMAT "\n",
            s.cells, s.cpus, s.doorbells, s.bytes_read, s.bytes_written, s.arena_peak);
}
