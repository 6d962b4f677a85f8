/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>

#include "base/checked.h"
#include "cell/internal.h"

void cell_copy_out(void *to, const volatile void *from, gsize n)
{
    memcpy(to, (const void *)from, n);
    /* The copy is really made, and made once: what follows may not look at from again. */
    __asm__ volatile("" : : "r"(to) : "memory");
}

guint8 *cell_translate(const CellCpu *cpu, CellAddress address, guint64 length, gboolean write)
{
    for (guint i = 0; length && i < cpu->n_areas; i++) {
        const CellArea *a = &cpu->areas[i];

        if (address.value >= a->start && range_fits(address.value - a->start, length, a->length)) {
            return write && !a->writable
                       ? NULL
                       : (guint8 *)((guintptr)a->host + (guintptr)(address.value - a->start));
        }
    }
    return NULL;
}
